//! The body of the next handler's answer, in the hands of a guest.
//!
//! It may be another guest that writes it, so it is never polled within a guest's
//! poll: a guest that reads it says so, and its driver fetches the next frame. A
//! body that a guest passes on untouched is polled by the listener, directly.

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use sedge_engine::call::in_guest;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::Body;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use wasmtime_wasi_http::Error;

type FrameResult = Option<Result<Frame<Bytes>, Failure>>;

/// The guest's end.
pub(crate) struct NextBody(Arc<Shared>);

/// The driver's end.
pub(crate) struct Pump(Arc<Shared>);

struct Shared(Mutex<State>);

struct State {
    /// `None` once it has ended, or nobody wants it.
    body: Option<Body>,
    /// Fetched for the guest.
    frame: Option<FrameResult>,
    /// The guest waits for a frame.
    wanted: Option<Waker>,
    /// Whoever reads after the guest waits for a frame.
    wanted_outside: bool,
    driver: Waker,
    given_up: bool,
    /// Why it broke.
    failure: Option<Failure>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<FrameResult> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        match &frame {
            None => self.body = None,
            Some(Err(failure)) => {
                self.failure = Some(failure.clone());
                self.body = None;
            }
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }
}

/// Divides a body into the end that a guest holds and the end of its driver,
/// which `driver` wakes.
pub(crate) fn divide(body: Body, driver: Waker) -> (NextBody, Pump) {
    let state = State {
        body: Some(body),
        frame: None,
        wanted: None,
        wanted_outside: false,
        driver,
        given_up: false,
        failure: None,
    };
    let shared = Arc::new(Shared(Mutex::new(state)));
    (NextBody(shared.clone()), Pump(shared))
}

impl Pump {
    /// Fetches a frame, if the guest waits for one. `false` when there is nothing
    /// left to do.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let mut state = self.0.lock();
        if state.given_up {
            let dropped = state.body.take();
            drop(state);
            drop(dropped);
            return false;
        }
        if state.wanted.is_some()
            && state.frame.is_none()
            && let Poll::Ready(frame) = state.poll_body(context)
        {
            state.frame = Some(frame);
            if let Some(guest) = state.wanted.take() {
                guest.wake();
            }
        }
        true
    }

    /// Whether anybody waits for a frame that has not come.
    pub(crate) fn is_waiting(&self) -> bool {
        let state = self.0.lock();
        state.wanted.is_some() || state.wanted_outside
    }

    /// Why the body broke, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.0.lock().failure.clone()
    }
}

impl http_body::Body for NextBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut state = self.0.lock();
        let frame = match state.frame.take() {
            Some(frame) => frame,
            None if in_guest() && state.body.is_some() => {
                state.wanted = Some(context.waker().clone());
                let driver = state.driver.clone();
                drop(state);
                driver.wake();
                return Poll::Pending;
            }
            None => {
                let polled = state.poll_body(context);
                state.wanted_outside = polled.is_pending();
                ready!(polled)
            }
        };
        Poll::Ready(frame.map(|frame| frame.map_err(|failure| error(&failure))))
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.lock();
        state.frame.is_none() && state.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.0.lock();
        match (&state.frame, &state.body) {
            (None, Some(body)) => body.size_hint(),
            (None, None) => SizeHint::with_exact(0),
            (Some(_), _) => SizeHint::default(),
        }
    }
}

impl Drop for NextBody {
    /// Dropping the body cancels whoever writes it; not within a guest's poll,
    /// where its driver does so.
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.given_up = true;
        if in_guest() {
            let driver = state.driver.clone();
            drop(state);
            driver.wake();
        } else {
            let dropped = state.body.take();
            drop(state);
            drop(dropped);
        }
    }
}

/// What a guest, or whoever reads after it, is told of a body that broke.
fn error(failure: &Failure) -> Error {
    match failure.kind {
        Kind::Deadline | Kind::UpstreamTimeout => Error::ConnectionReadTimeout,
        Kind::ResponseBodyLimit => Error::HttpResponseBodySize(None),
        _ => Error::HttpResponseIncomplete,
    }
}
