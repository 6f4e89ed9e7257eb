use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key(i: u64) -> Key {
    Key::of([i.to_le_bytes().as_slice()])
}

fn memory(bytes_max: u64, shards: usize) -> Memory<u64> {
    Memory::new(&MemoryOptions { bytes_max, object_share: 4, shards: Some(shards) })
}

#[test]
fn what_is_too_large_is_refused_and_takes_the_older_one_with_it() {
    let memory = memory(100_000, 1);
    let largest = memory.object_bytes_max() - OVERHEAD_BYTES;
    assert!(memory.insert(key(1), Arc::new(1), largest).stored);
    let refused = memory.insert(key(1), Arc::new(2), largest + 1);
    assert!(!refused.stored);
    assert_eq!(*refused.evicted[0].value, 2);
    assert_eq!(memory.get(&key(1)), None);
    assert!(!memory.insert(key(1), Arc::new(3), u64::MAX).stored);
    assert!(memory.replace(key(1), Arc::new(3), u64::MAX).is_none());
    let counters = memory.counters();
    assert_eq!((counters.objects, counters.bytes, counters.rejected), (0, 0, 2));
}

#[test]
fn a_tier_without_bytes_holds_nothing() {
    let memory = memory(0, 8);
    assert!(!memory.insert(key(1), Arc::new(1), 0).stored);
    assert_eq!(memory.get(&key(1)), None);
    assert_eq!(memory.page(None, 10).objects.len(), 0);
}

#[test]
fn only_the_very_value_is_removed() {
    let memory = memory(100_000, 1);
    let (old, new) = (Arc::new(1), Arc::new(1));
    assert!(memory.insert(key(1), old.clone(), 10).stored);
    assert!(memory.replace(key(1), new.clone(), 20).is_some_and(|inserted| inserted.stored));
    assert!(!memory.remove_if(&key(1), &old));
    assert!(memory.remove_if(&key(1), &new));
    assert!(!memory.remove_if(&key(1), &new));
    assert!(memory.replace(key(1), new, 20).is_none());
    assert_eq!(memory.remove(&key(1)), None);
}

#[test]
fn what_is_asked_for_stays_when_much_is_inserted_once() {
    let memory = memory(200_000, 1);
    for _ in 0..4 {
        for i in 0..50 {
            if memory.get(&key(i)).is_none() {
                let _ = memory.insert(key(i), Arc::new(i), 1_000);
            }
        }
    }
    let mut evicted = 0;
    for i in 1_000..10_000 {
        assert!(memory.get(&key(i)).is_none());
        evicted += memory.insert(key(i), Arc::new(i), 1_000).evicted.len();
    }
    let kept = (0..50).filter(|&i| memory.peek(&key(i)).is_some()).count();
    assert!(kept >= 48, "{kept} of 50");
    let counters = memory.counters();
    assert_eq!(counters.evicted + counters.rejected, evicted as u64);
    assert_eq!(counters.inserted, counters.objects + evicted as u64);
}

#[test]
fn an_evicted_object_says_how_often_it_was_asked_for() {
    let memory = memory(20_000, 1);
    let _ = memory.insert(key(0), Arc::new(0), 1_000);
    for _ in 0..5 {
        assert!(memory.get(&key(0)).is_some());
    }
    // Others that are asked for more often take its place.
    let mut evicted = Vec::new();
    for i in 1..60 {
        for _ in 0..9 {
            if memory.get(&key(i)).is_none() {
                evicted.extend(memory.insert(key(i), Arc::new(i), 1_000).evicted);
            }
        }
    }
    let first = evicted.iter().find(|evicted| evicted.key == key(0)).expect("pushed out");
    assert_eq!(first.bytes, 1_000);
    assert!(first.frequency >= 5, "{}", first.frequency);
}

#[test]
fn pages_tell_everything_once() {
    let memory = memory(10_000_000, 4);
    for i in 0..500 {
        assert!(memory.insert(key(i), Arc::new(i), 100 + i).stored);
    }
    let (mut seen, mut cursor) = (BTreeMap::new(), None);
    for _ in 0..1_000 {
        let page = memory.page(cursor, 7);
        assert!(page.objects.len() <= 7);
        for (key, value, bytes) in page.objects {
            assert_eq!(bytes, 100 + *value);
            assert!(seen.insert(key, *value).is_none());
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 500);
    assert_eq!(memory.retain(|_, value| **value < 100), 400);
    assert_eq!((memory.clear(), memory.counters().objects), (100, 0));
}

#[test]
fn threads_may_do_everything_at_once() {
    let memory = memory(300_000, 4);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let memory = &memory;
            scope.spawn(move || {
                for i in 0..20_000_u64 {
                    let id = (i * (thread + 3)) % 700;
                    match i % 11 {
                        0 => drop(memory.remove(&key(id))),
                        1 => drop(memory.page(None, 5)),
                        _ => match memory.get(&key(id)) {
                            Some(value) => assert_eq!(*value, id),
                            None => drop(memory.insert(key(id), Arc::new(id), 500 + id)),
                        },
                    }
                }
            });
        }
    });
    let counters = memory.counters();
    assert!(counters.bytes <= 300_000, "{counters:?}");
}

#[test]
fn the_overhead_covers_what_a_shard_takes() {
    let mut shard = Shard::new(u64::MAX);
    for i in 0..200_000_u64 {
        let hash = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let _ = shard.insert(key(i), hash, Arc::new(()), 200);
        // 24 for the value's `Arc`: its two counts, rounded up by the allocator.
        let taken = shard.bytes_taken() as u64 + 24 * (i + 1);
        assert!(i < 100 || taken <= (i + 1) * OVERHEAD_BYTES, "{taken} for {i}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Get(u64),
    Insert(u64, u64),
    Replace(u64, u64),
    Remove(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..60_u64).prop_map(Step::Get),
        4 => (0..60_u64, 0..30_000_u64).prop_map(|(i, bytes)| Step::Insert(i, bytes)),
        1 => (0..60_u64, 0..30_000_u64).prop_map(|(i, bytes)| Step::Replace(i, bytes)),
        1 => (0..60_u64).prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 0..500)
}

proptest! {
    /// Whatever is done: within the bound, the sums right, nothing out of date, and what
    /// was put in is there, was evicted, or was removed.
    #[test]
    fn is_a_map_that_forgets_aloud(steps in steps()) {
        let memory = memory(100_000, 1);
        let mut model: BTreeMap<Key, (u64, u64)> = BTreeMap::new();
        for (version, step) in steps.into_iter().enumerate() {
            let version = version as u64;
            let inserted = match step {
                Step::Get(i) => {
                    let expected = model.get(&key(i)).map(|found| found.0);
                    prop_assert_eq!(memory.get(&key(i)).map(|value| *value), expected);
                    None
                }
                Step::Remove(i) => {
                    let expected = model.remove(&key(i)).map(|found| found.0);
                    prop_assert_eq!(memory.remove(&key(i)).map(|value| *value), expected);
                    None
                }
                Step::Insert(i, bytes) => {
                    model.insert(key(i), (version, bytes));
                    Some((i, memory.insert(key(i), Arc::new(version), bytes)))
                }
                Step::Replace(i, bytes) => {
                    let inserted = memory.replace(key(i), Arc::new(version), bytes);
                    prop_assert_eq!(inserted.is_some(), model.contains_key(&key(i)));
                    if inserted.is_some() {
                        model.insert(key(i), (version, bytes));
                    }
                    inserted.map(|inserted| (i, inserted))
                }
            };
            if let Some((i, inserted)) = inserted {
                for evicted in inserted.evicted {
                    let expected = model.remove(&evicted.key);
                    prop_assert_eq!(expected, Some((*evicted.value, evicted.bytes)));
                }
                prop_assert_eq!(inserted.stored, model.contains_key(&key(i)));
            }
            let counters = memory.counters();
            let bytes: u64 = model.values().map(|found| found.1 + OVERHEAD_BYTES).sum();
            prop_assert_eq!((counters.objects, counters.bytes), (model.len() as u64, bytes));
            prop_assert!(bytes <= 100_000);
        }
    }
}
