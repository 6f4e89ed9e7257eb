use super::*;
use http::{HeaderName, HeaderValue, StatusCode};
use sedge_model::failure::Kind;
use sedge_model::handler;
use sedge_model::routing::policy::{RateKey, RateLimit};
use sedge_model::trace::TraceContext;
use std::time::Duration;

/// Tells the value of `x-a`, after a while.
struct End(Duration);

impl Handler for End {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        let told = request.headers().get("x-a").cloned();
        Box::pin(async move {
            tokio::time::sleep(self.0).await;
            let mut response = Response::new(handler::empty());
            response
                .headers_mut()
                .extend(told.map(|told| (HeaderName::from_static("x-told"), told)));
            Ok(response)
        })
    }
}

fn end(ms: u64) -> Arc<dyn Handler> {
    Arc::new(End(Duration::from_millis(ms)))
}

async fn ask(link: &dyn Handler) -> Result<Response, Kind> {
    let context = Context::new(
        std::net::SocketAddr::from(([127, 0, 0, 1], 1)),
        false,
        TraceContext { trace_id: 1, span_id: 1, flags: 0 },
    );
    let request = http::Request::get("/").body(handler::empty()).expect("a request");
    link.call(request, context).await.map_err(|failure| failure.kind)
}

fn bound(policy: Policy, next: Arc<dyn Handler>) -> (Arc<LinkMetrics>, Arc<dyn Handler>) {
    let metrics = Arc::new(LinkMetrics::default());
    let bound = Bound::new(&policy, Arc::clone(&metrics));
    (metrics, Arc::new(BoundLink::new(bound, next)))
}

fn rate(requests: u32) -> Policy {
    let per = Duration::from_secs(3_600);
    let key = RateKey::Rule;
    let rate = RateLimit { requests, per, burst: requests, key, keys_max: 1 };
    Policy { rate: Some(rate), ..Policy::default() }
}

fn timeout(ms: u64) -> Policy {
    Policy { timeout: Some(Duration::from_millis(ms)), ..Policy::default() }
}

fn kind(answer: &Result<Response, Kind>) -> Option<Kind> {
    answer.as_ref().err().copied()
}

#[tokio::test]
async fn what_is_refused_is_counted_where_it_was() {
    let (inner_metrics, inner) = bound(rate(1), end(0));
    let (outer_metrics, outer) = bound(rate(3), inner);
    for expected in
        [None, Some(Kind::RateLimited), Some(Kind::RateLimited), Some(Kind::RateLimited)]
    {
        assert_eq!(kind(&ask(&*outer).await), expected);
    }
    assert_eq!(inner_metrics.counts(), [1, 2, 0]);
    // The last was refused by the outer one itself.
    assert_eq!(outer_metrics.counts(), [3, 1, 0]);
}

#[tokio::test]
async fn the_shorter_time_is_over_first() {
    for (outer_ms, inner_ms, expected_outer, expected_inner) in
        [(60_000, 20, [1, 0, 0], [0, 0, 1]), (20, 60_000, [0, 0, 1], [0, 0, 0])]
    {
        let (inner_metrics, inner) = bound(timeout(inner_ms), end(60_000));
        let (outer_metrics, outer) = bound(timeout(outer_ms), inner);
        assert_eq!(kind(&ask(&*outer).await), Some(Kind::UpstreamTimeout));
        assert_eq!(outer_metrics.counts(), expected_outer, "{outer_ms} {inner_ms}");
        assert_eq!(inner_metrics.counts(), expected_inner, "{outer_ms} {inner_ms}");
    }
}

#[tokio::test]
async fn one_more_than_may_be_behind_is_refused() {
    let policy = Policy { concurrency_max: Some(1), ..Policy::default() };
    let (metrics, link) = bound(policy, end(50));
    let (first, second) = tokio::join!(ask(&*link), ask(&*link));
    assert_eq!((kind(&first), kind(&second)), (None, Some(Kind::ConcurrencyLimit)));
    // The first holds its place until its answer has ended.
    assert_eq!(kind(&ask(&*link).await), Some(Kind::ConcurrencyLimit));
    drop(first);
    assert_eq!(kind(&ask(&*link).await), None);
    assert_eq!(metrics.counts(), [2, 2, 0]);
}

#[tokio::test]
async fn fields_change_on_both_ways() {
    let field = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let set = |pair| Changes { set: vec![pair], ..Changes::default() };
    let metrics = Arc::new(LinkMetrics::default());
    let (request, response) = (set(field("x-a", "in")), set(field("x-b", "out")));
    let link = HeaderLink::new(request, response, Arc::clone(&metrics), end(0));
    let answer = ask(&link).await.expect("an answer");
    assert_eq!(
        (&answer.headers()["x-told"], &answer.headers()["x-b"]),
        (&HeaderValue::from_static("in"), &HeaderValue::from_static("out"),)
    );
    assert_eq!(answer.status(), StatusCode::OK);
    let name = ("shop", "guarded", 2, "headers");
    let mut text = String::new();
    LinkMetrics::render_prometheus(&[(name, metrics)], &mut text);
    let line = "sedge_chain_link_requests_total{app=\"shop\",chain=\"guarded\",link=\"2\",\
                kind=\"headers\",outcome=\"passed\"} 1\n";
    assert!(text.contains(line), "{text}");
}
