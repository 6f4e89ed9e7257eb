//! Gateway API `HTTPRoute`: its rules, the more specific match first.

use super::filters::{self, Filters};
use super::gateway::core;
use crate::document::{Invalid, suggest};
use crate::mesh::entrance::{Door, both, rule_hosts};
use crate::mesh::fields::{At, Fields};
use crate::mesh::istio::policy::status_code;
use crate::mesh::object::Object;
use crate::mesh::services::Wanted;
use crate::mesh::values::{self, unique};
use crate::mesh::{Context, Notes, duration, entrance};
use crate::route::Host;
use crate::routing::policy::{Policy, Retries, RetryOn};
use crate::routing::rule::{
    Action, Destination, FixedAnswer, Match, Order, PathMatch, Rule, Upgrades, ValueMatch, Weighted,
};
use http::{Method, StatusCode};
use std::time::Duration;

/// Tries beside the first where a file does not say; the specification leaves
/// it open.
const ATTEMPTS: u32 = 2;

/// A listener that a route is attached to, with the hosts that both have.
struct Binding {
    door: Door,
    hosts: Vec<Option<Host>>,
}

/// The rules of a route.
pub(in crate::mesh) fn read(
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Vec<Rule> {
    let Some(mut fields) = object.spec.fields(notes) else { return Vec::new() };
    let mut hosts = Vec::new();
    for at in fields.take("hostnames").map(|at| at.list(notes)).unwrap_or_default() {
        hosts.extend(at.parse(notes, entrance::host));
    }
    if hosts.is_empty() {
        hosts.push(None);
    }
    let parents = fields.need("parentRefs", notes).map(|at| at.list(notes)).unwrap_or_default();
    let bindings: Vec<Binding> =
        parents.iter().flat_map(|at| parent(at, object, &hosts, context, notes)).collect();
    let list = fields.take("rules").map(|at| at.list(notes)).unwrap_or_default();
    fields.unsupported(&[("useDefaultGateways", "")], notes);
    fields.finish(notes);
    let rules = list.iter().enumerate();
    rules.flat_map(|(index, at)| rule(at, index, object, &bindings, context, notes)).collect()
}

/// The listeners that one reference means.
fn parent(
    at: &At<'_>,
    object: &Object<'_>,
    hosts: &[Option<Host>],
    context: &Context<'_, '_>,
    notes: &mut Notes,
) -> Vec<Binding> {
    let Some(mut fields) = at.fields(notes) else { return Vec::new() };
    for (field, expected) in [("group", "gateway.networking.k8s.io"), ("kind", "Gateway")] {
        if let Some(at) = fields.take(field)
            && at.text(notes).is_some_and(|text| text != expected)
        {
            notes.unsupported(&at.spot(), "is not supported", "a route attaches to a Gateway");
            return Vec::new();
        }
    }
    let name = fields.need("name", notes).and_then(|name| Some((name.name(notes)?, name.spot())));
    let namespace =
        fields.take("namespace").and_then(|at| at.name(notes)).unwrap_or(&object.namespace);
    let section = fields.take("sectionName").and_then(|at| Some((at.name(notes)?, at.spot())));
    let port = fields.take("port").and_then(|at| at.port(notes));
    fields.finish(notes);
    let Some((name, spot)) = name else { return Vec::new() };
    let known = &context.gateways.gateway_api;
    let Some(listeners) = known.get(&(namespace.to_owned(), name.to_owned())) else {
        let near = suggest::nearest(name, known.keys().map(|(_, name)| name.as_str()));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "give the file of the gateway too: -f gateway.yaml -f route.yaml".to_owned(),
        };
        notes.wrong(&spot, Invalid::new(format!("there is no gateway `{name}`"), hint));
        return Vec::new();
    };
    if let Some((section, spot)) = &section
        && !listeners.iter().any(|listener| listener.name == *section)
    {
        let names = suggest::list(listeners.iter().map(|listener| listener.name.as_str()), "and");
        let message = format!("the gateway `{name}` has no listener `{section}`");
        notes.wrong(spot, Invalid::new(message, format!("it has {names}")));
        return Vec::new();
    }
    let mut bindings = Vec::new();
    for listener in listeners {
        let meant = section.as_ref().is_none_or(|(section, _)| listener.name == *section)
            && port.is_none_or(|port| listener.number == port);
        if !meant || (!listener.from_all && namespace != object.namespace) {
            continue;
        }
        let hosts: Vec<_> = hosts.iter().filter_map(|host| both(host, &listener.host)).collect();
        if !hosts.is_empty() {
            bindings.push(Binding { door: listener.door, hosts });
        }
    }
    if bindings.is_empty() {
        let message = format!("no listener of the gateway `{name}` takes this route");
        let hint = "a listener must have the port, a host in common, and allow the route's namespace \
                    (allowedRoutes)";
        notes.wrong(&spot, Invalid::new(message, hint));
    }
    bindings
}

fn rule(
    at: &At<'_>,
    index: usize,
    object: &Object<'_>,
    bindings: &[Binding],
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Vec<Rule> {
    let Some(mut fields) = at.fields(notes) else { return Vec::new() };
    let name = fields.take("name").and_then(|at| at.name(notes)).map(str::to_owned);
    let list = fields.take("matches").map(|at| at.list(notes)).unwrap_or_default();
    let read: Vec<Option<Match>> = list.iter().map(|at| fits(at, notes)).collect();
    let filters = fields.take("filters").map(|at| at.list(notes)).unwrap_or_default();
    let filters = filters::read(&filters, false, object, context, notes);
    let backends = fields.take("backendRefs").map(|at| at.list(notes)).unwrap_or_default();
    let action = action(&backends, &filters, object, context, notes);
    let policy = policy(&mut fields, notes);
    fields.unsupported(&[("sessionPersistence", "")], notes);
    fields.finish(notes);
    let (Some(matches), Some(action)) = (read.into_iter().collect::<Option<Vec<_>>>(), action)
    else {
        return Vec::new();
    };
    let matches = if matches.is_empty() { vec![every_path()] } else { matches };
    let name = format!("{}-{}", object.name, name.unwrap_or_else(|| index.to_string()));
    let rule = |(hosts, doors): (Vec<Host>, Vec<Door>)| Rule {
        name: unique(&name, context.names),
        hosts,
        matches: matches.iter().flat_map(|fits| at_doors(fits, &doors)).collect(),
        order: Order::Specific,
        request: filters.request.clone(),
        response: filters.response.clone(),
        rewrite: filters.rewrite.clone(),
        mirrors: filters.mirrors.clone(),
        upgrades: Upgrades::default(),
        cors: filters.cors.clone(),
        action: action.clone(),
        policy: policy.clone(),
    };
    by_hosts(bindings).into_iter().map(rule).collect()
}

/// The doors by which requests for the same hosts come.
fn by_hosts(bindings: &[Binding]) -> Vec<(Vec<Host>, Vec<Door>)> {
    let mut parts: Vec<(Vec<Host>, Vec<Door>)> = Vec::new();
    for binding in bindings {
        let hosts = rule_hosts(binding.hosts.clone());
        match parts.iter_mut().find(|part| part.0 == hosts) {
            Some(part) if part.1.contains(&binding.door) => {}
            Some(part) => part.1.push(binding.door),
            None => parts.push((hosts, vec![binding.door])),
        }
    }
    parts
}

/// One match for each door; one for both, where encryption is all that differs.
fn at_doors(fits: &Match, doors: &[Door]) -> Vec<Match> {
    let anywhere = |tls| doors.contains(&Door { tls: Some(tls), port: None });
    if doors.len() == 2 && anywhere(true) && anywhere(false) {
        return vec![fits.clone()];
    }
    doors.iter().map(|door| Match { tls: door.tls, port: door.port, ..fits.clone() }).collect()
}

fn every_path() -> Match {
    Match { path: PathMatch::Prefix(String::new()), ..Match::default() }
}

fn fits(at: &At<'_>, notes: &mut Notes) -> Option<Match> {
    let mut fields = at.fields(notes)?;
    let mut found = every_path();
    if let Some(path) = fields.take("path") {
        found.path = self::path(&path, notes)?;
    }
    if let Some(method) = fields.take("method") {
        let read = |text: &str| {
            let known = text.bytes().all(|c| c.is_ascii_uppercase());
            let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| known);
            method.ok_or_else(|| {
                Invalid::new(
                    format!("`{text}` is not a method"),
                    "methods are written in upper case",
                )
            })
        };
        found.methods.push(method.parse(notes, read)?);
    }
    for at in fields.take("headers").map(|at| at.list(notes)).unwrap_or_default() {
        let (name, fits) = named(&at, notes)?;
        let name =
            values::header_name(name).map_err(|invalid| notes.wrong(&at.spot(), invalid)).ok()?;
        // Of several for one name, the first counts.
        if !found.headers.iter().any(|(other, _)| *other == name) {
            found.headers.push((name, fits));
        }
    }
    for at in fields.take("queryParams").map(|at| at.list(notes)).unwrap_or_default() {
        let (name, fits) = named(&at, notes)?;
        if !found.queries.iter().any(|(other, _)| other == name) {
            found.queries.push((name.to_owned(), fits));
        }
    }
    fields.finish(notes);
    Some(found)
}

fn path(at: &At<'_>, notes: &mut Notes) -> Option<PathMatch> {
    const TYPES: [(&str, u8); 3] = [("PathPrefix", 0), ("Exact", 1), ("RegularExpression", 2)];
    let mut fields = at.fields(notes)?;
    let kind = fields.take("type").map_or(Some(0), |at| at.one_of(&TYPES, notes));
    let value = fields.take("value");
    fields.finish(notes);
    let kind = kind?;
    let Some(value) = value else { return Some(PathMatch::Prefix(String::new())) };
    if kind == 2 {
        return value.parse(notes, values::pattern).map(PathMatch::Pattern);
    }
    let path = value.parse(notes, values::path)?;
    Some(match kind {
        0 => PathMatch::Prefix(path.trim_end_matches('/').to_owned()),
        _ => PathMatch::Exact(path),
    })
}

/// `{ type, name, value }`.
fn named<'n>(at: &At<'n>, notes: &mut Notes) -> Option<(&'n str, ValueMatch)> {
    let mut fields = at.fields(notes)?;
    let kinds = [("Exact", false), ("RegularExpression", true)];
    let pattern = fields.take("type").map_or(Some(false), |at| at.one_of(&kinds, notes));
    let name = fields.need("name", notes).and_then(|name| name.name(notes));
    let value = fields.need("value", notes);
    fields.finish(notes);
    let value = value?;
    let fits = match pattern? {
        true => ValueMatch::Pattern(value.parse(notes, values::pattern)?),
        false => ValueMatch::Exact(value.text(notes)?.to_owned()),
    };
    Some((name?, fits))
}

/// Where requests go. A rule without a backend that takes any answers 500, as
/// the specification says.
fn action(
    backends: &[At<'_>],
    filters: &Filters,
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Option<Action> {
    let mut ways = Vec::new();
    for at in backends {
        let mut fields = at.fields(notes)?;
        let weight = fields.take("weight").map_or(Some(1), |at| at.count(0..=1_000_000, notes));
        let list = fields.take("filters").map(|at| at.list(notes)).unwrap_or_default();
        let own = filters::read(&list, true, object, context, notes);
        let to = backend(&mut fields, object, context, notes);
        fields.finish(notes);
        ways.extend(to.zip(weight).map(|(to, weight)| Weighted {
            to,
            weight,
            request: own.request,
            response: own.response,
        }));
    }
    if let Some(redirect) = &filters.redirect {
        if let Some(at) = backends.first() {
            let message = format!("`{}` stands beside a redirect", at.path);
            notes.wrong(
                &at.spot(),
                Invalid::new(message, "a redirect answers by itself: remove backendRefs"),
            );
        }
        return Some(Action::Redirect(redirect.clone()));
    }
    if ways.len() < backends.len() {
        return None;
    }
    if ways.iter().all(|way| way.weight == 0) {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return Some(Action::Answer(FixedAnswer { status, headers: Vec::new(), body: Vec::new() }));
    }
    Some(Action::Forward(ways))
}

/// `{ name, namespace, port }` of a service.
pub(super) fn backend(
    fields: &mut Fields<'_>,
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Option<Destination> {
    core(fields, "Service", notes);
    let name = fields.need("name", notes).and_then(|name| Some((name.name(notes)?, name.spot())));
    let namespace =
        fields.take("namespace").and_then(|at| at.name(notes)).unwrap_or(&object.namespace);
    let port = fields.take("port").map(|at| at.port(notes));
    let (host, spot) = name?;
    let port = match port {
        Some(port) => Some(port?),
        None => None,
    };
    let wanted = Wanted { host, namespace, port, subset: None, spot };
    context.services.upstream(&wanted, notes).map(Destination::Upstream)
}

/// Timeouts and retries.
fn policy(fields: &mut Fields<'_>, notes: &mut Notes) -> Policy {
    let mut policy = Policy::default();
    let mut per_try = None;
    if let Some(mut timeouts) = fields.take("timeouts").and_then(|at| at.fields(notes)) {
        let mut time = |name| {
            let time = timeouts.take(name).and_then(|at| at.parse(notes, duration::gep_2257));
            time.filter(|time: &Duration| !time.is_zero())
        };
        policy.timeout = time("request");
        per_try = time("backendRequest");
        timeouts.finish(notes);
    }
    let mut retries = fields.take("retry").and_then(|at| retry(&at, notes));
    if per_try.is_some() {
        let once = || Retries { attempts: 0, ..retries_of(0, RetryOn::default(), None) };
        retries.get_or_insert_with(once).per_try_timeout = per_try;
    }
    policy.retries = retries;
    policy
}

fn retry(at: &At<'_>, notes: &mut Notes) -> Option<Retries> {
    let mut fields = at.fields(notes)?;
    let mut statuses = Vec::new();
    for at in fields.take("codes").map(|at| at.list(notes)).unwrap_or_default() {
        statuses.extend(at.integer(400..=599, notes).and_then(status_code));
    }
    let attempts = fields.take("attempts").map_or(Some(ATTEMPTS), |at| at.count(0..=100, notes));
    let backoff = fields.take("backoff").and_then(|at| at.parse(notes, duration::gep_2257));
    fields.finish(notes);
    // Connection errors are tried again, whatever the codes (GEP-1731).
    let on = RetryOn {
        connect_failure: true,
        refused_stream: true,
        reset: true,
        statuses,
        any_method: true,
        ..RetryOn::default()
    };
    Some(retries_of(attempts?, on, backoff.filter(|time| !time.is_zero())))
}

fn retries_of(attempts: u32, on: RetryOn, backoff: Option<Duration>) -> Retries {
    let base = backoff.unwrap_or(Duration::from_millis(25));
    Retries {
        attempts,
        per_try_timeout: None,
        on,
        backoff_base: base,
        backoff_max: base * 10,
        budget: None,
        body_bytes_max: 1 << 20,
        elsewhere: true,
    }
}
