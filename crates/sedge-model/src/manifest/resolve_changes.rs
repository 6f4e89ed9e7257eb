//! From changes of header fields as written to those as meant.

use super::raw_route::RawChanges;
use super::resolve::Resolver;
use crate::document::{Invalid, child};
use crate::routing::rule::Changes;
use http::header::{self, HeaderName, HeaderValue};
use std::collections::BTreeMap;

/// Fields that frame a message or belong to one connection; a route that set them
/// would break both (RFC 9110 §7.6.1, RFC 9112 §6).
const FRAMING: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

impl Resolver<'_> {
    pub(super) fn changes(&mut self, at: &str, raw: RawChanges) -> Changes {
        let remove_at = child(at, "remove");
        let mut remove = Vec::new();
        for (index, name) in raw.remove.iter().enumerate() {
            let name = self.part(&child(&remove_at, index), field_name(name));
            remove.extend(name);
        }
        Changes {
            remove,
            set: self.fields(&child(at, "set"), raw.set),
            add: self.fields(&child(at, "add"), raw.add),
        }
    }

    pub(super) fn fields(
        &mut self,
        at: &str,
        raw: BTreeMap<String, String>,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = Vec::new();
        for (name, value) in raw {
            let at = child(at, &name);
            let name = self.field_name(&at, &name);
            match HeaderValue::from_str(&value) {
                Ok(value) => fields.extend(name.map(|name| (name, value))),
                Err(_) => self.bad_value(&at, &value),
            }
        }
        fields
    }

    pub(super) fn bad_value(&mut self, at: &str, value: &str) {
        let message = format!("`{}` is not the value of a header field", value.escape_debug());
        self.draft.reject(at, Invalid::new(message, "write visible ASCII and spaces"));
    }

    /// The name of a field, which is a key of the file.
    pub(super) fn field_name(&mut self, at: &str, name: &str) -> Option<HeaderName> {
        field_name(name).map_err(|invalid| self.draft.reject_key(at, invalid)).ok()
    }
}

fn field_name(name: &str) -> Result<HeaderName, Invalid> {
    let hint = "write a name such as x-request-id";
    let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        Invalid::new(format!("`{}` is not a header field", name.escape_debug()), hint)
    })?;
    if FRAMING.contains(&known) {
        return Err(Invalid::new(
            format!("`{name}` is about the connection"),
            "such fields are the node's own (RFC 9110 §7.6.1)",
        ));
    }
    Ok(known)
}
