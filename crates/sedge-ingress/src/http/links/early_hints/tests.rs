use super::*;
use sedge_model::handler;
use sedge_model::trace::TraceContext;
use std::sync::Mutex;
use std::task::Waker;
use std::time::Duration;

/// Answers with these fields, at once or after a while.
struct End {
    fields: Mutex<Vec<(&'static str, String)>>,
    is_slow: bool,
}

impl Handler for End {
    fn call(&self, _: Request, context: Context) -> Answer<'_> {
        let mut response = Response::new(handler::empty());
        for (name, value) in &*self.fields.lock().expect("not poisoned") {
            let value = HeaderValue::from_str(value).expect("a value");
            response.headers_mut().append(*name, value);
        }
        Box::pin(async move {
            if self.is_slow {
                let mut fields = HeaderMap::new();
                fields.insert("x-behind", HeaderValue::from_static("1"));
                let status = StatusCode::PROCESSING;
                context.interims.say(Interim { status, fields });
                tokio::task::yield_now().await;
            }
            Ok(response)
        })
    }
}

struct World {
    end: Arc<End>,
    link: EarlyHintsLink,
}

const PAGE: &[(&str, &str)] =
    &[("content-type", "text/html; charset=utf-8"), ("link", "</a.css>; rel=preload; as=style")];

impl World {
    fn new(settings: EarlyHints, is_slow: bool) -> World {
        let end = Arc::new(End { fields: Mutex::default(), is_slow });
        let (hints, metrics) = (Hints::new(&settings), Arc::default());
        let next = Arc::clone(&end) as Arc<dyn Handler>;
        World { end, link: EarlyHintsLink::new(settings, hints, metrics, next) }
    }

    fn answers(&self, fields: &[&[(&'static str, &str)]]) {
        let fields = fields.concat().into_iter().map(|(name, value)| (name, value.to_owned()));
        *self.end.fields.lock().expect("not poisoned") = fields.collect();
    }

    /// What is said before the answer: statuses with the names of their fields.
    async fn ask(&self, line: Interims, fields: &[(&str, &str)], path: &str) -> Vec<String> {
        let mut request = http::Request::get(path).header("host", "Shop.test");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let trace = TraceContext { trace_id: 1, span_id: 1, flags: 0 };
        let context = Context {
            interims: line.clone(),
            ..Context::new(([127, 0, 0, 1], 1).into(), true, trace)
        };
        let request = request.body(handler::empty()).expect("valid");
        assert!(self.link.call(request, context).await.is_ok());
        let told = line.take(Waker::noop()).into_iter().map(|interim| {
            let names: Vec<&str> = interim.fields.keys().map(HeaderName::as_str).collect();
            format!("{} {}", interim.status.as_u16(), names.join(","))
        });
        told.collect()
    }

    async fn navigate(&self) -> Vec<String> {
        self.ask(Interims::new(true), &[("sec-fetch-mode", "navigate")], "/").await
    }
}

fn settings() -> EarlyHints {
    EarlyHints { pass_on: false, ..EarlyHints::default() }
}

#[tokio::test]
async fn answers_that_are_one_clients_teach_nothing() {
    let html = ("content-type", "text/html");
    let link = ("link", "</a.css>; rel=preload");
    for (index, fields) in [
        &[html][..],
        &[link],
        &[("content-type", "text/plain"), link],
        &[html, ("link", "</b>; rel=next")],
        &[html, link, ("cache-control", "private")],
        &[html, link, ("cache-control", "max-age=1, PRIVATE=\"x\"")],
        &[html, link, ("cache-control", "no-store")],
        &[html, link, ("cdn-cache-control", "no-store")],
        &[html, link, ("set-cookie", "a=1")],
        &[html, link, ("vary", "accept, Cookie")],
        &[html, link, ("vary", "*")],
    ]
    .into_iter()
    .enumerate()
    {
        let world = World::new(settings(), true);
        world.answers(&[fields]);
        for _ in 0..2 {
            assert_eq!(world.navigate().await, [""; 0], "{index}");
        }
        assert_eq!(world.link.metrics.counts()[0].1, 0, "{index}");
    }
}

#[tokio::test]
async fn an_answer_to_somebody_must_say_that_it_is_for_all() {
    for (cache_control, teaches) in [
        ("max-age=60", false),
        ("x=\"a, public\"", false),
        ("x=\"a, public, b\"", false),
        ("public, max-age=60", true),
        ("s-maxage=60", true),
    ] {
        for who in [("cookie", "a=1"), ("authorization", "Basic YTpi")] {
            let world = World::new(settings(), true);
            world.answers(&[PAGE, &[("cache-control", cache_control)]]);
            world.ask(Interims::none(), &[("accept", "text/html"), who], "/").await;
            let told = world.navigate().await;
            assert_eq!(told.len(), usize::from(teaches), "{cache_control} {who:?}");
        }
    }
}

#[tokio::test]
async fn only_who_goes_to_the_page_and_can_hear_is_told() {
    let world = World::new(settings(), true);
    world.answers(&[PAGE]);
    assert_eq!(world.navigate().await, [""; 0]);
    assert_eq!(world.navigate().await, ["103 link"]);
    let line = || Interims::new(true);
    assert_eq!(world.ask(line(), &[("accept", "a/b, TEXT/html;q=0.9")], "/").await, ["103 link"]);
    for fields in [
        &[][..],
        &[("accept", "*/*")],
        &[("accept", "text/css")],
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
    ] {
        assert_eq!(world.ask(line(), fields, "/").await, [""; 0], "{fields:?}");
    }
    let html = &[("accept", "text/html")];
    for path in ["/b", "/?a", "//"] {
        assert_eq!(world.ask(line(), &[("accept", "text/html")], path).await, [""; 0], "{path}");
        // It has been learned by that, of course.
        assert_eq!(world.ask(line(), html, path).await, ["103 link"], "{path}");
    }
    assert_eq!(world.ask(Interims::new(false), html, "/").await, [""; 0]);
    let world = World::new(EarlyHints { http1: true, ..settings() }, true);
    world.answers(&[PAGE]);
    world.navigate().await;
    assert_eq!(world.ask(Interims::new(false), html, "/").await, ["103 link"]);
}

#[tokio::test]
async fn an_answer_that_is_there_needs_no_hint_and_the_last_one_counts() {
    let world = World::new(settings(), false);
    world.answers(&[PAGE]);
    for _ in 0..3 {
        assert_eq!(world.navigate().await, [""; 0]);
    }
    let world = World::new(settings(), true);
    world.answers(&[PAGE]);
    world.navigate().await;
    world.answers(&[&[("content-type", "text/html")]]);
    assert_eq!(world.navigate().await, ["103 link"]);
    assert_eq!(world.navigate().await, [""; 0]);
    let counts = [("learned", 2), ("sent", 1), ("passed_on", 0), ("refused", 0), ("late", 0)];
    assert_eq!(world.link.metrics.counts(), counts);
}

#[tokio::test]
async fn what_is_said_behind_is_passed_on_only_where_it_may_be() {
    for (pass_on, http1, is_http2, told) in [
        (false, true, true, 0),
        (true, false, false, 0),
        (true, true, false, 1),
        (true, false, true, 1),
    ] {
        let settings = EarlyHints { pass_on, http1, learn: false, ..EarlyHints::default() };
        let world = World::new(settings, true);
        let said = world.ask(Interims::new(is_http2), &[], "/").await;
        assert_eq!(said, vec!["102 x-behind"; told], "{pass_on} {http1} {is_http2}");
    }
}

#[tokio::test]
async fn hints_are_forgotten() {
    let world = World::new(EarlyHints { age_max: Duration::ZERO, ..settings() }, true);
    world.answers(&[PAGE]);
    for _ in 0..2 {
        assert_eq!(world.navigate().await, [""; 0]);
    }
}
