//! The handler before an origin.
//!
//! 1. [`handler`]: **the way of a request**: passed, answered, or fetched for.
//! 2. [`cache`]: what all links of a node share; [`object`] is what it holds,
//!    [`disk`] what lies below it, and [`load`] joins both.
//! 3. [`flights`]: one fetch, and all that wait for it.
//! 4. [`fly`]: a fetch, for one or for all that wait; [`fetch`], its question and what
//!    the answer is to the store; [`arriving`], a response that is stored while it
//!    arrives.
//! 5. [`purging`]: what an operator, or an origin, has taken out by its name; and
//!    [`steer`], what an operator is shown.
//! 6. [`answer`]: the answer of one request, from what is stored or arrives; its body
//!    is [`content`]. [`pass`]: requests that a cache only looks after.
//! 7. [`scope`]: for those who put in and take out by themselves; [`fill`], when many
//!    want what one of them makes.
//!
//! What needs tasks, threads and time is handed in ([`runtime`]).

mod answer;
mod arriving;
mod asked;
mod cache;
mod content;
mod disk;
mod fetch;
mod fill;
mod flights;
mod fly;
mod handler;
mod load;
mod metrics;
mod object;
mod pass;
mod purging;
mod runtime;
mod scope;
mod steer;

pub use cache::{Cache, CacheFigures, CacheOptions};
pub use fill::{Fill, Filled};
pub use handler::{CacheHandler, LinkSettings};
pub use metrics::CacheMetrics;
pub use purging::{KeepPurges, NotKept, Purging};
pub use runtime::{Blocking, Runtime, Task};
pub use scope::{BadUrl, Lifetime, NotPut, Scope, Stored, URL_BYTES_MAX};
pub use steer::{Listed, Shown};

#[cfg(test)]
mod tests;
