//! Harness for black-box scenarios: the real binary, real sockets, real guests.
//!
//! In reading order: [`Scenario`] says what a node serves, [`Node`] is the
//! running process, [`client`] talks to it byte by byte, [`h2`] frame by frame,
//! [`metrics`] reads what it counted, [`collector`] takes its traces, [`origin`] and
//! [`tls_origin`] are servers for functions to call,
//! [`backends`] are real servers to stand behind a node,
//! [`neighbor`] measures what a bystander feels, [`tls`] signs certificates,
//! [`handshake`] looks which of them are shown,
//! [`pebble`] is an authority that speaks ACME, [`nginx`] is a server that may be killed,
//! and [`websockets`] are ends of another vendor.
//! [`guests`] finds what was built, `code` keeps what was compiled, [`mmdb`] writes databases of addresses, and
//! [`artifacts`] makes what nobody would build.

pub mod artifacts;
pub mod backends;
pub mod client;
mod code;
pub mod collector;
pub mod envoy;
pub mod guests;
pub mod h2;
pub mod handshake;
pub mod metrics;
pub mod mmdb;
pub mod mqtt;
pub mod neighbor;
pub mod nginx;
mod node;
pub mod origin;
pub mod pebble;
mod process;
pub mod tls;
pub mod tls_origin;
pub mod websockets;

pub use node::{Node, Scenario, Truth, wait_for};

include!(concat!(env!("OUT_DIR"), "/hostile.rs"));
