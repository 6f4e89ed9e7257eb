//! Dictionaries that client and server share, over the wire.

use super::{ask, css, manifest, noise, script};
use crate::origin::{Answering, Scripted};
use sedge_tests::Node;
use std::io::Write;
use std::process::{Command, Stdio};

/// What the origin answers below `/shared/`.
pub(super) fn answer(path: &str, answering: &mut Answering) -> std::io::Result<()> {
    let path = &path["/shared".len()..];
    match path {
        "/release.1.css" | "/release.2.css" => {
            let version = if path == "/release.1.css" { 1 } else { 2 };
            let fields = format!(
                "content-type: text/css\r\ncache-control: max-age=600\r\netag: \"r{version}\"\r\n"
            );
            answering.whole("200 OK", &fields, &release(version))
        }
        "/own.css" => {
            let fields = "content-type: text/css\r\ncache-control: private, max-age=600\r\n";
            answering.whole("200 OK", fields, &css())
        }
        _ => answering.whole("404 Not Found", "content-type: text/plain\r\n", b"none"),
    }
}

/// The digest, as another program has it.
fn sha256(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("written");
    let output = child.wait_with_output().expect("its output");
    let hex = String::from_utf8(output.stdout).expect("hexadecimal");
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..64).step_by(2).map(byte).collect()
}

/// What `zstd` reads with a dictionary, as others wrote it.
fn unzstd(dictionary: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    // Of its own for each call: tests run beside each other.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dictionary");
    let body = folder.path().join("body.zst");
    std::fs::write(&file, dictionary).expect("written");
    std::fs::write(&body, bytes).expect("written");
    let mut zstd = Command::new("zstd");
    zstd.args(["-dcq", "-D"]).arg(&file).arg(&body);
    let output = zstd.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// Base64 as fields have it, of bytes whose number is divided by three with two left.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0, |all, byte| all << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for at in 0..=three.len() {
            text.push(char::from(LETTERS[(all >> (18 - 6 * at) & 63) as usize]));
        }
    }
    format!(":{text}=:")
}

#[test]
fn a_later_version_is_compressed_with_the_one_that_the_client_has() {
    later_version("\"optimizer\"");
}

#[test]
fn a_cache_keeps_what_was_compressed_for_each_dictionary_apart() {
    later_version("{ cache = {} }, \"optimizer\"");
}

fn later_version(links: &str) {
    let origin = Scripted::start(script);
    let more = "environment = { OPTIMIZER_DICTIONARIES = \"dictionaries\" }\n\
                capabilities = { cache = [\"dictionaries\"] }";
    let node = Node::start_sharing(&manifest(&origin, links, more));
    let takes = ("accept-encoding", "gzip, br, zstd, dcz");
    let first = ask(&node, "GET", "/shared/release.1.css", &[takes]);
    assert_eq!(first.header("use-as-dictionary"), Some("match=\"/shared/release.*.css\""));
    assert_eq!(first.header("vary"), Some("Accept-Encoding, Available-Dictionary"));
    assert_eq!(first.header("content-encoding"), Some("br"));
    let (old, new) = (release(1), release(2));
    let digest = sha256(&old);
    let has = base64(&digest);
    let has = ("available-dictionary", has.as_str());
    let second = ask(&node, "GET", "/shared/release.2.css", &[takes, has]);
    assert_eq!(second.header("content-encoding"), Some("dcz"));
    assert!(second.body.len() < 400, "{}", second.body.len());
    assert_eq!(&second.body[..8], b"\x5e\x2a\x4d\x18\x20\0\0\0");
    assert_eq!(&second.body[8..40], &digest[..]);
    if let Some(read) = unzstd(&old, &second.body) {
        assert_eq!(read, new);
    }
    let tag = second.header("etag").expect("a tag");
    assert!(tag.starts_with("W/\"r2~sdz"), "{tag}");
    // Who has another, takes none, is of another site or has no right to it gets it as ever.
    let other = base64(&[7; 32]);
    for fields in [
        vec![takes, ("available-dictionary", other.as_str())],
        vec![takes, ("available-dictionary", "what")],
        vec![("accept-encoding", "br, *"), has],
        vec![takes, has, ("sec-fetch-site", "cross-site")],
    ] {
        let answer = ask(&node, "GET", "/shared/release.2.css", &fields);
        assert_eq!(answer.header("content-encoding"), Some("br"), "{fields:?}");
    }
    // Nor is it made for somebody in particular; what a cache has is for everybody.
    let personal = [("authorization", "Basic eA=="), ("cookie", "a=b")];
    for field in personal.into_iter().filter(|_| !links.contains("cache")) {
        let fields = [takes, has, field];
        let answer = ask(&node, "GET", "/shared/release.2.css", &fields);
        assert_eq!(answer.header("content-encoding"), Some("br"), "{fields:?}");
    }
    for path in ["/shared/own.css", "/style.css?nothing", "/page/"] {
        let answer = ask(&node, "GET", path, &[takes, has]);
        assert_eq!(answer.header("use-as-dictionary"), None, "{path}");
        assert_ne!(answer.header("content-encoding"), Some("dcz"), "{path}");
    }
}

/// Two versions of a style sheet.
fn release(version: u32) -> Vec<u8> {
    let mut sheet = noise_rules();
    sheet.extend(format!(".version {{ content: \"{version}\" }}\n").into_bytes());
    sheet
}

fn noise_rules() -> Vec<u8> {
    let bytes = noise(6_000);
    let rules = bytes.chunks(3).map(|color| {
        format!(
            ".c{}{} {{ color: #{:02x}{:02x}{:02x} }}\n",
            color[0], color[1], color[0], color[1], color[2]
        )
    });
    rules.collect::<String>().into_bytes()
}
