//! `/metrics`. Names follow OpenTelemetry's semantic conventions (HTTP, FaaS,
//! process) in Prometheus' spelling; what they have no name for begins with
//! `sedge_`.

use super::AdminPages;
use super::exposition::{Exposition, Labels, Type};
use crate::process;
use crate::revision::{DeployedFunction, Revision};
use sedge_cache::flow::CacheMetrics;
use sedge_ingress::http::links::{HintMetrics, LinkMetrics, LinkName};
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
    caches(&mut page, admin);
    function_caches(&mut page, admin);
    super::codec::page(&mut page, admin.platform.codec.metrics());
    process_figures(&mut page, admin);
    let mqtt = admin.later.mqtt.get();
    mqtt.inspect(|mqtt| mqtt.render_journal(&mut page));
    admin.later.triggers.get().inspect(|triggers| triggers.render(&mut page));
    admin.later.windows.get().inspect(|windows| windows.render(&mut page));
    admin.platform.outlet.get().inspect(|outlet| outlet.render(&mut page));
    super::streams::figures(&mut page, &admin.streams);
    admin.ingest.iter().for_each(|ingest| ingest.render(&mut page));
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
    let hints: Vec<_> = revisions.iter().flat_map(|revision| hints(revision)).collect();
    HintMetrics::render_prometheus(&hints, &mut text);
    admin.platform.disk.render_prometheus(&mut text);
    if let Some(mqtt) = mqtt {
        mqtt.front.render_prometheus(&mut text);
    }
    if let Some(gateway) = admin.later.gateway.get() {
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

/// The links of a revision's chains that give early hints.
fn hints(revision: &Revision) -> impl Iterator<Item = (LinkName<'_>, Arc<HintMetrics>)> {
    revision.chains.iter().flat_map(move |chain| {
        let name = chain.declared.name.as_str();
        chain.hint_metrics().map(move |(place, metrics)| {
            ((revision.app.as_str(), name, place, "early_hints"), Arc::clone(metrics))
        })
    })
}

/// What caching links did, and what they have stored.
fn caches(page: &mut Exposition, admin: &AdminPages) {
    let revisions = admin.board.revisions();
    let links: Vec<(Labels, &Arc<CacheMetrics>)> = revisions
        .iter()
        .flat_map(|revision| revision.chains.iter().map(move |chain| (revision, chain)))
        .flat_map(|(revision, chain)| {
            chain.cache_metrics().map(move |(place, metrics)| {
                let (chain, place) = (chain.declared.name.as_str(), place.to_string());
                let labels = [("app", revision.app.as_str()), ("chain", chain), ("link", &place)];
                (Labels::new(&labels), metrics)
            })
        })
        .collect();
    if !links.is_empty() {
        caching_links(page, &links);
    }
    if !links.is_empty() || !admin.platform.scopes.all().is_empty() {
        cache_figures(page, admin);
    }
}

fn caching_links(page: &mut Exposition, links: &[(Labels, &Arc<CacheMetrics>)]) {
    let name = "sedge_cache_requests_total";
    page.metric(name, Type::Counter, "Requests that came to a caching link, by what it did.");
    for (labels, metrics) in links {
        for (outcome, count) in metrics.outcomes() {
            page.sample(name, &labels.with("outcome", outcome), count);
        }
    }
    let name = "sedge_cache_not_stored_total";
    page.metric(name, Type::Counter, "Responses that were not stored, by why.");
    for (labels, metrics) in links {
        for (reason, count) in metrics.not_stored() {
            page.sample(name, &labels.with("reason", reason), count);
        }
    }
    for (name, help, value) in CACHE_COUNTERS {
        page.metric(name, Type::Counter, help);
        for (labels, metrics) in links {
            page.sample(name, labels, value(metrics).load(Relaxed));
        }
    }
}

/// What the tiers hold.
fn cache_figures(page: &mut Exposition, admin: &AdminPages) {
    let (none, figures) = (Labels::default(), admin.platform.cache.figures());
    let memory = figures.memory;
    let mut gauges = vec![
        ("sedge_cache_memory_bytes", "Bytes of responses in memory.", memory.bytes),
        ("sedge_cache_memory_objects", "Responses in memory.", memory.objects),
        ("sedge_cache_arriving_bytes", "Bytes of responses that arrive.", figures.arriving_bytes),
        ("sedge_cache_fetches", "Fetches that others may wait for.", figures.flights as u64),
    ];
    let evicted = ("sedge_cache_memory_evicted_total", "Responses that left memory for others.");
    let mut counters = vec![(evicted.0, evicted.1, memory.evicted + memory.rejected)];
    if let Some(disk) = figures.disk {
        gauges.push(("sedge_cache_disk_bytes", "Bytes of files of responses.", disk.file_bytes));
        gauges.push(("sedge_cache_disk_objects", "Responses on the disk.", disk.records));
        counters.push(("sedge_cache_disk_hits_total", "Responses found on the disk.", disk.hits));
        let help = "Responses that were written to the disk.";
        counters.push(("sedge_cache_disk_written_total", help, disk.written));
        let help = "Responses that were too many or too large for the disk, or lost.";
        let lost = disk.refused_full + disk.refused_large + disk.lost;
        counters.push(("sedge_cache_disk_lost_total", help, lost));
        let help = "Responses on the disk that were damaged.";
        counters.push(("sedge_cache_disk_damaged_total", help, disk.damaged));
    }
    for (kind, values) in [(Type::Gauge, gauges), (Type::Counter, counters)] {
        for (name, help, value) in values {
            page.metric(name, kind, help);
            page.sample(name, &none, value);
        }
    }
}

/// What functions did with the cache.
fn function_caches(page: &mut Exposition, admin: &AdminPages) {
    let scopes = admin.platform.scopes.all();
    if scopes.is_empty() {
        return;
    }
    let name = "sedge_cache_function_requests_total";
    page.metric(name, Type::Counter, "Look-ups of functions in the cache, by what came of them.");
    for scope in &scopes {
        let labels = Labels::new(&[("scope", &scope.name)]);
        for (outcome, count) in scope.metrics.outcomes() {
            page.sample(name, &labels.with("outcome", outcome), count);
        }
    }
    let name = "sedge_cache_function_stored_total";
    page.metric(name, Type::Counter, "Responses that functions have stored.");
    for scope in &scopes {
        let labels = Labels::new(&[("scope", &scope.name)]);
        page.sample(name, &labels, scope.metrics.stored.load(Relaxed));
    }
    let name = "sedge_cache_function_not_stored_total";
    page.metric(name, Type::Counter, "Responses of functions that were not stored, by why.");
    for scope in &scopes {
        let labels = Labels::new(&[("scope", &scope.name)]);
        for (reason, count) in scope.metrics.not_stored() {
            page.sample(name, &labels.with("reason", reason), count);
        }
    }
}

/// What is counted of a caching link besides: name, help and value.
type CacheCounter = (&'static str, &'static str, fn(&CacheMetrics) -> &AtomicU64);

const CACHE_COUNTERS: [CacheCounter; 4] = [
    ("sedge_cache_stored_total", "Responses that were stored.", |m| &m.stored),
    ("sedge_cache_background_total", "Validations that nobody waited for.", |m| &m.background),
    ("sedge_cache_served_bytes_total", "Bytes of bodies that were stored.", |m| &m.bytes_served),
    ("sedge_cache_fetched_bytes_total", "Bytes of bodies that came from behind.", |m| {
        &m.bytes_fetched
    }),
];

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
    let name = "sedge_function_filtered_total";
    let help = "Requests that this link of a chain decided on by its filter, without its handler.";
    counter(page, functions, name, help, |m| &m.filtered);
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
