//! Bodies that are charged to a request's outbound budget.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use wasmtime_wasi_http::Error;

/// Bytes that may still pass, in both directions together.
pub(super) type BytesLeft = Arc<AtomicU64>;

/// A body that ends in `error` when the budget is used up.
pub(super) struct Counted<B> {
    pub(super) inner: B,
    pub(super) left: BytesLeft,
    pub(super) error: fn(Option<u64>) -> Error,
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
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            None => return Poll::Ready(None),
            Some(frame) => frame.map_err(Into::into)?,
        };
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let paid = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes));
        Poll::Ready(Some(match paid {
            Ok(_) => Ok(frame),
            Err(left) => Err((self.error)(Some(left))),
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

    #[tokio::test]
    async fn two_bodies_share_one_budget() {
        let left: BytesLeft = Arc::new(AtomicU64::new(10));
        let body = |text: &'static str| Counted {
            inner: Full::new(Bytes::from_static(text.as_bytes())),
            left: left.clone(),
            error: Error::HttpResponseBodySize,
        };
        body("1234567").collect().await.expect("seven of ten");
        let error = body("8901").collect().await.expect_err("eleven of ten");
        assert!(matches!(error, Error::HttpResponseBodySize(Some(3))), "{error:?}");
        body("890").collect().await.expect("exactly ten");
    }
}
