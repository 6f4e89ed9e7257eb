use super::*;
use proptest::prelude::*;

fn number(sequence: u64) -> Number {
    Number { epoch: 1, sequence }
}

fn add(state: &mut State, device: &str, sequence: u64) -> Result<Option<Hash>, LogError> {
    state.add(device, number(sequence), &[7; 32], sequence, 400)
}

#[test]
fn no_more_devices_are_remembered_than_may_be() {
    let mut state = State::default();
    for device in ["a", "b", "c"] {
        assert!(add(&mut state, device, 1).expect("room").is_some());
    }
    assert_eq!(add(&mut state, "d", 1), Err(LogError::TooManyDevices));
    assert!(state.device("d").is_none());
    // One that counts on takes no more.
    assert!(add(&mut state, "a", 2).expect("room").is_some());
    // One that leaves gaps does.
    let results: Vec<_> = (3..9).map(|i| add(&mut state, "a", 2 * i)).collect();
    assert!(results.contains(&Err(LogError::TooManyDevices)), "{results:?}");
}

#[test]
fn a_device_without_records_is_forgotten_only_for_want_of_room() {
    let mut state = State::default();
    for i in 1..4 {
        add(&mut state, &format!("d{i}"), i).expect("room");
    }
    state.settle();
    state.forget_devices(3, 4_000);
    assert!(state.device("d1").is_some());
    state.forget_devices(3, 400);
    assert!(state.device("d2").is_none() && state.device("d3").is_some());
}

#[test]
fn cursors_are_bounded_and_go_forward() {
    let options = LogOptions { cursors_max: 1, ..LogOptions::default() };
    let mut state = State::default();
    let cursor = |position| Some(Cursor { position, state: Bytes::new() });
    let set = |state: &mut State, name: &str, to| state.set_cursor(name, cursor(to), 10, &options);
    assert_eq!(set(&mut state, "r", 5), Ok(()));
    for to in [4, 11] {
        let refused = LogError::InvalidCursor { name: "r".to_owned(), from: 5, to };
        assert_eq!(set(&mut state, "r", to), Err(refused));
    }
    let moment = state.moment();
    assert_eq!(set(&mut state, "s", 5), Err(LogError::TooManyCursors));
    state.back_to(moment);
    assert_eq!(state.read_by_all(), Some(5));
    assert_eq!(state.set_cursor("r", None, 10, &options), Ok(()));
    assert_eq!(state.read_by_all(), None);
}

#[test]
fn what_is_undone_is_as_if_it_had_not_been() {
    let mut state = State::default();
    add(&mut state, "a", 1).expect("room");
    state.put_cursor("r", Some(Cursor { position: 1, state: "s".into() }));
    state.settle();
    let before = state.encode();
    assert_eq!(before.len() as u64, state.encoded_bytes());
    add(&mut state, "a", 2).expect("room");
    add(&mut state, "b", 1).expect("room");
    let cursor = Cursor { position: 2, state: "t".into() };
    state.set_cursor("r", Some(cursor), 9, &LogOptions::default()).expect("forward");
    assert_ne!(state.encode(), before);
    state.back_to(0);
    assert_eq!(state.encode(), before);
}

proptest! {
    #[test]
    fn a_snapshot_comes_back_and_a_part_of_one_does_not(
        told in prop::collection::vec((0u8..5, 0u64..100), 0..100),
        cursors in prop::collection::btree_map("[a-z]{1,4}", (0u64..9, "[a-z]{0,9}"), 0..4),
    ) {
        let mut state = State { floor: 3, ..State::default() };
        for (device, sequence) in told {
            let added = state.add(&device.to_string(), number(sequence), &[1; 32], 1, 1 << 20);
            prop_assert!(!matches!(added, Err(LogError::TooManyDevices)));
        }
        for (name, (position, bytes)) in cursors {
            state.put_cursor(&name, Some(Cursor { position, state: bytes.into() }));
        }
        let bytes = state.encode();
        let again = State::decode(&bytes).expect("whole");
        prop_assert_eq!(again.encode(), bytes.clone());
        prop_assert_eq!(again.encoded_bytes(), bytes.len() as u64);
        for cut in 0..bytes.len() {
            prop_assert!(State::decode(&bytes[..cut]).is_none());
        }
    }

    #[test]
    fn anything_may_be_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(state) = State::decode(&bytes) {
            prop_assert!(bytes.len() >= 24);
            drop(state.encode());
        }
    }
}
