//! TLS, in the order in which it is needed.
//!
//! 1. [`files`]: certificates and keys from PEM files, and what is wrong with
//!    them.
//! 2. [`names`]: which certificate a client is shown.
//! 3. [`TlsServer`]: what one listener serves with, swapped whole when its
//!    files change.
//! 4. `client`: which clients may come in, and who they are.
//! 5. [`hello`]: the first message of a client, read by ourselves.
//! 6. [`ja4`]: its fingerprint.
//! 7. `handshake`: from an accepted socket to an encrypted one, or the
//!    `Reason` why not, which `counters` count.
//! 8. `facts`: what a handshake tells of a client.
//!
//! Beside these, [`acme`] gets a listener's certificate.

pub mod acme;
pub mod files;
pub mod hello;
pub mod ja4;
pub mod names;

pub(crate) mod client;
pub(crate) mod counters;
pub(crate) mod facts;
pub(crate) mod handshake;
mod server;
pub(crate) mod x509;

pub(crate) use client::Client;
pub use client::base64;
pub(crate) use counters::Reason;
pub use server::{Place, Problem, TlsServer};
