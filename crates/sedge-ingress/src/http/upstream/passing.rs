//! An answer's body on its way back.

use super::Service;
use super::wired::Wired;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use sedge_model::failure::{Failure, Kind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// A request under way, for the counts of its upstream; ends when dropped.
pub(super) struct Active {
    pub(super) service: Arc<Service>,
    pub(super) endpoint: usize,
    pub(super) is_retry: bool,
}

impl Active {
    pub(super) fn begin(service: &Arc<Service>, endpoint: usize, is_retry: bool) -> Self {
        service.endpoints[endpoint].active.fetch_add(1, Relaxed);
        Active { service: Arc::clone(service), endpoint, is_retry }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.service.endpoints[self.endpoint].active.fetch_sub(1, Relaxed);
        self.service.active.fetch_sub(1, Relaxed);
        if self.is_retry {
            self.service.retrying.fetch_sub(1, Relaxed);
        }
    }
}

/// Who polls the connection.
pub(super) enum Driver {
    /// This body.
    Here(Box<Wired>),
    /// A task: the request is still being sent, and must be even if the client
    /// does not read the answer meanwhile.
    Task(JoinHandle<()>),
    /// Nobody any more.
    Ended,
}

/// Dropping it before its end closes the connection.
pub(super) struct Passing {
    incoming: Incoming,
    driver: Driver,
    active: Option<Active>,
}

impl Passing {
    pub(super) fn new(incoming: Incoming, driver: Driver, active: Active) -> Self {
        let mut passing = Passing { incoming, driver, active: Some(active) };
        if passing.incoming.is_end_stream() {
            passing.end();
        }
        passing
    }

    /// The answer is whole: its connection may serve another request.
    fn end(&mut self) {
        let driver = std::mem::replace(&mut self.driver, Driver::Ended);
        let Some(active) = self.active.take() else { return };
        match driver {
            Driver::Here(wired) => active.service.keep(active.endpoint, wired),
            // What is left of the request nobody needs.
            Driver::Task(task) => task.abort(),
            Driver::Ended => {}
        }
    }

    fn broken(&mut self, error: &hyper::Error) -> Failure {
        if let Some(active) = &self.active {
            active.service.endpoints[active.endpoint].resets.fetch_add(1, Relaxed);
        }
        self.abort();
        Failure::new(Kind::UpstreamBroken, format!("in an answer's body: {error}"))
    }

    fn abort(&mut self) {
        if let Driver::Task(task) = std::mem::replace(&mut self.driver, Driver::Ended) {
            task.abort();
        }
        self.active = None;
    }
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let me = &mut *self;
        let polled = match &mut me.driver {
            Driver::Here(wired) => wired.poll_body(&mut me.incoming, cx),
            Driver::Task(_) => Pin::new(&mut me.incoming).poll_frame(cx),
            Driver::Ended => return Poll::Ready(None),
        };
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if frame.is_trailers() || me.incoming.is_end_stream() {
                    me.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(me.broken(&error)))),
            Poll::Ready(None) => {
                me.end();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.driver, Driver::Ended) || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.abort();
    }
}
