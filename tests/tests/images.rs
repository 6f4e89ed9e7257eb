//! The ready-made function `images` on a node, over real photographs.

use sedge_tests::client::{self, Answer, encode};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, artifacts};
use std::fs;
use std::path::Path;

/// A node whose function may fetch from `origin`.
fn node(origin: &Origin) -> Node {
    let manifest = format!(
        r#"
        [app]
        name = "images"
        [[function]]
        name = "images"
        source = "{{guests}}/images.wasm"
        routes = ["/img/*"]
        [function.limits]
        memory_bytes_max = "256 MiB"
        cpu_ms_max = "10 s"
        [function.capabilities]
        outbound = [{{ to = "{}", private = true }}]
        "#,
        origin.url("")
    );
    Node::start(&manifest)
}

fn photo(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/images");
    fs::read(folder.join(name)).expect("an example's photograph")
}

/// Sends a photograph and asks for a format.
fn convert(node: &Node, target: &str, accept: &str, body: &[u8]) -> Answer {
    client::call(node.listen, "POST", target, &[("accept", accept)], body)
}

/// Width and height of a JPEG, PNG or WebP, read from its header.
fn size(bytes: &[u8]) -> (u32, u32) {
    let big = |at: usize| u32::from(bytes[at]) << 8 | u32::from(bytes[at + 1]);
    let little = |at: usize| u32::from(bytes[at]) | u32::from(bytes[at + 1] & 0x3f) << 8;
    if bytes.starts_with(b"\x89PNG") {
        return (big(18), big(22));
    }
    if bytes.starts_with(b"RIFF") {
        return match &bytes[12..16] {
            // Lossy: frame tag and start code, then 14 bits each.
            b"VP8 " => (little(26), little(28)),
            // Extended: the canvas, less one, in 24 bits each.
            b"VP8X" => (little(24) + 1, little(27) + 1),
            kind => panic!("another kind of WebP: {kind:?}"),
        };
    }
    assert!(bytes.starts_with(b"\xff\xd8"), "no picture");
    let mut at = 2;
    // Start of frame: 0xc0 to 0xcf, but for three tables.
    while !matches!(bytes[at + 1], 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) {
        at += 2 + big(at + 2) as usize;
    }
    (big(at + 7), big(at + 5))
}

#[test]
fn photographs_are_resized_and_converted() {
    let origin = Origin::start();
    let node = node(&origin);
    wrong_input_is_refused(&node);
    bombs_are_refused_by_size(&node);
    sizes_and_formats_are_as_asked(&node);
    sources_are_fetched_where_allowed(&node, &origin);
}

fn wrong_input_is_refused(node: &Node) {
    let rocket = photo("rocket.jpg");
    let cases: [(&str, &[u8], u16); 6] = [
        ("/img/nonsense", &rocket, 404),
        ("/img/99999999x1/cover", &rocket, 400),
        ("/img/100x100/stretch", &rocket, 400),
        ("/img/100x100/cover", b"", 400),
        ("/img/100x100/cover", b"not a picture", 415),
        ("/img/100x100/cover", &rocket[..2_000], 422),
    ];
    for (target, body, status) in cases {
        let answer = convert(node, target, "*/*", body);
        assert!((400..500).contains(&answer.status), "{target}: {}", answer.status);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{target}");
    }
}

/// 30,000 × 30,000 pixels in a file of a few bytes.
fn bombs_are_refused_by_size(node: &Node) {
    let bomb = artifacts::png_header(30_000, 30_000);
    assert!(bomb.len() < 4_096);
    let answer = convert(node, "/img/100x100/cover", "*/*", &bomb);
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(answer.text().contains("30000"), "{}", answer.text());
}

fn sizes_and_formats_are_as_asked(node: &Node) {
    let rocket = photo("rocket.jpg");
    // (target, accepted, type of the answer, size of the answer)
    let cases = [
        ("/img/320x214/cover", "image/jpeg", "image/jpeg", (320, 214)),
        ("/img/100x100/cover", "image/png", "image/png", (100, 100)),
        ("/img/100x100/contain", "image/jpeg", "image/jpeg", (100, 100)),
        ("/img/320x/inside", "image/webp", "image/webp", (320, 214)),
        ("/img/50x60/fill", "image/jpeg", "image/jpeg", (50, 60)),
    ];
    for (target, accept, media, expected) in cases {
        let answer = convert(node, target, accept, &rocket);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some(media), "{target}");
        let (width, height) = size(&answer.body);
        assert_eq!(width, expected.0, "{target}");
        assert!(height.abs_diff(expected.1) <= 1, "{target}: {height}");
        assert!(answer.body.len() < rocket.len(), "{target} grew");
    }
    for name in ["coffee.png", "chelsea.png"] {
        let answer = convert(node, "/img/64x64/cover", "image/jpeg", &photo(name));
        assert_eq!(size(&answer.body), (64, 64), "{name}");
    }
}

fn sources_are_fetched_where_allowed(node: &Node, origin: &Origin) {
    // The origin's page is no picture, but it is fetched.
    let fetched = node.get(&format!("/img/10x10/cover?src={}", encode(&origin.url("/x"))));
    assert_eq!(fetched.status, 422, "{}", fetched.text());
    assert_eq!(origin.heads().len(), 1);
    let elsewhere = Origin::start();
    for url in [elsewhere.url("/x"), origin.url(&format!("/redirect?{}", elsewhere.url("/x")))] {
        let denied = node.get(&format!("/img/10x10/cover?src={}", encode(&url)));
        assert_eq!(denied.status, 403, "{url}: {}", denied.text());
    }
    assert!(elsewhere.heads().is_empty(), "a source was fetched that may not be");
}
