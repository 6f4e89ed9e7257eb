//! Which endpoints the name of a service means on this node, and the upstreams
//! that routes need: one for each service, port and subset that is named.

use super::Notes;
use super::fields::Spot;
use super::istio::destination_rule::{Subset, TrafficPolicy, TrafficRule};
use super::values::unique;
use crate::document::{Invalid, suggest};
use crate::node_config::{NodeConfig, ServiceEndpoint};
use crate::routing::upstream::{Balance, Endpoint, Pool, Protocol, Upstream};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// What is named where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'w> {
    /// As written: `reviews`, `reviews.shop`, `reviews.shop.svc.cluster.local`.
    pub(super) host: &'w str,
    /// The namespace that short names are of.
    pub(super) namespace: &'w str,
    pub(super) port: Option<u16>,
    pub(super) subset: Option<&'w str>,
    /// Where the name stands.
    pub(super) spot: Spot,
}

/// The upstreams so far, and what makes more of them.
pub(super) struct Services<'n> {
    node: &'n NodeConfig,
    rules: Vec<TrafficRule>,
    known: HashMap<(String, Option<u16>, Option<String>), String>,
    names: HashSet<String>,
    pub(super) upstreams: Vec<Upstream>,
}

/// A service's name in all its parts.
pub(super) fn qualified(host: &str, namespace: &str, domain: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let suffix = format!(".svc.{domain}");
    if host.ends_with(&suffix) {
        return host;
    }
    match host.split('.').collect::<Vec<_>>()[..] {
        [name] => format!("{name}.{namespace}{suffix}"),
        [name, namespace, "svc"] => format!("{name}.{namespace}{suffix}"),
        _ => host,
    }
}

/// Every name under which a service may stand in the node's configuration, the
/// most particular first: that which was written, then the usual short forms.
fn candidates(wanted: &Wanted<'_>, domain: &str) -> Vec<String> {
    let written = wanted.host.to_ascii_lowercase();
    let full = qualified(&written, wanted.namespace, domain);
    let mut names = vec![written.clone(), full.clone()];
    let local = full.strip_suffix(&format!(".svc.{domain}"));
    // `name.namespace` alone cannot be told from a host of the internet; it is
    // a service if the configuration has it.
    let parts = local
        .map(str::to_owned)
        .or_else(|| (written.matches('.').count() == 1).then(|| written.clone()));
    if let Some((name, namespace)) = parts.as_deref().and_then(|parts| parts.split_once('.')) {
        names.push(format!("{name}.{namespace}.svc.{domain}"));
        names.push(format!("{name}.{namespace}.svc"));
        names.push(format!("{name}.{namespace}"));
        if namespace == wanted.namespace {
            names.push(name.to_owned());
        }
    }
    names
}

impl<'n> Services<'n> {
    pub(super) fn new(node: &'n NodeConfig, rules: Vec<TrafficRule>) -> Self {
        Services {
            node,
            rules,
            known: HashMap::new(),
            names: HashSet::new(),
            upstreams: Vec::new(),
        }
    }

    /// The name of the upstream for what is wanted; what is wrong is reported.
    pub(super) fn upstream(&mut self, wanted: &Wanted<'_>, notes: &mut Notes) -> Option<String> {
        match self.find(wanted) {
            Ok(name) => Some(name),
            Err(invalid) => {
                notes.wrong(&wanted.spot, invalid);
                None
            }
        }
    }

    fn find(&mut self, wanted: &Wanted<'_>) -> Result<String, Invalid> {
        let domain = &self.node.mesh.domain;
        let full = qualified(wanted.host, wanted.namespace, domain);
        let key = (full.clone(), wanted.port, wanted.subset.map(str::to_owned));
        if let Some(name) = self.known.get(&key) {
            return Ok(name.clone());
        }
        let names = candidates(wanted, domain);
        let rule = self.rules.iter().find(|rule| rule.host == full || names.contains(&rule.host));
        let subset = match wanted.subset {
            None => None,
            Some(subset) => Some(find_subset(rule, subset, wanted.host)?),
        };
        let policy = rule.map(|rule| rule.policy(subset, wanted.port)).unwrap_or_default();
        let endpoints = self.endpoints(wanted, &names, subset)?;
        let port = wanted.port.map(|port| format!("-{port}")).unwrap_or_default();
        let part = wanted.subset.map(|subset| format!("-{subset}")).unwrap_or_default();
        let short = full.strip_suffix(&format!(".{}.svc.{domain}", self.node.mesh.namespace));
        let name = unique(&format!("{}{port}{part}", short.unwrap_or(&full)), &mut self.names);
        self.upstreams.push(upstream(name.clone(), endpoints, policy));
        self.known.insert(key, name.clone());
        Ok(name)
    }

    /// The endpoints that the node's configuration has for a service.
    fn endpoints(
        &self,
        wanted: &Wanted<'_>,
        names: &[String],
        subset: Option<&Subset>,
    ) -> Result<Vec<Endpoint>, Invalid> {
        let services = &self.node.services;
        let with_port = |name: &String| services.get(&format!("{name}:{}", wanted.port?));
        let found = names
            .iter()
            .find_map(with_port)
            .or_else(|| names.iter().find_map(|name| services.get(name)));
        let Some(service) = found else {
            let message =
                format!("the service `{}` is not named in the node's configuration", wanted.host);
            let near = suggest::nearest(wanted.host, services.keys().map(String::as_str));
            let port = wanted.port.unwrap_or(8080);
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "write [services.{}] with endpoints = [\"127.0.0.1:{port}\"] and give it with --config",
                    if wanted.host.contains('.') {
                        format!("\"{}\"", wanted.host)
                    } else {
                        wanted.host.to_owned()
                    }
                ),
            };
            return Err(Invalid::new(message, hint));
        };
        let fits = |endpoint: &&ServiceEndpoint| {
            subset.is_none_or(|subset| subset.takes(&endpoint.labels))
        };
        let chosen: Vec<&ServiceEndpoint> = service.iter().filter(fits).collect();
        if chosen.is_empty() {
            let labels = subset.map(|subset| words(&subset.labels)).unwrap_or_default();
            let message =
                format!("no endpoint of the service `{}` has the labels {labels}", wanted.host);
            let hint = "endpoints have labels in the node's configuration: \
                        { address = \"127.0.0.1:8080\", labels = { version = \"v1\" } }";
            return Err(Invalid::new(message, hint));
        }
        let endpoint = |one: &ServiceEndpoint| {
            let port = one.port.or(wanted.port).ok_or_else(|| {
                let message =
                    format!("neither the route nor the endpoint `{}` says a port", one.host);
                Invalid::new(message, "write the port with the endpoint: \"127.0.0.1:8080\"")
            })?;
            Ok(Endpoint { host: one.host.clone(), port, weight: one.weight })
        };
        chosen.into_iter().map(endpoint).collect()
    }
}

fn find_subset<'r>(
    rule: Option<&'r TrafficRule>,
    name: &str,
    host: &str,
) -> Result<&'r Subset, Invalid> {
    let subsets = rule.map_or(&[][..], |rule| &rule.subsets);
    subsets.iter().find(|subset| subset.name == name).ok_or_else(|| {
        let names = suggest::list(subsets.iter().map(|subset| subset.name.as_str()), "and");
        let hint = match names.as_str() {
            "" => format!("write a DestinationRule for the host {host} that has this subset"),
            names => format!("its DestinationRule has {names}"),
        };
        Invalid::new(format!("the service `{host}` has no subset `{name}`"), hint)
    })
}

fn words(labels: &BTreeMap<String, String>) -> String {
    let words: Vec<String> = labels.iter().map(|(key, value)| format!("`{key}={value}`")).collect();
    words.join(", ")
}

/// An upstream with what a policy says, and Istio's defaults where it says
/// nothing and they are bounded.
fn upstream(name: String, endpoints: Vec<Endpoint>, policy: TrafficPolicy) -> Upstream {
    let default = Pool { connect_timeout: Duration::from_secs(10), ..Pool::default() };
    Upstream {
        name,
        endpoints,
        balance: policy.balance.unwrap_or(Balance::LeastRequests),
        protocol: policy.pool.as_ref().and_then(|pool| pool.protocol).unwrap_or(Protocol::Auto),
        tls: policy.tls.flatten(),
        pool: policy.pool.map_or(default.clone(), |pool| pool.over(default)),
        health: None,
        outliers: policy.outliers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_as_kubernetes_does() {
        for (host, namespace, expected) in [
            ("reviews", "default", "reviews.default.svc.cluster.local"),
            ("reviews", "shop", "reviews.shop.svc.cluster.local"),
            ("Reviews.shop.svc", "default", "reviews.shop.svc.cluster.local"),
            ("reviews.shop.svc.cluster.local.", "x", "reviews.shop.svc.cluster.local"),
            ("api.example.org", "default", "api.example.org"),
            ("reviews.shop", "default", "reviews.shop"),
        ] {
            assert_eq!(qualified(host, namespace, "cluster.local"), expected, "{host}");
        }
    }

    #[test]
    fn a_service_of_another_namespace_is_not_found_by_its_short_name() {
        let wanted = |host, namespace| Wanted {
            host,
            namespace,
            port: None,
            subset: None,
            spot: Spot::default(),
        };
        let names =
            candidates(&wanted("reviews.shop.svc.cluster.local", "default"), "cluster.local");
        assert!(
            names.contains(&"reviews.shop".to_owned()) && !names.contains(&"reviews".to_owned())
        );
        let names = candidates(&wanted("reviews.default", "default"), "cluster.local");
        assert!(names.contains(&"reviews".to_owned()), "{names:?}");
    }
}
