//! From one entry of `http` to rules: one for each set of hosts and each way in
//! which its matches are rewritten.

use super::super::conditions::Condition;
use super::Route;
use super::binding::Binding;
use super::rewrite::for_path;
use crate::mesh::entrance::rule_hosts;
use crate::mesh::fields::Spot;
use crate::mesh::values::unique;
use crate::route::Host;
use crate::routing::rule::{Action, Match, Order, RedirectPort, Rewrite, Rule, Upgrades};
use std::collections::HashSet;

/// One rule for each set of hosts and each way in which its matches are
/// rewritten.
pub(super) fn spread(
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
            let rewrite = for_path(&route.rewrite, &mut fits.path);
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
