//! Where traces are sent, as `node.toml` declares it.

use crate::capability::{Secret, SecretSource};
use crate::document::{self, Draft, Invalid, child, quantity};
use crate::trace::sampler::{MILLION, Sampler};
use http::{HeaderName, HeaderValue, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where traces are sent, by OTLP over HTTP, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    /// The collector, with the path that takes traces.
    pub endpoint: Uri,
    /// Fields that each request to it carries.
    pub headers: BTreeMap<String, HeaderSource>,
    /// `service.name` of the node.
    pub service_name: String,
    /// What else is told of the node, beside its tier and labels.
    pub attributes: BTreeMap<String, String>,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// For one request to the collector.
    pub timeout_ms: u64,
    /// The longest time that a span waits for others to share its batch.
    pub delay_ms: u64,
    /// Spans of one request to the collector.
    pub batch_spans_max: u32,
    /// Spans that wait, over all threads.
    pub queue_spans_max: u32,
    /// How long one batch is tried again.
    pub retry_ms_max: u64,
}

/// Where the value of a field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderSource {
    /// From the file itself; it is not printed all the same.
    Value(Secret),
    /// From elsewhere, when the node starts.
    Secret(SecretSource),
}

/// Where traces are sent, by OTLP over HTTP (protobuf). Without this section
/// nothing is recorded.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["endpoint"]))]
pub(super) struct RawOtlp {
    /// The collector: `http` or `https`, host and port. Without a path,
    /// `/v1/traces` is added.
    #[schemars(length(max = 1_024), example = &"http://127.0.0.1:4318")]
    endpoint: String,
    /// Header fields of each request to the collector, by name.
    #[schemars(extend("maxProperties" = 64))]
    headers: BTreeMap<String, RawHeader>,
    /// What the node is called (`service.name`).
    #[schemars(length(min = 1, max = 255))]
    service_name: String,
    /// What else is told of the node (resource attributes), beside `sedge.tier`
    /// and its labels as `sedge.label.NAME`.
    #[schemars(schema_with = "document::schema::text_map")]
    attributes: BTreeMap<String, String>,
    /// Of a million traces that begin here, so many are recorded; 1,000,000 is
    /// all.
    #[schemars(range(min = 0, max = 1_000_000))]
    sample_per_million: u32,
    /// Whether a client that sends `traceparent` decides for its trace. Say no
    /// where clients are strangers: they could have all their requests recorded.
    sample_parent_based: bool,
    /// Time for one request to the collector, connecting included.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 600_000))]
    timeout_ms: u64,
    /// The longest time that a span waits for others to share its batch.
    #[schemars(schema_with = "quantity::ms", range(min = 10, max = 60_000))]
    delay_ms: u64,
    /// Spans of one request to the collector.
    #[schemars(range(min = 1, max = 10_000))]
    batch_spans_max: u32,
    /// Spans that wait to be sent, all threads together; one more is dropped and
    /// counted.
    #[schemars(range(min = 16, max = 1_000_000))]
    queue_spans_max: u32,
    /// How long a batch is tried again (429, 502, 503, 504, and no answer)
    /// before it is given up.
    #[schemars(schema_with = "quantity::ms", range(min = 0, max = 3_600_000))]
    retry_ms_max: u64,
}

impl Default for RawOtlp {
    fn default() -> Self {
        RawOtlp {
            endpoint: String::new(),
            headers: BTreeMap::new(),
            service_name: "sedge".into(),
            attributes: BTreeMap::new(),
            sample_per_million: MILLION,
            sample_parent_based: true,
            timeout_ms: 10_000,
            delay_ms: 1_000,
            batch_spans_max: 512,
            queue_spans_max: 8_192,
            retry_ms_max: 60_000,
        }
    }
}

/// The value of a header field: exactly one of the keys.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawHeader {
    /// The value itself.
    #[schemars(length(max = 8_192), example = &"team-a")]
    value: Option<String>,
    /// An environment variable of the node.
    #[schemars(length(min = 1, max = 255), example = &"OTLP_TOKEN")]
    env: Option<String>,
    /// A file, relative to this file; a trailing line feed is not part of the
    /// value.
    #[schemars(length(min = 1, max = 4_096), example = &"otlp-token")]
    file: Option<PathBuf>,
}

/// Checks what the schema cannot say.
pub(super) fn resolve(draft: &mut Draft, raw: RawOtlp, folder: &Path) -> Option<OtlpConfig> {
    let endpoint = endpoint(draft, &raw.endpoint);
    let mut headers = BTreeMap::new();
    for (name, source) in raw.headers {
        let at = child("/otlp/headers", &name);
        if let Some(source) = header(draft, &at, &name, source, folder) {
            headers.insert(name.to_ascii_lowercase(), source);
        }
    }
    if raw.batch_spans_max > raw.queue_spans_max {
        let message = "`batch_spans_max` is more than `queue_spans_max`";
        let hint = "a batch that never fits into the queue is never full";
        let at = ["/otlp/batch_spans_max", "/otlp/queue_spans_max"];
        let at = if draft.has(at[0]) { at[0] } else { at[1] };
        draft.reject(at, Invalid::new(message, hint));
    }
    Some(OtlpConfig {
        endpoint: endpoint?,
        headers,
        service_name: raw.service_name,
        attributes: raw.attributes,
        sampler: Sampler {
            per_million: raw.sample_per_million,
            parent_based: raw.sample_parent_based,
        },
        timeout_ms: raw.timeout_ms,
        delay_ms: raw.delay_ms,
        batch_spans_max: raw.batch_spans_max,
        queue_spans_max: raw.queue_spans_max,
        retry_ms_max: raw.retry_ms_max,
    })
}

fn endpoint(draft: &mut Draft, text: &str) -> Option<Uri> {
    if !draft.has("/otlp/endpoint") {
        // The schema has reported it.
        return None;
    }
    let parsed = text.parse::<Uri>().ok().filter(|uri| {
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let plain = uri.authority().is_some_and(|one| !one.as_str().contains('@'));
        is_web && plain && uri.host().is_some_and(|host| !host.is_empty())
    });
    let Some(uri) = parsed else {
        // Not repeated here: it may hold a password.
        let hint = "write scheme, host and port, for example \"http://127.0.0.1:4318\"; what \
                    proves who the node is belongs into [otlp.headers]";
        let message = "`endpoint` is not the address of a collector";
        draft.reject("/otlp/endpoint", Invalid::new(message, hint));
        return None;
    };
    if uri.path() != "/" || uri.query().is_some() {
        return Some(uri);
    }
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/v1/traces"));
    Uri::from_parts(parts).ok()
}

/// Fields that are the exporter's own.
const RESERVED: [&str; 5] =
    ["host", "content-type", "content-length", "content-encoding", "transfer-encoding"];

fn header(
    draft: &mut Draft,
    at: &str,
    name: &str,
    raw: RawHeader,
    folder: &Path,
) -> Option<HeaderSource> {
    let is_free = !RESERVED.iter().any(|one| one.eq_ignore_ascii_case(name));
    if HeaderName::from_bytes(name.as_bytes()).is_err() || !is_free {
        let message = format!("`{}` is not a header field that may be set", name.escape_debug());
        let hint = "write the name of a field, for example authorization";
        draft.reject_key(at, Invalid::new(message, hint));
    }
    match (raw.value, raw.env, raw.file) {
        (Some(value), None, None) => {
            if HeaderValue::from_str(&value).is_err() {
                let message = format!("the value of `{name}` cannot be sent");
                let hint = "write visible characters of ASCII, and spaces between them";
                draft.reject(&child(at, "value"), Invalid::new(message, hint));
            }
            Some(HeaderSource::Value(Secret::new(value)))
        }
        (None, Some(env), None) => Some(HeaderSource::Secret(SecretSource::Environment(env))),
        (None, None, Some(file)) => {
            Some(HeaderSource::Secret(SecretSource::File(folder.join(file))))
        }
        (None, None, None) if !draft.is_complete(at) => None,
        _ => {
            let message = format!("the field `{name}` has not exactly one source");
            let hint = "write one of { value = \"…\" }, { env = \"VARIABLE\" } and \
                        { file = \"path\" }";
            draft.reject(at, Invalid::new(message, hint));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node_config::read;
    use expect_test::expect;

    #[test]
    fn mistakes_are_told_and_secrets_are_not() {
        let text = "[otlp]\nendpoint = \"ftp://user:hunter2@x\"\nqueue_spans_max = 100\n\
                    [otlp.headers]\nhost = { value = \"x\" }\n\"a b\" = { value = \"x\" }\n\
                    both = { value = \"x\", env = \"Y\" }\nnone = {}\n\
                    broken = { value = \"hunter2\\n\" }\n";
        let problems = read(text, Path::new("node.toml")).expect_err("wrong").to_string();
        let messages: Vec<&str> = problems.lines().filter(|l| l.starts_with("error")).collect();
        expect![[r#"
            [
                "error: `endpoint` is not the address of a collector",
                "error: `batch_spans_max` is more than `queue_spans_max`",
                "error: `host` is not a header field that may be set",
                "error: `a b` is not a header field that may be set",
                "error: the field `both` has not exactly one source",
                "error: the field `none` has not exactly one source",
                "error: the value of `broken` cannot be sent",
            ]
        "#]]
        .assert_debug_eq(&messages);
        let missing = read("[otlp]\n", Path::new("node.toml")).expect_err("no endpoint");
        assert!(missing.to_string().contains("missing key `endpoint`"), "{missing}");
    }

    #[test]
    fn what_is_not_said_is_as_usual_and_values_are_not_printed() {
        let text = "[otlp]\nendpoint = \"http://collector:4318\"\n\
                    [otlp.headers]\nAuthorization = { value = \"hunter2\" }\n";
        let config = read(text, Path::new("node.toml")).expect("valid");
        let otlp = config.otlp.as_ref().expect("there");
        assert_eq!(otlp.endpoint, "http://collector:4318/v1/traces");
        assert_eq!(otlp.sampler, Sampler::default());
        assert!(otlp.headers.contains_key("authorization"));
        assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
        let other = "[otlp]\nendpoint = \"https://c/api/otlp\"\n";
        let config = read(other, Path::new("node.toml")).expect("valid");
        assert_eq!(config.otlp.expect("there").endpoint, "https://c/api/otlp");
        assert_eq!(read("", Path::new("node.toml")).expect("valid").otlp, None);
    }
}
