//! What every Kubernetes object has: a version, a kind, a name, and a wish.

use super::fields::{At, Spot};
use super::yaml::{Content, Node};
use super::{Found, Notes};
use crate::document::Invalid;

/// Objects within lists of one file.
const OBJECTS_MAX: usize = 10_000;

/// The kinds that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    IstioGateway,
    VirtualService,
    DestinationRule,
    Gateway,
    HttpRoute,
}

/// One object.
#[derive(Debug)]
pub(super) struct Object<'n> {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) namespace: String,
    /// Where its name stands.
    pub(super) spot: Spot,
    pub(super) spec: At<'n>,
}

const ISTIO: [&str; 3] =
    ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"];
const GATEWAY_API: [&str; 2] =
    ["gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1"];

/// The kind of an object, by API and name.
fn kind(api: &str, kind: &str) -> Option<Kind> {
    let istio = ISTIO.contains(&api);
    let gateway_api = GATEWAY_API.contains(&api);
    match kind {
        "Gateway" if istio => Some(Kind::IstioGateway),
        "VirtualService" if istio => Some(Kind::VirtualService),
        "DestinationRule" if istio => Some(Kind::DestinationRule),
        "Gateway" if gateway_api => Some(Kind::Gateway),
        "HTTPRoute" if gateway_api => Some(Kind::HttpRoute),
        _ => None,
    }
}

/// What to do about objects of kinds that are not read.
fn advice(kind: &str) -> &'static str {
    match kind {
        "Service" | "ServiceEntry" | "Endpoints" | "EndpointSlice" | "WorkloadEntry" => {
            "services are named in the node's configuration: [services.NAME] with endpoints"
        }
        "Secret" => {
            "certificates are named in the node's configuration: [[tls.certificate]] with a name"
        }
        "GatewayClass" | "ReferenceGrant" => {
            "leave it out: every gateway of the file is this node's, and every service that the \
             node's configuration names may be used"
        }
        "Deployment" | "Pod" | "StatefulSet" | "DaemonSet" | "ConfigMap" | "Namespace" => {
            "a node runs no containers: give it the files that say where requests go"
        }
        _ => {
            "read are Gateway, VirtualService and DestinationRule of networking.istio.io, and \
             Gateway and HTTPRoute of gateway.networking.k8s.io"
        }
    }
}

/// A file whose lines all begin at the margin has lost what told parts from the
/// whole; every other message about it would be noise.
pub(super) fn flattened(text: &str) -> Option<Found> {
    let mut offset = 0;
    let mut metadata = None;
    for line in text.split_inclusive('\n') {
        let said = line.trim_end();
        let span = offset..offset + said.len();
        offset += line.len();
        match metadata.take() {
            Some(found) if said.starts_with("name:") || said.starts_with("namespace:") => {
                return Some(Found {
                    span: found,
                    message: "the indentation is lost: nothing stands below `metadata`".to_owned(),
                    hint: Some(
                        "indent what belongs to a field by two spaces, as `kubectl get -o yaml` \
                         prints it"
                            .to_owned(),
                    ),
                });
            }
            Some(found) if said.is_empty() || said.trim_start().starts_with('#') => {
                metadata = Some(found)
            }
            _ => {}
        }
        if said == "metadata:" {
            metadata = Some(span);
        }
    }
    None
}

/// The objects of one document: itself, or the items of a `List`.
pub(super) fn read<'n>(
    document: &'n Node,
    file: usize,
    namespace: &str,
    notes: &mut Notes,
) -> Vec<Object<'n>> {
    let at = At { node: document, path: String::new(), file };
    if matches!(document.content, Content::Null) {
        return Vec::new();
    }
    if document
        .get("kind")
        .is_some_and(|kind| matches!(&kind.content, Content::Text(text) if text == "List"))
    {
        let Some(mut fields) = at.fields(notes) else { return Vec::new() };
        fields.ignore(&["apiVersion", "kind", "metadata"]);
        let items = fields.take("items").map(|items| items.list(notes)).unwrap_or_default();
        fields.finish(notes);
        return items
            .into_iter()
            .take(OBJECTS_MAX)
            .filter_map(|item| object(&item, namespace, notes))
            .collect();
    }
    object(&at, namespace, notes).into_iter().collect()
}

fn object<'n>(at: &At<'n>, namespace: &str, notes: &mut Notes) -> Option<Object<'n>> {
    let mut fields = match &at.node.content {
        Content::Map(_) => at.fields(notes)?,
        _ => {
            let message = format!("an object must be a map, found {}", at.node.noun());
            notes.wrong(
                &at.spot(),
                Invalid::new(message, "an object begins with apiVersion and kind"),
            );
            return None;
        }
    };
    let api = fields.need("apiVersion", notes);
    let named = fields.need("kind", notes);
    let (api, named) = (api?, named?);
    let (version, word) = (api.text(notes)?, named.text(notes)?);
    let Some(kind) = kind(version, word) else {
        let mut spot = named.spot();
        spot.path = String::new();
        notes.unsupported(
            &spot,
            &format!("the kind `{word}` of `{version}` is not supported"),
            advice(word),
        );
        return None;
    };
    let metadata = fields
        .need("metadata", notes)
        .and_then(|metadata| self::metadata(&metadata, namespace, notes));
    // What a cluster says of an object is no wish.
    fields.ignore(&["status"]);
    let spec = fields.need("spec", notes);
    fields.finish(notes);
    let (name, namespace, spot) = metadata?;
    Some(Object { kind, name, namespace, spot, spec: spec? })
}

/// Name, namespace, and where the name stands.
fn metadata(at: &At<'_>, default: &str, notes: &mut Notes) -> Option<(String, String, Spot)> {
    let mut fields = at.fields(notes)?;
    let name = fields.need("name", notes);
    let namespace = fields.take("namespace").and_then(|namespace| namespace.name(notes));
    // Labels tell people and selectors; annotations of the mesh change what it
    // does.
    if let Some(annotations) = fields.take("annotations") {
        for (key, value) in annotations.entries(notes) {
            let domain = key.split('/').next().unwrap_or_default();
            if domain.ends_with("istio.io") || domain.ends_with("gateway.networking.k8s.io") {
                notes.unsupported(&value.spot(), "is not supported", "");
            }
        }
    }
    fields.ignore(&[
        "labels",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "ownerReferences",
        "finalizers",
        "selfLink",
    ]);
    fields.finish(notes);
    let name = name?;
    let text = name.name(notes)?;
    let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.".contains(&c);
    if !text.bytes().all(known) || text.len() > 253 {
        let hint = "write lower-case letters, digits, `-` and `.` (RFC 1123)";
        notes.wrong(&name.spot(), Invalid::new(format!("`{text}` is not a name"), hint));
        return None;
    }
    Some((text.to_owned(), namespace.unwrap_or(default).to_owned(), name.spot()))
}
