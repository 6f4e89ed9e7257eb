use super::{get, has, head, key, open, small};
use crate::segments::body;
use proptest::prelude::*;
use sedge_store::segments::{Put, Segments};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Put(u64, usize),
    Get(u64),
    Remove(u64),
    RemoveAll,
    Sync,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (0..20_u64, 0..1_500_usize).prop_map(|(i, bytes)| Step::Put(i, bytes)),
        10 => (0..20_u64).prop_map(Step::Get),
        5 => (0..20_u64).prop_map(Step::Remove),
        1 => Just(Step::RemoveAll),
        3 => Just(Step::Sync),
        2 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// What is found is what was put last; what was removed is not found; the files keep
    /// within their bound; and what was put just before a sync is there.
    #[test]
    fn is_a_map_that_may_forget_what_is_old(steps in steps()) {
        let folder = tempfile::tempdir().expect("folder");
        let mut segments = open(folder.path(), small());
        let mut model: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
        for (version, step) in steps.into_iter().enumerate() {
            let version = version as u64;
            match step {
                Step::Put(i, bytes) => {
                    let queued = segments.put(key(i), head(i, version), vec![body(i, version, bytes)]);
                    prop_assert_eq!(queued, Put::Queued);
                    segments.sync_wait().expect("sync");
                    model.insert(i, (version, bytes));
                    prop_assert!(has(&segments, i, version, bytes));
                }
                Step::Get(i) => check(&segments, &model, i)?,
                Step::Remove(i) => {
                    segments.remove_wait(key(i)).expect("removed");
                    model.remove(&i);
                }
                Step::RemoveAll => {
                    segments.remove_all_wait().expect("removed");
                    model.clear();
                }
                Step::Sync => segments.sync_wait().expect("sync"),
                Step::Reopen => {
                    drop(segments);
                    segments = open(folder.path(), small());
                    let counters = segments.counters();
                    prop_assert_eq!((counters.scanned, counters.forgotten), (0, 0));
                }
            }
            prop_assert!(segments.counters().file_bytes <= 64 << 10);
        }
        for i in 0..20 {
            check(&segments, &model, i)?;
        }
        let counters = segments.counters();
        prop_assert_eq!((counters.damaged, counters.read_errors, counters.write_errors), (0, 0, 0));
    }
}

fn check(
    segments: &Segments,
    model: &BTreeMap<u64, (u64, usize)>,
    i: u64,
) -> Result<(), TestCaseError> {
    let expected = model.get(&i).map(|&(version, bytes)| {
        (format!("{i} in version {version}"), body(i, version, bytes).to_vec())
    });
    let found = get(segments, i);
    prop_assert!(found.is_none() || found == expected, "{i}");
    Ok(())
}
