//! From caching links as written to those as meant.

use super::raw_cache::{RawCache, RawCookies};
use super::resolve::Resolver;
use crate::document::{Invalid, child};
use crate::routing::cache::{CacheSettings, CookieRule, UNKEYED};
use http::StatusCode;
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, RANGE};
use std::time::Duration;

/// Fields without which no request can be answered as it was meant.
const NEEDED: [HeaderName; 3] = [HOST, RANGE, AUTHORIZATION];

impl Resolver<'_> {
    pub(super) fn cache(&mut self, at: &str, raw: RawCache) -> CacheSettings {
        let targeted = self.field_names(&child(at, "targeted"), &raw.targeted);
        let key_headers = self.field_names(&child(at, "key_headers"), &raw.key_headers);
        let unkeyed_at = child(at, "unkeyed_headers");
        let unkeyed_headers = match &raw.unkeyed_headers {
            None => UNKEYED.into_iter().map(HeaderName::from_static).collect(),
            Some(names) => self.field_names(&unkeyed_at, names),
        };
        self.check_fields(at, &raw, &key_headers);
        let seconds = Duration::from_secs;
        let status_ttl = raw
            .status_ttl
            .iter()
            .filter_map(|one| Some((StatusCode::from_u16(one.status).ok()?, seconds(one.ttl_s))));
        let scope_at = child(at, "scope");
        if let Some(scope) = &raw.scope {
            self.scope_name(&scope_at, scope);
        }
        let settings = CacheSettings {
            scope: raw.scope,
            targeted,
            heuristic_percent: raw.heuristic_percent,
            heuristic_max: seconds(raw.heuristic_s_max),
            status_ttl: status_ttl.collect(),
            default_ttl: seconds(raw.default_ttl_s),
            forced_ttl: raw.forced_ttl_s.map(seconds),
            stale_while_revalidate: seconds(raw.stale_while_revalidate_s),
            stale_if_error: seconds(raw.stale_if_error_s),
            stale_on_5xx: raw.stale_on_5xx,
            query_ignored: raw.query_ignored,
            query_sorted: raw.query_sorted,
            key_headers,
            codings: self.known_codings(&child(at, "codings"), raw.codings),
            select_language: raw.select_language,
            unkeyed_headers,
            cookies: match raw.cookies {
                RawCookies::Store => CookieRule::Store,
                RawCookies::IfShared => CookieRule::IfShared,
                RawCookies::Refuse => CookieRule::Refuse,
            },
            all_errors: raw.all_errors,
            short_parts: raw.short_parts,
            complete_unvalidated: raw.complete_unvalidated,
            object_bytes_max: raw.object_bytes_max,
            variants_max: raw.variants_max,
            wait: Duration::from_millis(raw.wait_ms),
            uncollapsed: seconds(raw.uncollapsed_s),
            name: self.cache_name(&child(at, "name"), raw.name),
            cache_status: raw.cache_status,
            honor_request: raw.honor_request,
        };
        self.shared_scope(&scope_at, &settings);
        settings
    }

    /// Fields that cannot tell responses apart, or cannot be taken off.
    fn check_fields(&mut self, at: &str, raw: &RawCache, key_headers: &[HeaderName]) {
        let unkeyed_at = child(at, "unkeyed_headers");
        for (index, name) in raw.unkeyed_headers.iter().flatten().enumerate() {
            let is = |other: &HeaderName| name.eq_ignore_ascii_case(other.as_str());
            let problem = match key_headers.iter().any(is) {
                true => Some("tells responses apart, and cannot be taken off"),
                false if NEEDED.iter().any(is) => Some("is needed behind the cache"),
                false => None,
            };
            if let Some(problem) = problem {
                let message = format!("`{name}` {problem}");
                let hint = "name fields that clients send and that nobody behind should believe";
                self.draft.reject(&child(&unkeyed_at, index), Invalid::new(message, hint));
            }
        }
        let is_cookie = |name: &String| name.eq_ignore_ascii_case(COOKIE.as_str());
        if let Some(index) = raw.key_headers.iter().position(is_cookie) {
            let message = "with `cookie`, hardly two requests are alike";
            let hint = "name a field that has few values; a link before this one can make it";
            let at = child(&child(at, "key_headers"), index);
            self.draft.reject(&at, Invalid::new(message, hint));
        }
    }

    /// What one link of a scope has stored answers for the others only if they tell the
    /// same requests apart.
    fn shared_scope(&mut self, at: &str, settings: &CacheSettings) {
        let Some(scope) = &settings.scope else { return };
        match self.scopes.get(scope) {
            None => drop(self.scopes.insert(scope.clone(), settings.clone())),
            Some(first) if first.tells_apart_as(settings) => {}
            Some(_) => {
                let message =
                    format!("two links of the scope `{scope}` tell requests apart unlike");
                let hint = "give them the same query_ignored, query_sorted, key_headers, codings, \
                            select_language and unkeyed_headers, or another scope";
                self.draft.reject(at, Invalid::new(message, hint));
            }
        }
    }

    /// Scopes that a function is granted.
    pub(super) fn granted_scopes(&mut self, at: &str, scopes: &[String]) {
        for (index, scope) in scopes.iter().enumerate() {
            let at = child(at, index);
            if self.scope_name(&at, scope) && scopes[..index].contains(scope) {
                let message = format!("the scope `{scope}` is granted twice");
                self.draft.reject(&at, Invalid::new(message, "remove one"));
            }
        }
    }

    fn scope_name(&mut self, at: &str, scope: &str) -> bool {
        let is_right = is_token(scope);
        if !is_right {
            let message = format!("`{}` is not a scope of the cache", scope.escape_debug());
            let hint = "write letters, digits, `-`, `_` and `.`";
            self.draft.reject(at, Invalid::new(message, hint));
        }
        is_right
    }

    fn field_names(&mut self, at: &str, names: &[String]) -> Vec<HeaderName> {
        let mut known = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                let message = format!("`{}` is not a header field", name.escape_debug());
                Invalid::new(message, "write a name such as x-request-id")
            });
            known.extend(self.part(&child(at, index), parsed));
        }
        known
    }

    /// Codings have tokens as names (RFC 9110 §8.4.1), which are compared in any case.
    fn known_codings(&mut self, at: &str, codings: Vec<String>) -> Vec<String> {
        let mut known = Vec::new();
        for (index, coding) in codings.into_iter().enumerate() {
            match is_token(&coding) {
                true => known.push(coding.to_ascii_lowercase()),
                false => {
                    let message = format!("`{}` is not a coding", coding.escape_debug());
                    let hint = "write names such as \"br\" and \"gzip\"";
                    self.draft.reject(&child(at, index), Invalid::new(message, hint));
                }
            }
        }
        known
    }

    /// A token is the simplest of what `Cache-Status` can name a cache by (RFC 9211 §2).
    fn cache_name(&mut self, at: &str, name: String) -> String {
        let begins_well = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
        if !begins_well || !is_token(&name) {
            let message = format!("`{}` cannot name a cache", name.escape_debug());
            let hint = "write a letter, then letters, digits, `-`, `_` and `.`";
            self.draft.reject(at, Invalid::new(message, hint));
        }
        name
    }
}

fn is_token(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.bytes().all(known)
}
