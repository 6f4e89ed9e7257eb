//! What a function may reach. Nothing is granted that is not written here.

mod outbound;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The grants of one function, resolved from its manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Key-value namespaces that `wasi:keyvalue/store.open` may name. The
    /// namespace `default` is what guests of other platforms usually open.
    pub kv: Vec<String>,
    /// Scopes of the cache that `sedge:cache/store` may open: what caching links of this
    /// scope store, and what other functions of the app do.
    pub cache: Vec<String>,
    /// Whether `sedge:codec/encoder` encodes its pictures, on the node's threads.
    pub codec: bool,
    /// Whether `sedge:geo/lookup` looks up addresses in the node's databases.
    pub geo: bool,
    /// Whether `sedge:client` tells the client's address, and what its user agent says.
    pub client: bool,
    /// What `wasi:config/store` answers.
    pub config: BTreeMap<String, ConfigSource>,
    /// Secrets, by the name under which the function asks for them.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Hosts that outbound requests may go to.
    pub outbound: Vec<OutboundGrant>,
    /// What a handler of messages or of a schedule may say, and whether it remembers.
    pub topics: TopicGrants,
}

/// What `sedge:stream` may do. The filters are right ([`crate::topic::TopicFilter`]), and none
/// begins with `$`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicGrants {
    /// Topics of the node's log that the function may emit to.
    pub emit: Vec<String>,
    /// Topics that it may publish to, for clients of MQTT.
    pub publish: Vec<String>,
    /// Whether it has state by keys, of its own.
    pub state: bool,
}

/// Where the value of a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// The manifest.
    Text(String),
    /// A file of UTF-8 text, read when the function is deployed.
    File(PathBuf),
}

/// Where a secret's value comes from when the function is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable of the node.
    Environment(String),
    /// A file; a trailing line feed is not part of the secret.
    File(PathBuf),
}

/// One entry of the outbound allow list: `https://api.example.org`,
/// `http://127.0.0.1:8080`, `https://*.example.org`.
///
/// A host that resolves to a private, loopback or link-local address is only
/// reached if the grant spells that host or address exactly (no wildcard) and
/// sets `private`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundGrant {
    /// `http` or `https`.
    pub scheme: String,
    /// A host name in lower case, `*.` and a suffix, or an IP address (IPv6
    /// without brackets).
    pub host: String,
    /// `None`: the scheme's default port.
    pub port: Option<u16>,
    /// Whether private, loopback and link-local addresses may be reached.
    pub private: bool,
}

/// A value that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// The value itself, for the one place that hands it to the guest.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
