//! `/v1/functions`: every function that is served, and every app that is not.

use crate::board::{AppStatus, Board};
use crate::revision::{DeployedFunction, Revision};
use sedge_model::manifest::Isolation;
use sedge_model::metrics::{FunctionMetrics, Histogram};
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

/// The page.
pub(crate) fn page(board: &Board) -> Value {
    let apps = board.apps();
    let functions: Vec<Value> = apps
        .iter()
        .filter_map(|app| app.current.as_ref())
        .flat_map(|revision| revision.functions.iter().map(|f| function(revision, f)))
        .collect();
    let apps: Vec<Value> = apps.iter().map(app).collect();
    json!({ "functions": functions, "apps": apps })
}

fn app(status: &AppStatus) -> Value {
    let name = status.current.as_ref().map(|revision| revision.app.as_str());
    json!({
        "app": name,
        "manifest": status.source.manifest,
        "revision": status.current.as_ref().map(|revision| json!({
            "number": revision.number,
            "digest": revision.digest,
            "deployed_unix_s": unix_s(revision.deployed),
        })),
        "previous_revision": status.previous.as_ref().map(|revision| revision.number),
        "failure": status.failure.as_ref().map(|failure| json!({
            "time_unix_s": unix_s(failure.time),
            "reason": failure.reason,
            "hint": failure.hint,
        })),
    })
}

fn function(revision: &Revision, deployed: &DeployedFunction) -> Value {
    let declared = &deployed.declared;
    let routes: Vec<String> = declared.routes.iter().map(ToString::to_string).collect();
    let metrics = &*deployed.metrics;
    json!({
        "app": revision.app,
        "function": declared.name,
        "flavor": "wasi-http",
        "world": deployed.function.exports().shown(),
        "revision": revision.number,
        "digest": deployed.artifact.digest.to_string(),
        "routes": routes,
        "isolation": match declared.isolation {
            Isolation::Request => "request",
            Isolation::Instance { .. } => "instance",
        },
        "artifact_bytes": deployed.artifact.source_bytes,
        "code_bytes": deployed.artifact.code_bytes,
        "requests": metrics.requests.load(Relaxed),
        "active": metrics.active.load(Relaxed),
        "latency_ms": quantiles(&metrics.duration),
        "cold_starts": metrics.instances.load(Relaxed),
        "cold_start_ms": quantiles(&metrics.cold_start),
        "code_loads": metrics.code_loads.load(Relaxed),
        "code_loaded": deployed.function.is_loaded(),
        "cpu_ms": metrics.cpu_ns.load(Relaxed) as f64 / 1e6,
        "memory_bytes_peak": metrics.memory_bytes_peak.load(Relaxed),
        "memory_bytes_max": declared.limits.memory_bytes_max,
        "log_bytes_dropped": metrics.log_bytes_dropped.load(Relaxed),
        "failures": failures(metrics),
    })
}

fn quantiles(histogram: &Histogram) -> Value {
    let ms = |q| histogram.quantile(q).as_secs_f64() * 1e3;
    json!({ "p50": ms(0.5), "p90": ms(0.9), "p99": ms(0.99) })
}

/// Failures and limit hits by kind; only what has happened.
fn failures(metrics: &FunctionMetrics) -> Value {
    let counts = metrics.failures().filter(|(_, count)| *count > 0);
    let counts: Map<String, Value> =
        counts.map(|(kind, count)| (kind.label().to_owned(), count.into())).collect();
    counts.into()
}

fn unix_s(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
