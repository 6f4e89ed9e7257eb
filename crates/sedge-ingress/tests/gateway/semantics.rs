//! What HTTP promises about answers.

use crate::world::{World, get, status, until};
use sedge_model::failure::Kind;

#[test]
fn a_failure_is_a_problem_document_without_its_detail() {
    let world = World::new(|_| {});
    let answer = world.send(get("/trap"));
    assert_eq!(status(&answer), 500);
    assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
    assert!(answer.contains(r#""kind":"trap""#) && answer.contains(r#""blame":"guest""#));
    assert!(!answer.contains("secret"), "{answer}");
}

#[test]
fn a_failure_in_mid_body_cannot_be_taken_for_the_end() {
    let world = World::new(|_| {});
    let answer = world.send(get("/midway"));
    assert_eq!(status(&answer), 200);
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    // Fewer bytes than promised; more are never sent.
    let answer = world.send(get("/short"));
    assert!(answer.contains("content-length: 10\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert!(world.send(get("/long")).ends_with("\r\n\r\nhel"));
    until("two failures are counted", || {
        let metrics = world.gateway.metrics();
        metrics.failures(Kind::Trap) == 1 && metrics.failures(Kind::InvalidResponse) == 1
    });
}

#[test]
fn head_has_the_length_and_not_the_body() {
    let world = World::new(|_| {});
    for (path, length) in [("/hello", Some("content-length: 5\r\n")), ("/endless", None)] {
        let answer = world.send(get(path).replace("GET", "HEAD"));
        assert_eq!(status(&answer), 200);
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(length.is_none_or(|length| answer.contains(length)), "{answer}");
    }
    let answer = world.send(get("/trap").replace("GET", "HEAD"));
    assert_eq!(status(&answer), 500);
    assert!(answer.ends_with("\r\n\r\n") && answer.contains("content-length: 1"), "{answer}");
}

#[test]
fn fields_about_the_connection_do_not_leak() {
    let world = World::new(|_| {});
    let answer = world.send(get("/hop"));
    assert!(answer.ends_with("\r\n\r\nhello") && answer.contains("date: "), "{answer}");
    for field in ["x-hop", "keep-alive: max"] {
        assert!(!answer.contains(field), "{answer}");
    }
    let answer = world.send(get("/nothing"));
    assert!(status(&answer) == 204 && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_body_is_asked_for_only_when_somebody_reads_it() {
    let world = World::new(|_| {});
    let post = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\
             Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let mut client = world.connect();
    client.write(post("/count"));
    assert_eq!(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello");
    assert!(client.read_to_end().ends_with("\r\n\r\n5"));

    let answer = world.send(post("/ignore"));
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ignored"), "{answer}");
}

#[test]
fn bodies_and_trailers_stream_through() {
    let world = World::new(|_| {});
    let mut client = world.connect();
    client.write(
        "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n",
    );
    client.write("5\r\nhello\r\n");
    let begun = client.read_until("5\r\nhello\r\n");
    assert_eq!(status(&begun), 200);
    client.write("6\r\n world\r\n0\r\nx-sum: 11\r\n\r\n");
    client.read_until("6\r\n world\r\n0\r\n\r\n");
    // A request with trailers is the last of its connection.
    client.write(get("/hello"));
    let rest = client.read_to_end();
    assert!(!rest.contains("200 OK") && !rest.contains("hello"), "{rest}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let world = World::new(|_| {});
    let first = get("/nap").replace("Connection: close\r\n", "");
    let answer = world.send(format!("{first}{}", get("/hello")));
    let (nap, hello) = (answer.find("rested"), answer.find("hello"));
    assert!(nap.is_some() && nap < hello, "{answer}");
}

#[test]
fn a_trace_is_continued_with_another_span() {
    let world = World::new(|_| {});
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let with = |value: &str| {
        world.send(get("/trace").replace("\r\n\r\n", &format!("\r\ntraceparent: {value}\r\n\r\n")))
    };
    let answer = with(&parent);
    assert!(answer.contains(&format!("00-{trace}-")) && answer.ends_with("-01"), "{answer}");
    assert!(!answer.contains("00f067aa0ba902b7"), "{answer}");
    let answer = with("00-nonsense");
    assert!(!answer.contains(trace) && answer.ends_with("-00"), "{answer}");
}

#[test]
fn a_client_that_leaves_cancels_the_handler() {
    let world = World::new(|options| options.header_timeout = std::time::Duration::from_secs(1));
    // With and without a body or another request that nobody reads.
    let post = "POST /forever HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n";
    let pipelined = format!("{}{}", get("/forever"), get("/hello"));
    let requests = [get("/forever"), pipelined, format!("{post}hello"), format!("{post}he")];
    for (index, request) in requests.into_iter().enumerate() {
        let mut client = world.connect();
        client.write(request);
        until("the handler was called", || world.begun() == index + 1);
        drop(client);
        until("the handler was cancelled", || world.cancelled() == index + 1);
    }
    // While the answer streams.
    let mut client = world.connect();
    client.write(get("/endless"));
    client.read_until("x");
    drop(client);
    until("nothing is in flight", || world.gateway.metrics().requests_active() == 0);
    assert_eq!(world.gateway.metrics().failures(Kind::ClientGone), 5);
}
