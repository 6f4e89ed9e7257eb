//! From matches as written to those as meant.

use super::raw_match::{RawMatch, RawMatchTable, RawPath, RawPathTable, RawValue, RawValueTable};
use super::resolve::Resolver;
use crate::document::{Invalid, child};
use crate::route::parse_method;
use crate::routing::rule::{Match, PathMatch, Pattern, ValueMatch};
use http::Method;

impl Resolver<'_> {
    pub(super) fn one_match(&mut self, at: &str, raw: RawMatch) -> Option<Match> {
        let raw = match raw {
            RawMatch::Text(text) => return self.part(at, match_text(&text)),
            RawMatch::Table(table) => table,
        };
        let RawMatchTable { path, methods, headers, queries, tls, port } = raw;
        let path = match path {
            None => Some(PathMatch::Any),
            Some(path) => self.path_match(&child(at, "path"), path),
        };
        let methods = self.methods(&child(at, "methods"), &methods);
        let headers_at = child(at, "headers");
        let mut fields = Vec::new();
        for (name, value) in headers {
            let at = child(&headers_at, &name);
            let name = self.field_name(&at, &name);
            let value = self.value(&at, value);
            fields.extend(name.zip(value));
        }
        let queries_at = child(at, "queries");
        let queries = queries.into_iter();
        let queries = queries
            .filter_map(|(name, value)| {
                let value = self.value(&child(&queries_at, &name), value)?;
                Some((name, value))
            })
            .collect();
        Some(Match { path: path?, methods: methods?, headers: fields, queries, tls, port })
    }

    fn path_match(&mut self, at: &str, raw: RawPath) -> Option<PathMatch> {
        let raw = match raw {
            RawPath::Text(text) => return self.part(at, PathMatch::parse(&text)),
            RawPath::Table(table) => table,
        };
        let RawPathTable { is, begins, pattern, any_case } = raw;
        let mut found = Vec::new();
        if let Some(text) = is {
            found.push(("is", self.part(&child(at, "is"), PathMatch::parse(&text))));
        }
        if let Some(text) = begins {
            let checked = crate::route::Path::parse(&text).map(|_| PathMatch::Begins(text));
            found.push(("begins", self.part(&child(at, "begins"), checked)));
        }
        if let Some(text) = pattern {
            let pattern = Pattern::whole(&text).map(PathMatch::Pattern);
            found.push(("pattern", self.part(&child(at, "pattern"), pattern)));
        }
        let path = self.one_of(at, found, "is, begins or pattern", "the path")?;
        Some(if any_case { PathMatch::AnyCase(Box::new(path)) } else { path })
    }

    fn value(&mut self, at: &str, raw: RawValue) -> Option<ValueMatch> {
        let raw = match raw {
            RawValue::Text(text) => return Some(ValueMatch::Exact(text)),
            RawValue::Present(true) => return Some(ValueMatch::Present),
            RawValue::Present(false) => return Some(ValueMatch::Absent),
            RawValue::Table(table) => table,
        };
        let RawValueTable { is, begins, pattern, not } = raw;
        let mut found = Vec::new();
        found.extend(is.map(|text| ("is", Some(ValueMatch::Exact(text)))));
        found.extend(begins.map(|text| ("begins", Some(ValueMatch::Prefix(text)))));
        if let Some(text) = pattern {
            let pattern = Pattern::whole(&text).map(ValueMatch::Pattern);
            found.push(("pattern", self.part(&child(at, "pattern"), pattern)));
        }
        let value = self.one_of(at, found, "is, begins or pattern", "the value")?;
        Some(if not { ValueMatch::Not(Box::new(value)) } else { value })
    }

    /// The one of several keys that say what something is; none and two are
    /// mistakes.
    pub(super) fn one_of<T>(
        &mut self,
        at: &str,
        mut found: Vec<(&'static str, Option<T>)>,
        keys: &str,
        what: &str,
    ) -> Option<T> {
        if found.len() > 1 {
            let message = format!("{what} is said twice, by `{}` and `{}`", found[0].0, found[1].0);
            self.draft.reject(at, Invalid::new(message, format!("keep one of {keys}")));
            return None;
        }
        if found.is_empty() && self.draft.is_complete(at) {
            let message = format!("{what} is not said");
            self.draft.reject(at, Invalid::new(message, format!("write one of {keys}")));
        }
        found.pop()?.1
    }

    fn methods(&mut self, at: &str, raw: &[String]) -> Option<Vec<Method>> {
        let mut methods = Vec::new();
        let mut whole = true;
        for (index, text) in raw.iter().enumerate() {
            match self.part(&child(at, index), parse_method(text)) {
                Some(method) if methods.contains(&method) => {
                    let message = format!("the method {method} is named twice");
                    self.draft
                        .reject(&child(at, index), Invalid::new(message, "name each method once"));
                }
                Some(method) => methods.push(method),
                None => whole = false,
            }
        }
        whole.then_some(methods)
    }
}

/// Reads `[METHOD[,METHOD] ]/path`.
fn match_text(text: &str) -> Result<Match, Invalid> {
    let text = text.trim();
    let (methods, path) = match text.rsplit_once(char::is_whitespace) {
        Some((methods, path)) => {
            (methods.split(',').map(parse_method).collect::<Result<Vec<_>, _>>()?, path)
        }
        None => (Vec::new(), text),
    };
    if !path.starts_with('/') {
        return Err(Invalid::new(
            format!("the match `{text}` does not begin with a path"),
            "write \"/path\" or \"GET /path\"; hosts are named by hosts = [\"example.org\"]",
        ));
    }
    for (index, method) in methods.iter().enumerate() {
        if methods[..index].contains(method) {
            let message = format!("the method {method} is named twice");
            return Err(Invalid::new(message, "name each method once"));
        }
    }
    Ok(Match { path: PathMatch::parse(path)?, methods, ..Match::default() })
}
