//! What is not taken, and how it is told.

use crate::{open, records, send, send_to};
use sedge_tests::mqtt::set_password;
use sedge_tests::tls::{Authority, Subject, curl};
use sedge_tests::{Node, Scenario};
use serde_json::Value;

const JSON: &str = "application/json";
const SENML: &str = "application/senml+json";

#[test]
fn nobody_sends_as_somebody_else() {
    let config = "[ingest]\npasswords = \"passwords\"\nany_device = [\"gateway\"]\n";
    let scenario = Scenario::new().config(config);
    for name in ["pump-7", "gateway"] {
        set_password(scenario.folder(), "passwords", name, "secret");
    }
    let node = scenario.start();
    for (device, words, status) in [
        ("pump-7", &[][..], 401),
        ("pump-7", &["--user", "pump-7:wrong"], 401),
        ("pump-7", &["--user", "pump-7:"], 401),
        ("pump-7", &["--user", "nobody:secret"], 401),
        ("pump-7", &["--header", "authorization: Bearer abc"], 401),
        ("pump-7", &["--header", "authorization: Basic !"], 401),
        // A field that only the node may set.
        ("pump-7", &["--header", "sedge-client-subject: CN=pump-7"], 401),
        ("pump-8", &["--user", "pump-7:secret"], 403),
        ("PUMP-7", &["--user", "pump-7:secret"], 403),
        ("pump-7%20", &["--user", "pump-7:secret"], 403),
    ] {
        let told = send(&node, device, JSON, words, b"{\"a\":1}");
        assert_eq!(told.status, status, "{device} {words:?} {}", told.body);
        assert_eq!(told.json()["status"], status, "{}", told.body);
        assert!(told.head.contains("application/problem+json"), "{}", told.head);
        assert_eq!(told.head.contains("www-authenticate: basic"), status == 401);
    }
    assert_eq!(records(&node, ""), Vec::<Value>::new());
    // Twice, as the second one is recognized without another check.
    for _ in 0..2 {
        let told = send(&node, "pump-7", JSON, &["--user", "pump-7:secret"], b"{\"a\":1}");
        assert_eq!(told.status, 200, "{}", told.body);
        let told = send(&node, "any", JSON, &["--user", "gateway:secret"], b"{\"a\":1}");
        assert_eq!(told.status, 200, "{}", told.body);
    }
    // Another password holds at once, and the old one no more.
    set_password(node.folder(), "passwords", "pump-7", "other");
    node.hang_up();
    node.wait_log("passwords of devices were loaded again", std::time::Duration::from_secs(30));
    let told = send(&node, "pump-7", JSON, &["--user", "pump-7:secret"], b"{\"a\":1}");
    assert_eq!(told.status, 401);
    let counted =
        |outcome| node.metrics().sum("sedge_ingest_requests_total", &[("outcome", outcome)]);
    assert_eq!((counted("unauthorized"), counted("forbidden")), (8.0, 3.0));
    assert_eq!(counted("stored"), 4.0);
}

#[test]
fn a_client_certificate_is_the_device() {
    let scenario = Scenario::new();
    let folder = scenario.folder().to_owned();
    let authority = Authority::new(&folder, "ca");
    let subject =
        |name, client| Subject { name, hosts: &["localhost"], uri: None, client, expired: false };
    authority.issue("site", subject("site", false));
    authority.issue("pump-7", subject("pump-7", true));
    let node = scenario
        .config(
            "[ingest]\n[[tls]]\nlisten = \"127.0.0.1:0\"\nclient_ca = \"ca.pem\"\n\
             client_auth = \"optional\"\n[[tls.certificate]]\ncertificate = \"site.pem\"\n\
             key = \"site-key.pem\"\n",
        )
        .start();
    let send = |device: &str, certificate: &[&str]| {
        let url = format!("https://localhost:{}/v1/ingest/{device}", node.tls[0].port());
        let words = ["--cacert", "ca.pem", "-o", "/dev/null", "-w", "%{http_code}"];
        let body = ["-H", "content-type: application/json", "-d", "{\"a\":1}", &url];
        let output = curl(node.folder(), &[&words, certificate, &body].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let pump = &["--cert", "pump-7.pem", "--key", "pump-7-key.pem"];
    assert_eq!(send("pump-7", &[]), "401");
    assert_eq!(send("pump-8", pump), "403");
    assert_eq!(send("pump-7", pump), "200");
    assert_eq!(records(&node, "").len(), 1);
}

#[test]
fn what_cannot_be_read_is_told_and_nothing_of_it_is_stored() {
    let node = open("body_bytes_max = \"4 KiB\"\nreadings_max = 10").start();
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(5_000));
    let many = format!("[{}]", ["{\"a\":1}"; 11].join(","));
    let deep = format!("{{\"{}\":1}}", "/".repeat(40));
    for (media_type, words, body, status) in [
        ("text/plain", &[][..], "21.5", 415),
        ("", &[], "21.5", 415),
        (JSON, &["--header", "content-encoding: gzip"], "{}", 415),
        (JSON, &[], "", 400),
        (JSON, &[], "{\"a\":1", 400),
        (JSON, &[], "[{\"a\":1},{\"a\":1}", 400),
        (JSON, &[], "{\"a\":{\"b\":1}}", 400),
        (JSON, &[], "[]", 400),
        (JSON, &[], "{\"a\":1e999}", 400),
        (SENML, &[], "[{\"n\":\"a\"}]", 400),
        (JSON, &[], &deep, 400),
        (JSON, &[], &long, 413),
        (JSON, &["--header", "transfer-encoding: chunked"], &long, 413),
        (JSON, &[], &many, 413),
        (JSON, &["--header", "sedge-epoch: 1"], "{\"a\":1}", 400),
        (JSON, &["-H", "sedge-epoch: x", "-H", "sedge-sequence: 1"], "{\"a\":1}", 400),
        (
            JSON,
            &["-H", "sedge-epoch: 9223372036854775808", "-H", "sedge-sequence: 1"],
            "{\"a\":1}",
            400,
        ),
    ] {
        let told = send(&node, "pump-7", media_type, words, body.as_bytes());
        assert_eq!(told.status, status, "{media_type} {words:?} {body:.40} {}", told.body);
        assert_eq!(told.json()["status"], status, "{}", told.body);
    }
    let at = |path: &str, words: &[&str]| {
        let words = [&["-H", "content-type: application/json"], words].concat();
        send_to(&format!("http://{}{path}", node.listen), &words, b"{\"a\":1}")
    };
    for path in ["/v1/ingest", "/v1/ingest/", "/v1/ingest/a/b", "/v1/ingest/%ff"] {
        assert_eq!(at(path, &["--path-as-is"]).status, 404, "{path}");
    }
    let told = at("/v1/ingest/pump-7", &["--request", "PUT"]);
    assert_eq!((told.status, told.head.contains("allow: post")), (405, true), "{}", told.head);
    assert_eq!(records(&node, ""), Vec::<Value>::new());
    assert_eq!(send(&node, "pump-7", JSON, &[], b"{\"a\":1}").status, 200);
}

fn numbered(node: &Node, epoch: u64, sequence: u64) -> (u16, Value) {
    let epoch = format!("sedge-epoch: {epoch}");
    let sequence = format!("sedge-sequence: {sequence}");
    let told = send(node, "pump-7", JSON, &["-H", &epoch, "-H", &sequence], b"{\"a\":1}");
    (told.status, told.json())
}

#[test]
fn numbers_that_are_too_old_to_tell_are_refused() {
    let node = open("").start();
    // More gaps than are remembered.
    for sequence in 0..40 {
        assert_eq!(numbered(&node, 1, 2 * sequence).0, 200);
    }
    let (status, told) = numbered(&node, 1, 1);
    assert_eq!((status, &told["title"]), (409, &"the numbers are too old".into()), "{told}");
    assert_eq!(numbered(&node, 1, 78), (200, serde_json::json!({"stored": 0, "duplicates": 1})));
}

#[test]
fn a_full_log_refuses_until_there_is_room() {
    let node = open("[streams]\nbytes_max = \"1 MiB\"\nrecord_bytes_max = \"16 KiB\"").start();
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(12 << 10));
    let mut stored = 0;
    let told = loop {
        let told = send(&node, "pump-7", JSON, &[], body.as_bytes());
        if told.status != 200 {
            break told;
        }
        stored += 1;
        assert!(stored < 1_000);
    };
    assert_eq!(told.status, 507, "{}", told.body);
    assert!(told.head.contains("retry-after: 60"), "{}", told.head);
    assert_eq!(records(&node, "").len(), stored);
    assert!(node.metrics().sum("sedge_streams_refused_total", &[("reason", "full")]) >= 1.0);
}

#[test]
fn no_app_has_a_route_where_readings_arrive() {
    let manifest = |path: &str| {
        format!(
            "[app]\nname = \"shop\"\n[[route]]\nname = \"own\"\nmatch = [\"{path}\"]\n\
             order = \"first\"\nanswer = {{ status = 200, body = \"mine\" }}\n"
        )
    };
    for path in ["/v1/ingest/mine", "/v1/ingest/*"] {
        let (status, log) = open("").app("shop", &manifest(path)).fail_to_start();
        assert!(!status.success());
        assert!(log.contains("readings of devices arrive at /v1/ingest"), "{log}");
    }
    // One that takes everything has the rest.
    let node = open("").app("shop", &manifest("/*")).start();
    assert_eq!(node.text("/v1/ingestion"), "mine");
    assert_eq!(send(&node, "pump-7", JSON, &[], b"{\"a\":1}").status, 200);
}
