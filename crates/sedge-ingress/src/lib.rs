//! What starts work on a node.
//!
//! [`http`] is the gateway: from the listening socket to the handler and back. [`payload`] reads
//! what devices send; nothing calls it yet. [`traces`] tells a collector what became of requests.

pub mod http;
pub mod payload;
pub mod traces;
