//! Where a node's traces go, from its configuration.

use crate::hint::WithHint;
use anyhow::{Context, Result, anyhow};
use http::{HeaderMap, HeaderName, HeaderValue};
use sedge_ingress::traces::{TraceOptions, Traces};
use sedge_model::capability::Secret;
use sedge_model::node_config::{HeaderSource, NodeConfig, OtlpConfig, Tier};
use sedge_services::secrets::Secrets;
use std::collections::BTreeMap;
use std::time::Duration;

/// Starts to send traces, if the configuration says where.
pub(crate) fn start(config: &NodeConfig) -> Result<Traces> {
    let Some(otlp) = &config.otlp else { return Ok(Traces::off()) };
    let mut options = TraceOptions::new(otlp.endpoint.clone());
    options.headers = headers(otlp)?;
    options.trusted_roots = config.outbound.trusted_roots.clone();
    options.sampler = otlp.sampler;
    options.resource = resource(config, otlp);
    options.timeout = Duration::from_millis(otlp.timeout_ms);
    options.delay = Duration::from_millis(otlp.delay_ms);
    options.batch_spans_max = otlp.batch_spans_max as usize;
    options.queue_spans_max = otlp.queue_spans_max as usize;
    options.retry_max = Duration::from_millis(otlp.retry_ms_max);
    Traces::start(options).context("send traces as [otlp] of the node's configuration says")
}

/// What is known of the node (resource attributes of the semantic conventions);
/// what the configuration says of its own wins.
fn resource(config: &NodeConfig, otlp: &OtlpConfig) -> Vec<(String, String)> {
    let tier = match config.tier {
        Tier::Device => "device",
        Tier::Local => "local",
        Tier::Regional => "regional",
        Tier::Cloud => "cloud",
    };
    let instance = sedge_model::trace::TraceContext::begin().trace_id;
    let mut resource = BTreeMap::from([
        ("service.name".to_owned(), otlp.service_name.clone()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        // Of a process, not of a node: restarts can be told apart.
        ("service.instance.id".to_owned(), format!("{instance:032x}")),
        ("process.pid".to_owned(), std::process::id().to_string()),
        ("sedge.tier".to_owned(), tier.to_owned()),
    ]);
    let labels = config.labels.iter();
    resource.extend(labels.map(|(name, value)| (format!("sedge.label.{name}"), value.clone())));
    resource.extend(otlp.attributes.clone());
    resource.into_iter().collect()
}

/// The fields of each request, secrets resolved. All of them are marked as
/// sensitive, so that nothing prints them.
fn headers(otlp: &OtlpConfig) -> Result<HeaderMap> {
    let secrets = otlp.headers.iter().filter_map(|(name, source)| match source {
        HeaderSource::Secret(source) => Some((name.clone(), source.clone())),
        HeaderSource::Value(_) => None,
    });
    let secrets = Secrets::resolve(&secrets.collect()).map_err(|errors| {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let hint = "[otlp.headers] of the node's configuration names variables and files";
        WithHint::new(anyhow!("{}", messages.join("; ")), hint)
    })?;
    let mut headers = HeaderMap::new();
    for (name, source) in &otlp.headers {
        let value = match source {
            HeaderSource::Value(value) => Some(value),
            HeaderSource::Secret(_) => secrets.get(name),
        };
        let mut value = HeaderValue::from_str(value.map_or("", Secret::reveal))
            .map_err(|_| anyhow!("the value of the field `{name}` of [otlp] cannot be sent"))?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::node_config::read;
    use std::path::Path;

    fn config(more: &str) -> NodeConfig {
        let text = format!(
            "tier = \"device\"\nlabels = {{ site = \"berlin\" }}\n[otlp]\n\
             endpoint = \"http://127.0.0.1:1\"\n{more}"
        );
        read(&text, Path::new("node.toml")).expect("valid")
    }

    #[test]
    fn secrets_that_are_not_there_are_named_all_at_once() {
        let more = "[otlp.headers]\na = { env = \"SEDGE_TEST_NOT_SET\" }\n\
                    b = { file = \"/nonexistent/secret\" }\n";
        let error = start(&config(more)).err().expect("two are missing");
        let text = format!("{error:#}");
        assert!(text.contains("SEDGE_TEST_NOT_SET") && text.contains("/nonexistent"), "{text}");
    }

    #[test]
    fn values_are_sent_and_not_printed() {
        let config = config("[otlp.headers]\nauthorization = { value = \"hunter2\" }\n");
        let headers = headers(config.otlp.as_ref().expect("there")).expect("valid");
        assert_eq!(headers["authorization"], "hunter2");
        assert!(!format!("{headers:?}").contains("hunter2"), "{headers:?}");
    }

    #[test]
    fn the_resource_says_what_and_where_the_node_is() {
        let config = config("[otlp.attributes]\n\"service.version\" = \"7\"\n");
        let resource = resource(&config, config.otlp.as_ref().expect("there"));
        for (name, value) in [
            ("service.name", "sedge"),
            ("service.version", "7"),
            ("sedge.tier", "device"),
            ("sedge.label.site", "berlin"),
        ] {
            let found = resource.iter().find(|(known, _)| known == name);
            assert_eq!(found.map(|(_, value)| value.as_str()), Some(value), "{name}");
        }
    }
}
