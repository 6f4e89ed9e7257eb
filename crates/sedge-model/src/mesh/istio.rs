//! Istio's objects (`networking.istio.io`): where requests come in, where they
//! go, and how services are spoken with.

pub(super) mod conditions;
pub(super) mod cors;
pub(super) mod destination_rule;
pub(super) mod gateway;
pub(super) mod headers;
pub(super) mod policy;
pub(super) mod virtual_service;

use super::Notes;
use super::fields::{At, Fields};

/// Who sees an object: on one node, everybody who asks.
pub(super) fn export_to(fields: &mut Fields<'_>, notes: &mut Notes) {
    for at in fields.take("exportTo").map(|list| list.list(notes)).unwrap_or_default() {
        if at.text(notes).is_some_and(|text| text != "*" && text != ".") {
            notes.unsupported(
                &at.spot(),
                "is not supported",
                "one node serves whoever asks: write \"*\", or leave it out",
            );
        }
    }
}

/// `{ number: 8080 }`.
pub(super) fn port_number(at: &At<'_>, notes: &mut Notes) -> Option<u16> {
    let mut fields = at.fields(notes)?;
    let number = fields.need("number", notes).and_then(|number| number.port(notes));
    fields.unsupported(&[("name", "write the number")], notes);
    fields.finish(notes);
    number
}
