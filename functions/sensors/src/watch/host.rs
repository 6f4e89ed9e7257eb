//! What the handler asks of the node, as a trait: the node behind it in `wasi`, a fake one in
//! tests.

use super::call::Request;

/// A message, as it lies in the node's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its place in the log.
    pub position: u64,
    /// Its topic.
    pub topic: String,
    /// Who said it.
    pub device: String,
    /// When, milliseconds since 1970.
    pub time_ms: u64,
    /// The media type of its payload, if it is known.
    pub content_type: Option<String>,
    /// What was said.
    pub payload: Vec<u8>,
}

/// How a message is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// At once, and perhaps again when the batch is tried again.
    AtOnce,
    /// When the batch was handled and that is on the disk.
    Durable,
}

/// Why the node did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// For people.
    pub reason: String,
    /// Whether trying again makes no sense.
    pub permanent: bool,
}

/// The node.
pub trait Host {
    /// What was kept under a key.
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError>;
    /// Keeps it.
    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError>;
    /// Appends to a topic of the log.
    fn emit(
        &mut self,
        topic: &str,
        key: &str,
        content_type: &str,
        payload: &[u8],
    ) -> Result<(), HostError>;
    /// Publishes to clients of MQTT.
    fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        delivery: Delivery,
        retain: bool,
    ) -> Result<(), HostError>;
    /// Posts to a webhook; says what was wrong with the answer.
    fn call(&mut self, request: &Request<'_>) -> Result<(), HostError>;
    /// Milliseconds since 1970 by the node's clock.
    fn now_ms(&mut self) -> u64;
    /// A line for the operator.
    fn log(&mut self, line: &str);
}
