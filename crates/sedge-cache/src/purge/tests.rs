use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const URL: &str = "example.com/a/b?c=/d";

fn purged(table: &PurgeTable, asked_at_ms: u64) -> Option<Purge> {
    table.is_purged(&[1, 2], URL, asked_at_ms)
}

#[test]
fn what_was_asked_for_later_is_not_purged() {
    type Act = fn(&PurgeTable, Purge, u64);
    let acts: [Act; 4] = [
        |table, purge, now| table.purge_tag(2, purge, now),
        |table, purge, now| table.purge_url(URL, purge, now),
        |table, purge, now| table.purge_prefix("example.com/a/", purge, now),
        |table, purge, now| table.purge_all(purge, now),
    ];
    for act in acts {
        let table = PurgeTable::new();
        assert_eq!(purged(&table, 0), None);
        act(&table, Purge::Soft, 10);
        assert_eq!(
            [9, 10, 11].map(|at| purged(&table, at)),
            [Some(Purge::Soft), Some(Purge::Soft), None]
        );
        act(&table, Purge::Hard, 5);
        assert_eq!(purged(&table, 10), Some(Purge::Hard), "time does not go back");
        act(&table, Purge::Soft, 20);
        assert_eq!(
            [10, 20, 21].map(|at| purged(&table, at)),
            [Some(Purge::Hard), Some(Purge::Soft), None]
        );
        act(&table, Purge::Hard, 30);
        assert_eq!(purged(&table, 30), Some(Purge::Hard));
    }
}

#[test]
fn a_prefix_goes_by_whole_segments() {
    let covers = |prefix: &str, url: &str| {
        let table = PurgeTable::new();
        table.purge_prefix(prefix, Purge::Hard, 10);
        table.is_purged(&[], url, 10).is_some()
    };
    for url in ["h/a", "h/a/", "h/a/b", "h/a/b/c/d", "h/a?b", "h/a#b", "h/a//b"] {
        for prefix in ["h", "h/", "h/a", "h/a/", "h/a//", "h/a?x=/b"] {
            assert!(covers(prefix, url), "{prefix} covers {url}");
        }
    }
    for url in ["h/ab", "h/b", "h", "hh/a", "h/A", "h/b/a", "h/b?/a", "", "/h/a"] {
        assert!(!covers("h/a", url), "{url}");
    }
    // Beyond the depth that is looked at, more is purged.
    let deep = format!("h{}", "/x".repeat(200));
    assert!(covers(&deep, &deep));
    assert!(covers(&deep, &format!("{deep}/y")));
}

#[test]
fn what_does_not_fit_is_purged_all_the_same_and_little_else() {
    let table = PurgeTable::new();
    for i in 0..TAGS_MAX as u64 + 500 {
        table.purge_tag(tag_hash(&i.to_string()), Purge::Soft, 10 + i);
        if i % 20 == 0 && i < 6_000 {
            table.purge_prefix(&format!("h/{i}"), Purge::Hard, 10 + i);
        }
    }
    for i in (0..TAGS_MAX as u64 + 500).step_by(97).chain(0..500) {
        let tags = [tag_hash(&i.to_string())];
        assert!(table.is_purged(&tags, "h", 10 + i).is_some(), "{i}");
    }
    // Nothing that was asked for after the last of what did not fit.
    let others: Vec<[u64; 1]> = (0..10_000).map(|i| [tag_hash(&format!("other {i}"))]).collect();
    assert!(others.iter().all(|tags| table.is_purged(tags, "h", 600).is_none()));
    let more = others.iter().filter(|tags| table.is_purged(&tags[..], "h", 1).is_some()).count();
    assert!(more < 100, "{more} of 10000 were purged for nothing");
    assert_eq!(table.tables.load().tables[0].noted, TAGS_MAX);
}

#[test]
fn a_name_that_is_purged_again_and_again_takes_one_place() {
    let table = PurgeTable::new();
    for i in 0..3 * PREFIXES_MAX as u64 {
        table.purge_prefix("h/a", Purge::Hard, i / 5);
        table.purge_prefix("h/b", Purge::Soft, i / 5);
    }
    let last = 3 * PREFIXES_MAX as u64 / 5 - 1;
    assert_eq!(table.is_purged(&[], "h/a", last), Some(Purge::Hard));
    assert_eq!(table.is_purged(&[], "h/b", last), Some(Purge::Soft));
    assert!(!table.residue.is_used());
    assert!(table.lock()[2].len() <= 2 * PREFIXES_MAX);
}

#[test]
fn what_no_object_can_meet_is_forgotten() {
    let table = PurgeTable::new();
    for i in 0..100 {
        table.purge_tag(i, Purge::Hard, i);
    }
    table.purge_tag(3, Purge::Soft, 200);
    table.forget_before(50);
    assert_eq!(table.tables.load().tables[0].noted, 51);
    assert_eq!(table.is_purged(&[3], "h", 150), Some(Purge::Soft));
    assert_eq!(table.is_purged(&[60], "h", 60), Some(Purge::Hard));
    table.purge_all(Purge::Hard, 300);
    assert_eq!(table.tables.load().tables[0].noted, 0);
    assert_eq!(table.is_purged(&[3], "h", 150), Some(Purge::Hard));
}

#[test]
fn every_damaged_byte_is_noticed() {
    let table = PurgeTable::new();
    table.purge_tag(1, Purge::Hard, 10);
    table.purge_prefix("h", Purge::Soft, 20);
    table.residue.note(5, 15);
    let bytes = table.encode();
    assert_eq!(PurgeTable::decode(&bytes).expect("intact").encode(), bytes);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        assert_eq!(PurgeTable::decode(&damaged).err(), Some(PurgeError::Damaged), "{at}");
        assert_eq!(PurgeTable::decode(&bytes[..at]).err(), Some(PurgeError::Damaged), "{at}");
    }
    let full = [&bytes[..bytes.len() - 16], &[0; 16]].concat();
    assert!(PurgeTable::decode(&full).is_err());
}

#[test]
fn purges_may_be_made_while_others_look() {
    let table = PurgeTable::new();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let table = &table;
            scope.spawn(move || {
                for i in 0..2_000_u64 {
                    let tag = i * 2 + thread;
                    table.purge_tag(tag, Purge::Hard, i);
                    assert_eq!(table.is_purged(&[tag], URL, i), Some(Purge::Hard));
                }
            });
        }
    });
    assert_eq!(table.tables.load().tables[0].noted, 4_000);
}

#[derive(Clone, Debug)]
enum Step {
    Tag(u64, bool),
    Url(u8, bool),
    Prefix(u8, bool),
    All(bool),
    Again,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let step = prop_oneof![
        8 => (0..6_u64, any::<bool>()).prop_map(|(tag, hard)| Step::Tag(tag, hard)),
        6 => (0..9_u8, any::<bool>()).prop_map(|(i, hard)| Step::Url(i, hard)),
        6 => (0..9_u8, any::<bool>()).prop_map(|(i, hard)| Step::Prefix(i, hard)),
        1 => any::<bool>().prop_map(Step::All),
        2 => Just(Step::Again),
    ];
    prop::collection::vec((step, 0..50_u64), 0..60)
}

/// One of nine paths, three below each other.
fn path(i: u8) -> String {
    let segment = ["x", "y", "xy"][usize::from(i % 3)];
    format!("h{}", format!("/{segment}").repeat(usize::from(i / 3)))
}

proptest! {
    /// Against a list of all purges; written down and read again from time to time.
    #[test]
    fn is_a_list_of_purges(steps in steps(), asked in 0..60_u64) {
        let mut table = PurgeTable::new();
        let mut list: Vec<(Step, u64)> = Vec::new();
        let mut latest = 0;
        for (step, now) in steps {
            let how = |hard| if hard { Purge::Hard } else { Purge::Soft };
            match step {
                Step::Tag(tag, hard) => table.purge_tag(tag, how(hard), now),
                Step::Url(i, hard) => table.purge_url(&path(i), how(hard), now),
                Step::Prefix(i, hard) => table.purge_prefix(&path(i), how(hard), now),
                Step::All(hard) => table.purge_all(how(hard), now),
                Step::Again => {
                    table = PurgeTable::decode(&table.encode()).expect("intact");
                    continue;
                }
            }
            latest = now.max(latest).max(1);
            list.push((step, latest));
        }
        for i in 0..9 {
            for tag in 0..6 {
                let mut expected = BTreeMap::new();
                for (step, at) in list.iter().filter(|(_, at)| asked <= *at) {
                    let (concerned, hard) = match step {
                        Step::Tag(other, hard) => (*other == tag, hard),
                        Step::Url(other, hard) => (path(*other) == path(i), hard),
                        Step::Prefix(other, hard) => {
                            (format!("{}/", path(i)).starts_with(&format!("{}/", path(*other))), hard)
                        }
                        Step::All(hard) => (true, hard),
                        Step::Again => (false, &false),
                    };
                    if concerned {
                        expected.insert(*hard, at);
                    }
                }
                let expected = expected.keys().next_back().map(|hard| {
                    if *hard { Purge::Hard } else { Purge::Soft }
                });
                prop_assert_eq!(table.is_purged(&[tag], &path(i), asked), expected);
            }
        }
    }

    #[test]
    fn anything_may_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(PurgeTable::decode(&bytes).is_err());
        // With the right check, so that the content is read too.
        let content = [&b"sdgprg\0\x01"[..], &bytes].concat();
        let check: [u8; 16] = *blake3::hash(&content).as_bytes().first_chunk().expect("32");
        let _ = PurgeTable::decode(&[&content[..], &check].concat());
    }
}
