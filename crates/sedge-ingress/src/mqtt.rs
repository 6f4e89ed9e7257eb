//! The MQTT front, in the order in which a message travels.
//!
//! 1. [`MqttOptions`]: every bound, with its default.
//! 2. [`MqttGateway`]: listeners and threads; how they stop.
//! 3. `connection`: from the accepted socket to a client that is let in by [`auth`], and what
//!    it says, packet by packet. `codec` reads and writes packets.
//! 4. [`Broker`]: what connections share. `trie` finds subscriptions, `retained` messages.
//! 5. [`journal`]: what must be durable before it is acknowledged, and what survives.
//! 6. `session`: what a client is owed, and how it is delivered.
//! 7. [`metrics`]: what is known afterwards.

pub mod auth;
pub mod journal;
pub mod metrics;

mod broker;
mod codec;
mod connection;
mod gateway;
mod message;
mod options;
mod retained;
mod session;
mod topic;
mod trie;

pub use broker::Broker;
pub use codec::read_packets;
pub use gateway::MqttGateway;
pub use message::{Message, MessageProperties};
pub use options::{MqttListener, MqttOptions, Transport};
pub use topic::TopicError;
