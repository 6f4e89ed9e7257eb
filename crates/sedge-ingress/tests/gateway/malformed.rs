//! Requests that must not reach a handler, and shapes used for smuggling.

use crate::world::{World, get, status};

#[test]
fn malformed_requests_are_refused_and_the_connection_closed() {
    let world = World::new(|_| {});
    let long = "a".repeat(9_000);
    let longer = "a".repeat(66_000);
    let many = "x: y\r\n".repeat(101);
    let huge = format!("x: {}\r\n", "y".repeat(33_000));
    let host = "Host: test\r\n";
    for (name, request, expected) in [
        ("not HTTP", "hello\r\n\r\n".to_owned(), 400),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned(), 400),
        ("no version", format!("GET /hello\r\n{host}\r\n"), 400),
        ("old version", format!("GET /hello HTTP/0.9\r\n{host}\r\n"), 400),
        ("next version", format!("GET /hello HTTP/3.0\r\n{host}\r\n"), 400),
        ("space in target", format!("GET /a b HTTP/1.1\r\n{host}\r\n"), 400),
        ("no Host", "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n".into(), 400),
        ("two Hosts", get("/hello").replace("Host: test", "Host: test\r\nHost: test"), 400),
        ("bad Host", get("/hello").replace("Host: test", "Host: te st"), 400),
        ("other Host", get("http://other/hello"), 400),
        ("user in target", get("http://me@test/hello"), 400),
        ("relative target", get("hello"), 400),
        ("dot segment", get("/a/../hello"), 400),
        ("encoded dots", get("/a/%2e%2e/hello"), 400),
        ("backslash", get("/a\\..\\hello"), 400),
        ("two slashes", get("//hello"), 400),
        ("CONNECT", format!("CONNECT test:80 HTTP/1.1\r\n{host}Connection: close\r\n\r\n"), 400),
        ("asterisk", get("*"), 400),
        ("obs-fold", get("/hello").replace("test", "test\r\n folded"), 400),
        ("NUL in value", get("/hello").replace("\r\n\r\n", "\r\nx: a\0b\r\n\r\n"), 400),
        ("CR in value", get("/hello").replace("\r\n\r\n", "\r\nx: a\rb\r\n\r\n"), 400),
        ("space before colon", get("/hello").replace("Host: ", "Host : "), 400),
        ("space in name", get("/hello").replace("\r\n\r\n", "\r\nx y: z\r\n\r\n"), 400),
        ("no colon", get("/hello").replace("\r\n\r\n", "\r\nxyz\r\n\r\n"), 400),
        ("long target", get(&format!("/{long}")), 414),
        ("longer target", get(&format!("/{longer}")), 414),
        ("many fields", get("/hello").replace("\r\n\r\n", &format!("\r\n{many}\r\n")), 431),
        ("huge fields", get("/hello").replace("\r\n\r\n", &format!("\r\n{huge}\r\n")), 431),
    ] {
        let answer = world.send(request);
        assert_eq!(status(&answer), expected, "{name}: {answer}");
    }
    assert_eq!(world.begun(), 0, "a handler was called");
    assert_eq!(status(&world.send(get("/hello"))), 200);
}

#[test]
fn a_head_without_end_is_refused_before_it_fills_memory() {
    let world = World::new(|_| {});
    let mut client = world.connect();
    client.write("GET /hello HTTP/1.1\r\n");
    for _ in 0..1_000 {
        client.write(format!("x: {}\r\n", "y".repeat(1_000)));
    }
    // The answer may be lost to the reset that closing with unread bytes
    // causes; that it ends is what counts.
    let answer = client.read_to_end();
    assert!(answer.is_empty() || status(&answer) == 431, "{answer}");
    assert_eq!(world.begun(), 0);
}

#[test]
fn framing_has_one_reading() {
    let world = World::new(|_| {});
    let post = |fields: &str, body: &str| {
        world.send(format!("POST /count HTTP/1.1\r\nHost: test\r\n{fields}\r\n{body}"))
    };
    for (name, fields, body) in [
        ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
        ("list of lengths", "Content-Length: 5, 6\r\n", "hello!"),
        ("signed length", "Content-Length: +5\r\n", "hello"),
        ("negative length", "Content-Length: -5\r\n", "hello"),
        ("hex length", "Content-Length: 0x5\r\n", "hello"),
        ("huge length", "Content-Length: 99999999999999999999\r\n", "hello"),
        ("unknown coding", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("chunked is not last", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("size is not hex", "Transfer-Encoding: chunked\r\n", "z\r\nhello\r\n0\r\n\r\n"),
        ("size has a sign", "Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\n"),
        ("size overflows", "Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nhello"),
        ("chunk without CRLF", "Transfer-Encoding: chunked\r\n", "5\r\nhelloX0\r\n\r\n"),
        ("chunk with bare LF", "Transfer-Encoding: chunked\r\n", "5\nhello\n0\n\n"),
    ] {
        let answer = post(&format!("{fields}Connection: close\r\n"), body);
        assert_eq!(status(&answer), 400, "{name}: {answer}");
    }
}

#[test]
fn what_is_smuggled_behind_a_request_is_never_answered() {
    let world = World::new(|_| {});
    let smuggled = get("/hello");
    // Both lengths: RFC 9112 §6.3 lets a server read the chunks if it closes
    // the connection afterwards.
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 100\r\n",
    ] {
        let request =
            format!("POST /count HTTP/1.1\r\nHost: test\r\n{fields}\r\n0\r\n\r\n{smuggled}");
        let answer = world.send(request);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.ends_with("\r\n\r\n0"), "{answer}");
    }
    // A line feed alone ends a line, also the one behind which a field hides.
    let bare = get("/hello").replace("\r\n", "\n").replace("\n\n", "\nx: y\n\n");
    let answer = world.send(format!("{bare}{smuggled}"));
    assert_eq!((status(&answer), answer.matches("HTTP/1.1 ").count()), (200, 1), "{answer}");
    // HTTP/1.0 has no chunks.
    let answer = world.send(format!(
        "POST /count HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    ));
    assert_eq!((status(&answer), answer.matches("HTTP/1.").count()), (400, 1), "{answer}");
}
