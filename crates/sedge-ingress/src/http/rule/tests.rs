use super::*;
use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use sedge_model::failure::Kind;
use sedge_model::routing::policy::Policy;
use sedge_model::routing::rule::{
    Changes, Destination, Match, Order, PathRewrite, Rewrite, Upgrades, Weighted,
};
use sedge_model::trace::TraceContext;

/// Answers with what it was sent.
struct Echo;

impl Handler for Echo {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        Box::pin(async move {
            let seen = format!("{} {:?}", request.uri(), request.headers());
            let mut response = Response::new(handler::full(seen));
            response.headers_mut().insert("x-inner", HeaderValue::from_static("1"));
            Ok(response)
        })
    }
}

/// Fails.
struct Down;

impl Handler for Down {
    fn call(&self, _: Request, _: Context) -> Answer<'_> {
        Box::pin(async { Err(Failure::new(Kind::UpstreamUnreachable, "down")) })
    }
}

fn set(name: &'static str, value: &'static str) -> Changes {
    let pair = (HeaderName::from_static(name), HeaderValue::from_static(value));
    Changes { set: vec![pair], ..Changes::default() }
}

fn rule(action: Action) -> Rule {
    Rule {
        name: "rule".into(),
        hosts: Vec::new(),
        matches: vec![Match { path: PathMatch::Prefix("/a".into()), ..Match::default() }],
        order: Order::Specific,
        request: set("x-rule", "rule"),
        response: set("x-inner", "rule"),
        rewrite: Rewrite::default(),
        upgrades: Upgrades::default(),
        mirrors: Vec::new(),
        cors: None,
        action,
        policy: Policy::default(),
    }
}

fn forward() -> Rule {
    rule(Action::Forward(vec![Weighted {
        to: Destination::Upstream("shop".into()),
        weight: 1,
        request: set("x-rule", "way"),
        response: set("x-inner", "way"),
    }]))
}

async fn call(rule: Rule, to: Arc<dyn Handler>, target: &str) -> Result<(String, String), Failure> {
    let ways = if matches!(rule.action, Action::Forward(_)) { vec![to] } else { Vec::new() };
    let handler = RuleHandler::new(RuleParts::new(rule, None, ways, Vec::new()), 0);
    let trace = TraceContext { trace_id: 1, span_id: 1, flags: 0 };
    let context = Context::new(([127, 0, 0, 1], 1).into(), false, trace);
    let request = http::Request::builder()
        .method(Method::GET)
        .uri(target)
        .header("host", "x.org")
        .body(handler::empty())
        .expect("a request");
    let response = handler.call(request, context).await?;
    let head = format!("{} {:?}", response.status(), response.headers());
    let body = response.into_body().collect().await?.to_bytes();
    Ok((head, String::from_utf8_lossy(&body).into_owned()))
}

#[tokio::test]
async fn a_failure_behind_the_rule_is_passed_on_as_it_is() {
    let failure = call(forward(), Arc::new(Down), "/a").await.expect_err("fails");
    assert_eq!(failure.kind, Kind::UpstreamUnreachable);
}

#[tokio::test]
async fn a_path_that_a_rewrite_would_spoil_never_reaches_the_target() {
    let mut rule = forward();
    rule.matches[0].path = PathMatch::Begins("/a".into());
    rule.rewrite.path = Some(PathRewrite::Prefix("/files/".into()));
    let failure = call(rule, Arc::new(Echo), "/a../etc").await.expect_err("refused");
    assert_eq!(failure.kind, Kind::BadRequest);
}

#[tokio::test]
async fn a_way_has_the_last_word_on_requests_and_the_rule_on_answers() {
    let mut rule = forward();
    rule.rewrite =
        Rewrite { path: Some(PathRewrite::Prefix("/b".into())), host: Some("inner".into()) };
    let (head, body) = call(rule, Arc::new(Echo), "/a/c?d").await.expect("answers");
    assert!(body.starts_with("/b/c?d "), "{body}");
    assert!(body.contains("\"x-rule\": \"way\"") && body.contains("\"inner\""), "{body}");
    assert!(head.contains("\"x-inner\": \"rule\""), "{head}");
}

#[tokio::test]
async fn a_fixed_answer_needs_nobody() {
    let pair = (HeaderName::from_static("content-type"), HeaderValue::from_static("text/plain"));
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let fixed = FixedAnswer { status, headers: vec![pair], body: b"closed".to_vec() };
    let (head, body) =
        call(rule(Action::Answer(fixed)), Arc::new(Down), "/a").await.expect("answers");
    assert_eq!(body, "closed");
    assert!(head.starts_with("503") && head.contains("text/plain"), "{head}");
}
