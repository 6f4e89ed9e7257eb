use super::*;
use crate::watch::handler::tests::Fake;
use proptest::prelude::*;

#[test]
fn keys_are_bounded_and_differ() {
    let long = "é".repeat(500);
    let mut keys = vec![
        identity("a", "b/c", ""),
        identity("a/b", "c", ""),
        identity("a", "b", "c"),
        identity("", "", ""),
        identity(&long, "a", ""),
        identity(&long, "b", ""),
    ];
    assert!(keys.iter().all(|key| key.len() <= KEY_BYTES_MAX));
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 6);
}

#[test]
fn a_head_that_is_not_understood_is_begun_anew() {
    let mut host = Fake::default();
    assert_eq!(Head::load(&mut host, "a"), Ok(None));
    let mut head = Head::default();
    (0..9).for_each(|step| head.push(f64::from(step), f64::NAN));
    head.store(&mut host, "a").unwrap();
    let good = host.state["head/a"].clone();
    let read = Head::load(&mut host, "a").unwrap().unwrap();
    assert_eq!((read.observed, read.fingerprint), (9, head.fingerprint));
    assert!(read.journal.len() == 9 && read.journal[8].1.is_nan());
    for length in 0..good.len() {
        assert_eq!(Head::read(&good[..length]), None, "{length}");
    }
    assert_eq!(Head::read(&[&good[..], &[0]].concat()), None);
    assert_eq!(Head::read(&[&[9], &good[1..]].concat()), None);
    host.state.insert("head/a".to_owned(), vec![1, 2]);
    assert_eq!(Head::load(&mut host, "a"), Ok(None));
    assert!(host.lines[0].contains("is not understood"));
}

/// Where the level begins in a head: behind version, counts, fingerprints and the clock.
const DECISION_AT: usize = 1 + 3 * 8 + 2 * 8;

/// What a node has kept since before pauses were counted goes on, and is put on a list.
#[test]
fn a_head_of_the_version_before_is_understood() {
    let mut head = Head { heard_ms: 7, listening: Listening::Silent, ..Head::default() };
    (0..9).for_each(|step| head.push(f64::from(step), 1.0));
    (0..5).for_each(|step| head.hear(1_000 + 10 * step));
    let now = head.write();
    assert_eq!(Head::read(&now).unwrap(), head);
    // Nor did it know of the first readings, of which there are none here: their count.
    let early = DECISION_AT + 20 + 1 + 8 + 8;
    assert_eq!(now[early..early + 4], [0; 4]);
    let before =
        [&[VERSION_WITHOUT_PAUSES], &now[1..early], &now[early + 4..now.len() - 49]].concat();
    let read = Head::read(&before).unwrap();
    assert_eq!((read.observed, read.fingerprint), (9, head.fingerprint));
    assert_eq!((read.heard_ms, read.listening, &read.pace), (0, Listening::No, &Pace::default()));
    let odd = [&now[..now.len() - 1], &[9]].concat();
    assert_eq!(Head::read(&odd), None);
}

#[test]
fn pauses_of_a_clock_that_is_set_back_are_none() {
    let mut head = Head::default();
    for said_ms in (0..60).map(|step| 5_000_000 + 1_000 * step).chain([9, 4_070_908_800_000]) {
        head.hear(said_ms);
    }
    assert_eq!(head.pace.allowed_ms(), Some(4_096));
}

#[test]
fn a_device_has_so_many_series_and_no_more() {
    let mut host = Fake::default();
    for series in 0..SERIES_OF_DEVICE_MAX {
        admit(&mut host, "a", None, &series.to_string()).unwrap();
    }
    admit(&mut host, "a", None, "0").unwrap();
    let error = admit(&mut host, "a", None, "x").unwrap_err();
    assert!(error.permanent && error.reason.contains("64 series"));
    admit(&mut host, "b", None, "x").unwrap();
    admit(&mut host, "a", Some("a"), "x").unwrap();
}

#[test]
fn a_monitor_comes_from_snapshot_and_journal_or_begins_anew() {
    let mut host = Fake::default();
    let options = Options::default();
    let (mut head, mut whole) = (Head::default(), Monitor::new(monitor_options(&options)));
    for step in 0..300 {
        let (time_s, value) = (f64::from(step), f64::from(step * step % 17));
        head.push(time_s, value);
        whole.observe(time_s, value);
        if step % 100 == 50 {
            let snapshot = head.snapshot(&whole);
            head.store_snapshot(&mut host, "a", &snapshot).unwrap();
        }
    }
    assert_eq!(head.journal.len(), 49);
    let again = head.monitor(&mut host, "a", &options).unwrap();
    assert_eq!(again.to_bytes(), whole.to_bytes());
    // Another cycle, a snapshot that is gone, damaged, or of another time.
    let hourly = Options { cycle_s: Some(3600.0), ..options.clone() };
    assert_eq!(head.monitor(&mut host, "a", &hourly).unwrap().counts(), (49, 0));
    let good = host.state["snapshot/a"].clone();
    for bad in [vec![], good[..99].to_vec(), [&[0; 8], &good[8..]].concat()] {
        host.state.insert("snapshot/a".to_owned(), bad);
        assert_eq!(head.monitor(&mut host, "a", &options).unwrap().counts(), (49, 0));
    }
    assert_eq!(host.lines.len(), 4);
}

#[test]
fn monitors_are_remembered_within_their_bytes() {
    let options = Options::default();
    let mut monitors = Monitors::default();
    let mut head = Head::default();
    for index in 0..2000 {
        monitors.put(index.to_string(), &head, &options, Monitor::new(monitor_options(&options)));
        assert!(monitors.bytes <= MONITORS_BYTES_MAX);
    }
    assert!(monitors.take("0", &head, &options).is_none(), "the oldest is gone");
    assert!(monitors.take("1999", &head, &options).is_some());
    assert!(monitors.take("1999", &head, &options).is_none());
    head.push(0.0, 1.0);
    assert!(monitors.take("1998", &head, &options).is_none(), "it has not seen that reading");
    let other = Options { coverage: 0.5, ..options.clone() };
    assert!(monitors.take("1997", &Head::default(), &other).is_none());
    let left: usize = monitors.all.values().map(|one| one.bytes).sum();
    assert_eq!(left, monitors.bytes);
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Head::read(&bytes);
        let _ = Head::read(&[&[VERSION], &bytes[..]].concat());
        let _ = Head::read(&[&[VERSION_WITHOUT_PAUSES], &bytes[..]].concat());
    }
}
