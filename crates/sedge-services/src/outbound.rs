//! Where outbound requests may go: a pure decision, asked twice.
//!
//! First by name, before anything is resolved ([`Policy::check_request`]); then
//! for each address that the name resolved to, right before it is connected
//! ([`Policy::check_address`]), because a name that is allowed may point
//! anywhere. Every redirect begins at the first question again.

mod address;
mod host;
mod policy;

pub use address::{AddressClass, classify};
pub use host::{Host, HostError};
pub use policy::{Denied, Grant, Policy, PolicyError, Reason};
