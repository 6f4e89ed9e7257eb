//! Whether a request fits a match.

use http::header::HOST;
use http::{HeaderMap, HeaderName, Method};
use sedge_model::routing::rule::{Match, PathMatch, Segment, Template, ValueMatch};
use std::sync::LazyLock;

/// What a table is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Without port, in any case, with or without a trailing dot; empty if the
    /// request names none.
    pub host: &'a str,
    /// The host as it was sent, with its port.
    pub authority: &'a str,
    /// As it was sent, without query.
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
    /// The method.
    pub method: &'a Method,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The port that the connection came by.
    pub port: u16,
}

impl<'a> Asked<'a> {
    /// A request without header fields, query and port, in the clear.
    pub fn plain(host: &'a str, path: &'a str, method: &'a Method) -> Self {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        Asked {
            host,
            authority: host,
            path,
            query: None,
            method,
            headers: &NONE,
            tls: false,
            port: 0,
        }
    }
}

/// Whether everything of a match fits but path and method.
pub(super) fn conditions_fit(one: &Match, asked: &Asked<'_>) -> bool {
    one.tls.is_none_or(|tls| tls == asked.tls)
        && one.port.is_none_or(|port| port == asked.port)
        && one.headers.iter().all(|(name, value)| header_fits(name, value, asked))
        && one.queries.iter().all(|(name, value)| {
            value_fits(value, parameter(asked.query.unwrap_or_default(), name))
        })
}

/// Whether a field fits: any one of its values. What must not be, none of them may
/// be, and where a field may be absent, it is empty then (Envoy `HeaderMatcher`).
fn header_fits(name: &HeaderName, wanted: &ValueMatch, asked: &Asked<'_>) -> bool {
    if name == HOST {
        return value_fits(wanted, Some(asked.authority).filter(|host| !host.is_empty()));
    }
    let values = asked.headers.get_all(name);
    let any = |wanted: &ValueMatch| {
        // Bytes that are no text fit nothing but presence.
        values
            .iter()
            .any(|value| value_fits(wanted, Some(&String::from_utf8_lossy(value.as_bytes()))))
    };
    let is_there = asked.headers.contains_key(name);
    match wanted {
        ValueMatch::Absent => !is_there,
        ValueMatch::Without(inner) if !is_there => !value_fits(inner, Some("")),
        ValueMatch::Without(inner) => !any(inner),
        ValueMatch::Not(inner) => is_there && !any(inner),
        wanted => any(wanted),
    }
}

/// The first value of a query parameter, as it was sent; one without `=` is empty.
fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name && !pair.is_empty()).then_some(value)
    })
}

/// Whether one value fits.
pub(in crate::http) fn value_fits(wanted: &ValueMatch, value: Option<&str>) -> bool {
    match (wanted, value) {
        (ValueMatch::Absent, value) => value.is_none(),
        (ValueMatch::Without(inner), value) => !value_fits(inner, Some(value.unwrap_or_default())),
        (_, None) => false,
        (ValueMatch::Present, Some(_)) => true,
        (ValueMatch::Exact(exact), Some(value)) => value == exact,
        (ValueMatch::Prefix(prefix), Some(value)) => value.starts_with(prefix.as_str()),
        (ValueMatch::Pattern(pattern), Some(value)) => pattern.regex.is_match(value),
        (ValueMatch::Not(inner), Some(_)) => !value_fits(inner, value),
    }
}

/// Whether a path fits.
pub(super) fn path_fits(wanted: &PathMatch, path: &str) -> bool {
    fits_in_case(wanted, path, false)
}

fn fits_in_case(wanted: &PathMatch, path: &str, any_case: bool) -> bool {
    let same = |left: &str, right: &str| {
        if any_case { left.eq_ignore_ascii_case(right) } else { left == right }
    };
    let begins = |prefix: &str| path.get(..prefix.len()).is_some_and(|head| same(head, prefix));
    match wanted {
        PathMatch::Any => true,
        PathMatch::Exact(exact) => same(path, exact),
        PathMatch::Begins(prefix) => begins(prefix),
        PathMatch::Prefix(prefix) => {
            let rest = path.as_bytes().get(prefix.len());
            begins(prefix) && (prefix.is_empty() || rest.is_none_or(|&byte| byte == b'/'))
        }
        PathMatch::Template(template) => template_fits(template, path, &same),
        PathMatch::Pattern(pattern) if any_case => {
            // A pattern says itself what case it means; in any case, both do.
            pattern.regex.is_match(path) || pattern.regex.is_match(&path.to_ascii_lowercase())
        }
        PathMatch::Pattern(pattern) => pattern.regex.is_match(path),
        PathMatch::AnyCase(inner) => fits_in_case(inner, path, true),
    }
}

fn template_fits(template: &Template, path: &str, same: &dyn Fn(&str, &str) -> bool) -> bool {
    let Some(mut left) = path.strip_prefix('/').map(Some) else { return false };
    for segment in &template.segments {
        let Some(rest) = left else { return false };
        if matches!(segment, Segment::Rest(_)) {
            return true;
        }
        let (part, after) = match rest.split_once('/') {
            Some((part, after)) => (part, Some(after)),
            None => (rest, None),
        };
        let fits = match segment {
            Segment::Literal(literal) => same(part, literal),
            Segment::Name(_) | Segment::Rest(_) => !part.is_empty(),
        };
        if !fits {
            return false;
        }
        left = after;
    }
    left.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::routing::rule::Pattern;

    #[test]
    fn paths_fit_as_they_are_written() {
        let any_case =
            |text: &str| PathMatch::AnyCase(Box::new(PathMatch::parse(text).expect(text)));
        let parsed = |text: &str| PathMatch::parse(text).expect(text);
        for (wanted, path, fits) in [
            (parsed("/a"), "/A", false),
            (parsed("/a/*"), "/ab", false),
            (parsed("/a/*"), "/a/b", true),
            (PathMatch::Begins("/a".into()), "/ab", true),
            (PathMatch::Begins("/a".into()), "/", false),
            (parsed("/u/{id}"), "/u/", false),
            (parsed("/u/{id}"), "/u", false),
            (parsed("/u/{id}"), "/u/7/", false),
            (parsed("/u/{id}"), "/u/7", true),
            (parsed("/u/{id}/{rest...}"), "/u/7", false),
            (parsed("/u/{id}/{rest...}"), "/u/7/", true),
            (parsed("/u/{id}/{rest...}"), "/u/7/a/b", true),
            (any_case("/a/*"), "/A/b", true),
            (any_case("/a/*"), "/AB", false),
            (any_case("/u/{id}"), "/U/X", true),
            (any_case("/é".trim_end_matches('é')), "/é", false),
            (PathMatch::Begins("/ab".into()), "/é", false),
            (PathMatch::Pattern(Pattern::whole("/[0-9]+").expect("right")), "/12", true),
            (PathMatch::Pattern(Pattern::whole("/[0-9]+").expect("right")), "/12/", false),
        ] {
            assert_eq!(path_fits(&wanted, path), fits, "{wanted} {path}");
        }
    }

    #[test]
    fn values_fit_as_they_are_written() {
        let exact = || Box::new(ValueMatch::Exact("a".into()));
        for (wanted, value, fits) in [
            (ValueMatch::Present, None, false),
            (ValueMatch::Present, Some(""), true),
            (ValueMatch::Absent, Some(""), false),
            (ValueMatch::Absent, None, true),
            (ValueMatch::Prefix("a".into()), Some("b"), false),
            (ValueMatch::Prefix("a".into()), Some("ab"), true),
            (ValueMatch::Not(exact()), None, false),
            (ValueMatch::Not(exact()), Some("a"), false),
            (ValueMatch::Not(exact()), Some("b"), true),
            (ValueMatch::Without(exact()), None, true),
            (ValueMatch::Without(exact()), Some("a"), false),
            (ValueMatch::Without(exact()), Some("b"), true),
        ] {
            assert_eq!(value_fits(&wanted, value), fits, "{wanted:?} {value:?}");
        }
        for (query, name, value) in [
            ("", "a", None),
            ("ab=1", "a", None),
            ("&", "", None),
            ("a", "a", Some("")),
            ("b=1&a=2&a=3", "a", Some("2")),
            ("a=%41", "a", Some("%41")),
        ] {
            assert_eq!(parameter(query, name), value, "{query} {name}");
        }
    }

    #[test]
    fn one_of_several_fields_must_fit_and_the_host_is_the_authority() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().expect("value"));
        headers.append("x-a", "2".parse().expect("value"));
        let method = Method::GET;
        let asked = Asked {
            headers: &headers,
            authority: "a.org:8080",
            ..Asked::plain("a.org", "/", &method)
        };
        let exact = |value: &str| ValueMatch::Exact(value.into());
        let not = |value: &str| ValueMatch::Not(Box::new(exact(value)));
        let without = |value: &str| ValueMatch::Without(Box::new(exact(value)));
        for (name, wanted, fits) in [
            ("x-a", exact("3"), false),
            ("x-a", exact("1, 2"), false),
            ("x-a", exact("1"), true),
            ("x-a", exact("2"), true),
            ("x-a", not("2"), false),
            ("x-a", not("3"), true),
            ("x-a", without("2"), false),
            ("x-a", without("3"), true),
            ("x-b", not("3"), false),
            ("x-b", without("3"), true),
            // What is not there is empty.
            ("x-b", without(""), false),
            ("host", exact("a.org"), false),
            ("host", exact("a.org:8080"), true),
        ] {
            let name: HeaderName = name.parse().expect("name");
            assert_eq!(header_fits(&name, &wanted, &asked), fits, "{name} {wanted:?}");
        }
    }
}
