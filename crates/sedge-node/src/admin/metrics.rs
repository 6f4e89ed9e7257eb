//! `/metrics`. Names follow OpenTelemetry's semantic conventions (HTTP, FaaS,
//! process) in Prometheus' spelling; what they have no name for begins with
//! `sedge_`.

use super::AdminPages;
use super::exposition::{Exposition, Labels, Type};
use crate::process;
use crate::revision::{DeployedFunction, Revision};
use sedge_ingress::http::links::{LinkMetrics, LinkName};
use sedge_ingress::http::metrics::RouteMetrics;
use sedge_ingress::http::upstream::Upstreams;
use sedge_model::metrics::FunctionMetrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(crate) use super::exposition::CONTENT_TYPE;

type Labeled = (Labels, Arc<DeployedFunction>);

/// The page.
pub(crate) fn page(admin: &AdminPages) -> String {
    let mut page = Exposition::default();
    let functions: Vec<Labeled> = admin
        .board
        .revisions()
        .iter()
        .flat_map(|revision| {
            revision.functions.iter().map(|function| {
                let name = function.declared.name.as_str();
                (Labels::new(&[("app", &revision.app), ("faas_name", name)]), function.clone())
            })
        })
        .collect();
    calls(&mut page, &functions);
    resources(&mut page, &functions);
    code(&mut page, &functions);
    deployments(&mut page, admin);
    process_figures(&mut page, admin);
    let mut text = page.finish();
    let revisions = admin.board.revisions();
    let rules: Vec<_> = revisions
        .iter()
        .flat_map(|revision| {
            revision.rules.iter().map(|rule| {
                (revision.app.as_str(), rule.declared.name.as_str(), rule.metrics.clone())
            })
        })
        .collect();
    RouteMetrics::render_prometheus(&rules, &mut text);
    let upstreams = revisions.iter().map(|one| (one.app.as_str(), &*one.upstreams));
    Upstreams::render_prometheus(upstreams, &mut text);
    let links: Vec<_> = revisions.iter().flat_map(|revision| links(revision)).collect();
    LinkMetrics::render_prometheus(&links, &mut text);
    admin.platform.disk.render_prometheus(&mut text);
    if let Some(gateway) = admin.gateway.get() {
        gateway.render_prometheus(&mut text);
    }
    text
}

/// The links of a revision's chains that are no functions.
fn links(revision: &Revision) -> impl Iterator<Item = (LinkName<'_>, Arc<LinkMetrics>)> {
    revision.chains.iter().flat_map(move |chain| {
        let name = chain.declared.name.as_str();
        chain.metrics().map(move |(place, kind, metrics)| {
            ((revision.app.as_str(), name, place, kind), Arc::clone(metrics))
        })
    })
}

/// What happened in functions. Histograms of functions that were never called
/// are left out: a node may have ten thousand.
fn calls(page: &mut Exposition, functions: &[Labeled]) {
    counter(page, functions, "faas_invocations_total", "Requests that a function began.", |m| {
        &m.requests
    });
    page.metric("faas_errors_total", Type::Counter, "Failures, by kind and by who is to blame.");
    for (labels, function) in functions {
        for (kind, count) in function.metrics.failures().filter(|(_, count)| *count > 0) {
            let labels = labels.with("error_type", kind.label());
            let labels = labels.with("blame", kind.blame().as_str());
            page.sample("faas_errors_total", &labels, count);
        }
    }
    let name = "faas_invoke_duration_seconds";
    page.metric(name, Type::Histogram, "Time from the request to the head of its response.");
    for (labels, function) in called(functions) {
        page.histogram(name, labels, &function.metrics.duration);
    }
    counter(page, functions, "faas_coldstarts_total", "Instances that were made.", |m| {
        &m.instances
    });
    let name = "faas_init_duration_seconds";
    page.metric(name, Type::Histogram, "Time until a new instance was ready.");
    for (labels, function) in called(functions) {
        page.histogram(name, labels, &function.metrics.cold_start);
    }
}

fn called(functions: &[Labeled]) -> impl Iterator<Item = &Labeled> {
    functions.iter().filter(|(_, function)| function.metrics.requests.load(Relaxed) > 0)
}

fn resources(page: &mut Exposition, functions: &[Labeled]) {
    page.metric("sedge_function_active", Type::Gauge, "Requests in flight in a function.");
    for (labels, function) in functions {
        page.sample("sedge_function_active", labels, function.metrics.active.load(Relaxed));
    }
    let name = "sedge_function_cpu_seconds_total";
    page.metric(name, Type::Counter, "Time on the CPU.");
    for (labels, function) in functions {
        page.sample(name, labels, function.metrics.cpu_ns.load(Relaxed) as f64 / 1e9);
    }
    let name = "sedge_function_memory_peak_bytes";
    page.metric(name, Type::Gauge, "The most memory that one instance has had.");
    for (labels, function) in functions {
        page.sample(name, labels, function.metrics.memory_bytes_peak.load(Relaxed));
    }
    let name = "sedge_function_log_dropped_bytes_total";
    counter(page, functions, name, "Log output dropped at the limit.", |m| &m.log_bytes_dropped);
    let name = "sedge_function_passed_open_total";
    let help = "Requests that passed on although this link of a chain failed.";
    counter(page, functions, name, help, |m| &m.passed_open);
    let name = "sedge_function_code_loads_total";
    counter(page, functions, name, "Times that code was loaded from disk.", |m| &m.code_loads);
}

/// Compiled code: what is deployed, and what of it is in memory.
fn code(page: &mut Exposition, functions: &[Labeled]) {
    let none = Labels::default();
    let loaded = functions.iter().filter(|(_, function)| function.function.is_loaded()).count();
    page.metric("sedge_functions", Type::Gauge, "Functions that are served.");
    page.sample("sedge_functions", &none, functions.len());
    page.metric("sedge_functions_loaded", Type::Gauge, "Functions whose code is in memory.");
    page.sample("sedge_functions_loaded", &none, loaded);
}

fn counter(
    page: &mut Exposition,
    functions: &[Labeled],
    name: &str,
    help: &str,
    value: fn(&FunctionMetrics) -> &AtomicU64,
) {
    page.metric(name, Type::Counter, help);
    for (labels, function) in functions {
        page.sample(name, labels, value(&function.metrics).load(Relaxed));
    }
}

fn deployments(page: &mut Exposition, admin: &AdminPages) {
    let none = Labels::default();
    page.metric("sedge_revision", Type::Gauge, "Number of the revision that is served.");
    for revision in admin.board.revisions() {
        page.sample("sedge_revision", &Labels::new(&[("app", &revision.app)]), revision.number);
    }
    let counters = &admin.platform.counters;
    for (name, help, value) in [
        ("sedge_deployments_total", "Revisions that were swapped in.", &counters.deployed),
        (
            "sedge_deployment_failures_total",
            "Builds and deployments that failed.",
            &counters.failed,
        ),
        ("sedge_compilations_total", "Artifacts that were compiled.", &counters.compilations),
    ] {
        page.metric(name, Type::Counter, help);
        page.sample(name, &none, value.load(Relaxed));
    }
    let name = "sedge_compilation_seconds_total";
    page.metric(name, Type::Counter, "Time spent compiling.");
    page.sample(name, &none, counters.compile_ns.load(Relaxed) as f64 / 1e9);
}

fn process_figures(page: &mut Exposition, admin: &AdminPages) {
    let none = Labels::default();
    let figures = process::figures();
    for (name, help, value) in [
        ("process_memory_usage_bytes", "Memory in RAM.", figures.resident_bytes),
        ("process_unix_file_descriptor_count", "Open file descriptors.", figures.open_files),
        ("process_thread_count", "Threads.", figures.threads),
    ] {
        if let Some(value) = value {
            page.metric(name, Type::Gauge, help);
            page.sample(name, &none, value);
        }
    }
    if let Some(seconds) = figures.cpu_s {
        page.metric("process_cpu_time_seconds_total", Type::Counter, "Time on the CPU.");
        page.sample("process_cpu_time_seconds_total", &none, seconds);
    }
    let name = "sedge_log_dropped_records_total";
    page.metric(name, Type::Counter, "Records of the node's log that nobody read in time.");
    page.sample(name, &none, admin.log_records_dropped.load(Relaxed));
    page.metric("process_uptime_seconds", Type::Gauge, "Time since the node was started.");
    page.sample("process_uptime_seconds", &none, admin.platform.started.elapsed().as_secs_f64());
}
