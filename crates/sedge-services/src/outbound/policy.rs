//! The allow list of one function.

use super::address::{AddressClass, classify};
use super::host::{Host, HostError};
use sedge_model::capability::OutboundGrant;
use std::fmt;
use std::net::IpAddr;
use thiserror::Error;

/// Where one function's outbound requests may go. Empty: nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    grants: Vec<Grant>,
}

/// One entry of the allow list, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    is_https: bool,
    host: Pattern,
    port: u16,
    private: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(Host),
    /// Any name below this one; the text begins with a dot.
    Below(String),
}

/// An entry of the allow list that means nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// Only HTTP is spoken.
    #[error("outbound `{scheme}://{host}`: the scheme must be http or https")]
    Scheme {
        /// As written, escaped.
        scheme: String,
        /// As written, escaped.
        host: String,
    },
    /// The host is none.
    #[error("outbound `{host}`: {error}")]
    Host {
        /// As written, escaped.
        host: String,
        /// What is wrong.
        error: HostError,
    },
    /// A wildcard that would cover whole top-level domains, or addresses.
    #[error("outbound `{host}`: `*.` must stand before a name of at least two parts")]
    Wildcard {
        /// As written, escaped.
        host: String,
    },
    /// A wildcard that grants private addresses.
    #[error("outbound `{host}`: private addresses are granted host by host, not by `*.`")]
    PrivateWildcard {
        /// As written, escaped.
        host: String,
    },
    /// Port 0 cannot be connected.
    #[error("outbound `{host}`: there is no port 0")]
    Port {
        /// As written, escaped.
        host: String,
    },
}

/// A request that may not be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("outbound request to `{host}` denied: {reason}")]
pub struct Denied {
    /// The host as the guest wrote it, escaped and cut to 253 characters.
    pub host: String,
    /// Why.
    pub reason: Reason,
}

/// Why a request may not be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Reason {
    /// Neither `http` nor `https`.
    #[error("its scheme is neither http nor https")]
    Scheme,
    /// The host is malformed.
    #[error("{0}")]
    Host(HostError),
    /// No entry of the allow list has this scheme, host and port.
    #[error("the manifest grants no such scheme, host and port")]
    NotGranted,
    /// The entry is for another host.
    #[error("the grant is for another host")]
    OtherHost,
    /// The address is not one that anybody on the internet could have.
    #[error("it leads to {0}, a {1} address, which is not granted as private")]
    Address(IpAddr, AddressClass),
}

impl Policy {
    /// The policy of these grants.
    ///
    /// # Errors
    /// A [`PolicyError`] for each grant that means nothing.
    pub fn new(grants: &[OutboundGrant]) -> Result<Self, Vec<PolicyError>> {
        let (mut checked, mut errors) = (Vec::with_capacity(grants.len()), Vec::new());
        for grant in grants {
            match Grant::new(grant) {
                Ok(grant) => checked.push(grant),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Policy { grants: checked }) } else { Err(errors) }
    }

    /// Asked before a host is resolved, and again for each redirect: whether a
    /// request may go there by name. `host` is as in a URL, `None` for `port`
    /// is the scheme's default.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check_request(
        &self,
        scheme: &str,
        host: &str,
        port: Option<u16>,
    ) -> Result<&Grant, Denied> {
        let denied = |reason| Denied { host: show(host), reason };
        let is_https = is_https(scheme).ok_or_else(|| denied(Reason::Scheme))?;
        let parsed = Host::parse(host).map_err(|error| denied(Reason::Host(error)))?;
        let port = port.unwrap_or(default_port(is_https));
        let matching = self.grants.iter().filter(|grant| {
            grant.is_https == is_https && grant.port == port && grant.host.covers(&parsed)
        });
        // If several grants match, the one that allows most is meant.
        matching.max_by_key(|grant| grant.private).ok_or_else(|| denied(Reason::NotGranted))
    }

    /// Asked for each address before it is connected: whether the grant that
    /// [`Policy::check_request`] found for this host reaches it.
    ///
    /// Addresses that are not global need a grant that spells this host exactly
    /// and says `private`. Link-local addresses, where clouds serve a machine's
    /// credentials, and `0.0.0.0/8` need one that spells the address itself, so
    /// that no answer of a name server leads there. Multicast and broadcast are
    /// never reached.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check_address(grant: &Grant, host: &str, address: IpAddr) -> Result<(), Denied> {
        let denied = |reason| Denied { host: show(host), reason };
        let host = Host::parse(host).map_err(|error| denied(Reason::Host(error)))?;
        if !grant.host.covers(&host) {
            return Err(denied(Reason::OtherHost));
        }
        let is_spelled = host == Host::Address(address);
        if matches!(host, Host::Address(_)) && !is_spelled {
            return Err(denied(Reason::OtherHost));
        }
        let is_private_grant = grant.private && matches!(grant.host, Pattern::Exact(_));
        let class = classify(address);
        let allowed = match class {
            AddressClass::Global => true,
            AddressClass::Multicast | AddressClass::Broadcast => false,
            AddressClass::LinkLocal | AddressClass::ThisNetwork => is_private_grant && is_spelled,
            _ => is_private_grant,
        };
        if allowed { Ok(()) } else { Err(denied(Reason::Address(address, class))) }
    }
}

impl Grant {
    /// Whether addresses that are not global may be reached.
    pub fn is_private(&self) -> bool {
        self.private
    }

    fn new(grant: &OutboundGrant) -> Result<Self, PolicyError> {
        let host = show(&grant.host);
        let Some(is_https) = is_https(&grant.scheme) else {
            return Err(PolicyError::Scheme { scheme: show(&grant.scheme), host });
        };
        let pattern = match grant.host.strip_prefix("*.") {
            None => Pattern::Exact(
                Host::parse(&grant.host)
                    .map_err(|error| PolicyError::Host { host: host.clone(), error })?,
            ),
            Some(_) if grant.private => return Err(PolicyError::PrivateWildcard { host }),
            Some(suffix) => match Host::parse(suffix) {
                Ok(Host::Name(name)) if name.contains('.') => Pattern::Below(format!(".{name}")),
                Ok(_) => return Err(PolicyError::Wildcard { host }),
                Err(error) => return Err(PolicyError::Host { host, error }),
            },
        };
        let port = grant.port.unwrap_or(default_port(is_https));
        if port == 0 {
            return Err(PolicyError::Port { host });
        }
        Ok(Grant { is_https, host: pattern, port, private: grant.private })
    }
}

impl Pattern {
    fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Pattern::Exact(granted), host) => granted == host,
            (Pattern::Below(suffix), Host::Name(name)) => {
                name.len() > suffix.len() && name.ends_with(suffix)
            }
            (Pattern::Below(_), Host::Address(_)) => false,
        }
    }
}

fn is_https(scheme: &str) -> Option<bool> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(true)
    } else {
        scheme.eq_ignore_ascii_case("http").then_some(false)
    }
}

fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

/// A guest's text, fit for a log line.
fn show(text: &str) -> String {
    let cut: String = text.chars().take(253).collect();
    cut.escape_debug().to_string()
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressClass::Global => "global",
            AddressClass::ThisNetwork => "this-network",
            AddressClass::Loopback => "loopback",
            AddressClass::Private => "private",
            AddressClass::Shared => "shared",
            AddressClass::LinkLocal => "link-local",
            AddressClass::UniqueLocal => "unique-local",
            AddressClass::SiteLocal => "site-local",
            AddressClass::Protocol => "protocol",
            AddressClass::Documentation => "documentation",
            AddressClass::Benchmarking => "benchmarking",
            AddressClass::Multicast => "multicast",
            AddressClass::Broadcast => "broadcast",
            AddressClass::Reserved => "reserved",
        })
    }
}

#[cfg(test)]
mod tests;
