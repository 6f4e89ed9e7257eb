//! Upstreams with TLS.

use super::manifest;
use sedge_tests::nginx::Nginx;
use sedge_tests::tls::{Authority, Subject};
use sedge_tests::{Node, Scenario, wait_for};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const TLS: &str = "tls = { server_name = \"api.test\", trusted_roots = [\"certs/ca.pem\"] }";

/// Where an app of the scenario has its certificates.
fn certs(scenario: &Scenario) -> PathBuf {
    scenario.folder().join("app/certs")
}

fn api(hosts: &'static [&'static str]) -> Subject<'static> {
    Subject { name: "api", hosts, ..Subject::default() }
}

/// nginx with this certificate of `certs`.
fn nginx(certs: &Path, name: &str, more: &str) -> Nginx {
    let server = format!(
        "    ssl_certificate {at}/{name}.pem;\n    ssl_certificate_key {at}/{name}-key.pem;\n\
         {more}\n    location / {{ return 200 \"nginx $ssl_server_name $ssl_client_verify\\n\"; }}",
        at = certs.display()
    );
    Nginx::start(&certs.join("nginx"), "ssl", &server)
}

#[test]
fn files_that_are_wrong_are_told_by_their_lines_before_anything_is_served() {
    let scenario = Scenario::new();
    Authority::new(&certs(&scenario), "ca").issue("node", api(&["node.test"]));
    Authority::new(&certs(&scenario), "other").issue("other", api(&["other.test"]));
    let tls = "tls = { trusted_roots = [\"certs/absent.pem\"], certificate = \"certs/node.pem\", \
               key = \"certs/other-key.pem\" }";
    let text = manifest(&[super::nobody()], tls, "");
    let app = scenario.folder().join("app");
    let scenario = scenario.app("app", &text);
    let checked = Command::new(sedge_tests::guests::binary()).arg("check").arg(&app).output();
    let checked = checked.expect("the binary runs");
    let (status, log) = scenario.fail_to_start();
    assert!(!checked.status.success() && !status.success(), "{log}");
    for told in [&String::from_utf8_lossy(&checked.stderr), &*log] {
        for part in ["absent.pem", "does not match the certificate", "sedge.toml:7", "hint:"] {
            assert!(told.contains(part), "{part} in {told}");
        }
    }
}

#[test]
fn an_endpoint_that_does_not_prove_who_it_is_is_sent_nothing() {
    for (name, subject) in [
        ("expired", Subject { expired: true, ..api(&["api.test"]) }),
        ("another", api(&["another.test"])),
        ("stranger", api(&["api.test"])),
    ] {
        let scenario = Scenario::new();
        let certs = certs(&scenario);
        let ours = Authority::new(&certs, "ca");
        let strange = Authority::new(&certs, "strange");
        let by = if name == "stranger" { &strange } else { &ours };
        by.issue(name, subject);
        let nginx = nginx(&certs, name, "");
        let node = scenario.app("app", &manifest(&[nginx.address], TLS, "")).start();
        let problem = node.get("/").problem();
        assert_eq!(problem, ("upstream_tls".to_owned(), "upstream".to_owned()), "{name}");
        let labels = [("upstream", "back")];
        let failed = node.metrics().sum("sedge_upstream_endpoint_tls_failures_total", &labels);
        assert_eq!((failed, nginx.requests().len()), (1.0, 0), "{name}");
    }
}

#[test]
fn a_server_is_asked_for_its_name_and_told_who_asks() {
    let scenario = Scenario::new();
    let certs = certs(&scenario);
    let ca = Authority::new(&certs, "ca");
    ca.issue("api", api(&["api.test"]));
    ca.issue("node", Subject { client: true, ..api(&["node.test"]) });
    let mutual = format!(
        "    ssl_client_certificate {}/ca.pem;\n    ssl_verify_client on;",
        certs.display()
    );
    let nginx = nginx(&certs, "api", &mutual);
    let tls =
        TLS.replace(" }", ", certificate = \"certs/node.pem\", key = \"certs/node-key.pem\" }");
    let node = scenario.app("app", &manifest(&[nginx.address], &tls, "")).start();
    for _ in 0..10 {
        assert_eq!(node.text("/"), "nginx api.test SUCCESS\n");
    }
    // Without a certificate nginx answers by itself, and says so.
    node.rewrite("app", &manifest(&[nginx.address], TLS, ""));
    let patience = Duration::from_secs(20);
    wait_for(patience, || node.get("/").status == 400).expect("the new manifest is served");
}

#[test]
fn certificates_are_replaced_while_requests_go_on() {
    let scenario = Scenario::new();
    let certs = certs(&scenario);
    Authority::new(&certs, "ca").issue("api", api(&["api.test"]));
    let mut nginx = nginx(&certs, "api", "");
    let node = scenario.app("app", &manifest(&[nginx.address], TLS, "")).start();
    assert_eq!(node.text("/"), "nginx api.test NONE\n");
    let served = |node: &Node| node.metrics().sum("sedge_deployments_total", &[]);
    let before = served(&node);
    // Another authority in the same files, and a server with its certificate.
    Authority::new(&certs, "ca").issue("api", api(&["api.test"]));
    wait_for(Duration::from_secs(20), || served(&node) > before).expect("it is deployed again");
    nginx.restart();
    assert_eq!(node.text("/"), "nginx api.test NONE\n");
}
