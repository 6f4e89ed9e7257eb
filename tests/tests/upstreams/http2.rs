//! Upstreams that speak HTTP/2.

use super::manifest;
use sedge_tests::client::{self, Connection};
use sedge_tests::nginx::Nginx;
use sedge_tests::origin::Origin;
use sedge_tests::tls::{Authority, Subject};
use sedge_tests::{Node, Scenario, wait_for};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const ANSWER: &str = "    location / { return 200 \"$server_protocol $host $http_te\\n\"; }";

/// nginx that speaks HTTP/2 in the clear, and nothing else.
fn nginx(folder: &std::path::Path, name: &str) -> Nginx {
    Nginx::start(&folder.join(name), "http2", ANSWER)
}

const HTTP2: &str = "protocol = \"http2\"";

#[test]
fn a_server_that_speaks_no_http2_is_sent_nothing() {
    let origin = Origin::start();
    let node = Node::start(&manifest(&[origin.address], HTTP2, ""));
    let problem = node.get("/").problem();
    assert_eq!(problem, ("upstream_connect".to_owned(), "upstream".to_owned()));
    let asked = origin.heads();
    assert!(asked.iter().all(|head| !head.contains("get /")), "{asked:?}");
}

#[test]
fn nginx_is_spoken_with_in_http2_by_many_at_once() {
    let scenario = Scenario::new();
    let nginx = nginx(scenario.folder(), "nginx");
    let node = scenario.app("app", &manifest(&[nginx.address], HTTP2, "")).start();
    let mut clients: Vec<_> = (0..30).map(|_| Connection::open(node.listen)).collect();
    for _ in 0..10 {
        for client in &mut clients {
            client.request("GET", "/", &[("host", "shop.test")], &[]);
        }
        for client in &mut clients {
            let answer = client.read_answer(false);
            assert_eq!(answer.text(), "HTTP/2.0 shop.test trailers\n", "{answer:?}");
        }
    }
    let labels = [("upstream", "back")];
    let connections = node.metrics().sum("sedge_upstream_endpoint_connects_total", &labels);
    // One for each thread.
    assert!(connections <= 2.0, "{connections}");
    assert_eq!(nginx.requests().len(), 300);
}

#[test]
fn what_nginx_chooses_by_alpn_is_spoken() {
    for (listen, expected) in [("ssl http2", "HTTP/2.0"), ("ssl", "HTTP/1.1")] {
        let scenario = Scenario::new();
        let certs = scenario.folder().join("app/certs");
        let api = Subject { name: "api", hosts: &["api.test"], ..Subject::default() };
        Authority::new(&certs, "ca").issue("api", api);
        let server = format!(
            "    ssl_certificate {at}/api.pem;\n    ssl_certificate_key {at}/api-key.pem;\n{ANSWER}",
            at = certs.display()
        );
        let nginx = Nginx::start(&certs.join("nginx"), listen, &server);
        let tls = "tls = { server_name = \"api.test\", trusted_roots = [\"certs/ca.pem\"] }";
        let node = scenario.app("app", &manifest(&[nginx.address], tls, "")).start();
        for _ in 0..5 {
            let text = node.text("/");
            assert!(text.starts_with(expected), "{listen}: {text}");
        }
        let large = vec![b'x'; 2_000_000];
        assert_eq!(client::post(node.listen, "/", &large).status, 200, "{listen}");
    }
}

#[test]
fn a_server_that_is_killed_and_comes_back_costs_no_request_with_retries() {
    let scenario = Scenario::new();
    let mut servers = [nginx(scenario.folder(), "one"), nginx(scenario.folder(), "two")];
    let addresses = [servers[0].address, servers[1].address];
    let text = manifest(&addresses, HTTP2, "retries = 2");
    let node = scenario.app("app", &text).start();
    let (stop, asked, failed) =
        (AtomicBool::new(false), Arc::<AtomicUsize>::default(), AtomicUsize::new(0));
    let broken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Connection::open(node.listen);
                while !stop.load(SeqCst) {
                    client.request("GET", "/", &[], &[]);
                    let answer = client.read_answer(false);
                    if !answer.whole {
                        // Killed between an answer's head and its body: that is no request
                        // that could be made again, and the connection ends with it.
                        broken.fetch_add(1, SeqCst);
                        client = Connection::open(node.listen);
                    } else if answer.status != 200 {
                        failed.fetch_add(1, SeqCst);
                    }
                    asked.fetch_add(1, SeqCst);
                }
            });
        }
        let go_on = |count| {
            let before = asked.load(SeqCst);
            wait_for(Duration::from_secs(30), || asked.load(SeqCst) > before + count)
        };
        let mut went_on = go_on(300);
        for server in &mut servers {
            server.kill();
            went_on = went_on.and_then(|()| go_on(300));
            server.restart();
            went_on = went_on.and_then(|()| go_on(300));
        }
        stop.store(true, SeqCst);
        went_on.expect("the load goes on");
    });
    assert_eq!(failed.load(SeqCst), 0, "of {}", asked.load(SeqCst));
    let broken = broken.load(SeqCst);
    // One for each kill and client, at most.
    assert!(broken <= 2 * 4, "{broken} of {}", asked.load(SeqCst));
    assert_eq!(node.metrics().failures("upstream_broken"), broken as f64);
}
