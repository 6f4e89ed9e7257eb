//! Bodies that pass a filter untouched, within its function's limits.

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::Body;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A body that ends in a failure of `kind` beyond so many bytes, which `failed` is told. One that
/// says that it cannot come to that stays as it is.
pub(super) fn bounded(
    body: Body,
    bytes_max: u64,
    kind: Kind,
    failed: impl Fn(&Failure) + Send + Unpin + 'static,
) -> Body {
    if body.is_end_stream() || body.size_hint().upper().is_some_and(|upper| upper <= bytes_max) {
        return body;
    }
    Body::new(Bounded { inner: body, bytes_left: bytes_max, bytes_max, kind, failed })
}

/// What is said of a body that has more bytes than it may have.
pub(super) fn too_large(kind: Kind, bytes_max: u64) -> Failure {
    Failure::new(kind, format!("a body of more than {bytes_max} bytes passes this link"))
}

struct Bounded<F> {
    inner: Body,
    bytes_left: u64,
    bytes_max: u64,
    kind: Kind,
    failed: F,
}

impl<F: Fn(&Failure) + Send + Unpin> http_body::Body for Bounded<F> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len) as u64,
            _ => 0,
        };
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => {
                let failure = too_large(self.kind, self.bytes_max);
                (self.failed)(&failure);
                self.bytes_left = 0;
                self.inner = sedge_model::handler::empty();
                return Poll::Ready(Some(Err(failure)));
            }
        }
        Poll::Ready(frame)
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
    use http_body_util::BodyExt;
    use sedge_model::handler::full;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    /// So many pieces of four bytes, without a length; counts when it is dropped.
    struct Pieces(u32, Arc<AtomicU32>);

    impl Drop for Pieces {
        fn drop(&mut self) {
            self.1.fetch_add(1, Relaxed);
        }
    }

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Failure;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
            let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
            self.0 = left;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"1234")))))
        }
    }

    #[tokio::test]
    async fn a_body_without_end_ends_at_the_limit_and_is_let_go() {
        let (dropped, told) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let body = Body::new(Pieces(u32::MAX, dropped.clone()));
        let counter = told.clone();
        let mut body = bounded(body, 9, Kind::ResponseBodyLimit, move |failure| {
            assert_eq!(failure.kind, Kind::ResponseBodyLimit);
            counter.fetch_add(1, Relaxed);
        });
        for _ in 0..2 {
            body.frame().await.expect("a frame").expect("eight of nine bytes");
        }
        let failure = body.frame().await.expect("an end").expect_err("twelve bytes");
        assert_eq!(failure.kind, Kind::ResponseBodyLimit);
        assert_eq!(dropped.load(Relaxed), 1, "who writes it is told");
        assert!(body.frame().await.is_none());
        assert_eq!(told.load(Relaxed), 1);
    }

    #[tokio::test]
    async fn what_is_within_the_limit_passes_whole() {
        let pieces = || Body::new(Pieces(2, Arc::default()));
        let collected = async |body: Body, bytes_max| {
            let body = bounded(body, bytes_max, Kind::RequestBodyLimit, |_| {});
            body.collect().await.map(|whole| whole.to_bytes())
        };
        for (body, bytes_max, expected) in
            [(full(""), 0, ""), (full("123"), 3, "123"), (pieces(), 8, "12341234")]
        {
            assert_eq!(collected(body, bytes_max).await.expect("whole"), expected);
        }
        for (body, bytes_max) in [(full("1234"), 3), (pieces(), 7), (pieces(), 0)] {
            let failure = collected(body, bytes_max).await.expect_err("too many");
            assert_eq!(failure.kind, Kind::RequestBodyLimit);
        }
    }
}
