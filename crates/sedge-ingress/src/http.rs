//! The HTTP gateway, in the order in which a request travels.
//!
//! 1. [`GatewayOptions`]: every bound, with its default.
//! 2. [`Gateway`]: one listener, one runtime, one accept loop per thread; drain.
//! 3. [`tls`]: certificates, handshakes, and what a handshake tells of a client.
//! 4. `connection`: HTTP/1.1 or [`http2`] on one socket, watched for slow clients.
//! 5. `path`: **the path of one request**, step by step in one file.
//! 6. [`routes`]: which handler answers.
//! 7. [`policy`]: what guards the way of a rule; [`links`]: what may stand before
//!    its end; [`upstream`] and [`files`]: where it may end.
//! 8. `upgrade`: connections that become another protocol's.
//! 9. [`metrics`] and [`access`]: what is known afterwards.

pub mod access;
pub mod files;
pub mod http2;
pub mod links;
pub mod metrics;
pub mod policy;
pub mod routes;
pub mod tls;
pub mod upstream;

mod body;
mod connection;
mod core;
mod date;
mod early;
mod equivalent;
mod exchange;
mod forwarded;
mod gateway;
pub(crate) mod listener;
mod options;
mod path;
mod response;
pub mod rule;
mod socket;
mod stable_pages;
pub(crate) mod upgrade;
mod validate;
mod watch;
mod wire;

pub(crate) use core::pause_after;

pub use access::AccessLog;
pub use gateway::Gateway;
pub use options::GatewayOptions;
pub use routes::{RouteTable, Routes};
pub use stable_pages::StablePages;
