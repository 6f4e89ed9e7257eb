use super::*;
use crate::guard::facts::{Agent, Network, TlsVersion, Traits};
use alloc::string::{String, ToString};
use alloc::vec;
use proptest::prelude::*;
use serde_json::json;

fn mistakes(value: &Value) -> Vec<String> {
    Rules::read(value).expect_err("wrong").iter().map(ToString::to_string).collect()
}

fn rule(name: &str, score: f64, country: &str) -> Value {
    json!({"name": name, "score": score, "when": {"country": [country]}})
}

fn in_country(country: &str) -> Facts {
    let mut facts = Facts::default();
    facts.place.country = Some(country.into());
    facts
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_used() {
    for (bad, told) in [
        (json!([]), "/: not an object with rules"),
        (json!({}), "/rules: not a list of at most 200 rules"),
        (json!({"rules": vec![0; 201]}), "/rules: not a list of at most 200 rules"),
        (json!({"rules": [], "rule": 1}), "/rule: no such member; there are thresholds"),
        (json!({"rules": [1]}), "/rules/0: not an object"),
        (json!({"rules": [{"name": "", "score": 2}]}), "/rules/0/name: not 1 to 64 letters"),
        (json!({"rules": [{"name": "a b"}]}), "/rules/0/name: not 1 to 64 letters"),
        (json!({"rules": [{"name": "a"}]}), "/rules/0/score: not a number from 0 to 1"),
        (json!({"rules": [{"name": "a", "score": 0.1}]}), "/rules/0/when: not an object"),
        (
            json!({"rules": [rule("a", 0.1, "DE"), rule("a", 0.1, "FR")]}),
            "/rules/1: there is another rule \"a\"",
        ),
        (json!({"rules": [], "expires_s": -1}), "/expires_s: not a number from 0 to 86400"),
        (json!({"rules": [], "thresholds": {"block": 0.5}}), "/thresholds: not in the order"),
        (json!({"rules": [], "thresholds": {"blok": 0.5}}), "/thresholds/blok: no such member"),
        (json!({"rules": [], "thresholds": {"block": 1.5}}), "/thresholds/block: not a number"),
    ] {
        let told_all = mistakes(&bad);
        assert!(told_all.iter().any(|it| it.starts_with(told)), "{bad}: {told_all:?}");
    }
}

#[test]
fn one_that_is_sure_decides_alone_and_doubts_add_up() {
    let rules = json!({"rules": [
        rule("a", 0.9, "AA"), rule("b", 0.5, "BB"), rule("c", 0.5, "BB"), rule("d", 0.5, "BB"),
        rule("e", 0.0, "AA"), rule("f", 0.4, "CC"), rule("g", 0.5, "DD"),
    ]});
    let rules = Rules::read(&rules).expect("right");
    let decide = |country: &str| rules.decide(&in_country(country), 1_000);
    let alone = decide("AA");
    assert_eq!((alone.outcome, &*alone.factors), (Outcome::Block, &["a".into(), "e".into()][..]));
    assert!((alone.risk - 0.9).abs() < 1e-9);
    let three = decide("BB");
    assert!((three.risk - 0.875).abs() < 1e-9 && three.outcome == Outcome::Block);
    assert_eq!(&*decide("CC").actions, &["additional_verification".into()]);
    let none = decide("ZZ");
    assert_eq!((none.outcome, none.risk, none.evidence), (Outcome::Allow, 0.0, 1.0));
    assert_eq!((none.expires_at_s, none.actions.len()), (1_300, 0));
    let unknown = rules.decide(&Facts::default(), 0);
    assert_eq!((unknown.risk, unknown.evidence), (0.0, 0.0), "nothing could be judged");
    assert_eq!(rules.decide(&Facts::default(), u64::MAX).expires_at_s, u64::MAX);
}

#[test]
fn of_a_group_the_highest_counts() {
    let mut rules = json!({"rules": [rule("a", 0.5, "AA"), rule("b", 0.6, "AA")]});
    rules["rules"][0]["group"] = json!("one");
    rules["rules"][1]["group"] = json!("one");
    let decision = Rules::read(&rules).expect("right").decide(&in_country("AA"), 0);
    assert!((decision.risk - 0.6).abs() < 1e-9, "{decision:?}");
    assert_eq!(decision.factors.len(), 2, "both are told");
    assert_eq!(decision.outcome, Outcome::StepUp);
}

#[test]
fn rates_fall_into_bands() {
    let rules = Rules::default();
    let bands = [0.0, 300.0, 301.0, 3_000.0, 3_001.0].map(|rate| rules.rate_band(rate));
    assert_eq!(bands, [0, 0, 1, 1, 2]);
}

/// A browser at home.
fn usual() -> Facts {
    Facts {
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0".into()),
        agent: Some(Agent::Desktop),
        tls: Some(TlsVersion::V1_3),
        cipher: Some("TLS_AES_128_GCM_SHA256".into()),
        network: Network { traits: Some(Traits::default()), ..Network::default() },
        reputation: Some(0.5),
        velocity_kmh: Some(30.0),
        is_familiar: Some(true),
        rate_per_minute: Some(20.0),
        ..Facts::default()
    }
}

#[test]
fn the_usual_rules_let_the_usual_in() {
    let rules = Rules::default();
    assert_eq!(rules.rules.len(), 13, "those of the file");
    let decide = |change: &dyn Fn(&mut Facts)| {
        let mut facts = usual();
        change(&mut facts);
        rules.decide(&facts, 0)
    };
    let fine = decide(&|_| {});
    assert_eq!((fine.outcome, fine.risk, fine.evidence), (Outcome::Allow, 0.0, 1.0));
    let bot = decide(&|facts| facts.agent = Some(Agent::Bot));
    assert_eq!((bot.outcome, bot.actions.len()), (Outcome::Allow, 0));
    let mute = decide(&|facts| facts.user_agent = Some("".into()));
    assert_eq!(mute.outcome, Outcome::StepUp);
    let old = decide(&|facts| {
        facts.tls = Some(TlsVersion::V1_2);
        facts.cipher = Some("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA".into());
    });
    assert_eq!(old.outcome, Outcome::Allow);
    let thief = decide(&|facts| facts.velocity_kmh = Some(8_000.0));
    assert_eq!(
        (thief.outcome, &*thief.factors),
        (Outcome::Block, &["impossible_travel".into()][..])
    );
    let scraper = decide(&|facts| {
        facts.user_agent = Some("curl".into());
        facts.network.traits = Some(Traits { hosting: true, ..Traits::default() });
        facts.rate_per_minute = Some(400.0);
    });
    assert_eq!(scraper.outcome, Outcome::Block, "{scraper:?}");
}

proptest! {
    /// Whatever is added to what speaks against a request, its risk does not fall.
    #[test]
    fn more_reasons_are_no_less_risk(scores in prop::collection::vec(0.0..=1.0, 1..12)) {
        let mut before = 0.0;
        for count in 0..=scores.len() {
            let all = scores[..count].iter().enumerate();
            let all: Vec<Value> = all.map(|(at, score)| rule(&format!("r{at}"), *score, "AA")).collect();
            let rules = Rules::read(&json!({"rules": all})).expect("right");
            let risk = rules.decide(&in_country("AA"), 0).risk;
            prop_assert!((0.0..=1.0).contains(&risk) && risk >= before);
            before = risk;
        }
    }
}
