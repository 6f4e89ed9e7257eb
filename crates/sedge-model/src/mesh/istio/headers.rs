//! `Headers`: what becomes of fields, of a route and of its destinations.

use crate::mesh::fields::At;
use crate::mesh::{Notes, values};
use crate::routing::rule::Changes;

/// What one level says.
#[derive(Clone, Debug, Default)]
pub(in crate::mesh) struct Headers {
    pub(in crate::mesh) request: Changes,
    pub(in crate::mesh) response: Changes,
    /// The host that the destination sees, which is written among the fields.
    pub(in crate::mesh) host: Option<String>,
}

/// `{ request, response }`, each with `set`, `add` and `remove`.
pub(in crate::mesh) fn read(at: &At<'_>, notes: &mut Notes) -> Option<Headers> {
    let mut fields = at.fields(notes)?;
    let mut headers = Headers::default();
    if let Some(at) = fields.take("request") {
        headers.request = changes(&at, Some(&mut headers.host), notes).unwrap_or_default();
    }
    if let Some(at) = fields.take("response") {
        headers.response = changes(&at, None, notes).unwrap_or_default();
    }
    fields.finish(notes);
    Some(headers)
}

fn changes(
    at: &At<'_>,
    mut host: Option<&mut Option<String>>,
    notes: &mut Notes,
) -> Option<Changes> {
    let mut fields = at.fields(notes)?;
    let mut list = values::ChangeList::default();
    for (field, add) in [("set", false), ("add", true)] {
        for (name, value) in fields.take(field).map(|at| at.entries(notes)).unwrap_or_default() {
            let is_host = name.eq_ignore_ascii_case("host") || name == ":authority";
            match &mut host {
                // Of `set` and `add`, the former wins.
                Some(host) if is_host => {
                    let text = value.parse(notes, values::host);
                    if host.is_none() {
                        **host = text;
                    }
                }
                _ => list.put(name, &value.spot(), &value, add, notes),
            }
        }
    }
    for at in fields.take("remove").map(|at| at.list(notes)).unwrap_or_default() {
        list.remove(&at, notes);
    }
    fields.finish(notes);
    Some(list.changes)
}

impl Headers {
    /// With those of the only destination: both are one level to Envoy.
    pub(super) fn beside(self, destination: Headers) -> Headers {
        Headers {
            request: self.request.beside(destination.request),
            response: self.response.beside(destination.response),
            host: self.host.or(destination.host),
        }
    }
}
