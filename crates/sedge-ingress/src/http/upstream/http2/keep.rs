//! The task of a connection.

use super::State;
use crate::http::upstream::endpoint::Permit;
use crate::http::upstream::wire::Wire;
use bytes::Bytes;
use h2::client::Connection;
use h2::{Ping, PingPong};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::timeout;

/// Pings become rarer while a connection stays silent, up to this: some servers
/// take more than one in five minutes for abuse.
const SILENCE_MAX: Duration = Duration::from_secs(310);
/// How long a goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// What a connection may keep quiet.
pub(super) struct Patience {
    /// Without a byte while requests are under way; then it is asked whether it
    /// lives.
    pub(super) silence: Duration,
    /// Until it has answered that.
    pub(super) pong: Duration,
}

/// Drives a connection until it is closed, is dead, or nobody has it any more.
/// Its requests end with it.
pub(super) async fn keep(
    connection: Connection<Wire, Bytes>,
    ping: PingPong,
    state: Arc<State>,
    permit: Permit,
    patience: Patience,
) {
    let over = Over { state: &state, _permit: permit };
    let mut connection = pin!(connection);
    let mut dies = pin!(dies(ping, &state, &patience));
    tokio::select! {
        _ = &mut connection => {}
        () = &mut dies => tracing::debug!("a connection to an upstream is dead"),
        () = state.closing.notified() => {
            let _ = timeout(GOODBYE_MAX, &mut connection).await;
        }
    }
    drop(over);
}

/// However the task ends, no request begins any more, and who waits for room
/// looks again.
struct Over<'a> {
    state: &'a State,
    _permit: Permit,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.state.is_over.store(true, Relaxed);
    }
}

/// Ends when the endpoint has not answered a `PING` in time (RFC 9113 §6.7). It
/// is asked when a request got no answer and nothing else came meanwhile, and
/// when requests are under way and nothing has come for a while.
async fn dies(mut ping: PingPong, state: &State, patience: &Patience) {
    let (mut silence, mut before) = (patience.silence, state.meter.read());
    loop {
        let is_suspect = timeout(silence, state.suspected.notified()).await.is_ok();
        let now = state.meter.read();
        if !is_suspect && (now != before || state.streams.load(Relaxed) == 0) {
            (silence, before) = (patience.silence, now);
            continue;
        }
        match timeout(patience.pong, ping.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => return,
        }
        silence = silence.saturating_mul(2).min(SILENCE_MAX.max(patience.silence));
        before = state.meter.read();
        if state.is_suspect.swap(false, Relaxed) {
            state.gate.freed();
        }
    }
}
