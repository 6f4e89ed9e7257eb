//! `sedge:stream/output` and `sedge:stream/state`: what a handler brings about, gathered in its
//! [`Transaction`].

use super::bindings::sedge::stream::{output, state, types};
use crate::wasi_http::state::State;
use bytes::Bytes;
use sedge_services::streams::{Emitted, Published, StreamError, Transaction};
use wasmtime::Result;

/// Why a call that answers a request may say nothing.
const SILENT: &str = "the function may say nothing here: its manifest grants neither emit nor \
                      publish, or the node keeps no log of messages";

fn told(error: StreamError) -> types::Error {
    match error {
        StreamError::AccessDenied(detail) => types::Error::AccessDenied(detail),
        StreamError::Invalid(detail) => types::Error::Invalid(detail),
        StreamError::TooLarge(detail) => types::Error::TooLarge(detail),
        StreamError::NoHandler => types::Error::NoHandler,
        StreamError::Other(detail) => types::Error::Other(detail),
    }
}

impl State {
    /// Does something in the transaction of the call. One that answers a request has none if
    /// its function was granted nothing to say, or the node keeps no log.
    fn within<T>(
        &mut self,
        act: impl FnOnce(&mut Transaction) -> Result<T, StreamError>,
    ) -> Result<Result<T, types::Error>> {
        Ok(match &mut self.transaction {
            Some(transaction) => act(transaction).map_err(told),
            None => Err(types::Error::AccessDenied(SILENT.to_owned())),
        })
    }
}

impl types::Host for State {}

impl output::Host for State {
    fn emit(
        &mut self,
        topic: String,
        key: Vec<u8>,
        content_type: Option<String>,
        payload: Vec<u8>,
    ) -> Result<Result<(), types::Error>> {
        let (key, payload) = (Bytes::from(key), Bytes::from(payload));
        self.within(|call| call.emit(Emitted { topic, key, content_type, payload }))
    }

    fn publish(
        &mut self,
        topic: String,
        payload: Vec<u8>,
        delivery: output::Delivery,
        retain: bool,
    ) -> Result<Result<(), types::Error>> {
        let published = Published { topic, payload: payload.into(), retain };
        self.within(|call| match delivery {
            output::Delivery::AtOnce => call.publish_at_once(published),
            output::Delivery::Durable => call.publish(published),
        })
    }
}

impl state::Host for State {
    fn get(&mut self, key: String) -> Result<Result<Option<Vec<u8>>, types::Error>> {
        let value = self.within(|call| call.get(&key))?;
        Ok(value.map(|value| value.map(|value| value.to_vec())))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), types::Error>> {
        self.within(|call| call.set(&key, Some(value.into())))
    }

    fn delete(&mut self, key: String) -> Result<Result<(), types::Error>> {
        self.within(|call| call.set(&key, None))
    }
}
