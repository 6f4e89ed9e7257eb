//! Istio `VirtualService`: its routes become rules, in the order of the file.

use super::conditions::{self, Condition};
use super::headers::{self, Headers};
use super::{cors, policy};
use crate::document::{Invalid, suggest};
use crate::mesh::entrance::{Door, Entrance, MESH, all_both};
use crate::mesh::fields::{At, Fields, Spot};
use crate::mesh::object::Object;
use crate::mesh::services::{Services, Wanted, qualified};
use crate::mesh::values::unique;
use crate::mesh::{Gateways, Notes, entrance};
use crate::node_config::NodeConfig;
use crate::route::Host;
use crate::routing::cors::Cors;
use crate::routing::policy::Policy;
use crate::routing::rule::{
    Action, Changes, Destination, FixedAnswer, Match, Mirror, Order, PathMatch, PathRewrite,
    Pattern, Redirect, RedirectPort, Rewrite, Rule, Upgrades, Weighted,
};
use http::header::{CONTENT_TYPE, HeaderValue};
use std::collections::HashSet;

/// What is around a service while it is read.
pub(in crate::mesh) struct Context<'c, 'n> {
    pub(in crate::mesh) gateways: &'c Gateways,
    pub(in crate::mesh) services: &'c mut Services<'n>,
    pub(in crate::mesh) node: &'n NodeConfig,
    pub(in crate::mesh) names: &'c mut HashSet<String>,
}

/// Hosts, and the entrances by which requests for them come.
struct Binding {
    gateway: String,
    number: Option<u16>,
    door: Door,
    hosts: Vec<Option<Host>>,
    /// Whether the server sends every request to `https`.
    to_https: bool,
}

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

/// What a rewrite says, before it is known what the path fitted.
#[derive(Clone, Debug, Default)]
struct RawRewrite {
    uri: Option<String>,
    pattern: Option<PathRewrite>,
    host: Option<String>,
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
    let bindings = bindings(&mut fields, object, &hosts, context, notes);
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
        check_gateways(&route, &bindings, notes);
        rules.extend(spread(&route, &bindings, &wanted, context.names));
    }
    let redirects = redirects(object, &bindings, context);
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

/// The gateways that the service is bound to, with the hosts that both have.
fn bindings(
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
fn check_gateways(route: &Route, bindings: &[Binding], notes: &mut Notes) {
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
fn redirects(
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

/// A rule that sends every request to `https`.
pub(in crate::mesh) fn to_https(name: String, hosts: Vec<Option<Host>>, door: Door) -> Rule {
    let redirect = Redirect {
        status: http::StatusCode::MOVED_PERMANENTLY,
        scheme: Some("https".to_owned()),
        host: None,
        port: RedirectPort::Kept,
        path: None,
    };
    Rule {
        name,
        hosts: rule_hosts(hosts),
        matches: vec![Match { tls: door.tls, port: door.port, ..Match::default() }],
        order: Order::First,
        request: Changes::default(),
        response: Changes::default(),
        rewrite: Rewrite::default(),
        mirrors: Vec::new(),
        upgrades: Upgrades::default(),
        cors: None,
        action: Action::Redirect(redirect),
        policy: Policy::default(),
    }
}

/// A host of `None` is every host, whatever stands beside it.
pub(in crate::mesh) fn rule_hosts(hosts: Vec<Option<Host>>) -> Vec<Host> {
    let mut found = Vec::new();
    for host in hosts {
        match host {
            None => return Vec::new(),
            Some(host) if !found.contains(&host) => found.push(host),
            Some(_) => {}
        }
    }
    found
}

/// One rule for each set of hosts and each way in which its matches are
/// rewritten.
fn spread(
    route: &Route,
    bindings: &[Binding],
    wanted: &str,
    names: &mut HashSet<String>,
) -> Vec<Rule> {
    let any = [Condition::default()];
    let conditions = if route.conditions.is_empty() { &any[..] } else { &route.conditions };
    let mut parts: Vec<(Vec<Host>, Rewrite, Action, Vec<Match>)> = Vec::new();
    for binding in bindings.iter().filter(|binding| !binding.to_https) {
        let hosts = rule_hosts(binding.hosts.clone());
        for condition in conditions {
            let here = |(name, _): &(String, Spot)| {
                name.rsplit('/').next() == Some(binding.gateway.as_str())
            };
            if !condition.gateways.is_empty() && !condition.gateways.iter().any(here) {
                continue;
            }
            let mut door = binding.door;
            if let Some(port) = condition.port {
                match binding.number {
                    Some(number) if number != port => continue,
                    Some(_) => {}
                    None => door.port = Some(port),
                }
            }
            let Some(mut fits) = condition.at(door) else { continue };
            let rewrite = rewrite(&route.rewrite, &mut fits.path);
            let action = action_at(route, binding);
            let same = |part: &&mut (Vec<Host>, Rewrite, Action, Vec<Match>)| {
                part.0 == hosts && part.1 == rewrite && part.2 == action
            };
            match parts.iter_mut().find(same) {
                Some(part) => join(&mut part.3, fits),
                None => parts.push((hosts.clone(), rewrite, action, vec![fits])),
            }
        }
    }
    let rule = |(hosts, rewrite, action, matches): (Vec<Host>, Rewrite, Action, Vec<Match>)| Rule {
        name: unique(wanted, names),
        hosts,
        matches,
        order: Order::First,
        request: route.changes.0.clone(),
        response: route.changes.1.clone(),
        rewrite,
        mirrors: route.mirrors.clone(),
        upgrades: Upgrades::default(),
        cors: route.cors.clone(),
        action,
        policy: route.policy.clone(),
    };
    parts.into_iter().map(rule).collect()
}

/// What a route does to requests of a binding: a redirect may lead to the port
/// that its gateway declares, unless the scheme has that port anyway.
fn action_at(route: &Route, binding: &Binding) -> Action {
    let mut action = route.action.clone();
    if let (Action::Redirect(redirect), true, Some(number)) =
        (&mut action, route.to_own_port, binding.number)
    {
        let is_encrypted = binding.door.tls == Some(true);
        let own = if is_encrypted { "https" } else { "http" };
        let is_https = redirect.scheme.as_deref().unwrap_or(own) == "https";
        if number != if is_https { 443 } else { 80 } {
            redirect.port = RedirectPort::Is(number);
        }
    }
    action
}

/// Adds a match; two that differ only in being encrypted are one.
fn join(matches: &mut Vec<Match>, new: Match) {
    let same = |old: &&mut Match| Match { tls: new.tls, ..(**old).clone() } == new;
    match matches.iter_mut().find(same) {
        Some(old) if old.tls != new.tls => old.tls = None,
        Some(_) => {}
        None => matches.push(new),
    }
}

/// What a rewrite means for a path that fitted; without a match of the path, it
/// is the prefix `/` that is replaced.
fn rewrite(raw: &RawRewrite, path: &mut PathMatch) -> Rewrite {
    let host = raw.host.clone();
    let Some(uri) = raw.uri.clone() else { return Rewrite { path: raw.pattern.clone(), host } };
    if *path == PathMatch::Any {
        *path = PathMatch::Begins("/".to_owned());
    }
    let inner = match path {
        PathMatch::AnyCase(inner) => inner,
        path => path,
    };
    let is_prefix = matches!(inner, PathMatch::Begins(_));
    let rewritten = if is_prefix { PathRewrite::Prefix(uri) } else { PathRewrite::Full(uri) };
    Rewrite { path: Some(rewritten), host }
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
    let mut rewrite =
        fields.take("rewrite").and_then(|at| self::raw_rewrite(&at, notes)).unwrap_or_default();
    let mut changes = (headers.request.clone(), headers.response.clone());
    let mut to_own_port = false;
    let action = match (&to, &redirect, &answer) {
        (Some(to), None, None) => forward(to, object, context, notes).map(|ways| {
            let (action, joined) = joined(ways, headers);
            rewrite.host = rewrite.host.take().or(joined.host);
            changes = (joined.request, joined.response);
            action
        }),
        (None, Some(redirect), None) => self::redirect(redirect, notes).map(|(redirect, own)| {
            to_own_port = own;
            Action::Redirect(redirect)
        }),
        (None, None, Some(answer)) => self::answer(answer, notes).map(Action::Answer),
        _ => {
            let message =
                format!("`{}` must have one of route, redirect and directResponse", at.path);
            notes.wrong(&at.spot(), Invalid { message, hint: None });
            None
        }
    };
    let mirrors = mirrors(&mut fields, object, context, notes);
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
    Some(Route { name, conditions, changes, rewrite, mirrors, cors, action, to_own_port, policy })
}

/// The ways of a route with what is said of fields at both levels. Of one way,
/// both levels are one. Of several, Envoy changes a request for its way first and
/// for the route then, so that the route's changes are the last of each way.
fn joined(mut ways: Vec<(Weighted, Headers)>, route: Headers) -> (Action, Headers) {
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

fn raw_rewrite(at: &At<'_>, notes: &mut Notes) -> Option<RawRewrite> {
    let mut fields = at.fields(notes)?;
    let uri = fields.take("uri").and_then(|at| at.parse(notes, path));
    let host = fields.take("authority").and_then(|at| at.name(notes)).map(str::to_owned);
    let regex = fields.take("uriRegexRewrite");
    fields.finish(notes);
    let pattern = regex.as_ref().and_then(|at| regex_rewrite(at, notes));
    if let Some(at) = regex.filter(|_| uri.is_some()) {
        let message = format!("`{}` stands beside `uri`", at.path);
        notes.wrong(&at.spot(), Invalid::new(message, "keep one of them"));
    }
    Some(RawRewrite { uri, pattern, host })
}

/// `{ match, rewrite }`; in the latter, `\\1` to `\\9` are groups of the former.
fn regex_rewrite(at: &At<'_>, notes: &mut Notes) -> Option<PathRewrite> {
    let mut fields = at.fields(notes)?;
    let pattern = fields.need("match", notes).and_then(|at| at.parse(notes, Pattern::within));
    let with = fields.need("rewrite", notes);
    fields.finish(notes);
    let (pattern, with) = (pattern?, with?);
    let groups = pattern.regex.captures_len();
    let text = with.text(notes)?;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let known = letter != '\\'
            || match letters.next() {
                Some('\\') => true,
                Some(digit) => digit.to_digit(10).is_some_and(|group| (group as usize) < groups),
                None => false,
            };
        if !known {
            let message = format!("`{}` names a group that `match` has not", with.path);
            let hint = "\\1 is the first group, \\0 is all, and \\\\ is a backslash";
            notes.wrong(&with.spot(), Invalid::new(message, hint));
            return None;
        }
    }
    Some(PathRewrite::Pattern { pattern, with: text.to_owned() })
}

/// A path that may stand in a request line.
pub(in crate::mesh) fn path(text: &str) -> Result<String, Invalid> {
    let bad = |c: char| c.is_control() || c == ' ' || c == '#' || c == '?';
    if text.contains('%') && text.contains("PREFIX()") {
        return Err(Invalid::new("a variable of Envoy is not supported", "write a fixed path"));
    }
    if !text.starts_with('/') || text.contains(bad) || !text.is_ascii() {
        return Err(Invalid::new(
            format!("`{text}` is not a path"),
            "a path begins with `/` and has no query",
        ));
    }
    Ok(text.to_owned())
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
    let port = fields.take("port").map(|port| super::port_number(&port, notes));
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

fn forward(
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

fn mirrors(
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

/// A redirect, and whether it leads to the port that the gateway declares.
fn redirect(at: &At<'_>, notes: &mut Notes) -> Option<(Redirect, bool)> {
    const DERIVED: [(&str, bool); 2] =
        [("FROM_PROTOCOL_DEFAULT", false), ("FROM_REQUEST_PORT", true)];
    const CODES: [i64; 5] = [301, 302, 303, 307, 308];
    let mut fields = at.fields(notes)?;
    let path = fields.take("uri").and_then(|at| at.parse(notes, path)).map(PathRewrite::Full);
    let authority = fields.take("authority").and_then(|at| at.name(notes));
    let port = fields.take("port").and_then(|at| at.port(notes));
    let derived = fields.take("derivePort").and_then(|at| at.one_of(&DERIVED, notes));
    let scheme = fields
        .take("scheme")
        .and_then(|at| at.one_of(&[("http", "http"), ("https", "https")], notes));
    let status = match fields.take("redirectCode") {
        None => Some(301),
        Some(code) => code.integer(300..=399, notes).filter(|number| {
            let known = CODES.contains(number);
            if !known {
                let message = format!("`{}` is {number}", code.path);
                notes.wrong(&code.spot(), Invalid::new(message, "write 301, 302, 303, 307 or 308"));
            }
            known
        }),
    };
    fields.finish(notes);
    // The port that the scheme has anyway says nothing (RFC 9110 §4.2).
    let default = if scheme == Some("https") { 443 } else { 80 };
    let port = port.filter(|&port| port != default);
    let host = authority.map(|text| match port {
        // The port that is said takes the place of the host's.
        Some(_) => text.rsplit_once(':').map_or(text, |(host, _)| host),
        None => text,
    });
    let redirect = Redirect {
        status: policy::status_code(status?)?,
        scheme: scheme.map(str::to_owned),
        host: host.map(str::to_owned),
        port: port.map_or(RedirectPort::AsSent, RedirectPort::Is),
        path,
    };
    Some((redirect, derived == Some(true)))
}

fn answer(at: &At<'_>, notes: &mut Notes) -> Option<FixedAnswer> {
    const BODY_BYTES_MAX: usize = 1 << 20;
    let mut fields = at.fields(notes)?;
    let status = fields.need("status", notes).and_then(|at| at.integer(200..=599, notes));
    let mut body = Vec::new();
    if let Some(at) = fields.take("body")
        && let Some(mut fields) = at.fields(notes)
    {
        body = fields
            .take("string")
            .and_then(|at| at.text(notes))
            .unwrap_or_default()
            .as_bytes()
            .to_vec();
        fields.unsupported(&[("bytes", "write string")], notes);
        fields.finish(notes);
        if body.len() > BODY_BYTES_MAX {
            let message = format!("`{}` is longer than {BODY_BYTES_MAX} bytes", at.path);
            notes.wrong(&at.spot(), Invalid { message, hint: None });
        }
    }
    fields.finish(notes);
    // What Envoy says of a body, unless the route says it.
    let text = (CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let headers = if body.is_empty() { Vec::new() } else { vec![text] };
    Some(FixedAnswer { status: policy::status_code(status?)?, headers, body })
}
