//! What guards the way of a request, as it is written.

use crate::document::quantity;
use crate::document::schema::percent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of tries, or a table.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawRetries {
    /// Tries beside the first.
    Attempts(#[schemars(range(min = 0, max = 100))] u32),
    /// With more to say.
    Table(RawRetriesTable),
}

/// What is tried again, and how often.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["attempts"]))]
pub(super) struct RawRetriesTable {
    /// Tries beside the first.
    #[schemars(range(min = 0, max = 100), example = 2)]
    pub(super) attempts: u32,
    /// From a try's begin to its answer's head; 504 beyond.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 86_400_000))]
    pub(super) per_try_timeout_ms: Option<u64>,
    /// What a try must have ended with: words, or statuses.
    #[schemars(length(min = 1, max = 64), extend("examples" = [["gateway-error", 500]]))]
    pub(super) on: Vec<RawRetryOn>,
    /// Before the n-th retry, a random time below this times 2^(n-1).
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub(super) backoff_base_ms: u64,
    /// The longest of these times.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    pub(super) backoff_max_ms: u64,
    /// What retries may add to the load.
    pub(super) budget: RawBudget,
    /// Bytes of a request's body that are kept for another try; a longer body is
    /// sent once.
    #[schemars(schema_with = "quantity::bytes", range(min = 0, max = 16_777_216))]
    pub(super) body_bytes_max: u64,
    /// Whether a retry goes to an endpoint that has not been tried, if there is
    /// one.
    pub(super) elsewhere: bool,
    /// Whether methods that are not idempotent are tried again too, where the
    /// upstream may have begun.
    pub(super) any_method: bool,
}

impl Default for RawRetriesTable {
    fn default() -> Self {
        RawRetriesTable {
            attempts: 0,
            per_try_timeout_ms: None,
            on: [RawRetryWord::ConnectFailure, RawRetryWord::RefusedStream, RawRetryWord::Reset]
                .map(RawRetryOn::Word)
                .into(),
            backoff_base_ms: 25,
            backoff_max_ms: 250,
            budget: RawBudget::default(),
            body_bytes_max: 65_536,
            elsewhere: true,
            any_method: false,
        }
    }
}

/// A word or a status.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawRetryOn {
    /// What it ended with.
    Word(RawRetryWord),
    /// This status.
    Status(#[schemars(range(min = 400, max = 599))] u16),
}

/// What a try ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawRetryWord {
    /// No connection was made.
    ConnectFailure,
    /// HTTP/2 `REFUSED_STREAM`: the upstream has not begun.
    RefusedStream,
    /// The connection broke, or the try's time was over, before an answer.
    Reset,
    /// 502, 503, 504.
    GatewayError,
    /// 500 to 599, and what `reset` means.
    ServerError,
    /// 409.
    Conflict,
}

/// What retries may add to the load.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawBudget {
    /// Retries, of the requests in the last ten seconds.
    #[schemars(schema_with = "percent")]
    pub(super) percent: f64,
    /// Retries per second that are always allowed.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) minimum_per_s: u32,
}

impl Default for RawBudget {
    fn default() -> Self {
        RawBudget { percent: 20.0, minimum_per_s: 10 }
    }
}

/// What is broken on purpose.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawFaults {
    /// How they stand to timeouts and retries.
    pub(super) mode: RawFaultMode,
    /// A wait.
    pub(super) delay: Option<RawDelay>,
    /// An answer in the place of the target's.
    pub(super) abort: Option<RawAbort>,
}

/// How faults stand to timeouts and retries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawFaultMode {
    /// Once for each request, before the timeout's clock runs, as Envoy does.
    #[default]
    Envoy,
    /// For each try, inside its timeout.
    PerAttempt,
}

/// A wait on purpose.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["time_ms"]))]
pub(super) struct RawDelay {
    /// How long.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 3_600_000))]
    #[schemars(example = &"2 s")]
    pub(super) time_ms: u64,
    /// The share of requests; all, if absent.
    #[schemars(schema_with = "percent")]
    pub(super) percent: Option<f64>,
}

/// An answer on purpose.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["status"]))]
pub(super) struct RawAbort {
    /// Its status.
    #[schemars(range(min = 200, max = 599), example = 503)]
    pub(super) status: u16,
    /// The share of requests; all, if absent.
    #[schemars(schema_with = "percent")]
    pub(super) percent: Option<f64>,
}

/// Requests in time.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["requests", "per_ms"]))]
pub(super) struct RawRate {
    /// How many.
    #[schemars(range(min = 1, max = 1_000_000_000), example = 100)]
    pub(super) requests: u32,
    /// In this time.
    #[schemars(schema_with = "quantity::ms", range(min = 1, max = 86_400_000))]
    #[schemars(example = &"1 s")]
    pub(super) per_ms: u64,
    /// How many at once after a pause; as `requests`, if absent.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(super) burst: Option<u32>,
    /// What is counted apart.
    pub(super) key: RawRateKey,
    /// Keys that are kept in memory.
    #[schemars(range(min = 1, max = 1_000_000), extend("default" = 10_000))]
    pub(super) keys_max: Option<u32>,
}

/// What is counted apart.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RawRateKey {
    /// A word.
    Word(RawRateWord),
    /// The value of a header field.
    Table(RawRateHeader),
}

impl Default for RawRateKey {
    fn default() -> Self {
        RawRateKey::Word(RawRateWord::Route)
    }
}

/// What is counted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawRateWord {
    /// Nothing: the route as a whole.
    #[default]
    Route,
    /// The client's address; IPv6 by its /64.
    Client,
}

/// The value of a header field.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["header"]))]
pub(super) struct RawRateHeader {
    /// Its name; requests without share one key.
    #[schemars(length(min = 1, max = 256), example = &"x-api-key")]
    pub(super) header: String,
}
