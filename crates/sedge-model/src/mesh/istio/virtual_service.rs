//! Istio `VirtualService`: its routes become rules, in the order of the file.
//!
//! [`binding`] says by which entrances requests come, [`ways`] and [`answers`] what
//! becomes of them, [`rewrite`] what is changed before, and [`spread`] makes the rules.

mod answers;
mod binding;
mod rewrite;
mod spread;
mod ways;

use super::conditions::{self, Condition};
use super::{cors, headers, policy};
use crate::document::Invalid;
use crate::mesh::entrance;
use crate::mesh::fields::At;
use crate::mesh::object::Object;
use crate::mesh::services::qualified;
use crate::mesh::{Context, Notes};
use crate::node_config::NodeConfig;
use crate::route::Host;
use crate::routing::cors::Cors;
use crate::routing::policy::Policy;
use crate::routing::rule::{Action, Changes, Mirror, Rule};
use rewrite::RawRewrite;

/// One entry of `http`, read.
struct Route {
    name: Option<String>,
    conditions: Vec<Condition>,
    changes: (Changes, Changes),
    rewrite: RawRewrite,
    mirrors: Vec<Mirror>,
    cors: Option<Cors>,
    action: Action,
    /// Whether a redirect leads to the port that the gateway declares.
    to_own_port: bool,
    policy: Policy,
}

/// The rules of a service.
pub(in crate::mesh) fn read(
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Vec<Rule> {
    let Some(mut fields) = object.spec.fields(notes) else { return Vec::new() };
    let hosts = fields
        .need("hosts", notes)
        .map(|at| hosts(&at, object, context.node, notes))
        .unwrap_or_default();
    let bindings = binding::bindings(&mut fields, object, &hosts, context, notes);
    let routes = fields.need("http", notes).map(|at| at.list(notes)).unwrap_or_default();
    super::export_to(&mut fields, notes);
    let only = "a node routes HTTP";
    fields.unsupported(&[("tls", only), ("tcp", only)], notes);
    fields.finish(notes);
    let mut rules = Vec::new();
    for (index, at) in routes.iter().enumerate() {
        let Some(route) = route(at, object, context, notes) else { continue };
        let wanted =
            format!("{}-{}", object.name, route.name.clone().unwrap_or_else(|| index.to_string()));
        binding::check_gateways(&route, &bindings, notes);
        rules.extend(spread::spread(&route, &bindings, &wanted, context.names));
    }
    let redirects = binding::redirects(object, &bindings, context);
    redirects.into_iter().chain(rules).collect()
}

/// The hosts of the service; a short name stands for all forms of it.
fn hosts(
    at: &At<'_>,
    object: &Object<'_>,
    node: &NodeConfig,
    notes: &mut Notes,
) -> Vec<Option<Host>> {
    let mut hosts = Vec::new();
    for at in at.list(notes) {
        let Some(text) = at.text(notes) else { continue };
        match entrance::host(text) {
            Ok(host) => hosts.push((host, text)),
            Err(invalid) => notes.wrong(&at.spot(), invalid),
        }
    }
    if at.is_list() && at.list(notes).is_empty() {
        notes.wrong(
            &at.spot(),
            Invalid { message: format!("`{}` names no host", at.path), hint: None },
        );
    }
    let mut all = Vec::new();
    for (host, text) in hosts {
        all.push(host);
        let full = qualified(text, &object.namespace, &node.mesh.domain);
        if let Some(local) = full.strip_suffix(&format!(".svc.{}", node.mesh.domain)) {
            for form in [local, &format!("{local}.svc"), &full] {
                all.extend(Host::parse(form).ok().map(Some));
            }
        }
    }
    all
}

fn route(
    at: &At<'_>,
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Option<Route> {
    let mut fields = at.fields(notes)?;
    let name = fields.take("name").and_then(|name| name.name(notes)).map(str::to_owned);
    let conditions = fields.take("match").map(|at| at.list(notes)).unwrap_or_default();
    let read: Vec<_> = conditions.iter().map(|at| conditions::read(at, notes)).collect();
    let to = fields.take("route");
    let redirect = fields.take("redirect");
    let answer = fields.take("directResponse");
    let headers =
        fields.take("headers").and_then(|at| headers::read(&at, notes)).unwrap_or_default();
    let mut rewritten =
        fields.take("rewrite").and_then(|at| rewrite::read(&at, notes)).unwrap_or_default();
    let mut changes = (headers.request.clone(), headers.response.clone());
    let mut to_own_port = false;
    let action = match (&to, &redirect, &answer) {
        (Some(to), None, None) => ways::forward(to, object, context, notes).map(|ways| {
            let (action, joined) = ways::joined(ways, headers);
            rewritten.host = rewritten.host.take().or(joined.host);
            changes = (joined.request, joined.response);
            action
        }),
        (None, Some(redirect), None) => {
            answers::redirect(redirect, notes).map(|(redirect, own)| {
                to_own_port = own;
                Action::Redirect(redirect)
            })
        }
        (None, None, Some(answer)) => answers::answer(answer, notes).map(Action::Answer),
        _ => {
            let message =
                format!("`{}` must have one of route, redirect and directResponse", at.path);
            notes.wrong(&at.spot(), Invalid { message, hint: None });
            None
        }
    };
    let mirrors = ways::mirrors(&mut fields, object, context, notes);
    let (timeout, retries, fault) =
        (fields.take("timeout"), fields.take("retries"), fields.take("fault"));
    let mut policy = policy::policy(timeout, retries, fault, notes);
    if !matches!(action, Some(Action::Forward(_))) {
        // Nobody is asked, so nothing is waited for or tried again.
        (policy.retries, policy.timeout) = (None, None);
    }
    let cors = fields.take("corsPolicy").and_then(|at| cors::read(&at, notes));
    // Envoy looks at the policy of a route that leads somewhere, and of no other.
    let cors = cors.filter(|_| matches!(action, Some(Action::Forward(_))));
    fields.unsupported(&[("delegate", "write the routes of the delegate here")], notes);
    fields.finish(notes);
    let conditions = read.into_iter().collect::<Option<Vec<_>>>()?;
    let action = action?;
    Some(Route {
        name,
        conditions,
        changes,
        rewrite: rewritten,
        mirrors,
        cors,
        action,
        to_own_port,
        policy,
    })
}
