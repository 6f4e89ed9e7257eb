//! The HTTP gateway, in the order in which a request travels.
//!
//! 1. [`GatewayOptions`]: every bound, with its default.
//! 2. [`Gateway`]: one listener, one runtime, one accept loop per thread; drain.
//! 3. `connection`: HTTP/1.1 or HTTP/2 on one socket, watched for slow clients.
//! 4. `path`: **the path of one request**, step by step in one file.
//! 5. [`routes`]: which handler answers.
//! 6. [`metrics`] and [`access`]: what is known afterwards.

pub mod access;
pub mod metrics;
pub mod routes;

mod body;
mod connection;
mod core;
mod exchange;
mod gateway;
mod listener;
mod options;
mod path;
mod random;
mod response;
mod socket;
mod validate;
mod watch;

pub use access::AccessLog;
pub use gateway::Gateway;
pub use options::GatewayOptions;
pub use routes::{RouteTable, Routes};
