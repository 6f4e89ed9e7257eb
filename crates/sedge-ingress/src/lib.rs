//! What starts work on a node.
//!
//! [`http`] is the gateway: from the listening socket to the handler and back.

pub mod http;
