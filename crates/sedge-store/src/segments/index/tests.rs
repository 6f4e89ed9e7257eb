use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn key(i: u64) -> Key {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&i.to_le_bytes());
    key
}

#[test]
fn an_object_takes_forty_bytes_at_most() {
    let index = Index::new();
    for i in 0..300_000 {
        index.put(&key(i), Place::new(1, 4, 100));
        if i > 100_000 && i % 5_000 == 0 {
            let each = index.memory_bytes() as f64 / (i + 1) as f64;
            assert!((32.0..=39.0).contains(&each), "{each} bytes for each of {i}");
        }
    }
    assert_eq!(index.usage(), (300_000, 30_000_000));
}

#[test]
fn a_segment_is_found_again_after_its_number_has_passed_thirty_bits() {
    for oldest in [0, 1, (1 << 30) - 2, (1 << 30) + 5, (7 << 30) - 1] {
        for ahead in [0, 1, 5, 1_000] {
            assert_eq!(Place::new(oldest + ahead, 4, 64).segment(oldest), oldest + ahead);
        }
    }
}

#[test]
fn hits_are_counted_to_three_and_forgotten_with_the_record() {
    let index = Index::new();
    let (old, new) = (Place::new(1, 4, 100), Place::new(2, 4, 100));
    assert_eq!(index.touch(&key(1)), None);
    index.put(&key(1), old);
    for hits in [0, 1, 2, 3, 3] {
        assert_eq!(index.hits(&key(1), old), Some(hits));
        assert_eq!(index.touch(&key(1)), Some(old));
    }
    assert_eq!(index.put(&key(1), new), Some(old));
    assert_eq!((index.hits(&key(1), old), index.hits(&key(1), new)), (None, Some(0)));
    assert!(!index.remove_at(&key(1), old));
    assert!(index.remove_at(&key(1), new));
}

#[test]
fn pages_tell_everything_once() {
    let index = Index::new();
    for i in 0..5_000 {
        index.put(&key(i), Place::new(i % 3, 4, 100));
    }
    let (mut seen, mut cursor) = (BTreeSet::new(), None);
    for _ in 0..10_000 {
        let (page, next) = index.page(cursor, 7);
        assert!(page.len() <= 7);
        page.iter().for_each(|found| assert!(seen.insert(found.0)));
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 5_000);
    assert_eq!(index.remove_segment(0), 1_667);
    assert_eq!(index.usage().0, 3_333);
    index.clear();
    assert_eq!((index.usage(), index.memory_bytes()), ((0, 0), 0));
}

#[test]
fn what_was_reserved_in_vain_is_given_back() {
    let index = Index::new();
    index.reserve(100_000);
    let reserved = index.memory_bytes();
    for i in 0..10_000 {
        index.put(&key(i), Place::new(1, 4, 100));
    }
    assert_eq!(index.memory_bytes(), reserved);
    index.fit();
    assert!(index.memory_bytes() < 400_000);
    assert!((0..10_000).all(|i| index.contains(&key(i))));
}

proptest! {
    #[test]
    fn is_a_map(steps in prop::collection::vec((0..4_000_u64, 0..4_u8), 0..3_000)) {
        let (index, mut model) = (Index::new(), BTreeMap::new());
        for (round, (i, step)) in steps.into_iter().enumerate() {
            let place = Place::new(round as u64, 4, 64 + i as u32);
            if step == 0 {
                prop_assert_eq!(index.remove(&key(i)), model.remove(&i));
            } else {
                prop_assert_eq!(index.put(&key(i), place), model.insert(i, place));
            }
        }
        for i in 0..4_000 {
            prop_assert_eq!(index.contains(&key(i)), model.contains_key(&i));
        }
        let bytes = model.values().map(|place| u64::from(place.bytes)).sum::<u64>();
        prop_assert_eq!(index.usage(), (model.len() as u64, bytes));
    }
}
