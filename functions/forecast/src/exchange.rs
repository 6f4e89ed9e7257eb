//! One request and its answer, without IO: first the head is judged, then, if it was good, the
//! body.

use crate::problem::Problem;
use crate::question::Question;
use crate::report;

/// Larger bodies are refused with 413.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

const USAGE: &str = include_str!("usage.txt");
const ALLOW: &str = "GET, HEAD, POST";

/// The head of a request, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The `content-type`, if there is one.
    pub content_type: Option<&'a str>,
    /// The `content-encoding`, if there is one.
    pub content_encoding: Option<&'a str>,
    /// The `content-length`, if there is one.
    pub content_length: Option<&'a str>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `content-type`.
    pub content_type: &'static str,
    /// The `allow` header, which a 405 must have.
    pub allow: Option<&'static str>,
    /// The body; not to be sent in answer to `HEAD`.
    pub body: Vec<u8>,
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let mut body = serde_json::to_vec_pretty(&problem).unwrap_or_default();
        body.push(b'\n');
        let allow = (problem.status == 405).then_some(ALLOW);
        Reply { status: problem.status, content_type: "application/problem+json", allow, body }
    }
}

/// Judges the head of a request: `Ok` if its body is to be read and handed to [`answer`],
/// `Err` if there is an answer already.
pub fn begin(head: &Head<'_>) -> Result<(), Reply> {
    match head.method {
        "GET" | "HEAD" => {
            let body = USAGE.as_bytes().to_vec();
            let content_type = "text/plain; charset=utf-8";
            return Err(Reply { status: 200, content_type, allow: None, body });
        }
        "POST" => {}
        _ => {
            let detail = "post a series, or get the usage".to_owned();
            let title = "the method is not allowed";
            return Err(Problem { status: 405, title, detail }.into());
        }
    }
    let unsupported = |detail: String| {
        Reply::from(Problem {
            status: 415,
            title: "the content type or encoding is not supported",
            detail,
        })
    };
    if head.content_encoding.is_some_and(|one| !one.trim().eq_ignore_ascii_case("identity")) {
        return Err(unsupported("send the body without content-encoding".to_owned()));
    }
    if let Some(content_type) = head.content_type {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let shown: String = essence.chars().take(80).collect();
            return Err(unsupported(format!("send application/json, not {shown:?}")));
        }
    }
    let length = head.content_length.and_then(|length| length.trim().parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(body_too_large().into());
    }
    Ok(())
}

/// The problem of a body that is too large.
pub fn body_too_large() -> Problem {
    Problem::too_large(format!("the body is larger than {BODY_BYTES_MAX} bytes"))
}

/// The answer to a request with this body.
pub fn answer(body: &[u8]) -> Reply {
    if body.len() > BODY_BYTES_MAX {
        return body_too_large().into();
    }
    match Question::read(body).and_then(|question| report::report(&question)) {
        Ok(report) => {
            let mut body = serde_json::to_vec_pretty(&report).unwrap_or_default();
            body.push(b'\n');
            Reply { status: 200, content_type: "application/json", allow: None, body }
        }
        Err(problem) => problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post() -> Head<'static> {
        Head { method: "POST", content_type: Some("application/json"), ..Head::default() }
    }

    #[test]
    fn heads_are_judged_before_bodies_are_read() {
        let too_long = (BODY_BYTES_MAX + 1).to_string();
        for (head, status) in [
            (Head { method: "GET", ..Head::default() }, 200),
            (Head { method: "HEAD", ..Head::default() }, 200),
            (Head { method: "", ..Head::default() }, 405),
            (Head { content_type: Some("text/csv"), ..post() }, 415),
            (Head { content_encoding: Some("gzip"), ..post() }, 415),
            (Head { content_length: Some(&too_long), ..post() }, 413),
        ] {
            let reply = begin(&head).expect_err("an answer already");
            assert_eq!(reply.status, status, "{head:?}");
            assert_eq!(reply.allow.is_some(), status == 405);
        }
        for good in [
            post(),
            Head { content_type: None, ..post() },
            Head { content_type: Some("Application/JSON; charset=utf-8"), ..post() },
            Head { content_length: Some("what"), content_encoding: Some("identity"), ..post() },
        ] {
            assert_eq!(begin(&good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn bodies_are_answered_or_refused() {
        let good = answer(br#"{"values": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}"#);
        assert_eq!((good.status, good.content_type), (200, "application/json"));
        let json: serde_json::Value = serde_json::from_slice(&good.body).unwrap();
        assert_eq!(json["forecast"].as_array().map(Vec::len), Some(12));
        let bad = answer(b"\xFF\xFE");
        assert_eq!((bad.status, bad.content_type), (400, "application/problem+json"));
        assert_eq!(answer(&vec![b' '; BODY_BYTES_MAX + 1]).status, 413);
    }

    #[test]
    fn the_usage_works_as_it_is_written() {
        let line = USAGE.lines().find(|line| line.trim_start().starts_with("{\"values\""));
        assert_eq!(answer(line.unwrap().trim().as_bytes()).status, 200);
    }
}
