//! What a route takes of the requests of a node, and when two take the same.

use super::rule::{Match, PathMatch, Rule};
use crate::route::{Host, Route, write_methods};
use http::Method;
use std::fmt;

/// The requests of one host that fit one match. Two claims of the same place and
/// of a common method can never be told apart: one of them would never answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    host: Option<Host>,
    path: String,
    methods: Vec<Method>,
    /// Header fields, query parameters, scheme and port, in one order.
    conditions: String,
}

impl Claim {
    /// What a function's own route claims.
    pub fn of_route(route: &Route) -> Claim {
        let path = PathMatch::from(&route.path).to_string();
        Claim {
            host: route.host.clone(),
            path,
            methods: route.methods.clone(),
            conditions: String::new(),
        }
    }

    /// What a rule claims: for each of its hosts and matches, with the match's
    /// index.
    pub fn of_rule(rule: &Rule) -> Vec<(usize, Claim)> {
        let every = [Match::default()];
        let matches = if rule.matches.is_empty() { &every[..] } else { &rule.matches };
        let hosts: Vec<Option<Host>> = match &rule.hosts[..] {
            [] => vec![None],
            hosts => hosts.iter().cloned().map(Some).collect(),
        };
        let mut claims = Vec::new();
        for (index, one) in matches.iter().enumerate() {
            for host in &hosts {
                claims.push((index, Claim::of_match(host.clone(), one)));
            }
        }
        claims
    }

    fn of_match(host: Option<Host>, one: &Match) -> Claim {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(one.headers.iter().map(|(name, value)| format!("{name}: {value:?}")));
        parts.extend(one.queries.iter().map(|(name, value)| format!("?{name}={value:?}")));
        parts.sort_unstable();
        parts.extend(one.tls.map(|tls| format!("tls={tls}")));
        parts.extend(one.port.map(|port| format!("port={port}")));
        // Every path is the same whichever way it is written.
        let path = match &one.path {
            PathMatch::Any => PathMatch::Prefix(String::new()).to_string(),
            path => path.to_string(),
        };
        Claim { host, path, methods: one.methods.clone(), conditions: parts.join("; ") }
    }

    /// Claims of different places never conflict; a key for maps.
    pub fn place(&self) -> String {
        let host = self.host.as_ref().map(Host::to_string).unwrap_or_default();
        format!("{host}\n{}\n{}", self.path, self.conditions)
    }

    /// Whether all that it takes lies at this path or below it.
    pub fn is_below(&self, path: &str) -> bool {
        let rest = self.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// What both claim; `None` if they can stand side by side. A claim that names
    /// a method wins over one of every method, so these two do not collide.
    pub fn conflict(&self, other: &Claim) -> Option<String> {
        if self.place() != other.place() {
            return None;
        }
        if self.methods.is_empty() && other.methods.is_empty() {
            return Some("every method".to_owned());
        }
        self.methods.iter().find(|method| other.methods.contains(method)).map(Method::to_string)
    }
}

/// As a function's route is written, with the conditions in brackets.
impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_methods(f, &self.methods)?;
        if let Some(host) = &self.host {
            write!(f, "{host}")?;
        }
        f.write_str(&self.path)?;
        if self.conditions.is_empty() { Ok(()) } else { write!(f, " [{}]", self.conditions) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_a_path_is_known() {
        for (route, expected) in [
            ("/*", false),
            ("/v1/*", false),
            ("/v1/ingestion", false),
            ("/v1/ingest", true),
            ("/v1/ingest/*", true),
            ("POST example.org/v1/ingest/pump-7", true),
        ] {
            let claim = Claim::of_route(&Route::parse(route).expect(route));
            assert_eq!(claim.is_below("/v1/ingest"), expected, "{route}");
        }
    }

    #[test]
    fn claims_conflict_when_one_request_fits_both_alike() {
        for (left, right, expected) in [
            ("/a", "/b", None),
            ("/a", "/a/*", None),
            ("GET /a", "POST /a", None),
            ("x.org/a", "/a", None),
            ("GET /a", "/a", None),
            ("GET /a", "HEAD /a", None),
            ("/a", "/a", Some("every method")),
            ("PUT,GET /a", "GET,POST /a", Some("GET")),
        ] {
            let of = |text| Claim::of_route(&Route::parse(text).expect(text));
            let (a, b) = (of(left), of(right));
            assert_eq!(a.conflict(&b).as_deref(), expected, "{left} {right}");
            assert_eq!(b.conflict(&a).as_deref(), expected, "{right} {left}");
            assert_eq!((a.to_string(), b.to_string()), (left.to_owned(), right.to_owned()));
        }
    }
}
