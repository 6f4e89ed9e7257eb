//! The files that a node's configuration names: looked at before the node starts.

use crate::{certificates, ingest, mqtt};
use sedge_flavors::outbound::Client;
use sedge_model::node_config::{HeaderSource, Invalid, NodeConfig};
use sedge_services::secrets::{SecretError, Secrets};
use std::collections::BTreeMap;

/// What is wrong with the files that a configuration names, by the JSON pointer of
/// the setting that names them; for [`sedge_model::node_config::read_and_look`].
pub fn look(config: &NodeConfig) -> Vec<(String, Invalid)> {
    let mut found = certificates::look(config);
    found.extend(mqtt::look(config));
    found.extend(ingest::look(config));
    for (index, path) in config.outbound.trusted_roots.iter().enumerate() {
        if let Err(error) = Client::new(std::slice::from_ref(path)) {
            let hint = "name a PEM file with certificates of authorities";
            let invalid = Invalid::new(error.to_string(), hint);
            found.push((format!("/outbound/trusted_roots/{index}"), invalid));
        }
    }
    let headers = config.otlp.iter().flat_map(|otlp| &otlp.headers);
    for (name, source) in headers {
        let HeaderSource::Secret(source) = source else { continue };
        let one = BTreeMap::from([(name.clone(), source.clone())]);
        let errors = Secrets::resolve(&one).err().unwrap_or_default();
        // A variable may be set where the node runs.
        for error in errors.iter().filter(|error| !matches!(error, SecretError::NotSet { .. })) {
            let invalid = Invalid { message: error.to_string(), hint: None };
            found.push((format!("/otlp/headers/{name}"), invalid));
        }
    }
    found
}
