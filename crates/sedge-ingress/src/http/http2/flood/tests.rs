use super::*;

const OPTIONS: fn() -> GatewayOptions = || GatewayOptions {
    h2_control_frames_max: 100,
    h2_resets_max: 10,
    ..GatewayOptions::default()
};

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u8;
    [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
}

/// A connection behind its preface.
fn traffic() -> Traffic {
    let mut traffic = Traffic::new(&OPTIONS());
    traffic.read(&[0; PREFACE_BYTES], &Counters::default());
    traffic
}

/// How many of a frame it takes until they are too many; at most 200.
fn until_flood(bytes: &[u8]) -> (usize, Option<Flood>) {
    let (mut traffic, counters) = (traffic(), Counters::default());
    for count in 0..200 {
        if let Some(fault) = traffic.read(bytes, &counters) {
            assert!(matches!(fault, Fault::Flood(_)) && fault.code() == ENHANCE_YOUR_CALM);
            let Fault::Flood(flood) = fault else { return (count, None) };
            return (count, Some(flood));
        }
    }
    (200, None)
}

#[test]
fn what_asks_for_nothing_is_bounded() {
    for (bytes, flood, most) in [
        (frame(kind::DATA, 0, b""), Flood::EmptyData, 100),
        (frame(kind::PRIORITY, 0, &[0; 5]), Flood::Priority, 100),
        (frame(kind::RST_STREAM, 0, &[0; 4]), Flood::Reset, 10),
        (frame(kind::SETTINGS, 0, b""), Flood::Settings, 100),
        (frame(kind::PING, 0, &[0; 8]), Flood::Ping, 100),
        (frame(kind::GOAWAY, 0, &[0; 8]), Flood::GoAway, 100),
        (frame(kind::WINDOW_UPDATE, 0, &[0; 4]), Flood::WindowUpdate, 100),
        (frame(kind::CONTINUATION, 0, b""), Flood::Continuation, 100),
        (frame(99, 0, b"?"), Flood::Unknown, 100),
    ] {
        let (count, found) = until_flood(&bytes);
        assert_eq!(found, Some(flood));
        // A slow machine gives some of it back.
        assert!((most..most + 20).contains(&count), "{flood:?} after {count}");
    }
    for fine in [
        frame(kind::DATA, 0, b"x"),
        frame(kind::DATA, END_STREAM, b""),
        frame(kind::HEADERS, END_HEADERS, b"x"),
        frame(kind::CONTINUATION, END_HEADERS, b""),
    ] {
        assert_eq!(until_flood(&fine), (200, None), "{fine:?}");
    }
}

#[test]
fn who_is_answered_may_go_on() {
    let (mut traffic, counters) = (traffic(), Counters::default());
    let answer = frame(kind::DATA, END_STREAM, b"answer");
    for _ in 0..1_000 {
        traffic.written(&answer, &counters);
        for _ in 0..CONTROL_PER_ANSWER {
            let update = frame(kind::WINDOW_UPDATE, 0, &[0, 0, 0, 1]);
            assert_eq!(traffic.read(&update, &counters), None);
        }
        assert_eq!(traffic.read(&frame(kind::RST_STREAM, 0, &[0; 4]), &counters), None);
    }
    assert_eq!(counters.resets_read.get(), 1_000);
}

#[test]
fn resets_that_a_client_provokes_are_its_own_and_others_are_not() {
    for (code, is_flood) in [(0u32, false), (1, true), (2, false), (3, true), (5, true), (8, false)]
    {
        let (mut traffic, counters) = (traffic(), Counters::default());
        for _ in 0..100 {
            traffic.written(&frame(kind::RST_STREAM, 0, &code.to_be_bytes()), &counters);
        }
        let found = traffic.read(b"", &counters);
        assert_eq!(found == Some(Fault::Flood(Flood::Reset)), is_flood, "{code}");
        assert_eq!(counters.resets_written.get(), 100);
    }
}

#[test]
fn errors_that_end_a_connection_are_counted_by_code() {
    let (mut traffic, counters) = (traffic(), Counters::default());
    traffic.written(&frame(kind::GOAWAY, 0, &[0; 8]), &counters);
    assert!(!traffic.has_error);
    traffic.written(&frame(kind::GOAWAY, 0, &[0, 0, 0, 1, 0, 0, 0, 1]), &counters);
    traffic.written(&frame(kind::GOAWAY, 0, &[0, 0, 0, 1, 9, 9, 9, 9]), &counters);
    assert!(traffic.has_error);
    let counts: Vec<u64> = counters.goaways.iter().map(Counter::get).collect();
    assert_eq!((counts[0], counts[1], counts[14]), (1, 1, 1));
}

#[test]
fn half_a_head_is_known() {
    let (mut traffic, counters) = (traffic(), Counters::default());
    traffic.read(&frame(kind::HEADERS, 0, b"half"), &counters);
    assert!(traffic.is_mid_head);
    traffic.read(&frame(kind::CONTINUATION, END_HEADERS, b"rest"), &counters);
    assert!(!traffic.is_mid_head && traffic.last_stream == 1);
}

#[test]
fn time_gives_back() {
    let mut budget = Budget::new(10);
    while budget.spend() {}
    budget.since -= std::time::Duration::from_secs(1);
    assert!(budget.spend());
    assert!(!budget.spend(), "one a second");
}

#[test]
fn sizes_that_a_type_does_not_allow_end_the_connection() {
    for (kind, flags, length, is_wrong) in [
        (kind::RST_STREAM, 0, 3, true),
        (kind::RST_STREAM, 0, 4, false),
        (kind::SETTINGS, 0, 5, true),
        (kind::SETTINGS, 0, 12, false),
        (kind::SETTINGS, ACK, 6, true),
        (kind::SETTINGS, ACK, 0, false),
        (kind::PING, 0, 9, true),
        (kind::PING, ACK, 8, false),
        (kind::GOAWAY, 0, 7, true),
        (kind::GOAWAY, 0, 20, false),
        (kind::WINDOW_UPDATE, 0, 5, true),
        (kind::WINDOW_UPDATE, 0, 4, false),
        (kind::DATA, 0, 1, false),
    ] {
        let found = traffic().read(&frame(kind, flags, &vec![0; length]), &Counters::default());
        assert_eq!(found == Some(Fault::Size), is_wrong, "{kind} {length}");
    }
    assert_eq!(Fault::Size.code(), FRAME_SIZE_ERROR);
}
