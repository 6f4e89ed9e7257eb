use super::*;
use sedge_model::handler::Answer;
use sedge_model::trace::TraceContext;
use std::sync::Mutex;
use tokio::sync::Semaphore;

/// A target that takes a copy's frames as permits allow, and notes the bodies.
struct Slow {
    permits: Semaphore,
    seen: Mutex<Vec<Result<Vec<u8>, Kind>>>,
}

impl Slow {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Slow { permits: Semaphore::new(permits), seen: Mutex::default() })
    }

    fn seen(&self) -> Vec<Result<Vec<u8>, Kind>> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

impl Handler for Slow {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        Box::pin(async move {
            self.permits.acquire().await.expect("open").forget();
            let body = request.into_body().collect().await;
            let body = body.map(|body| body.to_bytes().to_vec()).map_err(|failure| failure.kind);
            self.seen.lock().expect("not poisoned").push(body);
            Ok(http::Response::new(handler::empty()))
        })
    }
}

fn context() -> Context {
    let trace = TraceContext { trace_id: 1, span_id: 1, flags: 0 };
    Context::new(([127, 0, 0, 1], 1).into(), false, trace)
}

fn mirrors(to: &Arc<Slow>, fraction: f64) -> Mirrors {
    let to: Arc<dyn Handler> = to.clone();
    let mirror =
        rule::Mirror { to: rule::Destination::Upstream("copy".into()), fraction, shadow: false };
    Mirrors::new(&[mirror], vec![to])
}

fn head() -> Parts {
    http::Request::post("/a").body(()).expect("a request").into_parts().0
}

/// A body of these frames; `None` breaks it off.
fn body(frames: Vec<Option<&'static [u8]>>) -> Body {
    let frames = frames.into_iter().map(|frame| match frame {
        Some(data) => Ok(Frame::data(Bytes::from_static(data))),
        None => Err(Failure::new(Kind::ClientGone, "broken off")),
    });
    http_body_util::StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

async fn settled(what: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if what() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never settled");
}

#[tokio::test]
async fn a_copy_that_falls_behind_is_given_up_and_the_request_is_not() {
    let slow = Slow::new(0);
    let mirrors = mirrors(&slow, 1.0);
    let frames = vec![Some(&b"x"[..]); 4 * FRAMES_MAX];
    let teed = mirrors.copy(&head(), body(frames), &context());
    let own = teed.collect().await.expect("whole").to_bytes();
    assert_eq!(own.len(), 4 * FRAMES_MAX);
    slow.permits.add_permits(1);
    settled(|| slow.seen().len() == 1).await;
    assert_eq!(slow.seen(), [Err(Kind::ClientGone)], "must not look complete");
    assert_eq!(mirrors.state.copies().dropped.load(Relaxed), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_its_copy() {
    let target = Slow::new(9);
    let mirrors = mirrors(&target, 1.0);
    for frames in [vec![Some(&b"x"[..]), None], vec![Some(&b"x"[..]), Some(&b"y"[..])]] {
        let mut teed = mirrors.copy(&head(), body(frames), &context());
        // The second is dropped in its midst, as when a handler has answered early.
        let _ = teed.frame().await;
        let _ = teed.frame().await;
    }
    settled(|| target.seen().len() == 2).await;
    assert_eq!(target.seen(), [Err(Kind::ClientGone), Err(Kind::ClientGone)]);
}

#[tokio::test]
async fn copies_beyond_the_bound_are_not_begun() {
    let slow = Slow::new(0);
    let mirrors = mirrors(&slow, 1.0);
    for _ in 0..UNDER_WAY_MAX + 3 {
        drop(mirrors.copy(&head(), handler::empty(), &context()));
    }
    let copies = mirrors.state.copies();
    let counted = [&copies.sent, &copies.dropped, &copies.failed].map(|one| one.load(Relaxed));
    assert_eq!(counted, [UNDER_WAY_MAX as u64, 3, 0]);
    slow.permits.add_permits(UNDER_WAY_MAX);
    settled(|| slow.seen().len() == UNDER_WAY_MAX).await;
    settled(|| mirrors.state.under_way.load(Relaxed) == 0).await;
}

#[tokio::test]
async fn a_copy_has_the_whole_body_and_a_share_is_a_share() {
    let target = Slow::new(10_000);
    let whole = mirrors(&target, 1.0);
    let teed = whole.copy(&head(), body(vec![Some(b"ab"), Some(b"cd")]), &context());
    assert_eq!(teed.collect().await.expect("whole").to_bytes(), "abcd");
    settled(|| target.seen().len() == 1).await;
    assert_eq!(target.seen(), [Ok(b"abcd".to_vec())]);

    for (fraction, expected) in [(0.0, 0..1), (0.25, 330..670)] {
        let some = mirrors(&target, fraction);
        for _ in 0..2_000 {
            drop(some.copy(&head(), handler::empty(), &context()));
            tokio::task::yield_now().await;
        }
        let sent = some.state.copies().sent.load(Relaxed);
        assert!(expected.contains(&sent), "{fraction} {sent}");
    }
}

#[test]
fn the_host_of_a_copy_is_told_apart_before_its_port() {
    for (target, host, expected) in [
        ("/a", "", None),
        ("/a", "x.org", Some("x.org-shadow")),
        ("/a", "x.org:81", Some("x.org-shadow:81")),
        ("/a", "[::1]", Some("[::1]-shadow")),
        ("http://x.org:81/a", "x.org:81", Some("x.org-shadow:81")),
    ] {
        let mut request = http::Request::get(target).body(handler::empty()).expect("a request");
        if !host.is_empty() {
            request.headers_mut().insert(HOST, HeaderValue::from_static(host));
        }
        shadow(&mut request);
        let field = request.headers().get(HOST).map(|host| host.to_str().expect("text"));
        assert_eq!(field, expected, "{target} {host}");
        assert_eq!(request.uri().path(), "/a");
        if target.starts_with("http") {
            assert_eq!(request.uri().authority().map(Authority::as_str), expected);
        }
    }
}
