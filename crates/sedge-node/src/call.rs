//! One request into a function, without a listener: the same deployment and
//! the same handler as on a node.

use crate::app::AppSource;
use crate::data_folder::Running;
use crate::hint::WithHint;
use crate::node::Node;
use crate::options::{NodeOptions, StoreIn};
use crate::revision::Revision;
use anyhow::{Result, anyhow};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use sedge_model::failure::Failure;
use sedge_model::handler::{Context, Handler, Request};
use sedge_model::metrics::FunctionMetrics;
use sedge_model::trace::TraceContext;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What to call.
pub struct Call {
    /// The function; `None`: whatever answers the request's path.
    pub function: Option<String>,
    /// The request, with `Host` and a target in origin form.
    pub request: Request,
}

/// What came back, and what it took.
#[derive(Debug)]
pub struct Answer {
    /// `app/function`.
    pub function: String,
    /// The status; `None` if the call failed before there was one.
    pub status: Option<StatusCode>,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body, as far as it came.
    pub body: Bytes,
    /// What went wrong, before or after the status.
    pub failure: Option<Failure>,
    /// From the request to the body's end.
    pub took: Duration,
    /// Time on the CPU.
    pub cpu: Duration,
    /// Time until the instance was ready.
    pub cold_start: Duration,
    /// The most memory that the instance has had.
    pub memory_bytes_peak: u64,
}

/// Deploys an app and calls one of its functions once; `None` if the app cannot
/// be deployed, of which the observer was told.
///
/// # Errors
///
/// If no node can be started or there is no such function. What goes wrong in
/// the call is in the answer.
pub async fn run(mut options: NodeOptions, app: AppSource, call: Call) -> Result<Option<Answer>> {
    choose_store(&mut options, &app)?;
    let node = Node::start(options, vec![app]).await?;
    let Some(revision) = node.apps().into_iter().find_map(|app| app.current) else {
        return Ok(None);
    };
    let (handler, label) = find(&node, &revision, &call)?;
    let metrics = label.split_once('/').and_then(|(_, name)| revision.function(name));
    let metrics = metrics.map(|function| function.metrics.clone()).unwrap_or_default();
    // The code was loaded to try the revision; what is measured is the call.
    let answer = exchange(&*handler, &label, call.request, &metrics).await;
    node.stop(Duration::ZERO).await;
    Ok(Some(answer))
}

/// A node that runs on the same folder holds its store. A function without
/// grants does not need it; for others there is no second one.
fn choose_store(options: &mut NodeOptions, app: &AppSource) -> Result<()> {
    let Some(running) = Running::find(&options.config.data) else { return Ok(()) };
    let (_, manifest) = app.read()?;
    if manifest.functions.iter().all(|function| function.capabilities.kv.is_empty()) {
        options.store = StoreIn::Scratch;
        return Ok(());
    }
    Err(WithHint::new(
        anyhow!("a node runs on {} and holds its store", options.config.data.display()),
        format!(
            "send the request to http://{}, or choose another folder with --data",
            running.listen
        ),
    ))
}

fn find(node: &Node, revision: &Revision, call: &Call) -> Result<(Arc<dyn Handler>, Arc<str>)> {
    let Some(name) = &call.function else {
        let host = call.request.headers().get(http::header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let uri = call.request.uri();
        return node.route(host, uri.path(), call.request.method());
    };
    match revision.function(name) {
        Some(function) => {
            let label = format!("{}/{name}", revision.app);
            Ok((function.handler(), label.into()))
        }
        None => {
            let names: Vec<&str> =
                revision.functions.iter().map(|f| f.declared.name.as_str()).collect();
            Err(WithHint::new(
                anyhow!("app {} has no function {name}", revision.app),
                format!("it has {}; a path begins with '/'", names.join(", ")),
            ))
        }
    }
}

/// What a handler is told of a request that no listener has taken.
pub(crate) fn context() -> Context {
    Context::new(([127, 0, 0, 1], 0).into(), false, TraceContext::begin())
}

async fn exchange(
    handler: &dyn Handler,
    label: &str,
    request: Request,
    metrics: &FunctionMetrics,
) -> Answer {
    let mut answer = Answer {
        function: label.to_owned(),
        status: None,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        failure: None,
        took: Duration::ZERO,
        cpu: Duration::ZERO,
        cold_start: Duration::ZERO,
        memory_bytes_peak: 0,
    };
    let (cpu_ns, cold) = (metrics.cpu_ns.load(Relaxed), metrics.cold_start.sum());
    let begin = Instant::now();
    match handler.call(request, context()).await {
        Err(failure) => answer.failure = Some(failure),
        Ok(response) => {
            let (head, mut body) = response.into_parts();
            answer.status = Some(head.status);
            answer.headers = head.headers;
            let mut bytes = BytesMut::new();
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => bytes.extend(frame.data_ref().into_iter().flatten()),
                    Err(failure) => {
                        answer.failure = Some(failure);
                        break;
                    }
                }
            }
            answer.body = bytes.freeze();
        }
    }
    answer.took = begin.elapsed();
    answer.cpu = Duration::from_nanos(metrics.cpu_ns.load(Relaxed).saturating_sub(cpu_ns));
    answer.cold_start = metrics.cold_start.sum().saturating_sub(cold);
    answer.memory_bytes_peak = metrics.memory_bytes_peak.load(Relaxed);
    answer
}
