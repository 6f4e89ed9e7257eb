//! From rewrites and redirects as written to those as meant.

use super::raw_route::{RawRedirect, RawRewrite, RawScheme};
use super::resolve::Resolver;
use crate::document::{Invalid, child};
use crate::route::Host;
use crate::routing::rule::{
    Match, PathMatch, PathRewrite, Pattern, Redirect, RedirectPort, Rewrite, Segment, Template,
};
use http::StatusCode;

impl Resolver<'_> {
    pub(super) fn rewrite(&mut self, at: &str, raw: RawRewrite, matches: &[Match]) -> Rewrite {
        let host_at = child(at, "host");
        let host = raw.host.and_then(|host| self.part(&host_at, super::probe::host(&host)));
        let pattern = match (raw.pattern, raw.with) {
            (None, None) => None,
            (Some(pattern), with) => {
                let found = self.part(&child(at, "pattern"), Pattern::within(&pattern));
                found
                    .map(|pattern| PathRewrite::Pattern { pattern, with: with.unwrap_or_default() })
            }
            (None, Some(_)) => {
                let invalid = Invalid::new("`with` has no pattern", "write pattern = \"…\"");
                self.draft.reject_key(&child(at, "with"), invalid);
                None
            }
        };
        let two = pattern.is_some() && (raw.path.is_some() || raw.prefix.is_some());
        if two {
            let invalid =
                Invalid::new("the path is rewritten twice", "keep one of path, prefix or pattern");
            self.draft.reject_key(&child(at, "pattern"), invalid);
        }
        let path = self.path_rewrite(at, raw.path, raw.prefix, matches);
        Rewrite { path: path.or(pattern), host }
    }

    pub(super) fn redirect(
        &mut self,
        at: &str,
        raw: RawRedirect,
        matches: &[Match],
    ) -> Option<Redirect> {
        if ![301, 302, 303, 307, 308].contains(&raw.status) {
            let message = format!("{} is not the status of a redirect", raw.status);
            let hint = "write 301, 302, 303, 307 or 308";
            self.draft.reject(&child(at, "status"), Invalid::new(message, hint));
            return None;
        }
        let changes = raw.scheme.is_some()
            || raw.host.is_some()
            || raw.port.is_some()
            || raw.path.is_some()
            || raw.prefix.is_some();
        if !changes && self.draft.is_complete(at) {
            let hint = "write scheme, host, port, path or prefix";
            self.draft.reject(at, Invalid::new("the redirect leads to where it began", hint));
        }
        let host_at = child(at, "host");
        let host = raw.host.map(|host| match Host::parse(&host) {
            Ok(Host::Exact(host)) => Some(host),
            Ok(Host::Suffix(_)) => {
                let invalid = Invalid::new("a redirect needs a whole host", "name one host");
                self.part(&host_at, Err(invalid))
            }
            Err(invalid) => self.part(&host_at, Err(invalid)),
        });
        let path = self.path_rewrite(at, raw.path, raw.prefix, matches);
        Some(Redirect {
            status: StatusCode::from_u16(raw.status).ok()?,
            scheme: raw.scheme.map(|scheme| match scheme {
                RawScheme::Http => "http".to_owned(),
                RawScheme::Https => "https".to_owned(),
            }),
            host: host.flatten(),
            port: raw.port.map_or(RedirectPort::Kept, RedirectPort::Is),
            path,
        })
    }

    /// What `path` or `prefix` make of a path, given what the route's matches
    /// can offer.
    pub(super) fn path_rewrite(
        &mut self,
        at: &str,
        path: Option<String>,
        prefix: Option<String>,
        matches: &[Match],
    ) -> Option<PathRewrite> {
        match (path, prefix) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                let invalid =
                    Invalid::new("the path is rewritten twice", "keep either `path` or `prefix`");
                self.draft.reject_key(&child(at, "prefix"), invalid);
                None
            }
            (Some(path), None) => self.whole_path(&child(at, "path"), &path, matches),
            (None, Some(prefix)) => {
                let at = child(at, "prefix");
                let prefix = prefix.strip_suffix("/*").unwrap_or(&prefix);
                let checked = match prefix {
                    "" | "/" => Some(String::new()),
                    prefix => self
                        .part(&at, crate::route::Path::parse(prefix))
                        .map(|_| prefix.trim_end_matches('/').to_owned()),
                };
                if !matches.iter().all(|one| has_prefix(&one.path)) {
                    let message = "the route matches no prefix that could be replaced";
                    let hint = "let every match have a path such as \"/img/*\", or rewrite the \
                                whole path";
                    self.draft.reject(&at, Invalid::new(message, hint));
                }
                checked.map(PathRewrite::Prefix)
            }
        }
    }

    fn whole_path(&mut self, at: &str, path: &str, matches: &[Match]) -> Option<PathRewrite> {
        let rewritten = match self.part(at, PathMatch::parse(path))? {
            PathMatch::Template(template) => template,
            PathMatch::Exact(path) => return Some(PathRewrite::Full(path)),
            _ => {
                let invalid = Invalid::new(
                    format!("`{path}` is not one path"),
                    "to replace a prefix, write prefix = \"/new\"",
                );
                return self.part(at, Err(invalid));
            }
        };
        for name in rewritten.segments.iter().filter_map(Segment::name) {
            let has = |one: &Match| {
                template_of(&one.path).is_some_and(|template| {
                    template.segments.iter().any(|segment| segment.name() == Some(name))
                })
            };
            if matches.is_empty() || !matches.iter().all(has) {
                let message = format!("no segment of the match is named `{name}`");
                let hint = format!("let every match have a path with {{{name}}}");
                self.draft.reject(at, Invalid::new(message, hint));
            }
        }
        Some(PathRewrite::Template(rewritten))
    }
}

/// Whether a match takes a part of the path that a prefix may take the place of.
fn has_prefix(path: &PathMatch) -> bool {
    match path {
        PathMatch::Any | PathMatch::Prefix(_) | PathMatch::Begins(_) => true,
        PathMatch::AnyCase(inner) => has_prefix(inner),
        _ => false,
    }
}

fn template_of(path: &PathMatch) -> Option<&Template> {
    match path {
        PathMatch::Template(template) => Some(template),
        PathMatch::AnyCase(inner) => template_of(inner),
        _ => None,
    }
}
