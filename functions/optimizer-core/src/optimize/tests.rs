use super::*;
use crate::optimize_content;
use portable::memory::{allocate, blocks, deallocate, slice};
use std::ptr::{null, null_mut};

fn page() -> Vec<u8> {
    let row = "<p>\n    <!-- a row of the table -->\n    some   text\n</p>\n";
    format!("<!doctype html><title>a</title>\n{}", row.repeat(40)).into_bytes()
}

fn code(request: &str, content: &[u8]) -> Option<Code> {
    optimize(request.as_bytes(), content).err().map(|fault| fault.code)
}

#[test]
fn what_is_no_request_is_refused() {
    for request in [
        "",
        "{",
        "[]",
        "{}",
        "{\"content_type\": 1}",
        "{\"content_type\": \"a\", \"more\": 1}",
        "{\"content_type\": \"a\", \"client_hints\": {\"viewport_width\": -1}}",
        "{\"content_type\": \"a\", \"client_hints\": {\"viewport_width\": 4294967296}}",
        "{\"content_type\": \"a\", \"settings\": {\"OPTIMIZER_CODING\": \"br\"}}",
        "{\"content_type\": \"a\", \"settings\": {\"OPTIMIZER_BYTES_MIN\": \"many\"}}",
    ] {
        assert_eq!(code(request, b"x"), Some(Code::Argument), "{request}");
    }
    assert!(optimize(b"\xff", b"").is_err());
    let deep = format!("{{\"content_type\": {}", "[".repeat(50_000));
    assert_eq!(code(&deep, b""), Some(Code::Argument));
}

#[test]
fn what_is_too_large_is_refused() {
    let long = format!("{{\"content_type\": \"{}\"}}", "a".repeat(REQUEST_BYTES_MAX));
    assert_eq!(code(&long, b""), Some(Code::TooLarge));
    let much = vec![0; CONTENT_BYTES_MAX + 1];
    assert_eq!(code("{\"content_type\": \"text/css\"}", &much), Some(Code::TooLarge));
}

#[test]
fn what_cannot_be_improved_passes() {
    for (content_type, content) in [
        ("image/jpeg", &b"\xff\xd8 not to be looked at"[..]),
        ("text/html", b"<p>short</p>"),
        ("application/json", b""),
        ("", &[b' '; 1000]),
    ] {
        let request =
            format!("{{\"content_type\": {content_type:?}, \"accept_encoding\": \"br\"}}");
        let (answer, got) = optimize(request.as_bytes(), content).expect("a request");
        assert_eq!(got, content, "{content_type}");
        assert_eq!((answer.content_encoding, answer.cache_ttl), (None, 1800));
        assert!(answer.optimizations_applied.is_empty());
    }
}

#[test]
fn content_is_minified_and_compressed_as_the_connection_is() {
    let page = page();
    for (connection, expected) in [
        ("4g", "light_compression"),
        ("3g", "balanced_compression"),
        ("2g", "aggressive_compression"),
    ] {
        let request = format!(
            "{{\"content_type\": \"text/html\", \"accept_encoding\": \"gzip\", \
              \"client_hints\": {{\"connection\": \"{connection}\", \"device_type\": \"mobile\"}}}}"
        );
        let (answer, content) = optimize(request.as_bytes(), &page).expect("a request");
        assert_eq!(answer.content_encoding.as_deref(), Some("gzip"));
        assert_eq!(answer.optimizations_applied, ["html_minification", expected]);
        assert!(content.starts_with(b"\x1f\x8b") && content.len() < page.len() / 4);
    }
    let request = b"{\"content_type\": \"application/json\"}";
    let spaced = format!("[{}1 ]", "1 , ".repeat(200));
    let (answer, content) = optimize(request, spaced.as_bytes()).expect("a request");
    assert_eq!(answer.optimizations_applied, ["json_minification"]);
    assert_eq!(&*content, spaced.replace(' ', "").as_bytes());
}

#[test]
fn the_export_gives_two_blocks_and_leaves_none() {
    let request = b"{\"content_type\": \"application/json\"}";
    let spaced = format!("[{}1 ]", "1 , ".repeat(200));
    let all = [request, spaced.as_bytes()].concat();
    let block = allocate(all.len());
    // SAFETY: the block has room for them, and was just made.
    unsafe { block.copy_from(all.as_ptr(), all.len()) };
    let content = block.wrapping_add(request.len());
    let result = allocate(4 * size_of::<usize>()).cast::<usize>();
    let pointer = Code::Pointer as i32;
    assert_eq!(optimize_content(null(), 1, content, spaced.len(), result), pointer);
    assert_eq!(optimize_content(block, request.len(), content, spaced.len() + 1, result), pointer);
    assert_eq!(optimize_content(block, request.len(), content, 1, null_mut()), pointer);
    let past = result.wrapping_add(1);
    assert_eq!(optimize_content(block, request.len(), content, 1, past), pointer);
    assert_eq!(optimize_content(block, request.len(), content, spaced.len(), result), 0);
    // SAFETY: the four were written, and nothing writes meanwhile.
    let written = unsafe { slice(result.cast_const(), 4) }.expect("four numbers").to_vec();
    // SAFETY: nothing writes meanwhile.
    let made = unsafe { slice(written[2] as *const u8, written[3]) }.expect("a block");
    assert_eq!(made, spaced.replace(' ', "").as_bytes());
    assert_eq!(deallocate(written[0] as *mut u8, written[1]), 0);
    assert_eq!(deallocate(written[2] as *mut u8, written[3]), 0);
    assert_eq!(deallocate(result.cast(), 4 * size_of::<usize>()), 0);
    assert_eq!(deallocate(block, all.len()), 0);
    assert_eq!(blocks(), 0);
}
