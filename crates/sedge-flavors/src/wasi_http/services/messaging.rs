//! `wasi:messaging`: the standard's messages, sent as `sedge:stream/output` does.

use super::bindings::wasi::messaging::{producer, types};
use crate::wasi_http::state::State;
use bytes::Bytes;
use sedge_model::failure::{Failure, Kind};
use sedge_services::streams::{CALL_BYTES_MAX, Emitted, Message, Published, StreamError};
use wasmtime::Result;
use wasmtime::component::Resource;

/// Bytes of what is told of a message besides its data, and how many things.
const METADATA_BYTES_MAX: usize = 64 << 10;
const METADATA_MAX: usize = 128;
/// Bytes of the messages that a guest has in its hands, which lie in the node's memory and not
/// in its own. Far more than it may send in one call, so that one that is too large is an error
/// of sending, which it can read.
const HELD_BYTES_MAX: usize = 8 * CALL_BYTES_MAX;

/// Where messages are sent. Public because the generated bindings re-export it, in a module
/// that is not.
#[derive(Clone, Copy, Debug)]
#[expect(unreachable_pub, reason = "re-exported by generated code")]
pub enum Client {
    Log,
    Mqtt,
    MqttAtOnce,
}

/// A message in the guest's hands.
#[derive(Debug, Default)]
#[expect(unreachable_pub, reason = "re-exported by generated code")]
pub struct Letter {
    topic: Option<String>,
    content_type: Option<String>,
    data: Bytes,
    /// Whether the data is the node's own, which it has in memory anyway.
    lent: bool,
    metadata: Vec<(String, String)>,
}

impl Letter {
    /// A message of the log.
    pub(in crate::wasi_http) fn of(message: &Message) -> Self {
        let numbers = [
            ("epoch", message.epoch),
            ("sequence", message.sequence),
            ("position", message.position),
            ("time-ms", message.time_ms),
        ];
        let numbers = numbers.map(|(name, number)| (name.to_owned(), number.to_string()));
        let key = str::from_utf8(&message.key).ok().filter(|key| !key.is_empty());
        let device = ("device".to_owned(), message.device.clone());
        let key = key.map(|key| ("key".to_owned(), key.to_owned()));
        Letter {
            topic: Some(message.topic.clone()),
            content_type: message.content_type.clone(),
            data: message.payload.clone(),
            lent: true,
            metadata: std::iter::once(device).chain(numbers).chain(key).collect(),
        }
    }

    fn told(&self, name: &str) -> Option<&str> {
        self.metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn metadata_bytes(&self) -> usize {
        self.metadata.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// What it costs the node that the guest has it.
    fn held_bytes(&self) -> usize {
        let data = if self.lent { 0 } else { self.data.len() };
        data + self.content_type.as_ref().map_or(0, String::len) + self.metadata_bytes()
    }
}

fn told(error: StreamError) -> types::Error {
    match error {
        StreamError::AccessDenied(detail) => types::Error::PermissionDenied(detail),
        StreamError::Invalid(detail) | StreamError::TooLarge(detail) => types::Error::Other(detail),
        StreamError::NoHandler => types::Error::Other(error.to_string()),
        StreamError::Other(detail) => types::Error::Connection(detail),
    }
}

impl State {
    fn letter(&self, message: &Resource<Letter>) -> Result<&Letter> {
        Ok(self.table.get(message)?)
    }

    /// Gives a message into the guest's hands.
    pub(in crate::wasi_http) fn hand_over(&mut self, letter: Letter) -> Result<Resource<Letter>> {
        self.letters_bytes += letter.held_bytes();
        self.check_letters()?;
        Ok(self.table.push(letter)?)
    }

    /// Takes a message out of the guest's hands.
    fn take_back(&mut self, message: Resource<Letter>) -> Result<Letter> {
        let letter = self.table.delete(message)?;
        self.letters_bytes -= letter.held_bytes();
        Ok(letter)
    }

    /// Changes a message, and traps if it, or all of them together, is more than may be.
    fn change(
        &mut self,
        message: &Resource<Letter>,
        change: impl FnOnce(&mut Letter),
    ) -> Result<()> {
        let letter = self.table.get_mut(message)?;
        let before = letter.held_bytes();
        change(letter);
        let (after, metadata_bytes) = (letter.held_bytes(), letter.metadata_bytes());
        let is_bounded =
            letter.metadata.len() <= METADATA_MAX && metadata_bytes <= METADATA_BYTES_MAX;
        self.letters_bytes = self.letters_bytes - before + after;
        if !is_bounded {
            return Err(wasmtime::Error::msg("the metadata of a message is larger than it may be"));
        }
        self.check_letters()
    }

    fn check_letters(&self) -> Result<()> {
        if self.letters_bytes <= HELD_BYTES_MAX {
            return Ok(());
        }
        let detail = format!("the guest holds messages of more than {HELD_BYTES_MAX} bytes");
        Err(Failure::new(Kind::ResourceLimit, detail).into())
    }
}

impl types::Host for State {}

impl types::HostClient for State {
    fn connect(&mut self, name: String) -> Result<Result<Resource<Client>, types::Error>> {
        let client = match name.as_str() {
            "log" | "default" | "" => Client::Log,
            "mqtt" => Client::Mqtt,
            "mqtt-at-once" => Client::MqttAtOnce,
            _ => {
                let detail = "there are the clients `log`, `mqtt` and `mqtt-at-once`".to_owned();
                return Ok(Err(types::Error::Connection(detail)));
            }
        };
        Ok(Ok(self.table.push(client)?))
    }

    fn disconnect(&mut self, _: Resource<Client>) -> Result<Result<(), types::Error>> {
        Ok(Ok(()))
    }

    fn drop(&mut self, client: Resource<Client>) -> Result<()> {
        self.table.delete(client)?;
        Ok(())
    }
}

impl types::HostMessage for State {
    fn new(&mut self, data: Vec<u8>) -> Result<Resource<Letter>> {
        self.hand_over(Letter { data: data.into(), ..Letter::default() })
    }

    fn topic(&mut self, message: Resource<Letter>) -> Result<Option<String>> {
        Ok(self.letter(&message)?.topic.clone())
    }

    fn content_type(&mut self, message: Resource<Letter>) -> Result<Option<String>> {
        Ok(self.letter(&message)?.content_type.clone())
    }

    fn set_content_type(&mut self, message: Resource<Letter>, content_type: String) -> Result<()> {
        self.change(&message, |letter| letter.content_type = Some(content_type))
    }

    fn data(&mut self, message: Resource<Letter>) -> Result<Vec<u8>> {
        Ok(self.letter(&message)?.data.to_vec())
    }

    fn set_data(&mut self, message: Resource<Letter>, data: Vec<u8>) -> Result<()> {
        self.change(&message, |letter| (letter.data, letter.lent) = (data.into(), false))
    }

    fn metadata(&mut self, message: Resource<Letter>) -> Result<Option<Vec<(String, String)>>> {
        let metadata = self.letter(&message)?.metadata.clone();
        Ok((!metadata.is_empty()).then_some(metadata))
    }

    fn add_metadata(
        &mut self,
        message: Resource<Letter>,
        key: String,
        value: String,
    ) -> Result<()> {
        self.change(&message, |letter| {
            letter.metadata.retain(|(known, _)| *known != key);
            letter.metadata.push((key, value));
        })
    }

    fn set_metadata(
        &mut self,
        message: Resource<Letter>,
        metadata: Vec<(String, String)>,
    ) -> Result<()> {
        self.change(&message, |letter| letter.metadata = metadata)
    }

    fn remove_metadata(&mut self, message: Resource<Letter>, key: String) -> Result<()> {
        self.change(&message, |letter| letter.metadata.retain(|(known, _)| *known != key))
    }

    fn drop(&mut self, message: Resource<Letter>) -> Result<()> {
        self.take_back(message)?;
        Ok(())
    }
}

impl producer::Host for State {
    fn send(
        &mut self,
        client: Resource<Client>,
        topic: String,
        message: Resource<Letter>,
    ) -> Result<Result<(), types::Error>> {
        let client = *self.table.get(&client)?;
        let letter = self.take_back(message)?;
        let retain = letter.told("retain") == Some("true");
        let key = Bytes::copy_from_slice(letter.told("key").unwrap_or_default().as_bytes());
        let Letter { content_type, data: payload, .. } = letter;
        let Some(call) = &mut self.transaction else {
            let detail = "messages are sent by a handler of messages or of a schedule".to_owned();
            return Ok(Err(types::Error::Other(detail)));
        };
        let sent = match client {
            Client::Log => call.emit(Emitted { topic, key, content_type, payload }),
            Client::Mqtt => call.publish(Published { topic, payload, retain }),
            Client::MqttAtOnce => call.publish_at_once(Published { topic, payload, retain }),
        };
        Ok(sent.map_err(told))
    }
}
