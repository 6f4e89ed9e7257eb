//! Records in, and the clock: `sedge:stream` 0.1.

use super::bindings::exports::sedge::stream::handler::{self, Failure, Message, Outcome};
use super::bindings::exports::sedge::stream::schedule;
use super::node::{Kv, Node, emit, failed};
use super::{Analytics, now_ms, settings};
use crate::consumer::Consumer;
use crate::host::HostError;
use crate::person;
use crate::record::{MEDIA_TYPE, Record, What};
use std::cell::RefCell;

thread_local! {
    /// What an instance that is kept remembers.
    static CONSUMER: RefCell<Consumer> = RefCell::default();
}

impl handler::Guest for Analytics {
    fn handle(batch: Vec<Message>) -> Outcome {
        let payloads: Vec<&[u8]> = batch.iter().map(|message| &message.payload[..]).collect();
        let taken = match settings() {
            // The operator may set them right before the last try.
            Err(reason) => Err(HostError { reason, permanent: false }),
            Ok(settings) => CONSUMER.with_borrow_mut(|consumer| {
                consumer.take(&mut Node::new(settings), settings, &payloads)
            }),
        };
        match taken {
            Ok(()) => Outcome::Handled,
            // None of it counts, whichever is named.
            Err(HostError { reason, permanent }) => {
                Outcome::Failed(vec![Failure { index: 0, reason, permanent }])
            }
        }
    }
}

/// Whatever its schedules are called, it says that time has passed, and forgets old salts.
impl schedule::Guest for Analytics {
    fn run(_tick: schedule::Tick) -> Result<(), String> {
        let settings = settings()?;
        let clock_ms = now_ms();
        let record = Record { clock_ms, what: What::Minute }.to_bytes();
        emit(&settings.records, MEDIA_TYPE, &record).map_err(|error| failed(error).reason)?;
        let forgotten = Kv::open(settings).and_then(|kv| person::forget(&kv, clock_ms));
        forgotten.map_err(|error| format!("old salts cannot be forgotten: {}", error.0))
    }
}
