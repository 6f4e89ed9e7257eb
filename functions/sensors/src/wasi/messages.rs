//! Messages in, and the clock: `sedge:stream` 0.1, and the node behind [`Host`].

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use bindings::exports::sedge::stream::handler::{self, Guest, Outcome};
use bindings::exports::sedge::stream::schedule;
use bindings::sedge::stream::{output, state, types};

use super::{Sensors, webhook};
use crate::watch::call::Request;
use crate::watch::config::{Config, RULES_VARIABLE, WATCH_VARIABLE};
use crate::watch::handler::Watch;
use crate::watch::host::{Delivery, Host, HostError, Message};

/// Bindings to what a consumer of messages exports and imports.
#[allow(missing_docs)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package sedge:sensors;
            world sensors {
                import sedge:%stream/output@0.1.0;
                import sedge:%stream/state@0.1.0;
                export sedge:%stream/handler@0.1.0;
                export sedge:%stream/schedule@0.1.0;
            }
        ",
        generate_all,
    });
}

bindings::export!(Sensors with_types_in bindings);

thread_local! {
    /// What an instance that is kept remembers. The settings cannot change while it lives.
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// The settings for messages.
pub(super) fn config() -> Result<Config, Vec<String>> {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    Config::parse(&variable(WATCH_VARIABLE), &variable(RULES_VARIABLE))
}

impl Guest for Sensors {
    fn handle(batch: Vec<handler::Message>) -> Outcome {
        let batch: Vec<Message> = batch
            .into_iter()
            .map(|message| Message {
                position: message.position,
                topic: message.topic,
                device: message.device,
                time_ms: message.time_ms,
                content_type: message.content_type,
                payload: message.payload,
            })
            .collect();
        let failures = WATCH.with_borrow_mut(|watch| {
            watch.get_or_insert_with(|| Watch::new(config())).handle(&mut Node, &batch)
        });
        if failures.is_empty() {
            return Outcome::Handled;
        }
        let failure = |failure: crate::watch::handler::Failure| handler::Failure {
            // A batch has far fewer messages.
            index: failure.index as u32,
            reason: failure.reason,
            permanent: failure.permanent,
        };
        Outcome::Failed(failures.into_iter().map(failure).collect())
    }
}

/// Whatever its schedules are called, it looks after sensors that say nothing.
impl schedule::Guest for Sensors {
    fn run(tick: schedule::Tick) -> Result<(), String> {
        WATCH.with_borrow_mut(|watch| {
            let watch = watch.get_or_insert_with(|| Watch::new(config()));
            watch.look(&mut Node, tick.missed > 0)
        })
    }
}

struct Node;

impl Host for Node {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        state::get(key).map_err(error)
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        state::set(key, value).map_err(error)
    }

    fn emit(
        &mut self,
        topic: &str,
        key: &str,
        content_type: &str,
        payload: &[u8],
    ) -> Result<(), HostError> {
        output::emit(topic, key.as_bytes(), Some(content_type), payload).map_err(error)
    }

    fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        delivery: Delivery,
        retain: bool,
    ) -> Result<(), HostError> {
        let delivery = match delivery {
            Delivery::AtOnce => output::Delivery::AtOnce,
            Delivery::Durable => output::Delivery::Durable,
        };
        output::publish(topic, payload, delivery, retain).map_err(error)
    }

    fn call(&mut self, request: &Request<'_>) -> Result<(), HostError> {
        webhook::post(request)
    }

    fn now_ms(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_millis() as u64
    }

    fn log(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

/// What the node refuses may be granted before the next try; what cannot be never can.
fn error(error: types::Error) -> HostError {
    let (reason, permanent) = match error {
        types::Error::AccessDenied(what) => {
            (format!("the manifest does not grant it: {what}"), false)
        }
        types::Error::Invalid(what) => (format!("the node finds it invalid: {what}"), true),
        types::Error::TooLarge(what) => (format!("the node finds it too large: {what}"), false),
        types::Error::NoHandler => ("the node finds no handler".to_owned(), false),
        types::Error::Other(what) => (format!("the node failed: {what}"), false),
    };
    HostError { reason, permanent }
}
