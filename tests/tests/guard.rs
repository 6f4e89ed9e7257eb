//! The ready-made link `guard` before an origin that says what it was told, over the wire.
//!
//! The tokens are signed by keys that were not kept, and hold until the year 2100.

#[path = "optimizer/origin.rs"]
#[allow(dead_code, reason = "shared with the scenarios of the optimizer, which need all of it")]
mod origin;

#[path = "guard/asking.rs"]
mod asking;
#[path = "guard/clients.rs"]
mod clients;

use origin::{Answering, Scripted};
use sedge_tests::client::{self, Answer};
use sedge_tests::{Node, Scenario};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const AGENT: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0");

const POLICIES: &str = r#"
    @id("everybody") permit (principal, action, resource);
    @id("staff-only") forbid (principal, action, resource in Path::"/staff")
    unless { principal in Group::"staff" };
    @id("admin-needs-mfa") @outcome("step-up") @acr("urn:test:mfa") @max_age("300")
    forbid (principal, action, resource in Path::"/staff/admin") unless { context has acr };
    @id("broken") forbid (principal, action, resource == Path::"/broken")
    when { (context.evidence + 2) * 9223372036854775807 > 0 };
"#;

fn tokens() -> Value {
    serde_json::from_str(include_str!("guard/tokens.json")).expect("tokens")
}

/// A node with the link before `origin`.
fn scenario(origin: &Scripted, link: &str, environment: &str, capabilities: &str) -> Scenario {
    let manifest = format!(
        r#"
        [app]
        name = "shop"
        [[function]]
        name = "guard"
        source = "{{guests}}/guard.wasm"
        isolation = "instance"
        [function.environment]
        {environment}
        [function.capabilities]
        {capabilities}
        [[upstream]]
        name = "shop"
        endpoints = ["{}"]
        [[chain]]
        name = "shop"
        links = [{link}]
        upstream = "shop"
        [[route]]
        name = "shop"
        chain = "shop"
        "#,
        origin.address
    );
    let keys = tokens()["keys"].to_string();
    // Decisions are told at the level of information; what is wrong is a warning.
    let scenario =
        Scenario::new().share_code().app("shop", &manifest).environment("SEDGE_LOG", "info");
    let scenario = scenario.allow("guard: ");
    scenario.file("shop/keys.json", keys).file("shop/policies.cedar", POLICIES)
}

const TOKENS: &str = "GUARD_ISSUER = \"https://id.test\"\nGUARD_AUDIENCE = \"shop\"";
const CONFIG: &str = "client = true\ngeo = true\nkv = [\"guard\"]\n\
    config = { keys = { file = \"keys.json\" }, policies = { file = \"policies.cedar\" } }";

/// Answers with the head that came.
fn told(head: &str, answering: &mut Answering) -> std::io::Result<()> {
    answering.whole("200 OK", "content-type: text/plain\r\n", head.as_bytes())
}

fn ask(node: &Node, target: &str, token: Option<&str>, more: &[(&str, &str)]) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut fields = vec![AGENT];
    fields.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    fields.extend_from_slice(more);
    client::call(node.listen, "GET", target, &fields, &[])
}

#[test]
fn tokens_policies_and_fields() {
    let origin = Scripted::start(told);
    let node = scenario(&origin, "\"guard\"", TOKENS, CONFIG).start();
    hostile_tokens_do_not_pass(&origin, &node);
    what_clients_write_under_our_names_goes(&node);
    policies_decide(&node);
}

fn hostile_tokens_do_not_pass(origin: &Scripted, node: &Node) {
    let tokens = tokens();
    for (name, token) in tokens["bad"].as_object().expect("tokens") {
        let answer = ask(node, "/", token.as_str(), &[]);
        assert_eq!(answer.status, 401, "{name}: {}", answer.text());
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{name}: {challenge}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        assert_eq!(answer.json()["status"], 401, "{name}");
    }
    let good = tokens["good"]["es256"].as_str().expect("a token");
    let twice = ask(node, "/", Some(good), &[("authorization", &format!("Bearer {good}"))]);
    assert_eq!(twice.status, 401, "which of two is meant is not guessed");
    let huge = "a".repeat(17 << 10);
    assert_eq!(ask(node, "/", Some(&huge), &[]).status, 401);
    assert!(origin.heads().is_empty(), "none came through: {:?}", origin.heads());
    for (name, token) in tokens["good"].as_object().expect("tokens") {
        let answer = ask(node, "/", token.as_str(), &[]);
        assert_eq!(answer.status, 200, "{name}: {}\n{}", answer.text(), node.log());
        for line in [
            "sedge-guard-outcome: allow",
            "sedge-guard-subject: alice",
            "sedge-guard-proof: token",
            "sedge-guard-risk: 0.000",
        ] {
            assert!(answer.text().contains(line), "{name}: {line}: {}", answer.text());
        }
    }
}

fn what_clients_write_under_our_names_goes(node: &Node) {
    let forged = [
        ("sedge-guard-subject", "root"),
        ("Sedge-Guard-Outcome", "allow"),
        ("sedge_guard_subject", "root"),
        ("sedge-client-fingerprint", "ab"),
    ];
    let head = ask(node, "/", None, &forged).text();
    assert!(!head.contains("root") && !head.contains("fingerprint"), "{head}");
    assert!(head.contains("sedge-guard-proof: none") && !head.contains("subject"), "{head}");
    // Nobody is somewhere else, or somebody else, because of what it writes.
    let spoofed = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.7")];
    assert_eq!(ask(node, "/", None, &spoofed).status, 200);
}

fn policies_decide(node: &Node) {
    let tokens = tokens();
    let (good, mfa) = (tokens["good"]["es256"].as_str(), tokens["mfa"].as_str());
    assert_eq!(ask(node, "/staff/list", None, &[]).status, 403);
    assert_eq!(ask(node, "/staff/list", good, &[]).status, 200);
    let step_up = ask(node, "/staff/admin/users?x=1", good, &[]);
    let challenge = "Bearer error=\"insufficient_user_authentication\", \
        error_description=\"more has to be proved\", acr_values=\"urn:test:mfa\", max_age=300";
    assert_eq!((step_up.status, step_up.header("www-authenticate")), (401, Some(challenge)));
    assert_eq!(ask(node, "/staff/admin/users", mfa, &[]).status, 200);
    let broken = ask(node, "/broken", good, &[]);
    assert_eq!(broken.status, 403, "a forbid that fails is no permit: {}", broken.text());
    node.wait_log("\"policies_failed\":[\"broken\"]", Duration::from_secs(10));
}

#[test]
fn risk_steps_up_and_reports_only_where_it_is_told_to() {
    let origin = Scripted::start(told);
    let mute = |node: &Node| client::call(node.listen, "GET", "/", &[], &[]);
    let node = scenario(&origin, "\"guard\"", "", "client = true").start();
    let answer = mute(&node);
    assert_eq!(answer.status, 401, "no user agent: {}", answer.text());
    assert!(origin.heads().is_empty());
    let reports = "GUARD_MODE = \"report-only\"";
    let node = scenario(&origin, "\"guard\"", reports, "client = true").start();
    let answer = mute(&node);
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("sedge-guard-outcome: step-up"), "{}", answer.text());
    assert!(answer.text().contains("sedge-guard-factors: suspicious_user_agent"));
    node.wait_log("report-only", Duration::from_secs(10));
}

#[test]
fn a_guard_that_cannot_decide_lets_nobody_in_through_an_open_link_either() {
    let origin = Scripted::start(told);
    for (environment, capabilities, logged) in [
        ("GUARD_MODE = \"lax\"", "", "not one of enforce, report-only"),
        ("", "config = { policies = \"permit\" }", "policies: "),
        ("", "config = { rules = \"{}\" }", "rules: /rules: not a list"),
        ("GUARD_STORE = \"guard\"", "client = true", ""),
    ] {
        let link = "{ function = \"guard\", fail = \"open\" }";
        let node = scenario(&origin, link, environment, capabilities).start();
        let answer = ask(&node, "/", None, &[]);
        assert_eq!(answer.status, 503, "{environment}: {}", answer.text());
        assert!(answer.header("retry-after").is_some());
        node.wait_log(logged, Duration::from_secs(10));
    }
    assert!(origin.heads().is_empty(), "{:?}", origin.heads());
}

/// What the issuer answers: 0 an error, 1 its keys, 2 later ones, 3 something else.
static ISSUER: AtomicUsize = AtomicUsize::new(0);

fn issuer(_: &str, answering: &mut Answering) -> std::io::Result<()> {
    let tokens = tokens();
    match ISSUER.load(SeqCst) {
        0 => answering.whole("500 Internal Server Error", "", b""),
        1 => answering.whole("200 OK", "", tokens["keys"].to_string().as_bytes()),
        2 => answering.whole("200 OK", "", tokens["later_keys"].to_string().as_bytes()),
        _ => answering.whole("200 OK", "", b"<html>"),
    }
}

#[test]
fn keys_are_got_kept_and_renewed() {
    let (origin, id) = (Scripted::start(told), Scripted::start(issuer));
    let environment =
        format!("{TOKENS}\nGUARD_KEYS = \"http://{}/keys\"\nGUARD_STORE = \"guard\"", id.address);
    let outbound = format!(
        "client = true\nkv = [\"guard\"]\n\
         outbound = [{{ to = \"http://{}\", private = true }}]",
        id.address
    );
    let node = scenario(&origin, "\"guard\"", &environment, &outbound).start();
    let tokens = tokens();
    let (good, later) = (tokens["good"]["es256"].as_str(), tokens["later"].as_str());
    ISSUER.store(3, SeqCst);
    assert_eq!(ask(&node, "/", good, &[]).status, 503, "no keys, no decision");
    ISSUER.store(1, SeqCst);
    assert_eq!(ask(&node, "/", good, &[]).status, 503, "it was tried just now");
    assert_eq!(id.heads().len(), 1, "{:?}", id.heads());
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(ask(&node, "/", good, &[]).status, 200, "{}", node.log());
    assert_eq!(ask(&node, "/", later, &[]).status, 401, "not among them, and just got");
    assert_eq!(id.heads().len(), 2, "{:?}", id.heads());
    ISSUER.store(0, SeqCst);
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(ask(&node, "/", later, &[]).status, 401, "the issuer is down");
    assert_eq!(ask(&node, "/other", good, &[]).status, 200, "and its keys go on");
    ISSUER.store(2, SeqCst);
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(ask(&node, "/", later, &[]).status, 200, "{}", node.log());
    assert!(origin.heads().len() == 3, "{:?}", origin.heads());
}

/// Whether the issuer has renewed its keys.
static RENEWED: AtomicBool = AtomicBool::new(false);

fn renewing(_: &str, answering: &mut Answering) -> std::io::Result<()> {
    let set = if RENEWED.load(SeqCst) { "later_keys" } else { "keys" };
    answering.whole("200 OK", "", tokens()[set].to_string().as_bytes())
}

#[test]
fn a_key_that_is_gone_counts_no_more_whatever_was_kept() {
    let (origin, id) = (Scripted::start(told), Scripted::start(renewing));
    let environment = format!(
        "{TOKENS}\nGUARD_KEYS = \"http://{}/keys\"\nGUARD_KEYS_S = \"10\"\n\
         GUARD_STORE = \"guard\"\nGUARD_VERIFIED = \"shared\"",
        id.address
    );
    let outbound = format!(
        "client = true\nkv = [\"guard\"]\n\
         outbound = [{{ to = \"http://{}\", private = true }}]",
        id.address
    );
    let node = scenario(&origin, "\"guard\"", &environment, &outbound).start();
    let tokens = tokens();
    let (stays, goes) = (tokens["good"]["es256"].as_str(), tokens["good"]["rs256"].as_str());
    // At once, so that several instances know it.
    let all = |status| {
        std::thread::scope(|scope| {
            for target in ["/", "/again"].repeat(8) {
                let node = &node;
                scope.spawn(move || {
                    let answer = ask(node, target, goes, &[]);
                    assert_eq!(answer.status, status, "{target}: {}", node.log());
                });
            }
        });
    };
    assert_eq!(ask(&node, "/", goes, &[]).status, 200, "{}", node.log());
    all(200);
    RENEWED.store(true, SeqCst);
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(ask(&node, "/", stays, &[]).status, 200, "{}", node.log());
    assert_eq!(id.heads().len(), 2, "it was renewed: {:?}", id.heads());
    all(401);
    assert_eq!(ask(&node, "/other", goes, &[]).status, 401, "{}", node.log());
}
