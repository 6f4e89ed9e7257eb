//! Istio `Gateway`: servers, their hosts, and what they show to clients.

use crate::document::Invalid;
use crate::mesh::Notes;
use crate::mesh::entrance::{self, Credential, Door, Encrypted, Entrance};
use crate::mesh::fields::{At, Spot};
use crate::mesh::object::Object;
use crate::node_config::{ClientMode, NodeConfig};
use crate::route::Host;
use std::path::Path;

/// The servers of a gateway.
pub(in crate::mesh) fn read(
    object: &Object<'_>,
    node: &NodeConfig,
    folder: &Path,
    notes: &mut Notes,
) -> Vec<Entrance> {
    let Some(mut fields) = object.spec.fields(notes) else { return Vec::new() };
    // The node that is given the file is the one that is meant.
    fields.ignore(&["selector"]);
    let servers =
        fields.need("servers", notes).map(|servers| servers.list(notes)).unwrap_or_default();
    fields.finish(notes);
    servers.iter().filter_map(|server| self::server(server, object, node, folder, notes)).collect()
}

fn server(
    at: &At<'_>,
    object: &Object<'_>,
    node: &NodeConfig,
    folder: &Path,
    notes: &mut Notes,
) -> Option<Entrance> {
    let mut fields = at.fields(notes)?;
    let port = fields.need("port", notes).and_then(|port| self::port(&port, notes));
    let hosts = fields.need("hosts", notes).map(|hosts| self::hosts(&hosts, object, notes));
    let tls = fields.take("tls");
    // Names tell people.
    fields.ignore(&["name"]);
    fields.unsupported(
        &[
            ("bind", "listeners have their addresses in the node's configuration"),
            ("defaultEndpoint", ""),
        ],
        notes,
    );
    fields.finish(notes);
    let (number, secure) = port?;
    let door = Door::of(number, secure, node);
    let mut to_https = false;
    match tls {
        Some(tls) => to_https = self::tls(&tls, secure, door, node, folder, notes)?,
        None if secure => {
            let message = format!("`{}` has the protocol HTTPS and no tls", at.path);
            let hint = "write tls with mode: SIMPLE and credentialName";
            notes.wrong(&at.spot(), Invalid::new(message, hint));
        }
        None => {}
    }
    Some(Entrance { number, door, hosts: hosts?, to_https })
}

/// Number, and whether it is encrypted.
fn port(at: &At<'_>, notes: &mut Notes) -> Option<(u16, bool)> {
    const PROTOCOLS: [(&str, Option<bool>); 9] = [
        ("HTTP", Some(false)),
        ("HTTP2", Some(false)),
        ("GRPC", Some(false)),
        ("HTTPS", Some(true)),
        ("GRPC-WEB", None),
        ("TLS", None),
        ("TCP", None),
        ("MONGO", None),
        ("UDP", None),
    ];
    let mut fields = at.fields(notes)?;
    let number = fields.need("number", notes).and_then(|number| number.port(notes));
    let protocol = fields.need("protocol", notes);
    fields.ignore(&["name"]);
    fields.unsupported(&[("targetPort", "")], notes);
    fields.finish(notes);
    let protocol = protocol?;
    let Some(secure) = protocol.one_of(&PROTOCOLS, notes)? else {
        notes.unsupported(
            &protocol.spot(),
            "is not supported",
            "a node speaks HTTP, HTTP2, GRPC and HTTPS",
        );
        return None;
    };
    Some((number?, secure))
}

/// `*.example.org`, with a namespace before: `./*.example.org`.
fn hosts(at: &At<'_>, object: &Object<'_>, notes: &mut Notes) -> Vec<Option<Host>> {
    let mut hosts = Vec::new();
    for at in at.list(notes) {
        let Some(text) = at.text(notes) else { continue };
        let (namespace, name) = text.split_once('/').unwrap_or(("*", text));
        if ![".", "*", object.namespace.as_str()].contains(&namespace) {
            notes.unsupported(
                &at.spot(),
                "names another namespace",
                "write \"*\" or \".\" before the `/`, or nothing",
            );
        }
        match entrance::host(name) {
            Ok(host) => hosts.push(host),
            Err(invalid) => notes.wrong(&at.spot(), invalid),
        }
    }
    hosts
}

/// Checks what a server shows to clients; whether it sends them to `https`.
fn tls(
    at: &At<'_>,
    secure: bool,
    door: Door,
    node: &NodeConfig,
    folder: &Path,
    notes: &mut Notes,
) -> Option<bool> {
    const MODES: [(&str, Option<Option<ClientMode>>); 6] = [
        ("SIMPLE", Some(None)),
        ("MUTUAL", Some(Some(ClientMode::Required))),
        ("OPTIONAL_MUTUAL", Some(Some(ClientMode::Optional))),
        ("PASSTHROUGH", None),
        ("AUTO_PASSTHROUGH", None),
        ("ISTIO_MUTUAL", None),
    ];
    let mut fields = at.fields(notes)?;
    let to_https = fields.take("httpsRedirect").and_then(|at| at.boolean(notes)).unwrap_or(false);
    let mode = fields.take("mode");
    let name = fields.take("credentialName");
    let certificate = fields.take("serverCertificate");
    let key = fields.take("privateKey");
    fields.unsupported(
        &[
            (
                "caCertificates",
                "authorities for clients are named in the node's configuration: client_ca",
            ),
            ("subjectAltNames", ""),
            ("minProtocolVersion", "a node speaks TLS 1.2 and 1.3"),
            ("maxProtocolVersion", "a node speaks TLS 1.2 and 1.3"),
            ("cipherSuites", ""),
            ("verifyCertificateSpki", ""),
            ("verifyCertificateHash", ""),
            ("credentialNames", "write credentialName"),
            ("caCertCredentialName", ""),
            ("caCrl", ""),
        ],
        notes,
    );
    fields.finish(notes);
    let clients = match &mode {
        None => None,
        Some(mode) => match mode.one_of(&MODES, notes)? {
            Some(clients) => clients,
            None => {
                let hint = "a node ends TLS itself: write SIMPLE, MUTUAL or OPTIONAL_MUTUAL";
                notes.unsupported(&mode.spot(), "is a mode that is not supported", hint);
                return None;
            }
        },
    };
    if !secure {
        for unused in [&mode, &name, &certificate, &key].into_iter().flatten() {
            let message = format!("`{}` has no meaning where nothing is encrypted", unused.path);
            notes.wrong(&unused.spot(), Invalid::new(message, "write protocol: HTTPS"));
        }
        return Some(to_https);
    }
    show(at, Shown { name, certificate, key, clients }, door, node, folder, notes)?;
    Some(to_https)
}

/// What an encrypted server shows to clients, and asks of them.
struct Shown<'n> {
    name: Option<At<'n>>,
    certificate: Option<At<'n>>,
    key: Option<At<'n>>,
    clients: Option<ClientMode>,
}

/// Checks that the node has what a server shows.
fn show(
    at: &At<'_>,
    shown: Shown<'_>,
    door: Door,
    node: &NodeConfig,
    folder: &Path,
    notes: &mut Notes,
) -> Option<()> {
    let spot = at.spot();
    let name = shown
        .name
        .and_then(|name| Some((Credential::Name(name.name(notes)?.to_owned()), name.spot())));
    let mut file = |at: &Option<At<'_>>| {
        at.as_ref().and_then(|at| at.name(notes)).map(|text| folder.join(text))
    };
    let files = file(&shown.certificate).zip(file(&shown.key)).zip(shown.certificate.as_ref());
    let files =
        files.map(|((certificate, key), at)| (Credential::Files(certificate, key), at.spot()));
    let named: Vec<(Credential, Spot)> = name.into_iter().chain(files).collect();
    if named.len() != 1 {
        let message = format!("`{}` must name one certificate", at.path);
        notes.wrong(
            &spot,
            Invalid::new(message, "write credentialName, or serverCertificate and privateKey"),
        );
        return None;
    }
    let credentials = named.iter().map(|(credential, spot)| (credential.clone(), spot)).collect();
    for (spot, invalid) in
        (Encrypted { door, credentials, clients: shown.clients }).missing(&spot, node)
    {
        notes.wrong(&spot, invalid);
    }
    Some(())
}
