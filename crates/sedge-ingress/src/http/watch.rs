//! Slow clients. Nothing is armed for a request: once per tick each thread
//! looks at what its connections have counted since the last one.

use super::connection::{Connection, Order};
use super::core::Core;
use super::metrics::Timeout;
use super::options::GatewayOptions;
use super::socket::Protocol;
use super::wire;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection, and what was seen of it at earlier ticks.
pub(crate) struct Watched {
    pub(crate) connection: Arc<Connection>,
    seen: Sight,
    /// When the last request ended, or the connection was accepted.
    idle_since: Instant,
    /// Bytes read when that was.
    idle_read: u64,
    /// When the first byte of a head was seen after that.
    head_since: Option<Instant>,
    /// When the HTTP/2 head was first seen that has not ended.
    mid_head_since: Option<Instant>,
    /// When the client last took a byte, or first had one to take.
    write_since: Instant,
    /// When anything was last read or begun.
    pub(crate) quiet_since: Instant,
}

/// What a connection has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) requests: u64,
    pub(crate) in_flight: u64,
    /// Something is ready that the client does not take.
    pub(crate) client_must_read: bool,
    /// An HTTP/2 head has begun that has not ended; nothing else may come before it
    /// has (RFC 9113 §4.3).
    pub(crate) is_mid_head: bool,
    /// `None` until the client has said.
    pub(crate) protocol: Option<Protocol>,
    /// A TLS handshake is under way.
    pub(crate) handshaking: bool,
    /// It is another protocol's, which bounds its silence itself.
    pub(crate) upgraded: bool,
}

impl Watched {
    pub(crate) fn new(connection: Arc<Connection>, now: Instant) -> Self {
        Watched {
            connection,
            seen: Sight::default(),
            idle_since: now,
            idle_read: 0,
            head_since: None,
            mid_head_since: None,
            write_since: now,
            quiet_since: now,
        }
    }

    /// Takes in what has happened since the last tick, and says what the client
    /// was too slow for, if anything.
    pub(crate) fn judge(
        &mut self,
        sight: Sight,
        now: Instant,
        options: &GatewayOptions,
    ) -> Option<Timeout> {
        let before = std::mem::replace(&mut self.seen, sight);
        let has_begun = sight.requests != before.requests;
        if has_begun || sight.read != before.read {
            self.quiet_since = now;
        }
        if sight.written != before.written || !sight.client_must_read || !before.client_must_read {
            self.write_since = now;
        }
        if sight.upgraded {
            return None;
        }
        if now - self.write_since > options.write_timeout {
            return Some(Timeout::Write);
        }
        if !sight.is_mid_head || has_begun {
            self.mid_head_since = None;
        } else if now - *self.mid_head_since.get_or_insert(now) > options.header_timeout {
            return Some(Timeout::Header);
        }
        if sight.in_flight > 0 || has_begun || (before.handshaking && !sight.handshaking) {
            self.idle_since = now;
            self.idle_read = sight.read;
            self.head_since = None;
            return None;
        }
        self.judge_idle(sight, now, options)
    }

    fn judge_idle(
        &mut self,
        sight: Sight,
        now: Instant,
        options: &GatewayOptions,
    ) -> Option<Timeout> {
        if self.head_since.is_none() && sight.read != self.idle_read {
            self.head_since = Some(now);
        }
        let idle = now - self.idle_since;
        let (waited, bound, timeout) = match (self.head_since, sight.protocol) {
            _ if sight.handshaking => (idle, options.handshake_timeout, Timeout::Handshake),
            // A new connection owes a head from the start, or from the end of
            // its handshake.
            _ if sight.requests == 0 => (idle, options.header_timeout, Timeout::Header),
            // Frames that are no requests (pings, settings) are not a head.
            (None, _) | (_, Some(Protocol::Http2)) => {
                (idle, options.keep_alive_timeout, Timeout::KeepAlive)
            }
            (Some(since), _) => (now - since, options.header_timeout, Timeout::Header),
        };
        (waited > bound).then_some(timeout)
    }
}

/// How often to look: often enough that no timeout is late by more than a
/// quarter of itself or a second.
pub(crate) fn period(options: &GatewayOptions) -> Duration {
    let timeouts = [
        options.handshake_timeout,
        options.header_timeout,
        options.keep_alive_timeout,
        options.write_timeout,
    ];
    let shortest = timeouts.into_iter().min().unwrap_or_default();
    (shortest / 4).clamp(Duration::from_millis(20), Duration::from_secs(1))
}

/// Looks at all connections of a thread, for as long as the thread lives.
pub(crate) async fn sweep(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(period(&core.options));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        core.refresh_table();
        core.for_each_connection(|watched| look(watched, now, &core));
    }
}

fn look(watched: &mut Watched, now: Instant, core: &Core) {
    let sight = watched.connection.sight();
    let was_quiet = sight.read == watched.seen.read && sight.in_flight > 0;
    match watched.judge(sight, now, &core.options) {
        Some(timeout) => {
            core.shard.timeouts[timeout as usize].add(1);
            watched.connection.order(Order::Cut, Some(timeout));
        }
        // hyper sees a client leave only when it reads, and it does not read
        // while a handler leaves a body or a pipelined request where it is.
        // A client of another protocol may have closed its half and read on.
        None if was_quiet && !sight.upgraded => {
            let descriptor = watched.connection.descriptor();
            if descriptor.is_some_and(wire::is_closed_by_peer) {
                watched.connection.order(Order::Cut, None);
            }
        }
        None => {}
    }
}

#[cfg(test)]
mod tests;
