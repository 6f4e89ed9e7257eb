//! Copies of requests: whatever becomes of them, the requests are none the worse.

use sedge_tests::origin::Origin;
use sedge_tests::{Node, client, wait_for};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// How a server treats copies.
#[derive(Clone, Copy)]
enum Manners {
    /// Reads, and never answers.
    Silent,
    /// Reads nothing at all.
    Deaf,
    /// Answers without end.
    Endless,
    /// Closes at once.
    Closing,
    /// Answers what is no HTTP.
    Nonsense,
}

/// A server of these manners; its threads end with the test.
fn server(manners: Manners) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            match manners {
                Manners::Closing => drop(stream),
                Manners::Deaf => kept.push(stream),
                _ => drop(std::thread::spawn(move || {
                    let mut buffer = [0; 64 * 1024];
                    match manners {
                        Manners::Silent => while stream.read(&mut buffer).is_ok_and(|n| n > 0) {},
                        Manners::Nonsense => drop(stream.write_all(b"nonsense\r\n\r\n")),
                        _ => {
                            let _ = stream.read(&mut buffer);
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                            while stream.write_all(&buffer).is_ok() {}
                        }
                    }
                })),
            }
        }
    });
    address
}

fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

fn node(origin: &Origin, shadow: SocketAddr) -> Node {
    Node::start(&format!(
        "[app]\nname = \"app\"\n\n\
         [[upstream]]\nname = \"back\"\nendpoints = [\"{}\"]\n\n\
         [[upstream]]\nname = \"shadow\"\nendpoints = [\"{shadow}\"]\n\n\
         [[route]]\nname = \"all\"\nupstream = \"back\"\nmirror = [{{ upstream = \"shadow\" }}]\n",
        origin.address
    ))
}

fn copies(node: &Node, outcome: &str) -> f64 {
    node.metrics().sum("sedge_route_mirrored_total", &[("route", "all"), ("outcome", outcome)])
}

#[test]
fn no_mirror_harms_a_request() {
    let origin = Origin::start();
    let large = vec![b'm'; 2_000_000];
    for (name, shadow) in [
        ("silent", server(Manners::Silent)),
        ("deaf", server(Manners::Deaf)),
        ("endless", server(Manners::Endless)),
        ("closing", server(Manners::Closing)),
        ("nonsense", server(Manners::Nonsense)),
        ("dead", nobody()),
    ] {
        let node = node(&origin, shadow);
        for round in 0..300 {
            let answer = node.get("/");
            assert_eq!((answer.status, answer.text()), (200, "origin\n".into()), "{name} {round}");
        }
        for _ in 0..4 {
            let answer = node.post("/echo", &large);
            assert!(answer.status == 200 && answer.body == large, "{name}: {}", answer.status);
        }
        let begun = copies(&node, "sent");
        let not_begun = copies(&node, "dropped");
        // A copy that fell behind was begun, and dropped.
        assert!(begun <= 304.0 && begun + not_begun >= 304.0, "{name}: {begun} {not_begun}");
        if matches!(name, "closing" | "nonsense" | "dead") {
            let failed =
                wait_for(Duration::from_secs(20), || copies(&node, "failed") >= begun - 4.0);
            assert!(failed.is_some(), "{name}: {} of {begun}", copies(&node, "failed"));
        }
        // No request has failed, and none is blamed for its copy.
        let metrics = node.metrics();
        assert_eq!(metrics.sum("sedge_failures_total", &[]), 0.0, "{name}");
        assert_eq!(metrics.sum("sedge_route_failures_total", &[("route", "all")]), 0.0, "{name}");
        let ok = [("route", "all"), ("http_response_status_class", "2xx")];
        assert_eq!(metrics.sum("sedge_route_requests_total", &ok), 304.0, "{name}");
    }
}

#[test]
fn a_copy_is_the_request_and_its_answer_is_nobodys() {
    let (origin, shadow) = (Origin::start(), Origin::start());
    let node = node(&origin, shadow.address);
    let fields = [("x-kept", "1"), ("connection", "close")];
    let answer = client::call(node.listen, "POST", "/echo?a=b", &fields, b"content");
    assert_eq!((answer.status, answer.text()), (200, "content".into()));
    let copied = wait_for(Duration::from_secs(10), || shadow.heads().len() == 1);
    assert!(copied.is_some(), "no copy came");
    let heads = [origin.heads(), shadow.heads()].concat();
    for head in &heads {
        assert!(head.starts_with("POST /echo?a=b HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("x-kept: 1\r\n"), "{head}");
    }
    let counted = wait_for(Duration::from_secs(10), || copies(&node, "sent") == 1.0);
    assert!(counted.is_some());
    assert_eq!((copies(&node, "failed"), copies(&node, "dropped")), (0.0, 0.0));
}
