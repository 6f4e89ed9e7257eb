//! Where requests come in: what a server of an Istio `Gateway` or a listener of
//! a Gateway API `Gateway` is on this node.

use super::fields::Spot;
use crate::document::Invalid;
use crate::node_config::{ClientMode, NodeConfig, TlsListener};
use crate::route::Host;
use crate::routing::rule::{Action, Match, Order, Redirect, RedirectPort, Rule};

/// One server of a gateway. A host of `None` is every host.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    /// The port that the gateway declares.
    pub(super) number: u16,
    /// What requests that come in here are known by.
    pub(super) door: Door,
    /// The hosts that it takes.
    pub(super) hosts: Vec<Option<Host>>,
    /// Whether every request is sent to `https`.
    pub(super) to_https: bool,
}

/// How a request that came in somewhere is told from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Door {
    /// Encrypted or not; `None`: either.
    pub(super) tls: Option<bool>,
    /// The port of the node's listener; `None`: any.
    pub(super) port: Option<u16>,
}

/// What a mesh calls a gateway that is none: the way from service to service.
pub(super) const MESH: &str = "mesh";

impl Door {
    /// The door for a declared port: the one that the node's configuration maps
    /// it to, else any listener of the kind.
    pub(super) fn of(number: u16, tls: bool, node: &NodeConfig) -> Door {
        Door { tls: Some(tls), port: node.mesh.ports.get(&number.to_string()).copied() }
    }
}

/// The hosts that both mean; `None` if there is none.
pub(super) fn both(left: &Option<Host>, right: &Option<Host>) -> Option<Option<Host>> {
    match (left, right) {
        (None, other) | (other, None) => Some(other.clone()),
        (Some(Host::Exact(a)), Some(Host::Exact(b))) => (a == b).then(|| left.clone()),
        (Some(Host::Exact(exact)), Some(suffix)) => suffix.matches(exact).then(|| left.clone()),
        (Some(suffix), Some(Host::Exact(exact))) => suffix.matches(exact).then(|| right.clone()),
        (Some(Host::Suffix(a)), Some(Host::Suffix(b))) if a.ends_with(b.as_str()) => {
            Some(left.clone())
        }
        (Some(Host::Suffix(a)), Some(Host::Suffix(b))) if b.ends_with(a.as_str()) => {
            Some(right.clone())
        }
        _ => None,
    }
}

/// Every pair of hosts that both sides mean, each once.
pub(super) fn all_both(left: &[Option<Host>], right: &[Option<Host>]) -> Vec<Option<Host>> {
    let mut found: Vec<Option<Host>> = Vec::new();
    for host in left.iter().flat_map(|left| right.iter().filter_map(|right| both(left, right))) {
        if !found.contains(&host) {
            found.push(host);
        }
    }
    found
}

/// Reads `*`, `*.example.org` or `api.example.org`.
pub(super) fn host(text: &str) -> Result<Option<Host>, Invalid> {
    if text == "*" { Ok(None) } else { Host::parse(text).map(Some) }
}

/// A host of `None` is every host, whatever stands beside it.
pub(super) fn rule_hosts(hosts: Vec<Option<Host>>) -> Vec<Host> {
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

/// A rule that sends every request to `https`.
pub(super) fn to_https(name: String, hosts: Vec<Option<Host>>, door: Door) -> Rule {
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
        ..Rule::of(Action::Redirect(redirect))
    }
}

/// What an encrypted server asks of the node's listeners.
pub(super) struct Encrypted<'a> {
    pub(super) door: Door,
    /// The certificates that are named, with where.
    pub(super) credentials: Vec<(Credential, &'a Spot)>,
    /// Whether clients must show certificates.
    pub(super) clients: Option<ClientMode>,
}

/// How a certificate is named.
#[derive(Clone)]
pub(super) enum Credential {
    /// The name of a Kubernetes secret.
    Name(String),
    /// PEM files.
    Files(std::path::PathBuf, std::path::PathBuf),
}

impl Encrypted<'_> {
    /// What is missing in the node's configuration, each with the place in the
    /// file that asks for it.
    pub(super) fn missing(&self, at: &Spot, node: &NodeConfig) -> Vec<(Spot, Invalid)> {
        let here = |listener: &&TlsListener| {
            self.door.port.is_none_or(|port| listener.listen.port() == port)
        };
        let listeners: Vec<&TlsListener> = node.tls.iter().filter(here).collect();
        if listeners.is_empty() {
            let message = match self.door.port {
                Some(port) => format!("the node has no listener with TLS on port {port}"),
                None => "the node has no listener with TLS".to_owned(),
            };
            let hint = "write a [[tls]] table in the node's configuration (--config)";
            return vec![(at.clone(), Invalid::new(message, hint))];
        }
        let mut missing = Vec::new();
        for (credential, spot) in &self.credentials {
            let mut certificates = listeners.iter().flat_map(|listener| &listener.certificates);
            let (found, message, hint) = match credential {
                Credential::Name(name) => (
                    certificates.any(|one| one.name.as_deref() == Some(name)),
                    format!("the node has no certificate named `{name}`"),
                    format!(
                        "name it where the node's configuration has it: [[tls.certificate]] with \
                         name = \"{name}\", certificate and key"
                    ),
                ),
                Credential::Files(certificate, key) => (
                    certificates.any(|one| one.certificate == *certificate && one.key == *key),
                    format!("the node does not serve the certificate {}", certificate.display()),
                    "write it under [[tls.certificate]] in the node's configuration".to_owned(),
                ),
            };
            if !found {
                missing.push(((*spot).clone(), Invalid::new(message, hint)));
            }
        }
        if let Some(mode) = self.clients
            && !listeners
                .iter()
                .any(|listener| listener.client.as_ref().is_some_and(|client| client.mode == mode))
        {
            let word = if mode == ClientMode::Required { "required" } else { "optional" };
            let message =
                format!("the node has no listener where certificates of clients are {word}");
            let hint = format!(
                "write client_ca and client_auth = \"{word}\" under [[tls]] in the node's configuration"
            );
            missing.push((at.clone(), Invalid::new(message, hint)));
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_meet_where_both_mean_them() {
        for (left, right, expected) in [
            ("a.org", "b.org", None),
            ("*.a.org", "a.org", None),
            ("*.a.org", "*.b.org", None),
            ("*.a.org", "*.ba.org", None),
            ("*", "*", Some("*")),
            ("*", "a.org", Some("a.org")),
            ("*.a.org", "x.a.org", Some("x.a.org")),
            ("*.a.org", "*.x.a.org", Some("*.x.a.org")),
            ("a.org", "A.org", Some("a.org")),
        ] {
            let (a, b) = (host(left).expect(left), host(right).expect(right));
            let expected = expected.map(|text| host(text).expect(text));
            assert_eq!(both(&a, &b), expected, "{left} {right}");
            assert_eq!(both(&b, &a), expected, "{right} {left}");
        }
    }
}
