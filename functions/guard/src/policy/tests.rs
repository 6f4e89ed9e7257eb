use super::*;
use crate::token::Claims;
use proptest::prelude::*;
use sedge_kit::guard::facts::{Facts, Network, Proof, Traits};
use sedge_kit::guard::rules::Rules;

fn told(policies: &str, entities: Option<&str>, schema: Option<&str>) -> Vec<String> {
    Policies::read(policies, entities, schema).err().unwrap_or_default()
}

#[test]
fn what_is_wrong_is_told_when_it_is_read() {
    let permit = "permit (principal, action, resource);";
    for (policies, entities, expected) in [
        ("", None, "there is none"),
        ("permit (principal, action, resource)", None, "policies: unexpected"),
        ("permit (principal, action, resource) when { context.risc < 3 };", None, "risc"),
        (
            "permit (principal, action, resource) when { context.country == \"DE\" };",
            None,
            "country",
        ),
        ("permit (principal == Usr::\"a\", action, resource);", None, "Usr"),
        ("permit (principal, action == Action::\"get\", resource);", None, "get"),
        ("permit (principal == ?principal, action, resource);", None, "is a template"),
        ("@outcome(\"step-up\") permit (principal, action, resource);", None, "for forbid only"),
        (
            "@outcome(\"stepup\") forbid (principal, action, resource);",
            None,
            "neither block nor step-up",
        ),
        (
            "@acr(\"mfa\") forbid (principal, action, resource);",
            None,
            "for @outcome(\"step-up\") only",
        ),
        (
            "@outcome(\"step-up\") @max_age(\"5 min\") forbid (principal, action, resource);",
            None,
            "no number of seconds",
        ),
        (
            "@outcome(\"step-up\") @acr(\"a\\\"b\") forbid (principal, action, resource);",
            None,
            "cannot stand in a header",
        ),
        ("@id(\"a\\nb\") forbid (principal, action, resource);", None, "@id is not"),
        ("@action(\"\") forbid (principal, action, resource);", None, "@action is not"),
        (permit, Some("{}"), "entities: "),
        (
            permit,
            Some("[{\"uid\":{\"type\":\"Team\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}]"),
            "Team",
        ),
        (
            permit,
            Some("[{\"uid\":{\"type\":\"Anonymous\",\"id\":\"a\"},\"attrs\":{},\"parents\":[]}]"),
            "is made by the guard",
        ),
    ] {
        let told = told(policies, entities, None).join("\n");
        assert!(told.contains(expected), "{policies}: {told}");
    }
    let both = told(
        "permit (principal == A::\"a\", action, resource); @outcome(\"x\") forbid (principal, action, resource);",
        None,
        None,
    );
    assert!(both.len() >= 2, "all at once: {both:?}");
    assert!(told(permit, None, Some("entity"))[0].starts_with("schema: "));
}

#[test]
fn size_and_depth_are_bounded() {
    let long = format!("// {}\npermit (principal, action, resource);", "x".repeat(TEXT_BYTES_MAX));
    assert!(told(&long, None, None)[0].contains("more than 262144 bytes"));
    let many = "permit (principal, action, resource);".repeat(POLICIES_MAX + 1);
    assert!(told(&many, None, None)[0].contains("more than 1000"));
    let deep = format!(
        "permit (principal, action, resource) when {{ {}true{} }};",
        "(".repeat(9_000),
        ")".repeat(9_000)
    );
    assert!(told(&deep, None, None)[0].contains("nested deeper than 48"));
}

/// A user in Berlin who has shown a token.
fn facts() -> Facts {
    let mut facts = Facts { proof: Proof::Token, ..Facts::default() };
    facts.user = Some("alice".into());
    facts.method = Some("GET".into());
    facts.path = Some("/admin/users".into());
    facts.place.country = Some("DE".into());
    facts.network = Network {
        address: "192.0.2.7".parse().ok(),
        autonomous_system: Some(64_500),
        traits: Some(Traits { vpn: true, ..Traits::default() }),
    };
    facts
}

fn claims() -> Claims {
    Claims {
        subject: "alice".into(),
        issuer: "https://id.test".into(),
        groups: vec!["staff".into()],
        scopes: vec!["read".into()],
        authenticated_s: Some(900),
        ..Claims::default()
    }
}

fn judge_with(policies: &str, facts: &Facts, claims: Option<&Claims>) -> Judgment {
    let entities = "[{\"uid\":{\"type\":\"Group\",\"id\":\"staff\"},\"attrs\":{},\
                    \"parents\":[{\"type\":\"Group\",\"id\":\"everybody\"}]}]";
    let policies = Policies::read(policies, Some(entities), None)
        .unwrap_or_else(|wrong| panic!("{policies}: {wrong:?}"));
    let decision = Rules::default().decide(facts, 1_000);
    let (workload, host) = (None, Some("shop.test"));
    policies.judge(&Question { facts, claims, workload, host, decision: &decision, now_s: 1_000 })
}

fn judge(policies: &str) -> Judgment {
    judge_with(policies, &facts(), Some(&claims()))
}

#[test]
fn every_fact_can_be_asked_for() {
    for condition in [
        "principal == User::\"alice\"",
        "principal in Group::\"everybody\"",
        "principal is User && principal.issuer == \"https://id.test\"",
        "principal is User && principal.scopes.contains(\"read\")",
        "action == Action::\"GET\"",
        "resource in Path::\"/admin\"",
        "resource.path like \"/admin/*\"",
        "resource has host && resource.host == \"shop.test\"",
        "context has country && context.country == \"DE\"",
        "context has ip && context.ip.isInRange(ip(\"192.0.2.0/24\"))",
        "context has traits && context.traits.contains(\"vpn\")",
        "context has autonomous_system && context.autonomous_system == 64500",
        "context has authenticated_s && context.authenticated_s == 100",
        "context.proof == \"token\"",
        "context.risk == 15",
        "context.outcome == \"allow\"",
        "context.factors.contains(\"hidden_address\")",
        "context.amr.isEmpty()",
        "!(context has city)",
    ] {
        let judged =
            judge(&format!("permit (principal, action, resource) when {{ {condition} }};"));
        assert_eq!(judged.outcome, Outcome::Allow, "{condition}: {judged:?}");
        let judged =
            judge(&format!("permit (principal, action, resource) unless {{ {condition} }};"));
        assert_eq!(judged.outcome, Outcome::Block, "{condition}: {judged:?}");
    }
}

#[test]
fn who_is_not_proved_is_anonymous() {
    let policy = "permit (principal is Anonymous, action, resource);";
    assert_eq!(judge_with(policy, &Facts::default(), None).outcome, Outcome::Allow);
    assert_eq!(judge(policy).outcome, Outcome::Block);
    let other = "permit (principal, action == Action::\"OTHER\", resource == Path::\"/\");";
    assert_eq!(judge_with(other, &Facts::default(), None).outcome, Outcome::Allow);
}

const STEP_UP: &str = "
    @id(\"everybody\") permit (principal, action, resource);
    @id(\"mfa\") @outcome(\"step-up\") @acr(\"urn:a urn:b\") @max_age(\"300\") @action(\"require_mfa\")
    forbid (principal, action, resource in Path::\"/admin\") unless { context has acr };
    @id(\"fresh\") @outcome(\"step-up\") @acr(\"urn:b urn:c\") @max_age(\"60\")
    forbid (principal, action, resource in Path::\"/admin/users\") unless { context has acr };
    @id(\"closed\") forbid (principal, action, resource) when { context.risk > 50 };";

#[test]
fn a_forbid_may_only_want_more_to_be_proved() {
    let judged = judge(STEP_UP);
    assert_eq!(judged.outcome, Outcome::StepUp);
    assert_eq!(judged.reasons.len(), 2, "{judged:?}");
    assert!(judged.reasons.contains(&"mfa".into()) && judged.reasons.contains(&"fresh".into()));
    assert_eq!(judged.step_up.context_classes, ["urn:a", "urn:b", "urn:c"]);
    assert_eq!(judged.step_up.age_s_max, Some(60), "the shortest");
    assert_eq!(judged.actions, ["require_mfa"]);
    let proved = Claims { context_class: Some("urn:b".into()), ..claims() };
    let judged = judge_with(STEP_UP, &facts(), Some(&proved));
    assert_eq!((judged.outcome, &*judged.reasons), (Outcome::Allow, &["everybody".into()][..]));
    // One that does not blocks, whatever the others want.
    let fast = Facts { velocity_kmh: Some(9_000.0), ..facts() };
    let judged = judge_with(STEP_UP, &fast, Some(&claims()));
    assert_eq!(judged.outcome, Outcome::Block);
    assert!(judged.reasons.contains(&"closed".into()));
}

#[test]
fn what_fails_lets_nobody_in() {
    // Cedar skips a policy that fails, and what it was written against would pass.
    let overflow = "permit (principal, action, resource);
        @id(\"broken\") forbid (principal, action, resource)
        when { context.risk * 9223372036854775807 > 3 };";
    let judged = judge(overflow);
    assert_eq!((judged.outcome, &*judged.errors), (Outcome::Block, &["broken".into()][..]));
}

/// `schema` is for the same request.
fn judge_by(policies: &str, schema: &str) -> Judgment {
    let read = Policies::read(policies, None, Some(schema));
    let read = read.unwrap_or_else(|wrong| panic!("{policies}: {wrong:?}"));
    let (facts, claims) = (facts(), claims());
    let decision = Rules::default().decide(&facts, 1_000);
    let (workload, host) = (None, Some("shop.test"));
    read.judge(&Question {
        facts: &facts,
        claims: Some(&claims),
        workload,
        host,
        decision: &decision,
        now_s: 1_000,
    })
}

/// What the guard tells is of the shape that its own schema says, which is not checked for each
/// request.
#[test]
fn requests_are_as_our_schema_says() {
    let permit = "permit (principal, action, resource);";
    assert_eq!(judge_by(permit, SCHEMA).outcome, Outcome::Allow);
    let everything = Facts {
        velocity_kmh: Some(1.5),
        is_familiar: Some(true),
        rate_per_minute: Some(2.0),
        hour_utc: Some(3),
        reputation: Some(0.5),
        user_agent: Some("x".into()),
        agent: Some(sedge_kit::guard::facts::Agent::Bot),
        cipher: Some("c".into()),
        tls: Some(sedge_kit::guard::facts::TlsVersion::V1_3),
        ja4: Some("j".into()),
        device: Some("d".into()),
        ..facts()
    };
    let policies =
        Policies::read(permit, None, Some(SCHEMA)).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let decision = Rules::default().decide(&everything, 1);
    for (claims, workload) in [(None, None), (None, Some("till")), (Some(&claims()), Some("till"))]
    {
        let question = Question {
            facts: &everything,
            claims,
            workload,
            host: None,
            decision: &decision,
            now_s: 1,
        };
        let judged = policies.judge(&question);
        assert_eq!(judged.outcome, Outcome::Allow, "{judged:?}");
    }
}

#[test]
fn a_schema_of_ones_own_has_to_fit_and_its_groups_hold() {
    let grouped = SCHEMA.replace(
        "action \"GET\",",
        "action \"reads\"; action \"GET\" in [\"reads\"] appliesTo {
        principal: [User, Workload, Anonymous], resource: [Path], context: Facts }; action",
    );
    assert_ne!(grouped, SCHEMA);
    let forbid = "permit (principal, action, resource);
        @id(\"group\") forbid (principal, action in Action::\"reads\", resource);";
    let judged = judge_by(forbid, &grouped);
    assert_eq!((judged.outcome, &*judged.reasons), (Outcome::Block, &["group".into()][..]));
    // By this one countries are numbers: a policy that compares them would not hold.
    let other = SCHEMA.replace("\"country\"?: String", "\"country\"?: Long");
    let judged = judge_by("permit (principal, action, resource);", &other);
    assert_eq!(judged.outcome, Outcome::Block);
    assert!(judged.errors[0].starts_with("request: "), "{judged:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics(policies in "[a-z@{}()\";=!<>&|. ]{0,80}", path: String, subject in ".{1,20}") {
        let _ = Policies::read(&policies, Some(&policies), Some(&policies));
        let facts = Facts { path: Some(path.into()), ..facts() };
        let claims = Claims { subject, ..claims() };
        let judged = judge_with("permit (principal, action, resource);", &facts, Some(&claims));
        prop_assert_eq!(judged.outcome, Outcome::Allow);
    }
}
