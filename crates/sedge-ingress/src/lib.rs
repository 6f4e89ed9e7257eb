//! What starts work on a node.
//!
//! [`http`] is the gateway: from the listening socket to the handler and back. [`mqtt`] is where
//! messages come in and go out. [`traces`] tells a collector what became of requests.

pub mod http;
pub mod mqtt;
pub mod traces;
