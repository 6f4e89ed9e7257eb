//! Gateway API `Gateway`: listeners, and which routes may attach to them.

use crate::document::Invalid;
use crate::mesh::Notes;
use crate::mesh::entrance::{self, Credential, Door, Encrypted};
use crate::mesh::fields::{At, Spot};
use crate::mesh::object::Object;
use crate::node_config::NodeConfig;
use crate::route::Host;

/// One listener.
#[derive(Clone, Debug)]
pub(in crate::mesh) struct Listener {
    pub(in crate::mesh) name: String,
    pub(in crate::mesh) number: u16,
    pub(in crate::mesh) door: Door,
    /// `None`: every host.
    pub(in crate::mesh) host: Option<Host>,
    /// Whether routes of other namespaces may attach.
    pub(in crate::mesh) from_all: bool,
}

/// The listeners of a gateway.
pub(in crate::mesh) fn read(
    object: &Object<'_>,
    node: &NodeConfig,
    notes: &mut Notes,
) -> Vec<Listener> {
    let Some(mut fields) = object.spec.fields(notes) else { return Vec::new() };
    // Whichever controller is meant, the node that is given the file is the one.
    fields.ignore(&["gatewayClassName"]);
    let list = fields.need("listeners", notes).map(|at| at.list(notes)).unwrap_or_default();
    fields.unsupported(
        &[
            ("addresses", "listeners have their addresses in the node's configuration"),
            ("infrastructure", ""),
            ("backendTLS", ""),
            ("allowedListeners", ""),
            ("tls", ""),
        ],
        notes,
    );
    fields.finish(notes);
    let mut listeners: Vec<Listener> = Vec::new();
    for at in &list {
        let Some(listener) = listener(at, node, notes) else { continue };
        if listeners.iter().any(|other| other.name == listener.name) {
            let message = format!("two listeners have the name `{}`", listener.name);
            notes.wrong(&at.spot(), Invalid { message, hint: None });
        }
        listeners.push(listener);
    }
    listeners
}

fn listener(at: &At<'_>, node: &NodeConfig, notes: &mut Notes) -> Option<Listener> {
    const PROTOCOLS: [(&str, Option<bool>); 5] =
        [("HTTP", Some(false)), ("HTTPS", Some(true)), ("TLS", None), ("TCP", None), ("UDP", None)];
    let mut fields = at.fields(notes)?;
    let name = fields.need("name", notes).and_then(|name| name.name(notes));
    let number = fields.need("port", notes).and_then(|port| port.port(notes));
    let protocol = fields.need("protocol", notes);
    let host = fields.take("hostname").map(|at| at.parse(notes, entrance::host));
    let tls = fields.take("tls");
    let from_all = fields.take("allowedRoutes").and_then(|at| allowed(&at, notes)).unwrap_or(false);
    fields.finish(notes);
    let protocol = protocol?;
    let Some(secure) = protocol.one_of(&PROTOCOLS, notes)? else {
        notes.unsupported(&protocol.spot(), "is not supported", "a node speaks HTTP and HTTPS");
        return None;
    };
    let door = Door::of(number?, secure, node);
    match (&tls, secure) {
        (Some(tls), true) => self::tls(tls, door, node, notes),
        (Some(tls), false) => {
            let message = format!("`{}` has no meaning where nothing is encrypted", tls.path);
            notes.wrong(&tls.spot(), Invalid::new(message, "write protocol: HTTPS"));
        }
        (None, true) => {
            let message = format!("`{}` has the protocol HTTPS and no tls", at.path);
            notes.wrong(&at.spot(), Invalid::new(message, "write tls with certificateRefs"));
        }
        (None, false) => {}
    }
    let host = match host {
        Some(host) => host?,
        None => None,
    };
    Some(Listener { name: name?.to_owned(), number: number?, door, host, from_all })
}

/// Whether routes of every namespace may attach.
fn allowed(at: &At<'_>, notes: &mut Notes) -> Option<bool> {
    const FROM: [(&str, Option<bool>); 4] =
        [("Same", Some(false)), ("All", Some(true)), ("Selector", None), ("None", None)];
    let mut fields = at.fields(notes)?;
    let mut all = false;
    if let Some(mut namespaces) = fields.take("namespaces").and_then(|at| at.fields(notes)) {
        if let Some(from) = namespaces.take("from") {
            match from.one_of(&FROM, notes) {
                Some(Some(from)) => all = from,
                Some(None) => {
                    notes.unsupported(&from.spot(), "is not supported", "write Same or All")
                }
                None => {}
            }
        }
        namespaces.unsupported(&[("selector", "a node knows no labels of namespaces")], notes);
        namespaces.finish(notes);
    }
    for kind in fields.take("kinds").map(|at| at.list(notes)).unwrap_or_default() {
        let Some(mut fields) = kind.fields(notes) else { continue };
        if let Some(group) = fields.take("group")
            && group.text(notes).is_some_and(|text| text != "gateway.networking.k8s.io")
        {
            notes.unsupported(&group.spot(), "is not supported", "write gateway.networking.k8s.io");
        }
        if let Some(word) = fields.need("kind", notes)
            && word.text(notes).is_some_and(|text| text != "HTTPRoute")
        {
            notes.unsupported(&word.spot(), "is not supported", "a node has HTTPRoute");
        }
        fields.finish(notes);
    }
    fields.finish(notes);
    Some(all)
}

fn tls(at: &At<'_>, door: Door, node: &NodeConfig, notes: &mut Notes) {
    let Some(mut fields) = at.fields(notes) else { return };
    if let Some(mode) = fields.take("mode")
        && mode.one_of(&[("Terminate", true), ("Passthrough", false)], notes) == Some(false)
    {
        notes.unsupported(
            &mode.spot(),
            "is a mode that is not supported",
            "a node ends TLS itself: write Terminate",
        );
    }
    let mut named: Vec<(Credential, Spot)> = Vec::new();
    for at in fields.need("certificateRefs", notes).map(|at| at.list(notes)).unwrap_or_default() {
        let Some(mut fields) = at.fields(notes) else { continue };
        core(&mut fields, "Secret", notes);
        // Certificates are known to the node by one name.
        fields.ignore(&["namespace"]);
        if let Some(name) = fields.need("name", notes)
            && let Some(text) = name.name(notes)
        {
            named.push((Credential::Name(text.to_owned()), name.spot()));
        }
        fields.finish(notes);
    }
    fields.unsupported(
        &[
            ("options", ""),
            (
                "frontendValidation",
                "authorities for clients are named in the node's configuration: client_ca",
            ),
        ],
        notes,
    );
    fields.finish(notes);
    let credentials = named.iter().map(|(credential, spot)| (credential.clone(), spot)).collect();
    for (spot, invalid) in
        (Encrypted { door, credentials, clients: None }).missing(&at.spot(), node)
    {
        notes.wrong(&spot, invalid);
    }
}

/// Group and kind of a reference must be those of the core API.
pub(super) fn core(fields: &mut crate::mesh::fields::Fields<'_>, kind: &str, notes: &mut Notes) {
    for (name, expected) in [("group", ""), ("kind", kind)] {
        if let Some(at) = fields.take(name)
            && at.text(notes).is_some_and(|text| text != expected)
        {
            notes.unsupported(
                &at.spot(),
                "is not supported",
                &format!("write kind: {kind}, without a group"),
            );
        }
    }
}
