//! Copies of requests, whose answers nobody reads.
//!
//! A copy must cost the request nothing: it is sent by a task of its own, and
//! gets the body as the request's own handler reads it. If it falls behind by
//! more than a few frames, or too many copies are under way, it is given up and
//! counted; the request goes on.

use crate::http::metrics::Copies;
use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Body, Context, Handler, Request};
use sedge_model::routing::rule;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context as Poller, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use sedge_model::trace::{TraceContext, random};

/// Copies of one rule that may be under way.
const UNDER_WAY_MAX: usize = 256;
/// Frames of a body by which a copy may be behind.
const FRAMES_MAX: usize = 32;
/// Bytes of a copy's answer that are read: its end lets the connection be used again,
/// but an answer without end must not keep the thread of the requests busy.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How long a copy may take, its answer included.
const TIME_MAX: Duration = Duration::from_secs(30);

/// The mirrors of a rule.
pub(super) struct Mirrors {
    all: Vec<Mirror>,
    state: Arc<State>,
}

struct Mirror {
    handler: Arc<dyn Handler>,
    /// Copied, of `u64::MAX`.
    share: u64,
    /// Whether copies are told from requests by their host.
    shadow: bool,
}

#[derive(Default)]
struct State {
    under_way: AtomicUsize,
    copies: OnceLock<Arc<Copies>>,
}

impl State {
    /// Where copies are counted.
    fn copies(&self) -> &Copies {
        self.copies.get_or_init(Arc::default)
    }
}

/// One copy under way.
struct UnderWay(Arc<State>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

impl Mirrors {
    pub(super) fn new(mirrors: &[rule::Mirror], handlers: Vec<Arc<dyn Handler>>) -> Self {
        let share = |fraction: f64| (fraction.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        let all = mirrors.iter().zip(handlers);
        let all = all.map(|(one, handler)| Mirror {
            handler,
            share: share(one.fraction),
            shadow: one.shadow,
        });
        Mirrors { all: all.collect(), state: Arc::default() }
    }

    /// Counts copies where those of earlier revisions were counted, if none was yet.
    pub(super) fn count_in(&self, copies: &Arc<Copies>) {
        let _ = self.state.copies.set(Arc::clone(copies));
    }

    /// Sends copies, and gives the body that the request itself goes on with.
    pub(super) fn copy(&self, head: &Parts, body: Body, context: &Context) -> Body {
        let mut copied = Vec::new();
        for mirror in &self.all {
            if random::nonzero() > mirror.share {
                continue;
            }
            let Some(under_way) = self.begin() else { continue };
            context.notes.note(|noted| noted.mirrored += 1);
            let copy = if body.is_end_stream() {
                handler::empty()
            } else {
                let (frames, received) = channel(FRAMES_MAX);
                copied.push(Some(frames));
                CopiedBody { received, ended: false }.boxed_unsync()
            };
            let mut request = Request::new(copy);
            *request.method_mut() = head.method.clone();
            *request.uri_mut() = head.uri.clone();
            *request.version_mut() = head.version;
            *request.headers_mut() = head.headers.clone();
            if mirror.shadow {
                shadow(&mut request);
            }
            // What happens to a copy is not what happened to the request: it has a
            // trace of its own, which nobody asked to be recorded.
            request.headers_mut().remove("traceparent");
            request.headers_mut().remove("tracestate");
            let context = Context {
                client: context.client,
                forwarding: context.forwarding,
                ..Context::new(context.peer, context.tls, TraceContext::begin())
            };
            tokio::spawn(send(mirror.handler.clone(), request, context, under_way));
        }
        if copied.is_empty() {
            return body;
        }
        TeedBody { body, copied, state: self.state.clone() }.boxed_unsync()
    }

    fn begin(&self) -> Option<UnderWay> {
        if self.state.under_way.fetch_add(1, Relaxed) >= UNDER_WAY_MAX {
            self.state.under_way.fetch_sub(1, Relaxed);
            self.state.copies().dropped.fetch_add(1, Relaxed);
            return None;
        }
        self.state.copies().sent.fetch_add(1, Relaxed);
        Some(UnderWay(self.state.clone()))
    }
}

/// Adds `-shadow` to the host of a copy, before its port.
fn shadow(request: &mut Request) {
    let authority = request.uri().authority().map(Authority::as_str);
    let field = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = authority.or(field) else { return };
    let name = if host.ends_with(']') {
        host
    } else {
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    };
    let shadow = format!("{name}-shadow{}", &host[name.len()..]);
    // A host that cannot be told apart stays as it was.
    let Ok(value) = HeaderValue::from_str(&shadow) else { return };
    let is_absolute = request.uri().authority().is_some();
    request.headers_mut().insert(HOST, value);
    if is_absolute && let Ok(authority) = Authority::try_from(shadow) {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.authority = Some(authority);
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// Sends a copy and reads its answer to the end, if that is near, so that its
/// connection can be used again.
async fn send(handler: Arc<dyn Handler>, request: Request, context: Context, under_way: UnderWay) {
    let answered = async {
        let mut body = handler.call(request, context).await?.into_body();
        let mut left = ANSWER_BYTES_MAX;
        while let Some(frame) = body.frame().await {
            let bytes = frame?.data_ref().map_or(0, Bytes::len);
            let too_long = || Failure::new(Kind::UpstreamBroken, "a copy's answer is too long");
            left = left.checked_sub(bytes).ok_or_else(too_long)?;
        }
        Ok::<_, Failure>(())
    };
    if !matches!(tokio::time::timeout(TIME_MAX, answered).await, Ok(Ok(()))) {
        under_way.0.copies().failed.fetch_add(1, Relaxed);
    }
}

/// What a copy hears of the body.
enum Heard {
    Data(Bytes),
    Trailers(HeaderMap),
    /// The body was complete; without this word, it was not.
    End,
}

/// The request's own body, which copies listen to.
struct TeedBody {
    body: Body,
    /// `None`: given up.
    copied: Vec<Option<Sender<Heard>>>,
    state: Arc<State>,
}

impl TeedBody {
    fn tell(&mut self, heard: impl Fn() -> Heard) {
        for copy in &mut self.copied {
            let behind = copy.as_ref().is_some_and(|frames| frames.try_send(heard()).is_err());
            if behind && copy.take().is_some() {
                self.state.copies().dropped.fetch_add(1, Relaxed);
            }
        }
    }
}

impl HttpBody for TeedBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(poller));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.tell(|| Heard::Data(data.clone()));
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.tell(|| Heard::Trailers(trailers.clone()));
                }
                // The last frame may be the end: nobody need ask again then.
                if self.body.is_end_stream() {
                    self.tell(|| Heard::End);
                    self.copied.clear();
                }
            }
            Some(Err(_)) => self.copied.clear(),
            None => {
                self.tell(|| Heard::End);
                self.copied.clear();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a copy.
struct CopiedBody {
    received: Receiver<Heard>,
    ended: bool,
}

impl HttpBody for CopiedBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        poller: &mut Poller<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.received.poll_recv(poller)) {
            Some(Heard::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Heard::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Heard::End) => {
                self.ended = true;
                None
            }
            None => {
                self.ended = true;
                Some(Err(Failure::new(Kind::ClientGone, "the copied request was not complete")))
            }
        })
    }
}

#[cfg(test)]
mod tests;
