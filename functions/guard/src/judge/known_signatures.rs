//! Tokens that another instance has verified.

use super::*;
use crate::keys::Stored;
use std::cell::Cell;

/// The set, a good token, one with its claims and another signature, and when they hold.
struct Given {
    stored: Stored,
    good: String,
    forged: String,
    now_ms: i64,
}

fn given() -> Given {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../token/vectors.json")).expect("vectors");
    let text = |name: &str| vectors["tokens"][name].as_str().expect("a token").to_owned();
    let now_ms = vectors["now_s"].as_i64().expect("a time") * 1_000;
    let set = vectors["keys"].to_string().into_bytes();
    let good = text("es256");
    let (message, signature) = good.rsplit_once('.').expect("parts");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{message}.{first}{}", &signature[1..]);
    Given { stored: Stored { got_ms: now_ms, tried_ms: now_ms, set }, good, forged, now_ms }
}

fn judge_with(verified: &str) -> Judge {
    judge(&[&WITH_TOKENS[..], &[("GUARD_VERIFIED", verified)]].concat(), &[])
}

/// Who a token says that it is, and whether keys were read to verify it.
fn identify(
    judge: &Judge,
    token: &str,
    stored: &Stored,
    node: &Node,
    now_ms: i64,
) -> (Identity, bool) {
    let was_read = Cell::new(false);
    let keys = || {
        was_read.set(true);
        KeySet::read(&stored.set).ok().map(Arc::new)
    };
    (judge.identify_by(token, stored, keys, node, now_ms), was_read.get())
}

#[test]
fn who_may_write_what_it_likes_gets_no_other_token_believed() {
    let Given { stored, good, forged, now_ms } = given();
    let judge = judge_with("shared");
    let node = node();
    let refused = Identity::Refused(TokenError::BadSignature);
    assert_eq!(identify(&judge, &forged, &stored, &node, now_ms), (refused.clone(), true));
    assert_eq!(node.writes.get(), 0, "what is not good is not kept");
    assert!(matches!(identify(&judge, &good, &stored, &node, now_ms), (Identity::Proved(_), true)));
    assert_eq!(node.writes.get(), 1);
    let marks = node.kept.borrow().clone();
    let (name, mark) = marks.first_key_value().expect("a mark");
    // A mark of one token is none of another, whatever name it lies under.
    let of_forged = Mark::of(&forged, &stored.set, judge.settings.expected.as_ref().expect("one"));
    for other in
        [mark.clone(), vec![], vec![1], vec![0; 32], vec![0xff; 1 << 16], name.clone().into()]
    {
        node.kept.borrow_mut().insert(of_forged.key.clone(), other);
        assert_eq!(identify(&judge, &forged, &stored, &node, now_ms), (refused.clone(), true));
    }
    // What is kept says nothing of the token or of its user.
    let kept = format!("{name}{}", String::from_utf8_lossy(mark));
    assert!(!kept.contains("alice") && !kept.contains(&good[..20]), "{kept}");
}

#[test]
fn a_signature_is_verified_once_and_again_when_anything_has_changed() {
    let Given { stored, good, now_ms, .. } = given();
    let judge = judge_with("shared");
    let node = node();
    let ask = |stored: &Stored, now_ms| identify(&judge, &good, stored, &node, now_ms);
    let (first, was_read) = ask(&stored, now_ms);
    assert!(was_read && matches!(first, Identity::Proved(_)));
    assert_eq!(ask(&stored, now_ms + 1_000), (first.clone(), false), "by what is kept");
    // What is claimed is looked at as ever.
    let late_ms = now_ms + 86_400_000;
    assert_eq!(ask(&stored, late_ms), (Identity::Refused(TokenError::Expired), false));
    assert_eq!(ask(&stored, 0), (Identity::Refused(TokenError::Early), false));
    // The key is gone from the renewed set.
    let mut set: serde_json::Value = serde_json::from_slice(&stored.set).expect("a set");
    let keys = set["keys"].as_array_mut().expect("keys");
    keys.retain(|key| key["crv"] != "P-256");
    let renewed = Stored { set: set.to_string().into_bytes(), ..stored.clone() };
    assert_eq!(ask(&renewed, now_ms), (Identity::Refused(TokenError::UnknownKey), true));
    // What is damaged is made anew.
    let name = node.kept.borrow().keys().next().expect("a mark").clone();
    node.kept.borrow_mut().insert(name.clone(), vec![7; 31]);
    assert_eq!(ask(&stored, now_ms), (first.clone(), true));
    assert_eq!(ask(&stored, now_ms), (first.clone(), false));
    // A store that fails is none.
    let broken = Node { store_fails: true, ..Node::default() };
    assert_eq!(identify(&judge, &good, &stored, &broken, now_ms), (first, true));
}

#[test]
fn nothing_is_kept_where_it_is_not_wanted_or_of_no_use() {
    let Given { stored, good, now_ms, .. } = given();
    let node = node();
    let off = judge_with("off");
    for _ in 0..2 {
        let (identity, was_read) = identify(&off, &good, &stored, &node, now_ms);
        assert!(was_read && matches!(identity, Identity::Proved(_)));
    }
    let old = Stored { got_ms: i64::MIN, ..stored };
    let (identity, _) = identify(&judge_with("shared"), &good, &old, &node, now_ms);
    assert!(matches!(identity, Identity::Proved(_)), "whether keys are too old is said elsewhere");
    assert_eq!(node.writes.get(), 0);
    let no_keys = judge_with("shared").identify_by(&good, &old, || None, &node, now_ms);
    assert_eq!(no_keys, Identity::NoKeys);
}
