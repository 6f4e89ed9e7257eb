//! `sedge:codec` in functions for `wasi:http` 0.2 and 0.3, and what the ready-made
//! function `images` makes of it.

use sedge_tests::client::{self, Answer};
use sedge_tests::{Node, Scenario, artifacts, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// `hosts` of the functions that are granted the codec.
const GRANTED: [&str; 2] = ["p2", "p3"];

fn function(name: &str, guest: &str, limits: &str, codec: bool) -> String {
    format!(
        "[[function]]\nname = \"{name}\"\nsource = \"{{guests}}/{guest}.wasm\"\n\
         routes = [\"{name}.example/*\"]\n\
         [function.limits]\nmemory_bytes_max = \"256 MiB\"\ncpu_ms_max = \"10 s\"\n{limits}\n\
         [function.capabilities]\ncodec = {codec}\n\n"
    )
}

fn start(config: &str) -> Node {
    let functions = [
        function("p2", "probe", "", true),
        function("p3", "probe-p3", "", true),
        function("hasty", "probe", "deadline_ms = 300", true),
        function("bare", "probe", "", false),
        function("images", "images", "", true),
        function("plain", "images", "", false),
    ];
    let app = format!("[app]\nname = \"studio\"\n\n{}", functions.concat());
    Scenario::new().config(config).app("studio", &app).allow("hasty").start()
}

fn ask(node: &Node, name: &str, target: &str) -> Answer {
    let host = format!("{name}.example");
    client::call(node.listen, "GET", target, &[("host", &host)], &[])
}

fn encode(node: &Node, name: &str, query: &str) -> Value {
    let answer = ask(node, name, &format!("/codec/encode?{query}"));
    assert_eq!(answer.status, 200, "{name} {query}: {}", answer.text());
    answer.json()
}

/// No pixels are held, and nothing waits or is encoded.
fn rests(node: &Node) -> bool {
    let metrics = node.metrics();
    let names = ["sedge_codec_held_bytes", "sedge_codec_waiting", "sedge_codec_running"];
    names.iter().all(|name| metrics.sum(name, &[]) == 0.0)
}

#[test]
fn pixels_become_files_where_that_is_granted() {
    let node = start("[codec]\npixels_max = 1_000_000\navif_pixels_max = 100_000\n");
    nothing_is_encoded_without_the_grant(&node);
    what_cannot_be_is_refused(&node);
    every_format_is_written(&node);
    a_guest_may_leave_at_any_time(&node);
}

fn nothing_is_encoded_without_the_grant(node: &Node) {
    assert_eq!(ask(node, "bare", "/codec/granted").json(), Value::Null);
    let refused = ask(node, "bare", "/codec/encode");
    assert_eq!((refused.status, &*refused.text()), (403, "access-denied\n"));
    for name in GRANTED {
        let limits = json!({ "pixels_max": 1_000_000, "avif_pixels_max": 100_000 });
        assert_eq!(ask(node, name, "/codec/granted").json(), limits);
    }
}

fn what_cannot_be_is_refused(node: &Node) {
    let cases = [
        ("width=0", 400, "invalid-size"),
        ("height=0&bytes=0", 400, "invalid-size"),
        ("width=65536&height=1", 400, "invalid-size"),
        ("width=16384&height=1&format=webp", 400, "invalid-size"),
        ("width=1001&height=1000&bytes=0", 413, "too-many-pixels: 1000000"),
        ("width=65535&height=65535&bytes=0", 413, "too-many-pixels: 1000000"),
        ("width=1000&height=101&format=avif", 413, "too-many-pixels: 100000"),
        ("bytes=9215", 400, "wrong-length"),
        ("bytes=9217", 400, "wrong-length"),
        ("bytes=0", 400, "wrong-length"),
        ("width=100&height=100&bytes=3000000", 400, "wrong-length"),
        ("quality=0", 400, "invalid-options: the quality is not 1 to 100"),
        ("quality=101", 400, "invalid-options: the quality is not 1 to 100"),
        ("score=9.9", 400, "invalid-options: the score is not 10 to 95"),
        ("score=96", 400, "invalid-options: the score is not 10 to 95"),
        ("score=NaN", 400, "invalid-options: the score is not 10 to 95"),
        ("score=-inf", 400, "invalid-options: the score is not 10 to 95"),
        ("effort=0", 400, "invalid-options: the effort is not 1 to 9"),
        ("effort=10", 400, "invalid-options: the effort is not 1 to 9"),
        ("alpha=true", 400, "invalid-options: jpeg has no alpha"),
    ];
    for name in GRANTED {
        for (query, status, words) in cases {
            let answer = ask(node, name, &format!("/codec/encode?{query}"));
            assert_eq!((answer.status, answer.text().trim()), (status, words), "{name} {query}");
        }
    }
    let refused = node.metrics().sum("sedge_codec_pictures_total", &[("outcome", "refused")]);
    assert!(refused >= 2.0 * 12.0, "{refused} were counted");
    assert!(wait_for(Duration::from_secs(10), || rests(node)).is_some());
}

fn every_format_is_written(node: &Node) {
    for name in GRANTED {
        for (query, start) in [
            ("format=jpeg&progressive=true", "ffd8ff"),
            ("format=jpeg&effort=1&piece=7", "ffd8ff"),
            ("format=webp&alpha=true", "52494646"),
            ("format=avif&effort=1", "0000"),
            ("format=avif&alpha=true&effort=1&width=3&height=5", "0000"),
        ] {
            let encoded = encode(node, name, query);
            assert!(encoded["start"].as_str().is_some_and(|s| s.starts_with(start)), "{encoded}");
            assert_eq!((&encoded["quality"], &encoded["encodings"]), (&json!(80), &json!(1)));
            assert_eq!(encoded["score"], Value::Null);
        }
        let encoded = encode(node, name, "format=webp&score=50&width=200&height=150");
        assert!(encoded["score"].as_f64().is_some_and(|score| score >= 50.0), "{encoded}");
        assert!(encoded["encodings"].as_u64().is_some_and(|count| count <= 5), "{encoded}");
    }
    let done = |format| {
        let labels = [("format", format), ("outcome", "done")];
        node.metrics().sum("sedge_codec_pictures_total", &labels)
    };
    assert_eq!([done("jpeg"), done("webp"), done("avif")], [4.0, 4.0, 4.0]);
}

fn a_guest_may_leave_at_any_time(node: &Node) {
    // In the middle of a picture; its memory is given back with the guest.
    for name in GRANTED {
        assert_eq!(ask(node, name, "/codec/leave?bytes=100").json(), "left");
    }
    // While it is encoded, because its time is over.
    let query = "format=avif&width=300&height=300&effort=9&score=95";
    let late = ask(node, "hasty", &format!("/codec/encode?{query}"));
    assert_eq!(late.problem().1, "guest", "{}", late.text());
    assert!(wait_for(Duration::from_secs(60), || rests(node)).is_some());
    let counted = node.metrics().sum("sedge_codec_pictures_total", &[("outcome", "canceled")]);
    assert_eq!(counted, 1.0);
}

#[test]
fn who_comes_to_a_full_queue_is_told() {
    let node = start("[codec]\nthreads = 1\nqueue_max = 1\n");
    let query = "/codec/encode?format=avif&width=256&height=256&effort=4";
    let asked: Vec<Answer> = thread::scope(|scope| {
        let asking = [(); 6].map(|()| scope.spawn(|| ask(&node, "p2", query)));
        asking.map(|asking| asking.join().expect("answered")).into()
    });
    let busy = asked.iter().filter(|answer| answer.status == 503).count();
    let done = asked.iter().filter(|answer| answer.status == 200).count();
    let told: Vec<_> = asked.iter().map(|answer| (answer.status, answer.text())).collect();
    assert!(busy > 0 && done > 0 && busy + done == 6, "{told:?}");
    let busy_counted = node.metrics().sum("sedge_codec_pictures_total", &[("outcome", "busy")]);
    assert_eq!(busy_counted, busy as f64);
    assert_eq!(encode(&node, "p2", "format=jpeg")["encodings"], 1);
}

#[test]
fn who_waits_for_too_long_is_told() {
    let node = start("[codec]\nthreads = 1\ndeadline_ms = 100\n");
    let late = ask(&node, "p2", "/codec/encode?format=webp&width=2000&height=2000&score=95");
    assert_eq!((late.status, late.text().trim()), (504, "timed-out"));
    let counted = node.metrics().sum("sedge_codec_pictures_total", &[("outcome", "timed_out")]);
    assert_eq!(counted, 1.0);
}

fn photo(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/images");
    fs::read(folder.join(name)).expect("an example's photograph")
}

fn convert(node: &Node, name: &str, target: &str, accept: &str, body: &[u8]) -> Answer {
    let host = format!("{name}.example");
    client::call(node.listen, "POST", target, &[("host", &host), ("accept", accept)], body)
}

#[test]
fn images_writes_what_the_node_can() {
    let node = start("");
    let coffee = photo("coffee.png");
    let target = "/img/320x214/cover";
    without_the_grant_the_function_encodes_itself(&node, &coffee);
    // The start of a JPEG's frame says whether it is progressive.
    let jpeg = convert(&node, "images", target, "image/jpeg", &coffee);
    let plain = convert(&node, "plain", target, "image/jpeg", &coffee);
    let frame = |answer: &Answer| artifacts::jpeg_frame(&answer.body);
    assert_eq!((frame(&jpeg), frame(&plain)), (Some(0xc2), Some(0xc2)));
    assert!(jpeg.body.len() < plain.body.len());
    let chrome = "image/avif,image/webp,*/*;q=0.8";
    let avif = convert(&node, "images", target, chrome, &coffee);
    assert_eq!((avif.status, avif.header("content-type")), (200, Some("image/avif")));
    assert_eq!(avif.header("vary"), Some("Accept"));
    assert_eq!(artifacts::avif_size(&avif.body), Some((320, 214)));
    let webp = convert(&node, "images", target, "image/webp", &coffee);
    assert_eq!((webp.status, webp.header("content-type")), (200, Some("image/webp")));
    for format in ["jpeg", "webp", "avif"] {
        let target = format!("{target}?format={format}&q=auto");
        let auto = convert(&node, "images", &target, "*/*", &coffee);
        assert_eq!(auto.status, 200, "{}", auto.text());
        assert_ne!(auto.body, jpeg.body);
    }
    // With alpha, around a contained picture.
    let target = "/img/80x80/contain?format=avif&bg=01020380";
    let padded = convert(&node, "images", target, "", &coffee);
    assert_eq!(artifacts::avif_size(&padded.body), Some((80, 80)));
    let done = node.metrics().sum("sedge_codec_pictures_total", &[("outcome", "done")]);
    assert_eq!(done, 7.0);
}

fn without_the_grant_the_function_encodes_itself(node: &Node, coffee: &[u8]) {
    let target = "/img/320x214/cover";
    let avif = convert(node, "plain", &format!("{target}?format=avif"), "*/*", coffee);
    assert_eq!(avif.status, 422, "{}", avif.text());
    assert!(avif.text().contains("format-unavailable"), "{}", avif.text());
    assert_eq!(convert(node, "plain", target, "image/avif", coffee).status, 406);
    let chrome = "image/avif,image/webp,*/*;q=0.8";
    let webp = convert(node, "plain", target, chrome, coffee);
    assert_eq!((webp.status, webp.header("content-type")), (200, Some("image/webp")));
    // It cannot see how a picture looks, and takes the default.
    let body = |query: &str| convert(node, "plain", &format!("{target}{query}"), "", coffee).body;
    assert_eq!(body("?format=jpeg&q=auto"), body("?format=jpeg&q=80"));
    assert_eq!(node.metrics().sum("sedge_codec_pictures_total", &[]), 0.0);
}
