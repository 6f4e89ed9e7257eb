use crate::{all_keys, frozen, namespace, scratch};
use proptest::prelude::*;
use sedge_store::{Options, Store, StoreError, Swap};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

const NAMESPACES: [&str; 3] = ["n", "n-", "n/m"];
const KEYS: [&str; 4] = ["a", "a\0", "b", "ü"];

#[derive(Clone, Debug)]
enum Step {
    Set { n: usize, keys: Vec<usize>, value: String, ttl_ms: Option<u64> },
    Delete { n: usize, keys: Vec<usize> },
    Increment { n: usize, key: usize, delta: i64 },
    Swap { n: usize, key: usize, value: String, ttl_ms: Option<u64>, meddle: Meddle },
    Clock { now_ms: u64 },
    Reopen,
}

/// What somebody else does between look and swap.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meddle {
    Nothing,
    Sets,
    SetsAndDeletes,
    /// Deletes another key, which was there before.
    DeletesAnother,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (n, key) = (0..NAMESPACES.len(), 0..KEYS.len());
    let keys = prop::collection::vec(key.clone(), 1..3);
    let value = "[0-9]{0,2}x?";
    let ttl_ms = prop::option::of(0u64..30);
    let meddle = prop_oneof![
        Just(Meddle::Nothing),
        Just(Meddle::Sets),
        Just(Meddle::SetsAndDeletes),
        Just(Meddle::DeletesAnother),
    ];
    let step = prop_oneof![
        4 => (n.clone(), keys.clone(), value, ttl_ms.clone())
            .prop_map(|(n, keys, value, ttl_ms)| Step::Set { n, keys, value, ttl_ms }),
        2 => (n.clone(), keys).prop_map(|(n, keys)| Step::Delete { n, keys }),
        3 => (n.clone(), key.clone(), -5i64..5)
            .prop_map(|(n, key, delta)| Step::Increment { n, key, delta }),
        2 => (n, key, value, ttl_ms, meddle).prop_map(|(n, key, value, ttl_ms, meddle)| {
            Step::Swap { n, key, value, ttl_ms, meddle }
        }),
        2 => (0u64..60).prop_map(|now_ms| Step::Clock { now_ms }),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..25)
}

/// What the store should hold: entries with their expiry, expired ones included.
#[derive(Default)]
struct Model {
    entries: BTreeMap<(usize, usize), (Vec<u8>, Option<u64>)>,
    now_ms: u64,
}

impl Model {
    fn get(&self, n: usize, key: usize) -> Option<&[u8]> {
        let (value, expires_ms) = self.entries.get(&(n, key))?;
        expires_ms.is_none_or(|expires_ms| self.now_ms < expires_ms).then_some(value)
    }

    fn set(&mut self, n: usize, key: usize, value: &[u8], ttl_ms: Option<u64>) {
        let expires_ms = ttl_ms.map(|ttl_ms| self.now_ms + ttl_ms);
        self.entries.insert((n, key), (value.to_vec(), expires_ms));
    }

    fn increment(&mut self, n: usize, key: usize, delta: i64) -> Result<i64, StoreError> {
        let current = self.get(n, key).map(<[u8]>::to_vec);
        let kept = current.as_ref().and_then(|_| self.entries[&(n, key)].1);
        let number = match current {
            None => 0,
            Some(value) => {
                let text = String::from_utf8(value).expect("text");
                text.parse::<i64>().map_err(|_| StoreError::NotANumber)?
            }
        };
        let sum = number + delta;
        self.entries.insert((n, key), (sum.to_string().into_bytes(), kept));
        Ok(sum)
    }
}

fn apply(step: &Step, store: &Store, model: &mut Model) {
    let ms = Duration::from_millis;
    match step {
        Step::Set { n, keys, value, ttl_ms } => {
            let entries =
                keys.iter().map(|&key| (KEYS[key].into(), value.clone().into())).collect();
            store.set_many(&namespace(NAMESPACES[*n]), entries, ttl_ms.map(ms)).expect("set");
            keys.iter().for_each(|&key| model.set(*n, key, value.as_bytes(), *ttl_ms));
        }
        Step::Delete { n, keys } => {
            let names = keys.iter().map(|&key| KEYS[key].into()).collect();
            store.delete_many(&namespace(NAMESPACES[*n]), names).expect("delete");
            keys.iter().for_each(|&key| drop(model.entries.remove(&(*n, key))));
        }
        Step::Increment { n, key, delta } => {
            let sum = store.increment(&namespace(NAMESPACES[*n]), KEYS[*key], *delta);
            assert_eq!(sum, model.increment(*n, *key, *delta));
        }
        Step::Swap { n, key, value, ttl_ms, meddle } => {
            let (n, name) = (*n, namespace(NAMESPACES[*n]));
            let seen = store.get_versioned(&name, KEYS[*key]).expect("look");
            assert_eq!(seen.value.as_deref(), model.get(n, *key));
            if matches!(meddle, Meddle::Sets | Meddle::SetsAndDeletes) {
                store.set(&name, KEYS[*key], "meddled", None).expect("set");
                model.set(n, *key, b"meddled", None);
            }
            let deleted = match meddle {
                Meddle::SetsAndDeletes => Some(*key),
                Meddle::DeletesAnother => Some((key + 1) % KEYS.len()),
                Meddle::Nothing | Meddle::Sets => None,
            };
            if let Some(deleted) = deleted {
                store.delete(&name, KEYS[deleted]).expect("delete");
                model.entries.remove(&(n, deleted));
            }
            let ttl = ttl_ms.map(ms);
            let swap = store.compare_and_swap(&name, KEYS[*key], seen.version, value.clone(), ttl);
            let undisturbed = matches!(meddle, Meddle::Nothing | Meddle::DeletesAnother);
            assert_eq!(swap.expect("swap") == Swap::Swapped, undisturbed, "{meddle:?}");
            if undisturbed {
                model.set(n, *key, value.as_bytes(), *ttl_ms);
            }
        }
        Step::Clock { .. } | Step::Reopen => {}
    }
}

/// Compares everything that can be read.
fn compare(store: &Store, model: &Model) {
    for (n, name) in NAMESPACES.iter().enumerate() {
        let name = namespace(name);
        let live: Vec<usize> = (0..KEYS.len()).filter(|&k| model.get(n, k).is_some()).collect();
        let names: Vec<&str> = live.iter().map(|&key| KEYS[key]).collect();
        assert_eq!(all_keys(store, &name, 1), names);
        let values = store.get_many(&name, &KEYS).expect("get");
        let expected: Vec<_> =
            (0..KEYS.len()).map(|k| model.get(n, k).map(<[u8]>::to_vec)).collect();
        assert_eq!(values, expected);
        assert_eq!(store.exists(&name, KEYS[0]), Ok(model.get(n, 0).is_some()));
    }
}

/// Without sweeping, usage is exact to the byte.
fn compare_usage(store: &Store, model: &Model) {
    for (n, name) in NAMESPACES.iter().enumerate() {
        let held = model.entries.iter().filter(|((of, _), _)| *of == n);
        let bytes: usize =
            held.clone().map(|((_, key), (value, _))| KEYS[*key].len() + value.len()).sum();
        let usage = store.namespaces().expect("list").into_iter().find(|usage| usage.name == *name);
        let usage = usage.map(|usage| (usage.keys, usage.bytes)).unwrap_or_default();
        assert_eq!(usage, (held.count() as u64, bytes as u64), "{name}");
    }
}

fn run(steps: &[Step], sweeping: bool) {
    let (_folder, path) = scratch();
    let (mut options, clock) = frozen(0);
    if sweeping {
        options =
            Options { sweep_interval: Duration::from_millis(1), sweep_entries_max: 1, ..options };
    }
    let mut model = Model::default();
    let mut store = Store::open_with(&path, options.clone()).expect("open");
    for step in steps {
        match step {
            // What is swept does not come back, so with sweeping the clock only
            // goes forward.
            Step::Clock { now_ms } => {
                model.now_ms = if sweeping { model.now_ms.max(*now_ms) } else { *now_ms };
                clock.store(model.now_ms, SeqCst);
            }
            Step::Reopen => {
                drop(store);
                store = Store::open_with(&path, options.clone()).expect("reopen");
            }
            step => apply(step, &store, &mut model),
        }
        compare(&store, &model);
        if !sweeping {
            compare_usage(&store, &model);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_map_with_any_clock(steps in steps()) {
        run(&steps, false);
    }

    #[test]
    fn sweeping_changes_nothing_that_is_seen(steps in steps()) {
        run(&steps, true);
    }
}
