//! Where a route leads: destinations with their weights, and mirrors.

use super::super::headers::{self, Headers};
use super::super::{policy, port_number};
use crate::document::Invalid;
use crate::mesh::fields::{At, Fields};
use crate::mesh::object::Object;
use crate::mesh::services::Wanted;
use crate::mesh::{Context, Notes};
use crate::routing::rule::{Action, Changes, Destination, Mirror, Weighted};

pub(super) fn forward(
    at: &At<'_>,
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Option<Vec<(Weighted, Headers)>> {
    let entries = at.list(notes);
    if !at.is_list() {
        return None;
    }
    let alone = entries.len() == 1;
    let mut ways = Vec::with_capacity(entries.len());
    for entry in &entries {
        let Some(mut fields) = entry.fields(notes) else { continue };
        let to = fields
            .need("destination", notes)
            .and_then(|at| destination(&at, object, context, notes));
        let weight = fields.take("weight").and_then(|at| at.count(0..=1_000_000, notes));
        let headers = fields.take("headers");
        fields.finish(notes);
        let own = headers.as_ref().and_then(|at| headers::read(at, notes)).unwrap_or_default();
        if let Some(at) = headers.filter(|_| own.host.is_some() && !alone) {
            let hint = "write rewrite.authority, or routes with one destination each";
            notes.unsupported(&at.spot(), "sets the host of one of several destinations", hint);
        }
        let weight = if alone { 1 } else { weight.unwrap_or(0) };
        let (request, response) = (Changes::default(), Changes::default());
        ways.extend(to.map(|to| (Weighted { to, weight, request, response }, own)));
    }
    if ways.len() < entries.len() {
        return None;
    }
    if ways.iter().all(|(way, _)| way.weight == 0) {
        let message = match entries.is_empty() {
            true => format!("`{}` has no destination", at.path),
            false => format!("all weights of `{}` are 0", at.path),
        };
        notes.wrong(&at.spot(), Invalid::new(message, "write a weight with each destination"));
        return None;
    }
    Some(ways)
}

/// The ways of a route with what is said of fields at both levels. Of one way,
/// both levels are one. Of several, Envoy changes a request for its way first and
/// for the route then, so that the route's changes are the last of each way.
pub(super) fn joined(mut ways: Vec<(Weighted, Headers)>, route: Headers) -> (Action, Headers) {
    if let [_] = &ways[..]
        && let Some((way, own)) = ways.pop()
    {
        return (Action::Forward(vec![way]), route.beside(own));
    }
    let request = &route.request;
    let way = |(way, own): (Weighted, Headers)| {
        let request = own.request.then(request);
        Weighted { request, response: own.response, ..way }
    };
    let ways = ways.into_iter().map(way).collect();
    (Action::Forward(ways), Headers { request: Changes::default(), ..route })
}

pub(super) fn mirrors(
    fields: &mut Fields<'_>,
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    let one = fields.take("mirror");
    let percentage = fields.take("mirrorPercentage").and_then(|at| policy::percentage(&at, notes));
    let old = fields.take("mirrorPercent").and_then(|at| at.percent(notes));
    if let Some(to) = one.and_then(|at| destination(&at, object, context, notes)) {
        let fraction = percentage.or(old).unwrap_or(1.0);
        mirrors.push(Mirror { to, fraction, shadow: true });
    }
    for at in fields.take("mirrors").map(|at| at.list(notes)).unwrap_or_default() {
        let Some(mut fields) = at.fields(notes) else { continue };
        let to = fields
            .need("destination", notes)
            .and_then(|at| destination(&at, object, context, notes));
        let percentage = fields.take("percentage").and_then(|at| policy::percentage(&at, notes));
        fields.finish(notes);
        let fraction = percentage.unwrap_or(1.0);
        mirrors.extend(to.map(|to| Mirror { to, fraction, shadow: true }));
    }
    mirrors
}

/// A destination: `{ host, port, subset }`.
fn destination(
    at: &At<'_>,
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Option<Destination> {
    let mut fields = at.fields(notes)?;
    let host = fields.need("host", notes).and_then(|host| Some((host.name(notes)?, host.spot())));
    let port = fields.take("port").map(|port| port_number(&port, notes));
    let subset = fields.take("subset").and_then(|subset| subset.name(notes));
    fields.finish(notes);
    let (host, spot) = host?;
    let port = match port {
        Some(port) => Some(port?),
        None => None,
    };
    let wanted = Wanted { host, namespace: &object.namespace, port, subset, spot };
    context.services.upstream(&wanted, notes).map(Destination::Upstream)
}
