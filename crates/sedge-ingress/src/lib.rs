//! What starts work on a node.
//!
//! [`http`] is the gateway: from the listening socket to the handler and back. [`mqtt`] is where
//! messages come in and go out. [`payload`] reads what devices send, and [`ingest`] is what a
//! request with that asks to be stored. [`messages`] decides which messages a handler is given
//! together, and what becomes of those that fail; [`schedule`] is what is called by the clock.
//! [`traces`] tells a collector what became of requests.

pub mod http;
pub mod ingest;
pub mod messages;
pub mod mqtt;
pub mod payload;
pub mod schedule;
pub mod traces;
