//! What is asked of the link itself: events, and what was counted.

use crate::routes::{OTHER, Routes};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To what stands behind.
    On,
    /// Events are posted.
    Events,
    /// Somebody asks.
    Ask(Page, Question),
    /// The link answers with this.
    Answer(Problem),
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// For people.
    Html,
    /// The same as JSON.
    Json,
    /// For Prometheus.
    Metrics,
}

/// Of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The class of paths; `None`: all requests.
    pub route: Option<String>,
    /// How far back.
    pub range: Range,
}

/// So many of the last windows, the one that goes on included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// 1 to 60.
    Minutes(u32),
    /// 1 to 24.
    Hours(u32),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status code.
    pub status: u16,
    /// What is wrong.
    pub reason: String,
    /// What may be asked, with 405.
    pub allow: Option<&'static str>,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Problem { status, reason: reason.into(), allow: None }
    }

    fn method(allow: &'static str) -> Self {
        let reason = format!("the method is none of {allow}");
        Problem { status: 405, reason, allow: Some(allow) }
    }
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = number.parse().ok().filter(|number| *number > 0)?;
        match unit {
            "m" if number <= 60 => Some(Range::Minutes(number)),
            "h" if number <= 24 => Some(Range::Hours(number)),
            _ => None,
        }
    }

    /// As it is written: `60m`.
    pub fn shown(self) -> String {
        match self {
            Range::Minutes(number) => format!("{number}m"),
            Range::Hours(number) => format!("{number}h"),
        }
    }
}

/// Where a request goes whose method is GET, HEAD, POST or another one (an empty text). `path`
/// is where the link answers itself.
pub fn way(path: &str, method: &str, target: &str, routes: &Routes) -> Way {
    let (asked, query) = target.split_once('?').unwrap_or((target, ""));
    let page = match asked.strip_prefix(path) {
        Some("/events") if method == "POST" => return Way::Events,
        Some("/events") => return Way::Answer(Problem::method("POST")),
        Some("") => Page::Html,
        Some("/summary.json") => Page::Json,
        Some("/metrics") => Page::Metrics,
        Some(rest) if rest.starts_with('/') => {
            return Way::Answer(Problem::new(404, "there is nothing of this name"));
        }
        _ => return Way::On,
    };
    if !matches!(method, "GET" | "HEAD") {
        return Way::Answer(Problem::method("GET, HEAD"));
    }
    match question(query, routes) {
        Ok(question) => Way::Ask(page, question),
        Err(reason) => Way::Answer(Problem::new(400, reason)),
    }
}

fn question(query: &str, routes: &Routes) -> Result<Question, String> {
    let mut question = Question { route: None, range: Range::Minutes(60) };
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("route", "")) => question.route = None,
            // Names have nothing that would have to be written in another way.
            Some(("route", name)) if name == OTHER || routes.named(name) == name => {
                question.route = Some(name.to_owned());
            }
            Some(("route", _)) => return Err("there is no such route".to_owned()),
            Some(("range", text)) => {
                let wanted = "the range is 1m to 60m, or 1h to 24h";
                question.range = Range::parse(text).ok_or(wanted)?;
            }
            _ => return Err("only route and range can be asked for".to_owned()),
        }
    }
    Ok(question)
}

/// Whether somebody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// He may.
    Open,
    /// He has to say the token.
    Unknown,
    /// Nobody may: there is no token, and it was not said that everybody may.
    Closed,
}

/// Whether somebody may ask who says this in `Authorization`: `Bearer` and the token, or, so
/// that browsers can, `Basic` with the token as the password. A token that is empty is none.
pub fn entry(token: Option<&str>, is_open: bool, authorization: Option<&[u8]>) -> Entry {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return if is_open { Entry::Open } else { Entry::Closed };
    };
    let said = authorization.and_then(said).unwrap_or_default();
    if is_same(&said, token.as_bytes()) { Entry::Open } else { Entry::Unknown }
}

/// The token or password in a field `Authorization`.
fn said(field: &[u8]) -> Option<Vec<u8>> {
    let at = field.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&field[..at], field[at..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(rest.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = base64(rest)?;
    let at = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[at + 1..].to_vec())
}

/// Whether both are the same; how long it takes says nothing of where they differ.
fn is_same(said: &[u8], token: &[u8]) -> bool {
    let differ = said.iter().zip(token).fold(0, |differ, (one, other)| differ | (one ^ other));
    said.len() == token.len() && std::hint::black_box(differ) == 0
}

/// Base64 of RFC 4648 §4, with its padding or without.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
    let mut out = Vec::new();
    for four in text[..end].chunks(4) {
        let mut word = 0u32;
        for byte in four {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            word = word << 6 | u32::from(digit);
        }
        let bytes = (word << (6 * (4 - four.len()))).to_be_bytes();
        out.extend(&bytes[1..four.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to(method: &str, target: &str) -> Way {
        let routes = Routes::parse("shop=/shop/*").expect("a class");
        way("/analytics", method, target, &routes)
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        for (method, target, status) in [
            ("GET", "/analytics/", 404),
            ("GET", "/analytics/x", 404),
            ("POST", "/analytics", 405),
            ("", "/analytics/summary.json", 405),
            ("GET", "/analytics/events", 405),
            ("GET", "/analytics?range=", 400),
            ("GET", "/analytics?range=0m", 400),
            ("GET", "/analytics?range=61m", 400),
            ("GET", "/analytics?range=25h", 400),
            ("GET", "/analytics?range=+5m", 400),
            ("GET", "/analytics?range=é", 400),
            ("GET", "/analytics?range=99999999999m", 400),
            ("GET", "/analytics?route=what", 400),
            ("GET", "/analytics?route", 400),
            ("GET", "/analytics?x=1", 400),
        ] {
            match to(method, target) {
                Way::Answer(problem) => {
                    assert_eq!(problem.status, status, "{target}");
                    assert_eq!(problem.allow.is_some(), status == 405, "{target}");
                }
                other => panic!("{target}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_for_others_passes() {
        for target in ["/", "", "*", "/analytic", "/analyticsx", "/x/analytics", "/?a=/analytics"] {
            assert_eq!(to("GET", target), Way::On, "{target}");
        }
        assert_eq!(to("POST", "/analytics/events"), Way::Events);
        let question =
            |route: Option<&str>, range| Question { route: route.map(str::to_owned), range };
        for (target, page, asked) in [
            ("/analytics", Page::Html, question(None, Range::Minutes(60))),
            ("/analytics?route=&range=24h", Page::Html, question(None, Range::Hours(24))),
            ("/analytics/metrics?", Page::Metrics, question(None, Range::Minutes(60))),
            (
                "/analytics/summary.json?route=shop&range=5m",
                Page::Json,
                question(Some("shop"), Range::Minutes(5)),
            ),
            ("/analytics?route=other", Page::Html, question(Some("other"), Range::Minutes(60))),
        ] {
            assert_eq!(to("HEAD", target), Way::Ask(page, asked), "{target}");
        }
    }

    #[test]
    fn only_who_knows_the_token_may_ask() {
        let of = |field: &str| entry(Some("s3:cret"), true, Some(field.as_bytes()));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer s3:cre",
            "Bearer s3:crets",
            "bearer S3:cret",
            "s3:cret",
            "Digest s3:cret",
            "Basic s3:cret",
            "Basic",
            "Basic czM6Y3JldA==",
            "Basic OnMzOmNyZXQ-",
            "Basic ====",
        ] {
            assert_eq!(of(bad), Entry::Unknown, "{bad}");
        }
        for good in
            ["Bearer s3:cret", "bearer  s3:cret ", "Basic YTpzMzpjcmV0", "BASIC OnMzOmNyZXQ="]
        {
            assert_eq!(of(good), Entry::Open, "{good}");
        }
        assert_eq!(entry(Some("a"), true, None), Entry::Unknown);
        assert_eq!(entry(None, true, None), Entry::Open);
        assert_eq!(entry(None, false, Some(b"Bearer ")), Entry::Closed);
        assert_eq!(entry(Some(""), false, Some(b"Bearer ")), Entry::Closed);
    }

    proptest! {
        #[test]
        fn any_target_and_field_is_read(target: String, field: Vec<u8>, text: String) {
            for method in ["GET", "POST", ""] {
                let _ = to(method, &target);
                let _ = to(method, &format!("/analytics?{target}"));
            }
            for scheme in [&b"Basic "[..], b"Bearer ", b""] {
                let field = [scheme, &field].concat();
                prop_assert!(entry(Some("token of some length"), false, Some(&field)) == Entry::Unknown);
            }
            let _ = base64(text.as_bytes());
        }
    }
}
