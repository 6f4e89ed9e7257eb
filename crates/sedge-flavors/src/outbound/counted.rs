//! Bodies that are charged to a request's outbound budget, and that may not
//! pause for longer than the guest allows.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use sedge_model::failure::Kind;
use sedge_model::metrics::FunctionMetrics;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

/// Bytes that may still pass, in both directions together.
pub(super) type BytesLeft = Arc<AtomicU64>;

/// What bounds the bodies of one outbound request.
#[derive(Clone)]
pub(super) struct Charge {
    pub(super) left: BytesLeft,
    /// Where a budget that is used up is counted.
    pub(super) metrics: Arc<FunctionMetrics>,
}

impl Charge {
    /// Bounds `inner`; `error` is what the guest is told beyond the budget,
    /// `pause_max` the longest time between two pieces.
    pub(super) fn to<B>(
        &self,
        inner: B,
        error: fn(Option<u64>) -> Error,
        pause_max: Option<Duration>,
    ) -> Counted<B> {
        Counted { inner, charge: self.clone(), error, pause_max, pause: None }
    }
}

/// A body that is bounded.
pub(super) struct Counted<B> {
    inner: B,
    charge: Charge,
    error: fn(Option<u64>) -> Error,
    pause_max: Option<Duration>,
    /// Armed while nothing comes.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<B> Counted<B> {
    /// Ready when nothing has come for too long.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(pause_max) = self.pause_max else { return Poll::Pending };
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause_max)));
        pause.as_mut().poll(context)
    }
}

impl<B> Body for Counted<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(frame)) => frame.map_err(Into::into)?,
            Poll::Pending => {
                ready!(self.poll_pause(context));
                return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
            }
        };
        self.pause = None;
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let paid = self.charge.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes));
        Poll::Ready(Some(match paid {
            Ok(_) => Ok(frame),
            Err(left) => {
                self.charge.metrics.fail(Kind::OutboundLimit);
                Err((self.error)(Some(left)))
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};

    fn charge(bytes: u64) -> Charge {
        Charge { left: Arc::new(AtomicU64::new(bytes)), metrics: Arc::default() }
    }

    #[tokio::test]
    async fn two_bodies_share_one_budget() {
        let charge = charge(10);
        let body = |text: &'static str| {
            let inner = Full::new(Bytes::from_static(text.as_bytes()));
            charge.to(inner, Error::HttpResponseBodySize, None)
        };
        body("1234567").collect().await.expect("seven of ten");
        let error = body("8901").collect().await.expect_err("eleven of ten");
        assert!(matches!(error, Error::HttpResponseBodySize(Some(3))), "{error:?}");
        body("890").collect().await.expect("exactly ten");
        let counted = charge.metrics.failures().find(|(kind, _)| *kind == Kind::OutboundLimit);
        assert_eq!(counted.map(|(_, count)| count), Some(1));
    }

    /// A body of which nothing ever comes.
    struct Silence;

    impl Body for Silence {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_body_that_pauses_for_too_long_ends_in_an_error() {
        let pause_max = Some(Duration::from_millis(10));
        let body = charge(10).to(Silence, Error::HttpResponseBodySize, pause_max);
        let error = body.collect().await.expect_err("nothing ever comes");
        assert!(matches!(error, Error::ConnectionReadTimeout), "{error:?}");
    }
}
