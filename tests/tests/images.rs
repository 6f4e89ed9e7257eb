//! The ready-made function `images` on a node, over real photographs.

use sedge_tests::client::{self, Answer, encode};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario, artifacts};
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
        routes = ["/img/*", "/cdn-cgi/image/*"]
        [function.limits]
        memory_bytes_max = "256 MiB"
        cpu_ms_max = "10 s"
        [function.environment]
        IMAGES_ORIGIN = "{0}"
        [function.capabilities]
        outbound = [{{ to = "{0}", private = true }}]
        "#,
        origin.url("")
    );
    Node::start_sharing(&manifest)
}

/// A function that answers signed URLs only, one with a list of sources, and one
/// that lacks the keys it needs.
fn guarded(origin: &Origin) -> String {
    format!(
        r#"
        [app]
        name = "images"
        [[function]]
        name = "images"
        source = "{{guests}}/images.wasm"
        routes = ["/s/*", "/img/*"]
        [function.limits]
        memory_bytes_max = "256 MiB"
        cpu_ms_max = "10 s"
        [function.environment]
        IMAGES_SIGNATURE = "required"
        [function.capabilities.secrets]
        images_key = {{ env = "IMAGES_KEY" }}
        images_salt = {{ env = "IMAGES_SALT" }}
        [[function]]
        name = "listed"
        source = "{{guests}}/images.wasm"
        routes = ["/listed/*"]
        [function.environment]
        IMAGES_SOURCES = "{0}/rocket.jpg, {0}/redirect"
        [function.capabilities]
        outbound = [{{ to = "{0}", private = true }}]
        [[function]]
        name = "open"
        source = "{{guests}}/images.wasm"
        routes = ["/open/*"]
        [function.environment]
        IMAGES_SIGNATURE = "required"
        "#,
        origin.url("")
    )
}

/// What `images` answers where every URL has to be signed, and sources are listed.
#[test]
fn only_signed_urls_and_listed_sources_are_served() {
    let origin = Origin::start();
    let node = Scenario::new()
        .share_code()
        .app("images", &guarded(&origin))
        .environment("IMAGES_KEY", "000102030405060708090a0b0c0d0e0f")
        .environment("IMAGES_SALT", "73616c74")
        .start();
    let rocket = photo("rocket.jpg");
    // Signed by `openssl dgst -sha256 -mac HMAC` over `salt` and the target.
    let good = "yzklyXtTZJ9Bt_K83FupVHazZxxI5dAj9BwYvUu0_J4";
    let late = "8tjINa70I4vVRlpvkudvFYM0UMIbPxYwPFhpkO-k8wU/img/32x32/cover?expires=1";
    let timely = "z4T4FFS8OTqT1_0H6oHe-8Igrqzkm51ooguGsUEHQPA/img/32x32/cover?expires=4000000000";
    for (target, status, expected) in [
        ("/img/32x32/cover", 403, "bad-signature"),
        ("/s/unsafe/img/32x32/cover", 403, "bad-signature"),
        (&*format!("/s/{good}/img/33x32/cover"), 403, "bad-signature"),
        (&format!("/s/{good}/img/32x32/cover?q=1"), 403, "bad-signature"),
        (&format!("/s/{late}"), 403, "urn:sedge:images:expired"),
        // Secrets that are not granted leave nothing open.
        ("/open/img/32x32/cover", 500, "bad-configuration"),
    ] {
        let refused = convert(&node, target, "image/jpeg", &rocket);
        assert_eq!(refused.status, status, "{target}: {}", refused.text());
        assert!(refused.text().contains(expected), "{target}: {}", refused.text());
    }
    for target in [format!("/s/{good}/img/32x32/cover"), format!("/s/{timely}")] {
        let answer = convert(&node, &target, "image/jpeg", &rocket);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(size(&answer.body), (32, 32));
    }
    let ask = |source: &str| node.get(&format!("/listed/img/32x32/cover?src={}", encode(source)));
    assert_eq!(ask(&origin.url("/rocket.jpg?v=1")).status, 200);
    let before = origin.heads().len();
    for source in ["/rocket.jpg2", "/", "/rocket.jpg/..%2f/", "/other/rocket.jpg"] {
        let refused = ask(&origin.url(source));
        assert_eq!(refused.status, 403, "{source}: {}", refused.text());
        assert!(refused.text().contains("source-not-listed"), "{source}: {}", refused.text());
    }
    assert_eq!(origin.heads().len(), before, "a source was fetched that is not listed");
    // What is listed may not lead to what is not.
    let led = ask(&origin.url(&format!("/redirect?{}", origin.url("/secret"))));
    assert_eq!(led.status, 403, "{}", led.text());
    assert_eq!(origin.heads().len(), before + 1);
}

/// A photograph of the example, or a sample (`avif/…`) of the function's own tests.
fn photo(name: &str) -> Vec<u8> {
    let is_sample = name.starts_with("avif/");
    let folder = if is_sample { "../functions/images/testdata" } else { "../examples/images" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read(folder.join(name)).expect("a photograph or a sample")
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
    cloudflares_grammar_is_understood(&node, &origin);
}

/// Native code and the component make the same bytes: `golden.tsv` is checked
/// natively by the unit tests of `images`, and here on a node.
#[test]
fn the_component_makes_the_bytes_that_native_code_makes() {
    let origin = Origin::start();
    let node = node(&origin);
    let table = include_str!("../../functions/images/golden.tsv");
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [url, accept, name, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not four columns: {line}");
        };
        let answer = convert(&node, url, accept, &photo(name));
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        // 64-bit FNV-1a.
        let digest = answer.body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        assert_eq!(format!("{digest:016x}"), expected, "{url} {accept} {name}");
    }
}

fn cloudflares_grammar_is_understood(node: &Node, origin: &Origin) {
    for options in ["", "zoom=2", "width=-1", "w=1,w=2", &"w=1,".repeat(300)] {
        let answer = node.get(&format!("/cdn-cgi/image/{options}/rocket.jpg"));
        assert_eq!(answer.status, 400, "{options}: {}", answer.text());
    }
    let options = "width=160,height=160,fit=cover,gravity=top,format=jpeg,dpr=2";
    for source in ["rocket.jpg", "rocket.jpg?v=1", &origin.url("/rocket.jpg")] {
        let answer = node.get(&format!("/cdn-cgi/image/{options}/{source}"));
        assert_eq!(answer.status, 200, "{source}: {}", answer.text());
        assert_eq!(size(&answer.body), (320, 320), "{source}");
        let asked = origin.heads().pop().expect("it was fetched");
        assert!(asked.starts_with("GET /rocket.jpg"), "{asked}");
    }
    // What is no picture: a problem, or the source itself where that is asked.
    let refused = node.get("/cdn-cgi/image/width=1/text?v=1");
    assert_eq!(refused.status, 422, "{}", refused.text());
    let sent = node.get("/cdn-cgi/image/width=1,onerror=redirect/text?v=1");
    assert_eq!((sent.status, sent.header("location")), (307, Some("/text?v=1")));
    // Never to another host.
    let sent = node.get("/cdn-cgi/image/width=1,onerror=redirect//evil.example/x");
    let location = sent.header("location");
    assert!(location.is_none_or(|to| to == "/evil.example/x"), "{location:?}");
    let elsewhere = Origin::start();
    let source = elsewhere.url("/x");
    let denied = node.get(&format!("/cdn-cgi/image/width=1,onerror=redirect/{source}"));
    assert_eq!(denied.status, 403, "{}", denied.text());
    assert!(elsewhere.heads().is_empty(), "a source was fetched that may not be");
}

fn wrong_input_is_refused(node: &Node) {
    let rocket = photo("rocket.jpg");
    let (hdr, odd) = (photo("avif/pq.avif"), photo("avif/odd420.avif"));
    let cases: [(&str, &[u8], u16); 9] = [
        ("/img/nonsense", &rocket, 404),
        ("/img/99999999x1/cover", &rocket, 400),
        ("/img/100x100/stretch", &rocket, 400),
        ("/img/100x100/cover", b"", 400),
        ("/img/100x100/cover", b"not a picture", 415),
        ("/img/100x100/cover", &rocket[..2_000], 422),
        ("/img/100x100/cover", &hdr, 415),
        ("/img/100x100/cover", &odd[..300], 422),
        ("/img/100x100/cover", &odd[..400], 422),
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
