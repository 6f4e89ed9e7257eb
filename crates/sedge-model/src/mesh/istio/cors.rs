//! `CorsPolicy`.

use super::policy::string_match;
use crate::document::Invalid;
use crate::mesh::fields::{At, Fields};
use crate::mesh::{Notes, duration};
use crate::routing::cors::{Allowed, Cors, OtherPreflights};
use crate::routing::rule::ValueMatch;
use http::HeaderValue;

/// Reads a policy.
pub(in crate::mesh) fn read(at: &At<'_>, notes: &mut Notes) -> Option<Cors> {
    const OTHERS: [(&str, OtherPreflights); 3] = [
        ("UNSPECIFIED", OtherPreflights::Forwarded),
        ("FORWARD", OtherPreflights::Forwarded),
        ("IGNORE", OtherPreflights::Answered),
    ];
    let mut fields = at.fields(notes)?;
    let mut origins = Vec::new();
    let matches = fields.take("allowOrigins").map(|at| at.list(notes));
    for at in matches.iter().flatten() {
        match string_match(at, notes) {
            Some(ValueMatch::Present) => {
                let message = format!("`{}` says none of exact, prefix and regex", at.path);
                notes.wrong(&at.spot(), Invalid { message, hint: None });
            }
            found => origins.extend(found),
        }
    }
    // The older form, which counts only without the newer one.
    for at in fields.take("allowOrigin").map(|at| at.list(notes)).unwrap_or_default() {
        let origin = at.name(notes).map(|text| ValueMatch::Exact(text.to_owned()));
        origins.extend(origin.filter(|_| matches.is_none()));
    }
    let cors = Cors {
        origins,
        allow_methods: list(&mut fields, "allowMethods", notes).map(Allowed::These),
        allow_headers: list(&mut fields, "allowHeaders", notes).map(Allowed::These),
        expose_headers: list(&mut fields, "exposeHeaders", notes),
        max_age: fields.take("maxAge").and_then(|at| at.parse(notes, duration::go)),
        credentials: fields
            .take("allowCredentials")
            .and_then(|at| at.boolean(notes))
            .unwrap_or(false),
        others: fields
            .take("unmatchedPreflights")
            .and_then(|at| at.one_of(&OTHERS, notes))
            .unwrap_or_default(),
    };
    fields.finish(notes);
    Some(cors)
}

/// Names as one value, with commas between them.
pub(in crate::mesh) fn list(
    fields: &mut Fields<'_>,
    name: &'static str,
    notes: &mut Notes,
) -> Option<HeaderValue> {
    let mut names = Vec::new();
    for at in fields.take(name)?.list(notes) {
        let token = |text: &str| match http::HeaderName::from_bytes(text.as_bytes()) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => {
                let message =
                    format!("`{}` is not a method or the name of a field", text.escape_debug());
                Err(Invalid::new(message, "write one name in each entry"))
            }
        };
        names.extend(at.parse(notes, token));
    }
    // Tokens and commas always are a value.
    HeaderValue::from_str(&names.join(",")).ok().filter(|value| !value.is_empty())
}
