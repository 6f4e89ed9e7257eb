//! The path and the host that a target sees.

use super::super::validate;
use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Uri};
use sedge_model::failure::{Failure, Kind};
use sedge_model::routing::rule::{PathMatch, PathRewrite, Pattern, Segment, Template};
use std::borrow::Cow;

/// Changes the path of a request; its query stays.
///
/// # Errors
///
/// When what comes out is a path that would have been refused had the client
/// sent it: `/a*` in the place of `/files/` turns `/a../x` into `/files/../x`. Only
/// two slashes at its beginning pass, because `/` in the place of `/api` makes them
/// of `/api/x`, and a target with a host before it is no URL that could be misread.
pub(super) fn path(to: &PathRewrite, fitted: &PathMatch, head: &mut Parts) -> Result<(), Failure> {
    let path = made(to, fitted, head.uri.path())?;
    validate::segments(&path)?;
    let both = match head.uri.query() {
        None => path.into_owned(),
        Some(query) => format!("{path}?{query}"),
    };
    let both = PathAndQuery::try_from(both)
        .map_err(|_| Failure::new(Kind::BadRequest, "the rewritten path is none"))?;
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    parts.path_and_query = Some(both);
    head.uri = Uri::from_parts(parts)
        .map_err(|_| Failure::new(Kind::BadRequest, "the rewritten target is none"))?;
    Ok(())
}

/// What a path becomes where a client reads it.
///
/// # Errors
///
/// When the path would have been refused had the client sent it.
pub(super) fn rewritten<'a>(
    to: &'a PathRewrite,
    fitted: &PathMatch,
    path: &'a str,
) -> Result<Cow<'a, str>, Failure> {
    let new = made(to, fitted, path)?;
    validate::path(&new)?;
    Ok(new)
}

fn made<'a>(
    to: &'a PathRewrite,
    fitted: &PathMatch,
    path: &'a str,
) -> Result<Cow<'a, str>, Failure> {
    Ok(match to {
        PathRewrite::Full(new) => Cow::Borrowed(new.as_str()),
        PathRewrite::Prefix(new) => prefix(new, fitted, path).into(),
        PathRewrite::Pattern { pattern, with } => replaced(pattern, with, path)?.into(),
        PathRewrite::Template(template) => filled(template, fitted, path)?.into(),
    })
}

/// `new` in the place of what was fitted. Of a prefix of whole segments the
/// slash belongs to the rest (Gateway API, `HTTPPathModifier`); of bytes, what
/// follows follows (Envoy `prefix_rewrite`). Other matches fit the whole path.
fn prefix(new: &str, fitted: &PathMatch, path: &str) -> String {
    let joined = match fitted {
        PathMatch::AnyCase(inner) => return prefix(new, inner, path),
        PathMatch::Any => format!("{}{path}", new.trim_end_matches('/')),
        PathMatch::Prefix(old) => {
            format!("{}{}", new.trim_end_matches('/'), path.get(old.len()..).unwrap_or_default())
        }
        PathMatch::Begins(old) => format!("{new}{}", path.get(old.len()..).unwrap_or_default()),
        PathMatch::Exact(_) | PathMatch::Template(_) | PathMatch::Pattern(_) => new.to_owned(),
    };
    if joined.starts_with('/') { joined } else { format!("/{joined}") }
}

/// The longest path that a pattern may make: every place that fits may grow.
const REPLACED_BYTES_MAX: usize = 64 * 1024;

/// Every place that fits becomes `with`, in which `\\0` to `\\9` are what the
/// pattern's groups have fitted (RE2's syntax of replacements).
fn replaced(pattern: &Pattern, with: &str, path: &str) -> Result<String, Failure> {
    let mut new = String::with_capacity(path.len());
    let mut end = 0;
    for groups in pattern.regex.captures_iter(path) {
        let Some(whole) = groups.get(0) else { continue };
        new.push_str(&path[end..whole.start()]);
        end = whole.end();
        let mut letters = with.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some(digit) if digit.is_ascii_digit() => {
                        let group = digit.to_digit(10).and_then(|at| groups.get(at as usize));
                        new.push_str(group.map_or("", |group| group.as_str()));
                    }
                    Some(other) => new.push(other),
                    None => {}
                },
                letter => new.push(letter),
            }
        }
        if new.len() > REPLACED_BYTES_MAX {
            return Err(Failure::new(Kind::UriTooLong, "the rewritten path is too long"));
        }
    }
    new.push_str(&path[end..]);
    Ok(new)
}

/// The template with the segments that the path has for its names.
fn filled(template: &Template, fitted: &PathMatch, path: &str) -> Result<String, Failure> {
    let bound = match fitted {
        PathMatch::Template(fitted) => bind(fitted, path),
        _ => Vec::new(),
    };
    let mut new = String::with_capacity(path.len());
    for segment in &template.segments {
        new.push('/');
        match segment {
            Segment::Literal(text) => new.push_str(text),
            Segment::Name(name) | Segment::Rest(name) => {
                let value = bound.iter().find(|(bound, _)| bound == name).map(|(_, value)| *value);
                let missing = || Failure::new(Kind::Internal, "the path has no such segment");
                new.push_str(value.ok_or_else(missing)?);
            }
        }
    }
    Ok(if new.is_empty() { "/".to_owned() } else { new })
}

/// Names and segments of a path that fits the template.
fn bind<'a>(template: &'a Template, path: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    let mut bound = Vec::new();
    for segment in &template.segments {
        let (first, after) = rest.split_once('/').unwrap_or((rest, ""));
        match segment {
            Segment::Literal(_) => {}
            Segment::Name(name) => bound.push((name.as_str(), first)),
            Segment::Rest(name) => bound.push((name.as_str(), rest)),
        }
        rest = after;
    }
    bound
}

/// Changes the host of a request, in the target and in its field.
pub(super) fn host(to: &str, head: &mut Parts) -> Result<(), Failure> {
    let invalid = |_| Failure::new(Kind::Internal, "the rule's host is none");
    head.headers.insert(HOST, HeaderValue::from_str(to).map_err(|_| invalid(()))?);
    if head.uri.authority().is_some() {
        let mut parts = std::mem::take(&mut head.uri).into_parts();
        parts.authority = Some(Authority::try_from(to).map_err(|_| invalid(()))?);
        head.uri = Uri::from_parts(parts).map_err(|_| invalid(()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
