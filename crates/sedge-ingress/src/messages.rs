//! From a log to a handler: which messages are handed over together, in which order, how
//! often, and what a consumer has to remember of that.
//!
//! Pure: no log, no runtime, no clock; positions, sizes and times come in, batches and
//! progress come out. In reading order: the bounds ([`DispatchOptions`]); the
//! [`Dispatcher`], to which messages are offered and which gives out batches; what a batch
//! came to ([`Verdict`]) and what follows from it ([`Settled`]); and [`Progress`], which is
//! committed with all that a batch has brought about, so that each message takes effect
//! once.
//!
//! # Order
//!
//! Messages of one *lane* (one device and key, say) are handed over in their order, and none
//! before those ahead of it are done with: handled, or given up as dead letters. Lanes do not
//! wait for each other. So a message that fails holds up its own lane until its tries are
//! used up, and no other, as long as the window has room.

mod backoff;
mod dispatcher;
mod progress;

pub use backoff::Backoff;
pub use dispatcher::{Dispatcher, Failure, Offered, Settled, Tried, Verdict, Work};
pub use progress::{Progress, ProgressError};

use std::time::Duration;

/// What bounds a dispatcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatchOptions {
    /// Messages in one batch; at least one.
    pub batch_messages_max: usize,
    /// Bytes of one batch, but a single message may have more.
    pub batch_bytes_max: usize,
    /// How long a batch that is not full waits for more.
    pub batch_wait: Duration,
    /// Batches that are handled at one time; at least one.
    pub concurrency_max: usize,
    /// Messages between the first that is not done with and the last that was offered, both
    /// counted; no more are taken. At least one.
    pub window_messages_max: usize,
    /// Bytes of what is in the window, but a single message may have more.
    pub window_bytes_max: usize,
    /// Tries after the first one.
    pub retries_max: u32,
    /// The pauses between tries.
    pub backoff: Backoff,
}

impl Default for DispatchOptions {
    fn default() -> Self {
        DispatchOptions {
            batch_messages_max: 64,
            batch_bytes_max: 1 << 20,
            batch_wait: Duration::ZERO,
            concurrency_max: 4,
            window_messages_max: 1_024,
            window_bytes_max: 8 << 20,
            retries_max: 5,
            backoff: Backoff::default(),
        }
    }
}

#[cfg(test)]
mod tests;
