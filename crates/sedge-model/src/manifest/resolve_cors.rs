//! From what a route says to browsers as written to what is meant.

use super::raw_cors::RawCors;
use super::resolve::Resolver;
use crate::document::{Invalid, child};
use crate::routing::cors::{self, Allowed, Cors, OtherPreflights};
use crate::routing::rule::ValueMatch;
use http::{HeaderName, HeaderValue};
use std::time::Duration;

impl Resolver<'_> {
    pub(super) fn cors(&mut self, at: &str, raw: RawCors) -> Cors {
        let origins_at = child(at, "origins");
        let origins = raw.origins.iter().enumerate();
        let origins: Vec<ValueMatch> = origins
            .filter_map(|(index, text)| self.part(&child(&origins_at, index), cors::origin(text)))
            .collect();
        if raw.credentials && raw.origins.iter().any(|origin| origin == "*") {
            let message = "credentials are allowed to every origin";
            let hint = "name the origins, or take credentials away: every page could act for \
                        whoever looks at it";
            self.draft.reject(&child(at, "credentials"), Invalid::new(message, hint));
        }
        let asked = |value: HeaderValue| match raw.credentials && value == "*" {
            true => Allowed::Asked,
            false => Allowed::These(value),
        };
        Cors {
            origins,
            allow_methods: self.names(&child(at, "methods"), &raw.methods).map(asked),
            allow_headers: self.names(&child(at, "headers"), &raw.headers).map(asked),
            expose_headers: self.names(&child(at, "expose"), &raw.expose),
            max_age: raw.max_age_s.map(Duration::from_secs),
            credentials: raw.credentials,
            others: OtherPreflights::Forwarded,
        }
    }

    /// Methods or names of fields as one value.
    fn names(&mut self, at: &str, names: &[String]) -> Option<HeaderValue> {
        for (index, name) in names.iter().enumerate() {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                let message = format!("`{}` is not a name", name.escape_debug());
                let hint = "write one method or header field in each entry";
                self.draft.reject(&child(at, index), Invalid::new(message, hint));
            }
        }
        HeaderValue::from_str(&names.join(", ")).ok().filter(|value| !value.is_empty())
    }
}
