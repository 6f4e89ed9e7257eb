use super::*;
use http::StatusCode;
use http_body_util::BodyExt;
use sedge_model::handler;
use sedge_model::routing::policy::{Abort, Budget, Delay, Faults, RetryOn};
use sedge_model::trace::TraceContext;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Answers after a time, and counts.
struct Slow {
    time: Duration,
    status: u16,
    calls: AtomicU32,
}

impl Handler for Slow {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        self.calls.fetch_add(1, Relaxed);
        Box::pin(async move {
            tokio::time::sleep(self.time).await;
            let body = request.into_body().collect().await?.to_bytes();
            let mut response = Response::new(handler::full(body));
            *response.status_mut() = StatusCode::from_u16(self.status).expect("a status");
            Ok(response)
        })
    }
}

/// One request, as a rule passes it.
async fn pass(
    guard: &Guard,
    to: &Arc<dyn Handler>,
    request: Request,
    context: Context,
) -> Result<Response<Body>, Failure> {
    let slot = guard.enter(&request, &context)?;
    if let Some(aborted) = guard.inject(&context).await {
        return Ok(aborted);
    }
    Ok(Guard::held(guard.call(to, request, context).await?, slot))
}

/// What a client sees: status or kind, milliseconds, calls.
async fn seen(policy: Policy, millis: u64, status: u16) -> (Result<u16, Kind>, u128, u32) {
    let calls = AtomicU32::new(0);
    let slow = Arc::new(Slow { time: Duration::from_millis(millis), status, calls });
    let to: Arc<dyn Handler> = slow.clone();
    let guard = Guard::new(&policy);
    let begin = Instant::now();
    let request = http::Request::new(handler::full("content"));
    let answer = pass(&guard, &to, request, context()).await;
    let took = begin.elapsed().as_millis();
    let status = answer.map(|answer| answer.status().as_u16()).map_err(|failure| failure.kind);
    (status, took, slow.calls.load(Relaxed))
}

fn context() -> Context {
    let trace = TraceContext { trace_id: 1, span_id: 1, flags: 0 };
    Context::new(([127, 0, 0, 1], 9).into(), false, trace)
}

fn retries(attempts: u32, per_try_ms: Option<u64>) -> Retries {
    Retries {
        attempts,
        per_try_timeout: per_try_ms.map(Duration::from_millis),
        on: RetryOn { reset: true, server_error: true, ..RetryOn::default() },
        backoff_base: Duration::from_millis(25),
        backoff_max: Duration::from_millis(250),
        budget: None,
        body_bytes_max: 1_024,
        elsewhere: true,
    }
}

/// Twice the timeout of these tests.
fn delay(mode: FaultMode) -> Faults {
    let delay = Delay { fraction: 1.0, time: Duration::from_millis(400) };
    Faults { mode, delay: Some(delay), abort: None }
}

fn abort(mode: FaultMode) -> Faults {
    let abort = Abort { fraction: 1.0, status: StatusCode::SERVICE_UNAVAILABLE };
    Faults { mode, delay: None, abort: Some(abort) }
}

const TIMEOUT: Option<Duration> = Some(Duration::from_millis(200));

#[tokio::test]
async fn in_the_mode_of_envoy_a_delay_is_outside_of_the_timeout() {
    let faults = delay(FaultMode::Envoy);
    let policy = Policy { timeout: TIMEOUT, faults, ..Policy::default() };
    let (status, took, calls) = seen(policy, 0, 200).await;
    assert_eq!((status, calls), (Ok(200), 1));
    assert!(took >= 400, "{took}");
}

#[tokio::test]
async fn per_attempt_a_delay_is_inside_of_every_clock() {
    let faults = delay(FaultMode::PerAttempt);
    let policy = Policy { timeout: TIMEOUT, faults: faults.clone(), ..Policy::default() };
    let (status, took, calls) = seen(policy, 0, 200).await;
    assert_eq!((status, calls), (Err(Kind::UpstreamTimeout), 0));
    assert!(took >= 200, "{took}");
    let policy = Policy { retries: Some(retries(1, Some(60))), faults, ..Policy::default() };
    let (status, took, calls) = seen(policy, 0, 200).await;
    assert_eq!((status, calls), (Err(Kind::UpstreamTryTimeout), 0));
    assert!(took >= 120, "{took}");
}

#[tokio::test]
async fn slow_tries_end_with_the_overall_timeout() {
    let retries = Some(Retries { backoff_max: Duration::from_millis(1), ..retries(9, Some(60)) });
    let policy = Policy { timeout: TIMEOUT, retries, ..Policy::default() };
    let (status, took, calls) = seen(policy, 10_000, 200).await;
    assert_eq!(status, Err(Kind::UpstreamTimeout));
    assert!(took >= 200 && (1..=4).contains(&calls), "{took} {calls}");
}

#[tokio::test]
async fn an_abort_is_tried_again_only_where_each_try_can_be_hit() {
    let policy =
        |mode| Policy { retries: Some(retries(2, None)), faults: abort(mode), ..Policy::default() };
    for (mode, aborts) in [(FaultMode::Envoy, 1), (FaultMode::PerAttempt, 3)] {
        let guard = Guard::new(&policy(mode));
        let calls = AtomicU32::new(0);
        let to: Arc<dyn Handler> = Arc::new(Slow { time: Duration::ZERO, status: 200, calls });
        let request = http::Request::new(handler::empty());
        let context = Context { notes: handler::Notes::slot(), ..context() };
        let answer = pass(&guard, &to, request, context.clone()).await.expect("an answer");
        assert_eq!(answer.status(), 503);
        assert_eq!(context.notes.read().abort, Some(StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(context.notes.read().retries, aborts - 1);
    }
}

#[tokio::test]
async fn what_a_policy_does_to_tries_is_noted() {
    let with = |budget, per_try| Retries { budget, ..retries(2, per_try) };
    let none = Budget { ratio: 0.0, minimum_per_s: 0.0 };
    for (retries, time, status, expected) in [
        (with(None, None), 0, 200, (0, false, 0)),
        (with(None, None), 0, 503, (2, false, 0)),
        (with(Some(none), None), 0, 503, (0, true, 0)),
        (with(None, Some(20)), 10_000, 200, (2, false, 3)),
    ] {
        let guard = Guard::new(&Policy { retries: Some(retries), ..Policy::default() });
        let (time, calls) = (Duration::from_millis(time), AtomicU32::new(0));
        let to: Arc<dyn Handler> = Arc::new(Slow { time, status, calls });
        let context = Context { notes: handler::Notes::slot(), ..context() };
        let _ = guard.call(&to, http::Request::new(handler::empty()), context.clone()).await;
        let noted = context.notes.read();
        assert_eq!((noted.retries, noted.retry_refused, noted.try_timeouts), expected);
    }
}

#[tokio::test]
async fn the_last_answer_of_all_tries_is_the_answer() {
    let policy = Policy { retries: Some(retries(2, None)), ..Policy::default() };
    let (status, _, calls) = seen(policy.clone(), 1, 503).await;
    assert_eq!((status, calls), (Ok(503), 3));
    let (status, _, calls) = seen(policy, 1, 404).await;
    assert_eq!((status, calls), (Ok(404), 1));
}

#[tokio::test]
async fn a_slot_is_held_until_the_answers_end() {
    let guard = Guard::new(&Policy { concurrency_max: Some(1), ..Policy::default() });
    let calls = AtomicU32::new(0);
    let to: Arc<dyn Handler> = Arc::new(Slow { time: Duration::ZERO, status: 200, calls });
    let ask = || pass(&guard, &to, http::Request::new(handler::empty()), context());
    let first = ask().await.expect("an answer");
    let second = ask().await.err().map(|failure| failure.kind);
    assert_eq!(second, Some(Kind::ConcurrencyLimit));
    drop(first);
    assert!(ask().await.is_ok());
}
