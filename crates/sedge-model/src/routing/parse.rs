//! Reads the paths and patterns of rules.

use super::rule::{PathMatch, Pattern, Segment, Template, Upgrades};
use crate::document::Invalid;
use crate::route;
use regex::{Regex, RegexBuilder};
use std::fmt;

/// Bytes that one compiled pattern may take; its caches are bounded by as much.
const PATTERN_BYTES_MAX: usize = 256 << 10;

impl PathMatch {
    /// Reads `/exact`, `/prefix/*`, or a template such as `/users/{id}`.
    pub fn parse(text: &str) -> Result<PathMatch, Invalid> {
        if text.contains(['{', '}']) {
            return Template::parse(text).map(PathMatch::Template);
        }
        Ok(match route::Path::parse(text)? {
            route::Path::Exact(path) => PathMatch::Exact(path),
            route::Path::Prefix(prefix) => PathMatch::Prefix(prefix),
        })
    }
}

impl From<&route::Path> for PathMatch {
    fn from(path: &route::Path) -> Self {
        match path {
            route::Path::Exact(path) => PathMatch::Exact(path.clone()),
            route::Path::Prefix(prefix) => PathMatch::Prefix(prefix.clone()),
        }
    }
}

/// As it would be written; for access records and messages.
impl fmt::Display for PathMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathMatch::Any => f.write_str("/*"),
            PathMatch::Exact(path) => f.write_str(path),
            PathMatch::Prefix(prefix) => write!(f, "{prefix}/*"),
            PathMatch::Begins(prefix) => write!(f, "{prefix}*"),
            PathMatch::Template(template) => f.write_str(&template.text),
            PathMatch::Pattern(pattern) => write!(f, "~{}", pattern.text),
            PathMatch::AnyCase(inner) => write!(f, "(?i){inner}"),
        }
    }
}

impl Template {
    /// Reads a path whose segments may be `{name}`, the last `{name...}`.
    pub fn parse(text: &str) -> Result<Template, Invalid> {
        let refuse = |what: &str, hint: &str| {
            Err(Invalid::new(format!("the template `{text}` {what}"), hint))
        };
        let Some(below) = text.strip_prefix('/') else {
            return refuse("does not begin with `/`", "a path begins with `/`");
        };
        let mut segments: Vec<Segment> = Vec::new();
        let parts: Vec<&str> = below.split('/').collect();
        for (index, part) in parts.iter().enumerate() {
            let named = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let Some(name) = named else {
                if part.contains(['{', '}']) {
                    let hint = "a name is a whole segment: \"/users/{id}\"";
                    return refuse("has a brace within a segment", hint);
                }
                // The same as for every other path.
                route::Path::parse(&format!("/{part}"))?;
                if part.is_empty() && index + 1 < parts.len() {
                    return refuse("has an empty segment", "write one `/` between segments");
                }
                if part.contains('*') {
                    return refuse("has `*` beside names", "write {rest...} as the last segment");
                }
                segments.push(Segment::Literal((*part).to_owned()));
                continue;
            };
            let rest = name.strip_suffix("...");
            let name = rest.unwrap_or(name);
            let known = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
            if name.is_empty() || name.len() > 63 || !name.bytes().all(known) {
                return refuse(
                    "has a name that is none",
                    "a name is letters, digits and `_`, 1 to 63 of them",
                );
            }
            let is_taken = segments.iter().any(|segment| segment.name() == Some(name));
            if is_taken {
                return refuse("has a name twice", "give each segment a name of its own");
            }
            match rest {
                None => segments.push(Segment::Name(name.to_owned())),
                Some(_) if index + 1 == parts.len() => {
                    segments.push(Segment::Rest(name.to_owned()));
                }
                Some(_) => {
                    return refuse("goes on after its rest", "{name...} may only come last");
                }
            }
        }
        Ok(Template { text: text.to_owned(), segments })
    }
}

impl Upgrades {
    /// Reads the name of a protocol, `name` or `name/version` (RFC 9110 §16.7), in
    /// lower case. HTTP itself is refused: its requests would pass through the
    /// connection unseen, past every route and limit.
    pub fn parse(text: &str) -> Result<String, Invalid> {
        let name = text.to_ascii_lowercase();
        let is_token = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c))
        };
        let (protocol, version) = name
            .split_once('/')
            .map_or((&*name, None), |(protocol, version)| (protocol, Some(version)));
        if !is_token(protocol) || !version.is_none_or(is_token) {
            let message = format!("`{}` is not the name of a protocol", text.escape_debug());
            return Err(Invalid::new(message, "write a name such as \"websocket\""));
        }
        if matches!(protocol, "h2c" | "h2" | "h3" | "http" | "https" | "tls") {
            let message = format!("connections cannot be upgraded to `{text}`");
            let hint = "requests on such a connection would pass unseen by routes and limits";
            return Err(Invalid::new(message, hint));
        }
        Ok(name)
    }
}

impl Segment {
    /// The name of what it stands for, if it has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Segment::Literal(_) => None,
            Segment::Name(name) | Segment::Rest(name) => Some(name),
        }
    }
}

impl Pattern {
    /// A pattern that a whole value must fit.
    pub fn whole(text: &str) -> Result<Pattern, Invalid> {
        Pattern::compile(text, &format!("^(?:{text})$"))
    }

    /// A pattern that is looked for within a value.
    pub fn within(text: &str) -> Result<Pattern, Invalid> {
        Pattern::compile(text, text)
    }

    fn compile(text: &str, anchored: &str) -> Result<Pattern, Invalid> {
        let build = |pattern: &str| -> Result<Regex, regex::Error> {
            RegexBuilder::new(pattern)
                .size_limit(PATTERN_BYTES_MAX)
                .dfa_size_limit(PATTERN_BYTES_MAX)
                .nest_limit(64)
                .build()
        };
        // As it was written first: `a)(b` must not become right by the brackets
        // around it.
        let built = build(text).and_then(|_| build(anchored));
        match built {
            Ok(regex) => Ok(Pattern { text: text.to_owned(), regex }),
            Err(regex::Error::CompiledTooBig(_)) => Err(Invalid::new(
                format!("the pattern `{text}` needs more than {} KiB", PATTERN_BYTES_MAX >> 10),
                "repeat less: every {n} is a copy",
            )),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ");
                Err(Invalid::new(
                    format!("the pattern `{text}` cannot be read: {reason}"),
                    "patterns are regular expressions without look-around and back-references",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_a_path() {
        for bad in [
            "",
            "a",
            "/{",
            "/{}",
            "/{a}b",
            "/x{a}",
            "/{a b}",
            "/{a}/{a}",
            "/{r...}/x",
            "/{a}/*",
            "/{a}/../b",
            "/{a}//b",
            "/a*",
            "/{...}",
            "/{a}?b",
        ] {
            let invalid = PathMatch::parse(bad).expect_err(bad);
            assert!(invalid.hint.is_some(), "{bad}");
        }
    }

    #[test]
    fn reads_what_it_writes() {
        for (text, kind) in [
            ("/a", "Exact"),
            ("/a/*", "Prefix"),
            ("/*", "Prefix"),
            ("/users/{id}", "Template"),
            ("/users/{id}/{rest...}", "Template"),
        ] {
            let path = PathMatch::parse(text).expect(text);
            assert_eq!(path.to_string(), text);
            assert!(format!("{path:?}").starts_with(kind), "{path:?}");
        }
    }

    #[test]
    fn patterns_are_whole_bounded_and_without_tricks() {
        for bad in ["(", "a)(b", "(?=a)", r"(a)\1", "(a{1000}){1000}", "[z-a]"] {
            let invalid = Pattern::whole(bad).expect_err(bad);
            assert!(invalid.hint.is_some() && !invalid.message.contains('\n'), "{invalid}");
        }
        let pattern = Pattern::whole("a|ab").expect("right");
        for (value, fits) in [("a", true), ("ab", true), ("abc", false), ("xa", false)] {
            assert_eq!(pattern.regex.is_match(value), fits, "{value}");
        }
        assert!(Pattern::within("b").expect("right").regex.is_match("abc"));
    }
}
