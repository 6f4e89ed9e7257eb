//! A connection from the answer that has switched it to its end.

use super::Far;
use super::pump::{Broken, Way};
use crate::http::core::{DRAIN_QUIET, Table};
use crate::http::exchange::Exchange;
use crate::http::metrics::Timeout;
use bytes::Bytes;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::Body;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep};

/// Both sides, and what must live as long as they do: the request's bookkeeping,
/// what its rule counts, the routes.
pub(crate) struct Tunnel {
    far: Far,
    exchange: Exchange,
    /// The answer's body: empty, but the rule's slot is in it.
    _body: Body,
    _table: Arc<Table>,
}

/// How it has ended.
enum End {
    /// Both sides have said that they are done.
    Closed,
    Broken(Failure),
    /// Nothing has passed for too long.
    Idle,
    /// The node stops, and it was silent for a moment.
    Drained,
}

impl Tunnel {
    /// From here the request is no longer one in flight.
    pub(crate) fn new(far: Far, mut exchange: Exchange, body: Body, table: Arc<Table>) -> Self {
        exchange.switched();
        Tunnel { far, exchange, _body: body, _table: table }
    }

    /// Passes bytes on, both ways; `read` are the client's that came early. The
    /// request is recorded when this ends, or is dropped.
    pub(crate) async fn run(
        self: Box<Self>,
        near: impl AsyncRead + AsyncWrite + Unpin,
        read: Bytes,
    ) {
        let Tunnel { far, mut exchange, _body, _table } = *self;
        let core = Arc::clone(&exchange.connection.core);
        let mut ways = Ways {
            near,
            inward: Way::new(read),
            outward: Way::new(far.read.clone()),
            counted: exchange.count_bytes_in(),
            exchange,
            far,
        };
        let mut quiet = Quiet::new(ways.far.idle_timeout);
        let mut drains = pin!(core.drains());
        let mut draining = false;
        let end = poll_fn(|cx| {
            if !draining && drains.as_mut().poll(cx).is_ready() {
                draining = true;
                quiet.shorten(DRAIN_QUIET);
            }
            let before = ways.bytes();
            if let Poll::Ready(end) = ways.poll(cx) {
                return Poll::Ready(end);
            }
            if ways.bytes() != before {
                quiet.since = Instant::now();
            }
            ready!(quiet.poll(cx));
            Poll::Ready(if draining { End::Drained } else { End::Idle })
        });
        let end = end.await;
        ways.end(end).await;
    }
}

struct Ways<N> {
    near: N,
    far: Far,
    inward: Way,
    outward: Way,
    counted: Arc<crate::http::metrics::Counter>,
    exchange: Exchange,
}

impl<N: AsyncRead + AsyncWrite + Unpin> Ways<N> {
    fn bytes(&self) -> u64 {
        self.inward.bytes + self.outward.bytes
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let (inward, outward) = (self.inward.bytes, self.outward.bytes);
        let line = &mut *self.far.line;
        let to_far = self.inward.poll(cx, Pin::new(&mut self.near), Pin::new(&mut *line));
        let to_near = self.outward.poll(cx, Pin::new(line), Pin::new(&mut self.near));
        // Counted as they pass, so that nothing is lost if this is dropped.
        self.counted.add(self.inward.bytes - inward);
        self.exchange.bytes_out += self.outward.bytes - outward;
        let (upstream, client) = match (to_far, to_near) {
            (Poll::Ready(Err(Broken::To(error))), _)
            | (_, Poll::Ready(Err(Broken::From(error)))) => (Some(error), None),
            (Poll::Ready(Err(Broken::From(error))), _)
            | (_, Poll::Ready(Err(Broken::To(error)))) => (None, Some(error)),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(End::Closed),
            _ => return Poll::Pending,
        };
        let failure = match (upstream, client) {
            (Some(error), _) => {
                Failure::new(Kind::UpstreamBroken, format!("an upgraded connection: {error}"))
            }
            (_, error) => {
                let error = error.map(|error| error.to_string()).unwrap_or_default();
                Failure::new(Kind::ClientGone, format!("an upgraded connection: {error}"))
            }
        };
        Poll::Ready(End::Broken(failure))
    }

    /// Says what it ended with, and closes both sides.
    async fn end(mut self, end: End) {
        match end {
            End::Closed => self.exchange.complete(),
            End::Broken(failure) => self.exchange.fail(failure),
            End::Idle => {
                let timeouts = &self.exchange.connection.core.shard.timeouts;
                timeouts[Timeout::Upgrade as usize].add(1);
                let detail = "nothing passed for upgrade_idle_timeout";
                self.exchange.fail(Failure::new(Kind::ClientTimeout, detail));
            }
            End::Drained => {
                let detail = "an upgraded connection was closed because the node stops";
                self.exchange.fail(Failure::new(Kind::Draining, detail));
            }
        }
        // A side that takes nothing is not waited for.
        poll_fn(|cx| {
            let _ = Pin::new(&mut self.near).poll_shutdown(cx);
            let _ = Pin::new(&mut *self.far.line).poll_shutdown(cx);
            Poll::Ready(())
        })
        .await;
    }
}

/// Ready when nothing has passed for some time. Its timer is set once, and again
/// only when it has rung too early.
struct Quiet {
    since: Instant,
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Quiet {
    fn new(timeout: Duration) -> Self {
        Quiet { since: Instant::now(), timeout, timer: Box::pin(sleep(timeout)) }
    }

    fn shorten(&mut self, timeout: Duration) {
        self.timeout = timeout.min(self.timeout);
        self.timer = Box::pin(sleep(self.timeout));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let left = self.timeout.saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer = Box::pin(sleep(left));
        }
    }
}
