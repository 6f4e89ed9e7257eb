//! The gateways that a service is bound to: hosts, and the entrances by which
//! requests for them come.

use super::Route;
use crate::document::{Invalid, suggest};
use crate::mesh::entrance::{Door, Entrance, MESH, all_both, to_https};
use crate::mesh::fields::Fields;
use crate::mesh::object::Object;
use crate::mesh::values::unique;
use crate::mesh::{Context, Gateways, Notes};
use crate::route::Host;
use crate::routing::rule::Rule;

/// Hosts, and the entrances by which requests for them come.
pub(super) struct Binding {
    pub(super) gateway: String,
    pub(super) number: Option<u16>,
    pub(super) door: Door,
    pub(super) hosts: Vec<Option<Host>>,
    /// Whether the server sends every request to `https`.
    pub(super) to_https: bool,
}

/// The gateways that the service is bound to, with the hosts that both have.
pub(super) fn bindings(
    fields: &mut Fields<'_>,
    object: &Object<'_>,
    hosts: &[Option<Host>],
    context: &Context<'_, '_>,
    notes: &mut Notes,
) -> Vec<Binding> {
    let on_mesh = || Binding {
        gateway: MESH.to_owned(),
        number: None,
        door: Door::default(),
        hosts: hosts.to_vec(),
        to_https: false,
    };
    let Some(gateways) = fields.take("gateways") else { return vec![on_mesh()] };
    let mut bindings = Vec::new();
    let mut fits = false;
    let list = gateways.list(notes);
    for at in &list {
        let Some(name) = at.name(notes) else { continue };
        if name == MESH {
            fits = true;
            bindings.push(on_mesh());
            continue;
        }
        let Some(entrances) = find(name, &object.namespace, context.gateways) else {
            let known: Vec<&str> =
                context.gateways.istio.keys().map(|(_, name)| name.as_str()).collect();
            let hint = match suggest::nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "give the file of the gateway too: -f gateway.yaml -f routing.yaml".to_owned()
                }
            };
            notes.wrong(&at.spot(), Invalid::new(format!("there is no gateway `{name}`"), hint));
            fits = true;
            continue;
        };
        for one in entrances {
            let both = all_both(hosts, &one.hosts);
            if !both.is_empty() {
                fits = true;
                let gateway = name.rsplit('/').next().unwrap_or(name).to_owned();
                bindings.push(Binding {
                    gateway,
                    number: Some(one.number),
                    door: one.door,
                    hosts: both,
                    to_https: one.to_https,
                });
            }
        }
    }
    if !fits && !hosts.is_empty() {
        let message = format!("no server of `{}` has a host of `{}`", gateways.path, object.name);
        notes.wrong(
            &gateways.spot(),
            Invalid::new(message, "a server's hosts must cover those of the service"),
        );
    }
    bindings
}

/// `name` or `namespace/name`.
fn find<'g>(name: &str, namespace: &str, gateways: &'g Gateways) -> Option<&'g Vec<Entrance>> {
    let (namespace, name) = name.split_once('/').unwrap_or((namespace, name));
    let namespace = if namespace == "." { "default" } else { namespace };
    gateways.istio.get(&(namespace.to_owned(), name.to_owned()))
}

/// A gateway within a match must be one of the service's.
pub(super) fn check_gateways(route: &Route, bindings: &[Binding], notes: &mut Notes) {
    for (name, spot) in route.conditions.iter().flat_map(|condition| &condition.gateways) {
        let short = name.rsplit('/').next().unwrap_or(name);
        if !bindings.iter().any(|binding| binding.gateway == short) {
            let message = format!("`{name}` is not a gateway of this service");
            notes.wrong(spot, Invalid::new(message, "name one of its gateways"));
        }
    }
}

/// Requests that a server sends to `https`, whatever they ask for: a host of its
/// own must not take them before the server's.
pub(super) fn redirects(
    object: &Object<'_>,
    bindings: &[Binding],
    context: &mut Context<'_, '_>,
) -> Vec<Rule> {
    let sending = bindings.iter().filter(|binding| binding.to_https);
    let rule = |binding: &Binding| {
        let name = unique(&format!("{}-to-https", object.name), context.names);
        to_https(name, binding.hosts.clone(), binding.door)
    };
    sending.map(rule).collect()
}
