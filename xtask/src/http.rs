//! A small blocking HTTP/1.1 client, so that this program stays quick to build.
//!
//! One connection per request; bodies by `content-length`, in chunks, or to
//! the end of the connection (RFC 9112 §6.3).

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Answers larger than this are refused.
const BODY_BYTES_MAX: u64 = 256 << 20;

/// A request to a node on loopback.
pub(crate) struct Request<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// Header fields besides `host` and `content-length`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; empty for none.
    pub body: &'a [u8],
}

/// A whole response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header field of this name (in lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, with what is not UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("reading JSON from an answer with status {}", self.status))
    }
}

/// Sends a request and reads its whole answer; also how long that took, with
/// the connection's making.
pub(crate) fn send(
    to: SocketAddr,
    request: &Request,
    timeout: Duration,
) -> Result<(Response, Duration)> {
    let start = Instant::now();
    let mut stream =
        TcpStream::connect_timeout(&to, timeout).with_context(|| format!("connecting to {to}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream
        .write_all(&head(to, request))
        .and_then(|()| stream.write_all(request.body))
        .with_context(|| format!("sending {} {}", request.method, request.path))?;
    let response = read(&mut BufReader::new(stream))
        .with_context(|| format!("reading the answer to {} {}", request.method, request.path))?;
    Ok((response, start.elapsed()))
}

/// A number among a node's metrics; one without labels.
pub(crate) fn metric(admin: SocketAddr, name: &str) -> Result<f64> {
    let (response, _) = get(admin, "/metrics")?;
    let text = String::from_utf8_lossy(&response.body);
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.with_context(|| format!("looking for `{name}` among the node's metrics"))?;
    value.trim().parse().with_context(|| format!("reading `{name}`"))
}

/// Sends a `GET` and reads its whole answer.
pub(crate) fn get(to: SocketAddr, path: &str) -> Result<(Response, Duration)> {
    let request = Request { method: "GET", path, headers: &[], body: &[] };
    send(to, &request, Duration::from_secs(30))
}

fn head(to: SocketAddr, request: &Request) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n",
        request.method, request.path
    );
    for (name, value) in request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !request.body.is_empty() || request.method == "POST" {
        head.push_str(&format!("content-length: {}\r\n", request.body.len()));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn read(from: &mut impl BufRead) -> Result<Response> {
    loop {
        let status = status(&line(from)?)?;
        let headers = headers(from)?;
        // An interim answer (100 Continue, 103 Early Hints) precedes the answer.
        if status >= 200 {
            let mut response = Response { status, headers, body: Vec::new() };
            response.body = body(from, &response)?;
            return Ok(response);
        }
    }
}

fn status(line: &str) -> Result<u16> {
    let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    code.and_then(|code| code.parse().ok())
        .with_context(|| format!("reading a status line: {line:?}"))
}

fn headers(from: &mut impl BufRead) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = line(from)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) =
            line.split_once(':').with_context(|| format!("reading a header field: {line:?}"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn body(from: &mut impl BufRead, head: &Response) -> Result<Vec<u8>> {
    if head.status == 204 || head.status == 304 {
        return Ok(Vec::new());
    }
    let mut body = Vec::new();
    if head.header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
        while let size @ 1.. = chunk_size(&line(from)?)? {
            exactly(from, size, &mut body)?;
            line(from)?;
        }
        headers(from)?;
    } else if let Some(length) = head.header("content-length") {
        let length = length.parse().context("reading content-length")?;
        exactly(from, length, &mut body)?;
    } else {
        from.take(BODY_BYTES_MAX).read_to_end(&mut body)?;
    }
    Ok(body)
}

fn chunk_size(line: &str) -> Result<u64> {
    let digits = line.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).with_context(|| format!("reading a chunk's size: {line:?}"))
}

fn exactly(from: &mut impl BufRead, size: u64, body: &mut Vec<u8>) -> Result<()> {
    if size > BODY_BYTES_MAX {
        bail!("the answer is larger than {BODY_BYTES_MAX} bytes");
    }
    let read = from.take(size).read_to_end(body)? as u64;
    if read < size {
        bail!("the connection ended {} bytes before the body did", size - read);
    }
    Ok(())
}

/// A line without its end; at most 64 KiB.
fn line(from: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    from.take(64 << 10).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        bail!("the connection ended in the middle of a line");
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &str) -> Result<Response> {
        read(&mut bytes.as_bytes())
    }

    #[test]
    fn an_answer_that_is_cut_short_is_an_error() {
        for bad in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 2x0 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfour",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_framing_gives_the_body() {
        for good in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
            "HTTP/1.0 200 OK\r\n\r\nhello",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            "HTTP/1.1 200\r\ntransfer-encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nt: 1\r\n\r\n",
        ] {
            let response = parse(good).expect("valid");
            assert_eq!((response.status, response.text().as_str()), (200, "hello"), "{good:?}");
        }
    }

    #[test]
    fn a_request_with_a_body_announces_its_length() {
        let to = SocketAddr::from(([127, 0, 0, 1], 3000));
        let headers = [("accept", "image/webp")];
        let request = Request { method: "POST", path: "/a?b", headers: &headers, body: b"xy" };
        let expected = "POST /a?b HTTP/1.1\r\nhost: 127.0.0.1:3000\r\nconnection: close\r\n\
                        accept: image/webp\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&head(to, &request)), expected);
    }
}
