use super::*;
use proptest::prelude::*;
use sedge_model::topic::matches;
use std::collections::BTreeMap;

impl Subscriber for u64 {
    fn id(&self) -> u64 {
        *self
    }
}

fn options(qos: u8) -> Subscription {
    Subscription { qos, ..Subscription::default() }
}

fn found(trie: &Trie<u64>, topic: &str) -> Vec<u64> {
    let mut all = Vec::new();
    trie.find(topic, |one| match one {
        Found::One(who, _) => all.push(*who),
        Found::Group(group) => all.extend(group.in_turn().map(|(who, _)| who).take(1)),
    });
    all.sort_unstable();
    all
}

#[test]
fn wildcards_cost_no_more_than_there_are_nodes() {
    // Every filter of sixteen levels of `a` and `+` would be visited 65,536 times by a search
    // that branches without looking; here each of the few that exist is visited once.
    let mut trie = Trie::default();
    for who in 0..200 {
        let level = |bit: u64| if who >> (bit % 8) & 1 == 1 { "+" } else { "a" };
        let filter: Vec<&str> = (0..16).map(level).collect();
        trie.insert(None, &filter.join("/"), who, options(0));
    }
    assert_eq!(found(&trie, &["a"; 16].join("/")).len(), 200);
    assert_eq!(found(&trie, &["a"; 15].join("/")).len(), 0);
}

#[test]
fn a_topic_as_deep_as_allowed_is_walked() {
    let mut trie = Trie::default();
    let deep = "/".repeat(31);
    trie.insert(None, &deep, 1, options(0));
    trie.insert(None, &format!("{}#", "+/".repeat(31)), 2, options(0));
    assert_eq!(found(&trie, &deep), [1, 2]);
}

#[test]
fn what_is_removed_leaves_nothing_behind() {
    let mut trie = Trie::default();
    for filter in ["#", "a/+/b", "a/#", "+", "a"] {
        assert!(trie.insert(None, filter, 1, options(0)));
        assert!(!trie.insert(None, filter, 1, options(1)), "only the options are new");
        assert!(trie.insert(Some("g"), filter, 1, options(0)));
    }
    assert_eq!(trie.len(), 10);
    for filter in ["a", "+", "a/#", "a/+/b", "#"] {
        assert!(trie.remove(None, filter, 1));
        assert!(!trie.remove(None, filter, 1));
        assert!(!trie.remove(Some("h"), filter, 1));
        assert!(trie.remove(Some("g"), filter, 1));
    }
    assert_eq!(trie.len(), 0);
    assert!(trie.root.is_empty());
}

#[test]
fn those_who_share_take_turns() {
    let mut trie = Trie::default();
    for who in 1..=3 {
        trie.insert(Some("g"), "a/+", who, options(1));
    }
    trie.insert(Some("h"), "a/b", 9, options(1));
    let mut counts = BTreeMap::new();
    for _ in 0..30 {
        for who in found(&trie, "a/b") {
            *counts.entry(who).or_insert(0) += 1;
        }
    }
    assert_eq!(counts, BTreeMap::from([(1, 10), (2, 10), (3, 10), (9, 30)]));
}

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "", "$x"])
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 2 => Just("+")];
    (prop::collection::vec(level, 1..5), any::<bool>()).prop_map(|(levels, is_rest)| {
        let filter = levels.join("/");
        match is_rest {
            true if filter.is_empty() => "#".to_owned(),
            true => filter + "/#",
            false => filter,
        }
    })
}

proptest! {
    #[test]
    fn it_finds_what_a_look_at_every_filter_finds(
        changes in prop::collection::vec((any::<bool>(), filter(), 0u64..4), 1..40),
        topics in prop::collection::vec(prop::collection::vec(level(), 1..6), 1..20),
    ) {
        let (mut trie, mut naive) = (Trie::default(), BTreeMap::new());
        for (is_insert, filter, who) in changes {
            if filter.is_empty() {
                continue;
            }
            if is_insert {
                let is_new = naive.insert((filter.clone(), who), ()).is_none();
                prop_assert_eq!(trie.insert(None, &filter, who, options(0)), is_new);
            } else {
                let was_there = naive.remove(&(filter.clone(), who)).is_some();
                prop_assert_eq!(trie.remove(None, &filter, who), was_there);
            }
        }
        prop_assert_eq!(trie.len(), naive.len());
        for topic in topics {
            let topic = topic.join("/");
            let fits = naive.keys().filter(|(filter, _)| matches(filter, &topic));
            let mut expected: Vec<u64> = fits.map(|(_, who)| *who).collect();
            expected.sort_unstable();
            prop_assert_eq!(found(&trie, &topic), expected, "{}", topic);
        }
    }
}
