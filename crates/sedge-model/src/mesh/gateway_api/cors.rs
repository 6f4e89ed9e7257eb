//! The filter `CORS` of an `HTTPRoute`.

use crate::document::Invalid;
use crate::mesh::Notes;
use crate::mesh::fields::{At, Fields};
use crate::mesh::istio::cors::list;
use crate::routing::cors::{self, Allowed, Cors, OtherPreflights};
use std::time::Duration;

/// Seconds that a browser may keep what a preflight said, where nothing is written
/// (`HTTPCORSFilter.maxAge`).
const MAX_AGE_S: i64 = 5;

/// Reads `HTTPCORSFilter`.
pub(super) fn read(at: &At<'_>, notes: &mut Notes) -> Option<Cors> {
    let mut fields = at.fields(notes)?;
    let mut origins = Vec::new();
    for at in fields.take("allowOrigins").map(|at| at.list(notes)).unwrap_or_default() {
        origins.extend(at.parse(notes, cors::origin));
    }
    let credentials =
        fields.take("allowCredentials").and_then(|at| at.boolean(notes)).unwrap_or(false);
    let age = fields.take("maxAge");
    let age = age.map_or(Some(MAX_AGE_S), |at| at.integer(1..=i32::MAX.into(), notes));
    let cors = Cors {
        origins,
        allow_methods: allowed(&mut fields, "allowMethods", credentials, notes),
        allow_headers: allowed(&mut fields, "allowHeaders", credentials, notes),
        expose_headers: list(&mut fields, "exposeHeaders", notes),
        max_age: age.and_then(|age| u64::try_from(age).ok()).map(Duration::from_secs),
        credentials,
        others: OtherPreflights::Answered,
    };
    fields.finish(notes);
    if credentials && cors.expose_headers.as_ref().is_some_and(|value| value == "*") {
        let message = format!("`{}` exposes `*` with credentials", at.path);
        notes.wrong(
            &at.spot(),
            Invalid::new(message, "browsers then take `*` for a name: name the fields"),
        );
    }
    Some(cors)
}

/// `*` allows what is asked for.
fn allowed(
    fields: &mut Fields<'_>,
    name: &'static str,
    credentials: bool,
    notes: &mut Notes,
) -> Option<Allowed> {
    let value = list(fields, name, notes)?;
    let asked = credentials && value == "*";
    Some(if asked { Allowed::Asked } else { Allowed::These(value) })
}
