//! What guards a route of a `VirtualService`: timeout, retries, faults; and the
//! small shapes that its other parts share.

use crate::document::Invalid;
use crate::mesh::fields::At;
use crate::mesh::{Notes, duration, values};
use crate::routing::policy::{Abort, Delay, FaultMode, Faults, Policy, Retries, RetryOn};
use crate::routing::rule::ValueMatch;
use http::StatusCode;
use std::time::Duration;

/// What Istio tries again where a file does not say.
const RETRY_ON: &str = "connect-failure,refused-stream,unavailable,cancelled,503";
/// Tries beside the first, likewise.
const ATTEMPTS: u32 = 2;
/// Envoy's first wait, and how many times that the longest is.
const BACKOFF: Duration = Duration::from_millis(25);
const BACKOFF_TIMES: u32 = 10;
/// Envoy keeps as much of a body (`per_connection_buffer_limit_bytes`).
const BODY_BYTES_MAX: u64 = 1 << 20;

/// `{ exact | prefix | regex }`; an empty one fits every value.
pub(in crate::mesh) fn string_match(at: &At<'_>, notes: &mut Notes) -> Option<ValueMatch> {
    if matches!(at.node.content, crate::mesh::yaml::Content::Null) {
        return Some(ValueMatch::Present);
    }
    let mut fields = at.fields(notes)?;
    let mut found = Vec::new();
    if let Some(at) = fields.take("exact") {
        found.push(at.text(notes).map(|text| ValueMatch::Exact(text.to_owned())));
    }
    if let Some(at) = fields.take("prefix") {
        found.push(at.text(notes).map(|text| ValueMatch::Prefix(text.to_owned())));
    }
    if let Some(at) = fields.take("regex") {
        found.push(at.parse(notes, values::pattern).map(ValueMatch::Pattern));
    }
    fields.finish(notes);
    if found.len() > 1 {
        let message = format!("`{}` says more than one of exact, prefix and regex", at.path);
        notes.wrong(&at.spot(), Invalid::new(message, "keep one of them"));
        return None;
    }
    found.pop().unwrap_or(Some(ValueMatch::Present))
}

/// What stands beside the destinations.
pub(in crate::mesh) fn policy(
    timeout: Option<At<'_>>,
    retries: Option<At<'_>>,
    fault: Option<At<'_>>,
    notes: &mut Notes,
) -> Policy {
    let timeout =
        timeout.and_then(|at| at.parse(notes, duration::go)).filter(|time| !time.is_zero());
    let retries = match retries {
        None => Some(default_retries()),
        Some(at) => self::retries(&at, notes),
    };
    let faults = fault.and_then(|at| faults(&at, notes)).unwrap_or_default();
    Policy { timeout, retries, faults, concurrency_max: None, rate: None }
}

fn default_retries() -> Retries {
    let (on, _) = retry_on(RETRY_ON);
    Retries {
        attempts: ATTEMPTS,
        per_try_timeout: None,
        on,
        backoff_base: BACKOFF,
        backoff_max: BACKOFF * BACKOFF_TIMES,
        budget: None,
        body_bytes_max: BODY_BYTES_MAX,
        elsewhere: true,
    }
}

fn retries(at: &At<'_>, notes: &mut Notes) -> Option<Retries> {
    // Whoever writes retries without their number asks for none.
    let mut retries = Retries { attempts: 0, ..default_retries() };
    let mut fields = at.fields(notes)?;
    let how = ["perTryTimeout", "retryOn", "backoff", "retryIgnorePreviousHosts"];
    let is_alone = how.iter().all(|name| at.node.get(name).is_none());
    if let Some(attempts) = fields.take("attempts") {
        retries.attempts = attempts.count(0..=100, notes)?;
    }
    if let Some(at) = fields.take("perTryTimeout") {
        retries.per_try_timeout = at.parse(notes, duration::go).filter(|time| !time.is_zero());
    }
    if let Some(at) = fields
        .take("retryOn")
        .filter(|at| at.node.noun() != "a string" || at.text(notes) != Some(""))
    {
        let (on, unknown) = retry_on(at.text(notes)?);
        for (word, message) in unknown {
            let hint = "write some of 5xx, gateway-error, reset, connect-failure, refused-stream, \
                        retriable-4xx, unavailable, cancelled, deadline-exceeded, internal, \
                        resource-exhausted, and statuses such as 503";
            notes.unsupported(&at.spot(), &format!("{message} `{word}`"), hint);
        }
        retries.on = on;
    }
    if let Some(at) = fields.take("backoff") {
        let base = at.parse(notes, duration::go)?;
        if base < Duration::from_millis(1) {
            let message = format!("`{}` is shorter than 1 ms", at.path);
            notes.wrong(&at.spot(), Invalid { message, hint: None });
        }
        retries.backoff_base = base;
        retries.backoff_max = base * BACKOFF_TIMES;
    }
    let ignore = fields.take("retryIgnorePreviousHosts").and_then(|at| at.boolean(notes));
    retries.elsewhere = ignore.unwrap_or(true);
    fields.unsupported(&[("retryRemoteLocalities", "a node knows no localities")], notes);
    fields.finish(notes);
    if retries.attempts == 0 && !is_alone {
        let message = format!("`{}` has no attempts, and says how they are made", at.path);
        notes.wrong(&at.spot(), Invalid::new(message, "write attempts, or nothing else"));
    }
    (retries.attempts > 0).then_some(retries)
}

/// Reads the list of Envoy (`x-envoy-retry-on`, `x-envoy-retry-grpc-on`) with
/// statuses in between, as Istio has it; and what of it is not known.
fn retry_on(text: &str) -> (RetryOn, Vec<(&str, &'static str)>) {
    let mut on = RetryOn { any_method: true, ..RetryOn::default() };
    let mut unknown = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word {
            "5xx" => on.server_error = true,
            // Envoy counts a broken connection as one.
            "gateway-error" => (on.gateway_error, on.reset) = (true, true),
            "reset" => on.reset = true,
            "connect-failure" => on.connect_failure = true,
            "refused-stream" => on.refused_stream = true,
            "retriable-4xx" => on.conflict = true,
            // Statuses say the rest.
            "retriable-status-codes" => {}
            "cancelled" => on.grpc.push(1),
            "deadline-exceeded" => on.grpc.push(4),
            "resource-exhausted" => on.grpc.push(8),
            "internal" => on.grpc.push(13),
            "unavailable" => on.grpc.push(14),
            word => match word.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok()) {
                Some(status) => on.statuses.push(status),
                None => unknown.push((word, "does not know")),
            },
        }
    }
    (on, unknown)
}

fn faults(at: &At<'_>, notes: &mut Notes) -> Option<Faults> {
    let mut fields = at.fields(notes)?;
    let delay = fields.take("delay").and_then(|at| delay(&at, notes));
    let abort = fields.take("abort").and_then(|at| abort(&at, notes));
    fields.finish(notes);
    Some(Faults { mode: FaultMode::Envoy, delay, abort })
}

/// Of 1; without a percentage, nothing is hit, as Istio has it.
fn fraction(percentage: Option<At<'_>>, percent: Option<At<'_>>, notes: &mut Notes) -> f64 {
    let old = percent.and_then(|at| at.percent(notes));
    let new = percentage.and_then(|at| self::percentage(&at, notes));
    new.or(old).unwrap_or(0.0)
}

/// `{ value: 0.1 }`.
pub(in crate::mesh) fn percentage(at: &At<'_>, notes: &mut Notes) -> Option<f64> {
    let mut fields = at.fields(notes)?;
    let value = fields.take("value").map_or(Some(0.0), |value| value.percent(notes));
    fields.finish(notes);
    value
}

fn delay(at: &At<'_>, notes: &mut Notes) -> Option<Delay> {
    let mut fields = at.fields(notes)?;
    let time = fields.take("fixedDelay").map(|at| at.parse(notes, duration::go));
    let (percentage, percent) = (fields.take("percentage"), fields.take("percent"));
    let fraction = fraction(percentage, percent, notes);
    let has_other = at.node.get("exponentialDelay").is_some();
    fields.unsupported(&[("exponentialDelay", "write fixedDelay")], notes);
    fields.finish(notes);
    match time {
        Some(time) => Some(Delay { fraction, time: time? }),
        None if has_other => None,
        None => {
            notes.wrong(
                &at.spot(),
                Invalid { message: format!("missing field `{}.fixedDelay`", at.path), hint: None },
            );
            None
        }
    }
}

fn abort(at: &At<'_>, notes: &mut Notes) -> Option<Abort> {
    let mut fields = at.fields(notes)?;
    let status = fields.take("httpStatus").map(|at| at.integer(200..=599, notes));
    let (percentage, percent) = (fields.take("percentage"), fields.take("percent"));
    let fraction = fraction(percentage, percent, notes);
    let has_other = at.node.get("grpcStatus").or(at.node.get("http2Error")).is_some();
    fields.unsupported(
        &[("grpcStatus", "write httpStatus"), ("http2Error", "write httpStatus")],
        notes,
    );
    fields.finish(notes);
    match status {
        Some(status) => Some(Abort { fraction, status: status.and_then(status_code)? }),
        None if has_other => None,
        None => {
            notes.wrong(
                &at.spot(),
                Invalid { message: format!("missing field `{}.httpStatus`", at.path), hint: None },
            );
            None
        }
    }
}

/// A status that an integer within bounds is.
pub(in crate::mesh) fn status_code(number: i64) -> Option<StatusCode> {
    u16::try_from(number).ok().and_then(|number| StatusCode::from_u16(number).ok())
}
