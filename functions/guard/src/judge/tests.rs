use super::*;
use crate::request::{Certificate, Tls};
use crate::settings::Settings;
use sedge_kit::guard::facts::{Agent, Place, Point, Proof, Traits};
use sedge_kit::guard::reputation::Reputation;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

const NOW_MS: i64 = 1_800_000_000_000;

/// A node of which everything is known.
#[derive(Default)]
struct Node {
    places: BTreeMap<String, Located>,
    kept: RefCell<BTreeMap<String, Vec<u8>>>,
    writes: Cell<usize>,
    geo_is_damaged: bool,
    store_fails: bool,
}

impl Host for Node {
    fn locate(&self, address: &str) -> Result<Option<Located>, &'static str> {
        if self.geo_is_damaged {
            return Err("geo");
        }
        Ok(self.places.get(address).cloned())
    }

    fn agent(&self, user_agent: &str) -> Option<Agent> {
        Some(if user_agent.contains("bot") { Agent::Bot } else { Agent::Desktop })
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, &'static str> {
        if self.store_fails {
            return Err("store");
        }
        Ok(self.kept.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], _: u64) -> Result<(), &'static str> {
        self.writes.set(self.writes.get() + 1);
        self.kept.borrow_mut().insert(key.into(), value.to_vec());
        Ok(())
    }
}

fn located(latitude: f64, longitude: f64, traits: Traits, autonomous_system: u32) -> Located {
    let point = Some(Point { latitude, longitude, accuracy_km: 20.0 });
    let place = Place { point, ..Place::default() };
    Located { place, autonomous_system: Some(autonomous_system), traits }
}

/// With an address in Berlin, one in Sydney, and one of a VPN there.
fn node() -> Node {
    let mut node = Node::default();
    let none = Traits::default();
    node.places.insert("192.0.2.7".into(), located(52.5, 13.4, none, 64_500));
    node.places.insert("198.51.100.7".into(), located(-33.9, 151.2, none, 64_501));
    let vpn = Traits { vpn: true, ..none };
    node.places.insert("203.0.113.7".into(), located(-33.9, 151.2, vpn, 64_502));
    node
}

fn asked(address: &str) -> Asked {
    Asked {
        method: "GET".into(),
        path: "/cart".into(),
        address: Some(address.parse().expect("an address")),
        user_agent: Some("Mozilla/5.0 (X11) Firefox/140.0".into()),
        tls: Some(Tls {
            version: "1.3".into(),
            cipher: "TLS_AES_128_GCM_SHA256".into(),
            ja4: Some("t13d1516h2".into()),
        }),
        ..Asked::default()
    }
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let pairs = pairs.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    Settings::read(pairs).expect("settings")
}

fn judge(pairs: &[(&str, &str)], config: &[(&str, &str)]) -> Judge {
    let config = |name: &str| {
        config.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
    };
    Judge::read(settings(pairs), config).expect("a judge")
}

const WITH_TOKENS: [(&str, &str); 4] = [
    ("GUARD_ISSUER", "https://id.test"),
    ("GUARD_AUDIENCE", "api"),
    ("GUARD_KEYS", "https://id.test/keys"),
    ("GUARD_STORE", "guard"),
];

fn alice() -> Identity {
    Identity::Proved(Claims {
        subject: "alice".into(),
        issuer: "https://id.test".into(),
        expires_s: 1_800_000_100,
        ..Claims::default()
    })
}

#[test]
fn whatever_fails_lets_nobody_in() {
    let open = judge(&[("GUARD_STORE", "guard")], &[]);
    let unknown = Identity::Unknown;
    let refused =
        |node: Node| open.judge(&asked("192.0.2.7"), &unknown, &node, None, NOW_MS).refused;
    assert_eq!(refused(node()), None);
    assert_eq!(refused(Node { geo_is_damaged: true, ..node() }), Some(Refused::Undecided("geo")));
    assert_eq!(refused(Node { store_fails: true, ..node() }), Some(Refused::Undecided("store")));
    let tokens = judge(&WITH_TOKENS, &[]);
    let refused = |identity: &Identity, sent: Sent| {
        let asked = Asked { token: sent, ..asked("192.0.2.7") };
        tokens.judge(&asked, identity, &node(), None, NOW_MS).refused
    };
    let sent = || Sent::Token("x".into());
    assert_eq!(refused(&Identity::NoKeys, sent()), Some(Refused::Undecided("keys")));
    // A token that nobody has looked at is none that is believed.
    assert_eq!(refused(&unknown, sent()), Some(Refused::Undecided("token")));
    let expired = Identity::Refused(TokenError::Expired);
    assert_eq!(refused(&expired, sent()), Some(Refused::Token(TokenError::Expired)));
    assert!(matches!(refused(&unknown, Sent::Unclear), Some(Refused::Token(_))));
    assert_eq!(refused(&unknown, Sent::None), None, "tokens are optional");
    assert_eq!(refused(&alice(), sent()), None);
}

#[test]
fn a_token_or_a_certificate_may_be_required() {
    let mut pairs = WITH_TOKENS.to_vec();
    pairs.push(("GUARD_TOKENS", "required"));
    let judge = judge(&pairs, &[]);
    let mut asked = asked("192.0.2.7");
    let verdict = judge.judge(&asked, &Identity::Unknown, &node(), None, NOW_MS);
    assert_eq!(verdict.refused, Some(Refused::NoToken));
    let certificate = Certificate { fingerprint: "ab".into(), name: "CN=till".into() };
    asked.certificate = Some(certificate);
    let verdict = judge.judge(&asked, &Identity::Unknown, &node(), None, NOW_MS);
    assert_eq!((verdict.refused, verdict.proof), (None, Proof::Certificate));
}

#[test]
fn what_is_wrong_is_told_at_once() {
    let config = |name: &str| match name {
        "rules" => Some("{\"rules\":[{}],\"rules\":[]}".to_owned()),
        "policies" => Some("permit (principal, action, resource)".to_owned()),
        _ => None,
    };
    let pairs = [("GUARD_ISSUER", "a"), ("GUARD_AUDIENCE", "b")];
    let told = Judge::read(settings(&pairs), config).err().expect("wrong");
    for part in
        ["rules: the member \"rules\" is there twice", "policies: unexpected", "keys of the issuer"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let only_schema = |name: &str| (name == "schema").then(|| "entity A;".to_owned());
    let told = Judge::read(Settings::default(), only_schema).err().expect("wrong");
    assert!(told.contains("of which there are none"), "{told}");
}

#[test]
fn nobody_is_in_sydney_a_minute_after_berlin() {
    let (judge, node) = (judge(&WITH_TOKENS, &[]), node());
    let sent = |address: &str, now_ms: i64| {
        let asked = Asked { token: Sent::Token("x".into()), ..asked(address) };
        judge.judge(&asked, &alice(), &node, None, now_ms)
    };
    assert!(sent("192.0.2.7", NOW_MS).passes());
    let thief = sent("198.51.100.7", NOW_MS + 60_000);
    assert_eq!(thief.refused, Some(Refused::Blocked));
    assert!(thief.decision.factors.contains(&"impossible_travel".into()), "{thief:?}");
    // Who was refused has not been there: alice goes on.
    assert!(sent("192.0.2.7", NOW_MS + 120_000).passes());
    // Through a VPN nobody has a place, and a flight takes a day.
    let hidden = sent("203.0.113.7", NOW_MS + 180_000);
    assert!(hidden.passes() && hidden.decision.factors == ["hidden_address".into()], "{hidden:?}");
    assert!(sent("198.51.100.7", NOW_MS + 86_400_000).passes());
    // The clock was set back by a year: nothing can be said.
    assert!(sent("192.0.2.7", NOW_MS - 365 * 86_400_000).passes());
}

#[test]
fn little_is_written() {
    let (judge, node) = (judge(&WITH_TOKENS, &[]), node());
    let asked = Asked { token: Sent::Token("x".into()), ..asked("192.0.2.7") };
    for step in 0..50 {
        judge.judge(&asked, &alice(), &node, None, NOW_MS + step * 1_000);
    }
    assert_eq!(node.writes.get(), 1, "one place");
    let anonymous = Asked { token: Sent::None, ..asked };
    judge.judge(&anonymous, &Identity::Unknown, &node, None, NOW_MS);
    assert_eq!(node.writes.get(), 1, "and nothing of those whom nobody knows");
}

#[test]
fn a_device_that_was_refused_is_remembered() {
    let (judge, node) = (judge(&[("GUARD_STORE", "guard")], &[]), node());
    let ask = |rate: f64, now_ms: i64| {
        judge.judge(&asked("192.0.2.7"), &Identity::Unknown, &node, Some(rate), now_ms)
    };
    assert!(ask(1.0, NOW_MS).passes());
    for _ in 0..2 {
        assert_eq!(ask(5_000.0, NOW_MS).refused, Some(Refused::Blocked));
    }
    let after = ask(1.0, NOW_MS);
    assert!(after.passes() && after.decision.factors == ["low_device_reputation".into()]);
    assert_eq!(after.decision.actions, ["additional_verification".into()]);
    assert!(ask(1.0, NOW_MS + 30 * 86_400_000).decision.factors.is_empty(), "and forgotten");
    // What was damaged is as if it were not there.
    node.kept.borrow_mut().values_mut().for_each(|value| value[6] ^= 1);
    assert!(ask(1.0, NOW_MS).decision.factors.is_empty());
    assert!(Reputation::from_bytes(b"").is_err());
}

#[test]
fn the_stricter_counts_unless_rules_only_advise() {
    let permit = ("policies", "@id(\"all\") permit (principal, action, resource);");
    let forbid =
        ("policies", "@id(\"none\") @action(\"call_us\") forbid (principal, action, resource);");
    let outcome = |pairs: &[(&str, &str)], config: (&str, &str), rate: f64| {
        let judge = judge(pairs, &[config]);
        let verdict =
            judge.judge(&asked("192.0.2.7"), &Identity::Unknown, &node(), Some(rate), NOW_MS);
        (verdict.decision.outcome, verdict.reasons)
    };
    let advise = [("GUARD_RISK", "advise")];
    assert_eq!(outcome(&[], permit, 1.0), (Outcome::Allow, vec!["all".into()]));
    assert_eq!(outcome(&[], permit, 5_000.0).0, Outcome::Block);
    assert_eq!(outcome(&advise, permit, 5_000.0).0, Outcome::Allow);
    assert_eq!(outcome(&[], forbid, 1.0), (Outcome::Block, vec!["none".into()]));
    assert_eq!(outcome(&advise, forbid, 1.0).0, Outcome::Block);
    let judge = judge(&advise, &[]);
    let verdict = judge.judge(&asked("192.0.2.7"), &Identity::Unknown, &node(), Some(9e3), NOW_MS);
    assert!(verdict.passes() && verdict.decision.risk > 0.7, "{verdict:?}");
}

#[test]
fn a_decision_ends_with_its_token() {
    let judge = judge(&WITH_TOKENS, &[]);
    let asked = Asked { token: Sent::Token("x".into()), ..asked("192.0.2.7") };
    let verdict = judge.judge(&asked, &alice(), &node(), None, NOW_MS);
    assert_eq!(verdict.decision.expires_at_s, 1_800_000_100);
    assert_eq!(verdict.subject.as_deref(), Some("alice"));
}

#[test]
fn without_tls_where_it_is_required_nobody_knows_better() {
    let plain = Asked { tls: None, ..asked("192.0.2.7") };
    let factors = |pairs: &[(&str, &str)]| {
        let verdict = judge(pairs, &[]).judge(&plain, &Identity::Unknown, &node(), None, NOW_MS);
        (verdict.decision.factors, verdict.decision.outcome)
    };
    assert_eq!(factors(&[]), (vec![], Outcome::Allow));
    assert_eq!(factors(&[("GUARD_TLS", "required")]), (vec!["weak_tls".into()], Outcome::StepUp));
}

#[test]
fn what_is_forbidden_is_not_had_by_another_way_to_write_it() {
    let policies = "permit (principal, action, resource);
        forbid (principal, action, resource in Path::\"/staff\");
        forbid (principal, action, resource) when { resource has host && resource.host == \"inner.test\" };";
    let judge = judge(&[], &[("policies", policies)]);
    let outcome = |path: &str, host: &str| {
        let asked = Asked { path: path.into(), host: Some(host.into()), ..asked("192.0.2.7") };
        judge.judge(&asked, &Identity::Unknown, &node(), None, NOW_MS).refused
    };
    for path in ["/staff", "/staff/a", "/%73taff/a", "/%53taff/%2e", "/shop;/..;a/staff"] {
        let is_ours = path != "/%53taff/%2e";
        assert_eq!(outcome(path, "shop.test").is_some(), is_ours, "{path}");
    }
    for path in ["/x%2f..%2Fstaff/a", "/.//staff", "/staff;v=1/a", "/staff%3b/a", "/\\staff"] {
        assert_eq!(outcome(path, "shop.test"), Some(Refused::Blocked), "{path}");
    }
    for path in ["/staffing", "/a//b", "/caf%C3%A9", "/a;staff/b"] {
        assert_eq!(outcome(path, "shop.test"), None, "{path}");
    }
    let long = format!("/{}", "a".repeat(9_000));
    assert_eq!(outcome(&long, "shop.test"), Some(Refused::Undecided("path")));
    for host in ["inner.test", "INNER.test", "inner.test:443", "inner.test.", "Inner.Test.:80"] {
        assert_eq!(outcome("/", host), Some(Refused::Blocked), "{host}");
    }
}

#[path = "known_signatures.rs"]
mod known_signatures;
