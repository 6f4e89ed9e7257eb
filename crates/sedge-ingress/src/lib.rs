//! What starts work on a node.
//!
//! [`http`] is the gateway: from the listening socket to the handler and back. [`mqtt`] is where
//! messages come in and go out. [`payload`] reads what devices send, and [`ingest`] is what a
//! request with that asks to be stored; nothing calls these two yet. [`messages`] decides which
//! of them a handler is given together, and what becomes of those that fail. [`traces`] tells a collector
//! what became of requests.

pub mod http;
pub mod ingest;
pub mod messages;
pub mod mqtt;
pub mod payload;
pub mod traces;
