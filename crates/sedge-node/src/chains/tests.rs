//! Chains of real guests: `functions/links` does what a header asks of it. The
//! end is a handler of the test.

use super::*;
use crate::options::StoreIn;
use crate::platform::Platform;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderValue, Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sedge_flavors::wasi_http::FunctionSpec;
use sedge_model::capability::Capabilities;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Answer, Body, Context as CallContext, Request as HandlerRequest, full};
use sedge_model::limits::Limits;
use sedge_model::manifest::{Function, Isolation};
use sedge_model::node_config::{CacheConfig, NodeConfig};
use sedge_model::routing::rule::{Destination, Fail};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::OnceCell;

/// What stands at the end: it tells what reached it, or does what the path says.
#[derive(Default)]
struct End {
    calls: AtomicU32,
    traces: Mutex<Vec<(String, String)>>,
    dropped: Arc<AtomicU32>,
}

/// Counts when it is dropped.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Handler for End {
    fn call(&self, request: HandlerRequest, context: CallContext) -> Answer<'_> {
        self.calls.fetch_add(1, Relaxed);
        let parent = request.headers().get("traceparent").map(HeaderValue::to_str);
        let parent = parent.and_then(Result::ok).unwrap_or_default().to_owned();
        self.traces.lock().expect("no panic").push((parent, context.trace.to_string()));
        let dropped = Dropped(self.dropped.clone());
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            match path.as_str() {
                "/fail" => return Err(Failure::new(Kind::UpstreamUnreachable, "of the test")),
                "/never" => std::future::pending::<()>().await,
                "/endless" => return Ok(http::Response::new(endless(dropped))),
                "/broken" => return Ok(http::Response::new(broken())),
                _ => {}
            }
            let added = request.headers().get("x-added").map(HeaderValue::to_str);
            let added = added.and_then(Result::ok).unwrap_or_default().to_owned();
            let host = request.headers().get("host").map(HeaderValue::to_str);
            let host = host.and_then(Result::ok).unwrap_or_default().to_owned();
            let method = request.method().clone();
            let collected = request.into_body().collect().await?;
            let trailers = collected.trailers().cloned();
            let body = collected.to_bytes();
            let text =
                format!("{method} {host}{path} [{added}] {}", String::from_utf8_lossy(&body));
            let data = Frame::data(Bytes::from(text));
            let frames = [Ok(data)].into_iter().chain(trailers.map(|all| Ok(Frame::trailers(all))));
            let frames: Vec<Result<_, Failure>> = frames.collect();
            Ok(http::Response::new(
                StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync(),
            ))
        })
    }
}

fn endless(dropped: Dropped) -> Body {
    let frames = futures_util::stream::unfold(dropped, |dropped| async move {
        tokio::task::yield_now().await;
        Some((Ok(Frame::data(Bytes::from_static(b"more "))), dropped))
    });
    StreamBody::new(frames).boxed_unsync()
}

fn broken() -> Body {
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"some"))),
        Err(Failure::new(Kind::UpstreamUnreachable, "broke in the test")),
    ];
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

/// The target folder that this test was built into.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    test.ancestors().nth(3).expect("in a target folder").to_path_buf()
}

async fn deploy(platform: &Platform, name: &str, isolation: Isolation) -> Arc<DeployedFunction> {
    let source = built().join("guests").join(format!("{name}.wasm"));
    let limits = Limits {
        cpu_ms_max: 100,
        deadline_ms: 2_000,
        memory_bytes_max: 32 << 20,
        request_body_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let declared = Function {
        name: name.to_owned(),
        source,
        flavor: None,
        build: None,
        routes: Vec::new(),
        trigger: Default::default(),
        probe: None,
        limits: limits.clone(),
        isolation,
        preinitialize: false,
        capabilities: Capabilities::default(),
        environment: std::collections::BTreeMap::new(),
    };
    let artifact = platform.engine.compile(&declared.source).await.expect("compiles");
    let metrics = Arc::<sedge_model::metrics::FunctionMetrics>::default();
    let spec = FunctionSpec {
        app: "test".to_owned(),
        name: name.to_owned(),
        limits,
        isolation,
        preinitialize: false,
        services: platform.grant("test", &declared, &[]).expect("granted"),
        metrics: metrics.clone(),
    };
    let function = platform.wasi_http.deploy(artifact.clone(), spec).expect("deployed");
    Arc::new(DeployedFunction { declared, artifact, function, metrics })
}

fn platform(folder: &Path) -> Platform {
    let config = NodeConfig { data: folder.join("data"), ..NodeConfig::default() };
    let compiler = vec![built().join("release/sedge").into(), "compile-worker".into()];
    Platform::start(&config, StoreIn::Scratch, compiler, Arc::new(|_| {}), false).expect("starts")
}

/// The guests, compiled once for all tests: fresh and reused.
struct World {
    fresh: Vec<Arc<DeployedFunction>>,
    reused: Vec<Arc<DeployedFunction>>,
    _platform: Platform,
    _folder: tempfile::TempDir,
}

async fn world() -> &'static World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    WORLD
        .get_or_init(|| async {
            let folder = tempfile::tempdir().expect("a folder");
            let platform = platform(folder.path());
            let instance =
                Isolation::Instance { requests_max: 1_000, idle_max: Duration::from_secs(60) };
            let (mut fresh, mut reused) = (Vec::new(), Vec::new());
            for name in ["links", "pass", "hello-p3"] {
                fresh.push(deploy(&platform, name, Isolation::Request).await);
                reused.push(deploy(&platform, name, instance).await);
            }
            World { fresh, reused, _platform: platform, _folder: folder }
        })
        .await
}

fn chain(links: &[&str], fail: Fail) -> Chain {
    let links =
        links.iter().map(|name| Link::Function { name: (*name).to_owned(), fail }).collect();
    Chain { name: "test".to_owned(), links, to: Destination::Function("end".to_owned()) }
}

fn join(
    chain: &Chain,
    functions: &[Arc<DeployedFunction>],
    end: Arc<dyn Handler>,
) -> Result<Arc<dyn Handler>> {
    let cache = caching::open(&CacheConfig::default(), Path::new("")).expect("in memory only");
    let joint = Joint { app: "test", functions, cache: &cache };
    DeployedChain::join(chain, &joint, end, None).map(|joined| joined.handler())
}

/// A chain, its end, and what answers.
struct Chained {
    end: Arc<End>,
    handler: Arc<dyn Handler>,
}

fn chained(functions: &[Arc<DeployedFunction>], links: &[&str], fail: Fail) -> Chained {
    let end = Arc::new(End::default());
    let handler = join(&chain(links, fail), functions, end.clone()).expect("joined");
    Chained { end, handler }
}

type Told = (u16, String, http::HeaderMap);

impl Chained {
    async fn send(&self, words: &str, path: &str, body: Body) -> Result<Told, Kind> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("host", "example.org")
            .header("x-link", words)
            .body(body)
            .expect("a request");
        let answer = async {
            let response = self.handler.call(request, crate::call::context()).await?;
            let (head, body) = response.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Ok::<_, Failure>((head.status.as_u16(), text, head.headers))
        };
        let answer = tokio::time::timeout(Duration::from_secs(20), answer).await.expect("bounded");
        answer.map_err(|failure| failure.kind)
    }

    async fn text(&self, words: &str, body: &'static str) -> Result<String, Kind> {
        self.send(words, "/end", full(body)).await.map(|(_, text, _)| text)
    }

    fn calls(&self) -> u32 {
        self.end.calls.load(Relaxed)
    }
}

#[tokio::test]
async fn what_is_no_middleware_is_no_link_and_a_middleware_needs_something_behind() {
    let world = world().await;
    let end = || Arc::new(End::default()) as Arc<dyn Handler>;
    for (links, told) in [
        (vec!["hello-p3"], "hello-p3 cannot be a link of chain test: it is no middleware"),
        (vec!["nobody"], "chain test has no function nobody"),
        (vec!["pass"; 17], "chain test has 17 links"),
    ] {
        let refused = join(&chain(&links, Fail::Closed), &world.fresh, end());
        assert_eq!(refused.err().expect(told).to_string(), told);
    }
    assert!(join(&chain(&["pass"; 16], Fail::Closed), &world.fresh, end()).is_ok());
    let refused: Vec<bool> =
        world.fresh.iter().map(|function| refuse_middleware(function).is_err()).collect();
    assert_eq!(refused, [true, true, false], "links, pass, hello-p3");
}

#[tokio::test]
async fn links_pass_on_answer_and_change_either_way() {
    let world = world().await;
    for functions in [&world.fresh, &world.reused] {
        let one = chained(functions, &["links"], Fail::Closed);
        let two = chained(functions, &["links", "links"], Fail::Closed);
        for _ in 0..2 {
            let plain = "POST example.org/end [] body";
            assert_eq!(one.text("pass", "body").await, Ok(plain.to_owned()));
            assert_eq!(two.text("pass pass", "body").await, Ok(plain.to_owned()));
            let added = "POST example.org/end [by the link] body";
            assert_eq!(two.text("pass request", "body").await, Ok(added.to_owned()));
            let shouted = "POST example.org/end [] BODY";
            assert_eq!(two.text("shout pass", "body").await, Ok(shouted.to_owned()));
            assert_eq!(two.text("pass shout", "body").await, Ok(shouted.to_owned()));
            let upper = "POST EXAMPLE.ORG/END [] BODY";
            assert_eq!(two.text("upper pass", "body").await, Ok(upper.to_owned()));
            assert_eq!(two.text("upper upper", "body").await, Ok(upper.to_owned()));
        }
        let before = two.calls();
        assert_eq!(two.text("answer", "").await, Ok("the link\n".to_owned()));
        assert_eq!(two.text("upper answer", "").await, Ok("THE LINK\n".to_owned()));
        assert_eq!(two.text("drop", "").await, Ok("dropped\n".to_owned()));
        assert_eq!(two.calls(), before + 1, "only `drop` called the end");
        let (_, _, fields) = two.send("response", "/end", full("")).await.expect("an answer");
        assert_eq!(fields["x-link-response"], "by the link");
    }
}

#[tokio::test]
async fn sixteen_links_pass_bodies_and_trailers() {
    let world = world().await;
    let deep = chained(&world.reused, &["pass"; 16], Fail::Closed);
    let trailers = http::HeaderMap::from_iter([(
        http::HeaderName::from_static("x-trailer"),
        HeaderValue::from_static("1"),
    )]);
    let piece = || Ok::<_, Failure>(Frame::data(Bytes::from(vec![b'x'; 64 << 10])));
    let frames: Vec<_> = (0..8).map(|_| piece()).chain([Ok(Frame::trailers(trailers))]).collect();
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    let request = Request::post("/end").header("host", "h").body(body).expect("a request");
    let response = deep.handler.call(request, crate::call::context()).await.expect("an answer");
    let collected = response.into_body().collect().await.expect("whole");
    assert_eq!(
        collected.trailers().map(|all| all["x-trailer"].clone()),
        Some("1".parse().unwrap())
    );
    assert_eq!(collected.to_bytes().len(), "POST h/end [] ".len() + (512 << 10));
}

#[tokio::test]
async fn each_hop_has_its_span_below_the_one_before() {
    let world = world().await;
    let two = chained(&world.fresh, &["pass", "pass"], Fail::Closed);
    let context = crate::call::context();
    let first = context.trace;
    let request = Request::get("/end").body(sedge_model::handler::empty()).expect("a request");
    two.handler.call(request, context).await.expect("an answer");
    let traces = two.end.traces.lock().expect("no panic").clone();
    let (parent, own) = &traces[0];
    let trace_id = format!("{:032x}", first.trace_id);
    assert!(parent.contains(&trace_id) && own.contains(&trace_id), "{parent} {own}");
    assert_ne!(parent, &first.to_string(), "the second link has a span of its own");
    assert_ne!(parent, own);
}

#[tokio::test]
async fn failures_are_blamed_on_the_link_that_failed() {
    let world = world().await;
    let two = chained(&world.fresh, &["pass", "links"], Fail::Closed);
    let counted = |name: &str, kind: Kind| {
        let function = world.fresh.iter().find(|one| one.declared.name == name).expect("deployed");
        function.metrics.failures().find(|(counted, _)| *counted == kind).map_or(0, |(_, n)| n)
    };
    for (words, kind) in [
        ("trap", Kind::Trap),
        ("trap-read", Kind::Trap),
        ("trap-after", Kind::Trap),
        ("loop", Kind::CpuLimit),
        ("never", Kind::Deadline),
        ("circle", Kind::Deadline),
        ("memory", Kind::MemoryLimit),
        ("error", Kind::InvalidResponse),
    ] {
        let before = (counted("links", kind), counted("pass", kind));
        assert_eq!(two.text(words, "body").await, Err(kind), "{words}");
        let after = (counted("links", kind), counted("pass", kind));
        assert_eq!(after.1, before.1, "{words}: the link before it is innocent");
        assert!(after.0 > before.0, "{words}");
    }
    // A crash in mid-body is an error at its end.
    assert_eq!(two.send("half", "/end", full("x")).await.map(|told| told.0), Err(Kind::Trap));
    // What breaks at the end is nobody's fault on the way, and a link may recover.
    assert_eq!(two.send("pass", "/fail", full("")).await.err(), Some(Kind::UpstreamUnreachable));
    assert_eq!(two.send("pass", "/broken", full("")).await.err(), Some(Kind::UpstreamUnreachable));
    assert_eq!(counted("pass", Kind::UpstreamUnreachable), 0);
    let recovered = two.send("recover", "/fail", full("")).await.expect("an answer");
    assert!(recovered.1.contains("ConnectionRefused"), "{}", recovered.1);
}

#[tokio::test]
async fn a_client_that_is_slow_uses_up_no_links_time() {
    let world = world().await;
    let two = chained(&world.reused, &["pass", "links"], Fail::Closed);
    let slow = || {
        let rest = async {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            Ok(Frame::data(Bytes::from("ly")))
        };
        let first = std::future::ready(Ok::<_, Failure>(Frame::data(Bytes::from("slow"))));
        let frames = futures_util::stream::once(first).chain(futures_util::stream::once(rest));
        StreamBody::new(frames).boxed_unsync()
    };
    let (passed, changed) =
        tokio::join!(two.send("pass", "/end", slow()), two.send("shout", "/end", slow()));
    assert_eq!(passed.map(|told| told.1), Ok("POST example.org/end [] slowly".to_owned()));
    assert_eq!(changed.map(|told| told.1), Ok("POST example.org/end [] SLOWLY".to_owned()));
}

#[tokio::test]
async fn an_open_link_is_skipped_only_while_the_request_is_whole() {
    let world = world().await;
    let open = chained(&world.fresh, &["links"], Fail::Open);
    let plain = "POST example.org/end [] body";
    for words in ["trap", "loop", "never", "error", "memory"] {
        assert_eq!(open.text(words, "body").await, Ok(plain.to_owned()), "{words}");
    }
    let calls = open.calls();
    assert_eq!(open.text("trap-read", "body").await, Err(Kind::Trap), "half read");
    assert_eq!(open.calls(), calls, "and not passed on");
    assert_eq!(open.text("trap-after", "body").await, Err(Kind::Trap), "called already");
    assert_eq!(open.calls(), calls + 1, "and not called again");
    assert_eq!(open.send("half", "/end", full("x")).await.err(), Some(Kind::Trap), "answered");
    // What the client did wrong is not the link's failure.
    let large = full(vec![b'x'; 2 << 20]);
    assert_eq!(open.send("pass", "/end", large).await.err(), Some(Kind::RequestBodyLimit));
}

#[tokio::test]
async fn the_next_handler_is_called_twice_at_most() {
    let world = world().await;
    let one = chained(&world.fresh, &["links"], Fail::Closed);
    assert_eq!(one.text("twice", "").await, Ok("200\n200\n".to_owned()));
    let often = one.text("often", "").await.expect("an answer");
    assert_eq!(often.matches("200").count(), 2, "{often}");
    assert_eq!(often.matches("ConnectionLimitReached").count(), 8, "{often}");
    assert_eq!(one.calls(), 4);
}

#[tokio::test]
async fn a_call_after_the_answer_reaches_the_end() {
    let world = world().await;
    let one = chained(&world.fresh, &["links"], Fail::Closed);
    assert_eq!(one.text("late", "").await, Ok("first\n".to_owned()));
    for _ in 0..200 {
        if one.calls() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the end was never called");
}

#[tokio::test]
async fn a_client_that_leaves_cancels_all_links_and_the_end() {
    let world = world().await;
    for words in ["pass pass", "upper pass", "pass upper"] {
        let two = chained(&world.fresh, &["links", "links"], Fail::Closed);
        let request = Request::get("/endless").header("x-link", words);
        let request = request.body(sedge_model::handler::empty()).expect("a request");
        let response = two.handler.call(request, crate::call::context()).await.expect("an answer");
        let mut body = response.into_body();
        for _ in 0..3 {
            body.frame().await.expect("endless").expect("no failure");
        }
        assert_eq!(two.end.dropped.load(Relaxed), 0);
        drop(body);
        // A link that has moved to the background is dropped there.
        for _ in 0..500 {
            if two.end.dropped.load(Relaxed) > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(two.end.dropped.load(Relaxed), 1, "{words}");
    }
    // Before the answer, too; and waiting for the next one is not a link's fault.
    let two = chained(&world.fresh, &["pass", "pass"], Fail::Closed);
    let waiting = two.send("", "/never", full(""));
    let waited = tokio::time::timeout(Duration::from_millis(4_500), waiting).await;
    assert!(waited.is_err(), "more than twice the links' deadline");
    assert_eq!(two.end.dropped.load(Relaxed), 1);
}
