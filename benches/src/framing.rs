//! Where an HTTP/1.1 answer ends (RFC 9112 §6), for a client that reads answers
//! to its own `GET` requests.

use anyhow::{Context, Result, bail};

/// A whole answer at the beginning of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Bytes of head and body.
    pub length: usize,
    /// Whether the server will close the connection.
    pub close: bool,
}

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Bytes of the head, with its empty line.
    pub bytes: usize,
    /// Bytes of the body; `None`: it comes in chunks.
    pub body_bytes: Option<usize>,
    /// Whether the server will close the connection.
    pub close: bool,
}

/// Reads the head at the beginning of `buffer`; `None` if it is not whole.
///
/// An answer without `content-length` or chunks is an error: it would end with
/// the connection, and a load generator has no use for such a server.
pub fn head(buffer: &[u8]) -> Result<Option<Head>> {
    let Some(bytes) = find(buffer, b"\r\n\r\n").map(|end| end + 4) else { return Ok(None) };
    let text = std::str::from_utf8(&buffer[..bytes]).context("reading an answer's head")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)?.parse().ok());
    let status = status.with_context(|| format!("reading a status line: {text:?}"))?;
    let (mut length, mut chunked, mut close) = (None, false, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse().context("reading content-length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("connection") {
            close = value.eq_ignore_ascii_case("close");
        }
    }
    if !chunked && length.is_none() {
        bail!("the answer has neither content-length nor chunks");
    }
    Ok(Some(Head { status, bytes, body_bytes: length.filter(|_| !chunked), close }))
}

/// Reads the answer at the beginning of `buffer`; `None` if it is not whole.
///
/// # Errors
///
/// As [`head`].
pub fn answer(buffer: &[u8]) -> Result<Option<Answer>> {
    let Some(Head { status, bytes, body_bytes, close }) = head(buffer)? else { return Ok(None) };
    let body = match body_bytes {
        None => chunks(&buffer[bytes..])?,
        Some(length) => (buffer.len() - bytes >= length).then_some(length),
    };
    Ok(body.map(|body| Answer { status, length: bytes + body, close }))
}

/// Bytes until the end of the last chunk and its trailers.
fn chunks(buffer: &[u8]) -> Result<Option<usize>> {
    let mut at = 0;
    loop {
        let Some(end) = find(&buffer[at..], b"\r\n") else { return Ok(None) };
        let line = std::str::from_utf8(&buffer[at..at + end]).context("reading a chunk")?;
        let digits = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits.trim(), 16).context("reading a chunk's size")?;
        at += end + 2;
        if size == 0 {
            break;
        }
        at = at.saturating_add(size).saturating_add(2);
        if at > buffer.len() {
            return Ok(None);
        }
    }
    // Trailers end with an empty line; without any it follows at once.
    if buffer[at..].starts_with(b"\r\n") {
        return Ok(Some(at + 2));
    }
    Ok(find(&buffer[at..], b"\r\n\r\n").map(|end| at + end + 4))
}

fn find(buffer: &[u8], what: &[u8]) -> Option<usize> {
    buffer.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_and_answers_without_an_end_are_errors() {
        for bad in [
            "garbage\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        ] {
            assert!(answer(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_answer_is_whole_at_its_last_byte_and_not_before() {
        for (text, close) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: close\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nt: 1\r\n\r\n", false),
        ] {
            for cut in 0..text.len() {
                assert_eq!(answer(&text.as_bytes()[..cut]).ok().flatten(), None, "{cut} {text:?}");
            }
            let expected = Answer { status: 200, length: text.len(), close };
            let more = format!("{text}HTTP/1.1 200");
            assert_eq!(answer(more.as_bytes()).expect("valid"), Some(expected), "{text:?}");
        }
    }
}
