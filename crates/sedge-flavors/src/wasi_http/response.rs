//! From a guest's answer to the response that the listener streams.

use super::failures::Failures;
use super::instance::{Head, describe};
use super::next::flow::Flow;
use super::request::check_fields;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Response};
use sedge_model::limits::Limits;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiBody;

/// Drives the guest until it has sent a head or has ended.
pub(super) async fn head(
    flow: &mut Flow,
    mut receiver: oneshot::Receiver<Head>,
) -> Result<Head, Failure> {
    // Not polled again once its sender is gone. In the background the sender goes
    // a moment before the call has ended.
    let mut unanswered = false;
    let head = std::future::poll_fn(|context| {
        let ended = flow.poll(context);
        // A guest that failed before anything was sent: the client gets a
        // proper status, even if a head was waiting.
        if let Poll::Ready(Err(failure)) = ended {
            return Poll::Ready(Err(failure));
        }
        if !unanswered {
            match Pin::new(&mut receiver).poll(context) {
                Poll::Ready(Ok(head)) => return Poll::Ready(Ok(head)),
                Poll::Ready(Err(_)) => unanswered = true,
                Poll::Pending => {}
            }
        }
        // A task that has looked at many things in this turn is told by tokio that
        // this one is not ready, whether or not it is. A call that has ended has
        // sent all that it ever will, and this look always tells the truth.
        if ended.is_ready()
            && !unanswered
            && let Ok(head) = receiver.try_recv()
        {
            return Poll::Ready(Ok(head));
        }
        match ended {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                let detail = "the guest returned without setting a response";
                Poll::Ready(Err(Failure::new(Kind::NoResponse, detail)))
            }
        }
    })
    .await?;
    flow.progress();
    match flow.call().failure() {
        Some(failure) => Err(failure.clone()),
        None => Ok(head),
    }
}

/// Makes the listener's response of the guest's. `is_wanted`: whether the client
/// will be sent a body.
pub(super) fn stream(
    response: http::Response<WasiBody>,
    flow: Flow,
    limits: &Limits,
    failures: Failures,
    is_wanted: bool,
) -> Result<Response, Failure> {
    check_fields(response.headers(), limits, Kind::ResponseHeaderLimit)?;
    if response.status().is_informational() {
        let detail = format!("status {} is not a final response", response.status());
        return Err(Failure::new(Kind::InvalidResponse, detail));
    }
    let (head, mut body) = response.into_parts();
    if is_wanted && flow.has_ended() {
        body = match at_hand(body) {
            AtHand::Whole(bytes) if bytes.len() as u64 > limits.response_body_bytes_max => {
                return Err(too_large(limits.response_body_bytes_max));
            }
            AtHand::Whole(bytes) => {
                return Ok(http::Response::from_parts(head, handler::full(bytes)));
            }
            AtHand::Streaming(body) => body,
        };
    }
    let body = ResponseBody {
        inner: body,
        flow: Some(flow),
        behind: false,
        failures,
        bytes_left: limits.response_body_bytes_max,
        bytes_max: limits.response_body_bytes_max,
        bytes_declared: declared(&head.headers),
        wanted: false,
        complete: false,
    };
    Ok(http::Response::from_parts(head, body.boxed_unsync()))
}

/// The length that a guest has given its body. A listener that has sent so many bytes asks for
/// nothing more, not even for the end.
fn declared(fields: &http::HeaderMap) -> Option<u64> {
    fields.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes_max: u64) -> Failure {
    Failure::new(Kind::ResponseBodyLimit, format!("more than {bytes_max} bytes of response body"))
}

/// A body whose guest has ended.
enum AtHand {
    /// One piece without trailers: most answers are. It has a length, and is
    /// sent with its head in one write.
    Whole(Bytes),
    /// Anything else.
    Streaming(WasiBody),
}

fn at_hand(mut body: WasiBody) -> AtHand {
    let mut context = Context::from_waker(Waker::noop());
    let mut taken = VecDeque::new();
    // Two polls tell whether there is only one piece. The guest has ended, so
    // nothing is lost if this waker is never called: the body is polled again.
    for _ in 0..2 {
        match Pin::new(&mut body).poll_frame(&mut context) {
            Poll::Ready(Some(frame)) => taken.push_back(frame),
            Poll::Ready(None) => match taken.pop_front() {
                None => return AtHand::Whole(Bytes::new()),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return AtHand::Whole(data),
                    Err(trailers) => taken.push_front(Ok(trailers)),
                },
                Some(Err(error)) => taken.push_front(Err(error)),
            },
            Poll::Pending => break,
        }
    }
    AtHand::Streaming(Chained { taken, rest: body }.boxed_unsync())
}

/// A response body together with the guest that writes it.
struct ResponseBody {
    inner: WasiBody,
    /// `None` when the guest was let go.
    flow: Option<Flow>,
    /// Whether it broke behind the guest, where that was counted.
    behind: bool,
    failures: Failures,
    bytes_left: u64,
    bytes_max: u64,
    bytes_declared: Option<u64>,
    /// Whether anybody has asked for it.
    wanted: bool,
    complete: bool,
}

impl ResponseBody {
    fn fail(&mut self, failure: Failure) -> Failure {
        if !self.behind {
            self.failures.record(&failure);
        }
        self.flow = None;
        failure
    }

    fn poll_inner(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(flow) = &mut self.flow
            && flow.is_busy()
            && let Poll::Ready(Err(failure)) = flow.poll(context)
        {
            return Poll::Ready(Some(Err(failure)));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) else {
            let Some(flow) = &mut self.flow else { return Poll::Pending };
            return flow.poll_left_open(context).map(|failure| Some(Err(failure)));
        };
        let flow = self.flow.as_mut();
        let failure = flow.as_ref().and_then(|flow| flow.call().failure().cloned());
        match (frame, failure) {
            // The guest's end of the channel closes when it traps, too.
            (None, Some(failure)) | (Some(Err(_)), Some(failure)) => {
                Poll::Ready(Some(Err(failure)))
            }
            (None, None) => {
                self.complete = true;
                Poll::Ready(None)
            }
            (Some(Err(error)), None) => {
                if let Some(failure) = flow.and_then(|flow| flow.broken_behind()) {
                    self.behind = true;
                    return Poll::Ready(Some(Err(failure)));
                }
                let detail = format!("the response body broke: {}", describe(&error));
                Poll::Ready(Some(Err(Failure::new(Kind::InvalidResponse, detail))))
            }
            (Some(Ok(frame)), _) => {
                if let Some(flow) = flow {
                    flow.progress();
                }
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                Poll::Ready(Some(match self.bytes_left.checked_sub(bytes) {
                    Some(left) => {
                        self.bytes_left = left;
                        self.complete |= self.bytes_declared == Some(self.bytes_max - left);
                        Ok(frame)
                    }
                    None => Err(too_large(self.bytes_max)),
                }))
            }
        }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.wanted = true;
        let frame = std::task::ready!(self.poll_inner(context));
        Poll::Ready(frame.map(|frame| frame.map_err(|failure| self.fail(failure))))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for ResponseBody {
    /// A body that was sent whole lets its guest finish what it does after it,
    /// and so does one that nobody has asked for, because an answer to HEAD or
    /// with status 204 or 304 has none: the guest finds its stream closed. A body
    /// that was given up (the client is gone) takes its guest along.
    fn drop(&mut self) {
        if let Some(flow) = self.flow.take()
            && (self.complete || !self.wanted || self.inner.is_end_stream())
        {
            let failures = self.failures.clone();
            flow.detach(move |failure| failures.record(&failure));
        }
    }
}

/// Frames that were taken in advance, then the rest.
struct Chained {
    taken: VecDeque<Result<Frame<Bytes>, wasmtime_wasi_http::Error>>,
    rest: WasiBody,
}

impl http_body::Body for Chained {
    type Data = Bytes;
    type Error = wasmtime_wasi_http::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.taken.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_engine::call::Call;
    use sedge_engine::call::drive::Drive;
    use sedge_engine::call::lane::Lane;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::runtime::Handle;

    fn flow(work: impl Future<Output = ()> + Send + 'static) -> Flow {
        let lane = Arc::new(Lane::new(Handle::current()));
        let call = Call::new(Duration::from_secs(1));
        Flow::alone(Drive::new(call, Box::pin(work), lane, Duration::from_secs(60)))
    }

    #[tokio::test]
    async fn a_call_that_lives_longer_than_its_sender_is_waited_for() {
        let (sender, receiver) = oneshot::channel();
        let mut flow = flow(async move {
            drop(sender);
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        });
        let failure = head(&mut flow, receiver).await.expect_err("nothing was sent");
        assert_eq!(failure.kind, Kind::NoResponse);
        assert!(flow.has_ended());
    }

    #[tokio::test]
    async fn a_head_is_taken_while_its_guest_goes_on() {
        let (sender, receiver) = oneshot::channel::<Head>();
        let mut flow = flow(async move {
            let body = http_body_util::Empty::new().map_err(|never| match never {});
            let _ = sender.send(Ok(http::Response::new(body.boxed_unsync())));
            std::future::pending::<()>().await;
        });
        let response = head(&mut flow, receiver).await.expect("a head").expect("an answer");
        assert_eq!(response.status(), 200);
        assert!(!flow.has_ended());
    }
}
