//! Handles messages by doing what they say, for tests of triggers; what it has seen of each
//! device it counts, in its state.
//!
//! The payload is a word and what belongs to it, separated by a space:
//!
//! | payload | what happens |
//! |---|---|
//! | `count` | the count of the device is emitted to `tally/DEVICE` |
//! | `all` | the count of all devices is emitted to `tally/all` |
//! | `append TEXT` | the text is appended to what was appended before, and all of it emitted |
//! | `say TOPIC` | `ON` is published to the topic when all is well |
//! | `shout TOPIC` | the same at once |
//! | `fail`, `never` | the message fails, for now or for good |
//! | `trap`, `spin`, `grow` | the function breaks |
//! | `flood` | more is emitted than may be |
//! | `forbidden` | something is done that is not granted, and the error emitted |
//!
//! With `TALLY_ECHO` in its environment, it does nothing of this: it publishes each message to
//! `TALLY_ECHO/TOPIC`, as it is, so that what lies in the log can be seen by MQTT.

use bindings::exports::sedge::stream::{handler, schedule};
use bindings::sedge::stream::{output, state, types};
use handler::{Failure, Outcome};
use types::Message;

/// Bindings to what is exported and imported.
#[allow(missing_docs)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package sedge:tally;
            world tally {
                import sedge:%stream/output@0.1.0;
                import sedge:%stream/state@0.1.0;
                export sedge:%stream/handler@0.1.0;
                export sedge:%stream/schedule@0.1.0;
            }
        ",
        generate_all,
    });
}

struct Tally;

bindings::export!(Tally with_types_in bindings);

impl handler::Guest for Tally {
    fn handle(batch: Vec<Message>) -> Outcome {
        if let Ok(echo) = std::env::var("TALLY_ECHO") {
            for message in &batch {
                let topic = format!("{echo}/{}", message.topic);
                let echoed =
                    output::publish(&topic, &message.payload, output::Delivery::Durable, false);
                if let Err(error) = echoed {
                    panic!("{topic}: {error:?}");
                }
            }
            return Outcome::Handled;
        }
        let mut failures: Vec<Failure> = Vec::new();
        for (index, message) in batch.iter().enumerate() {
            if let Err((reason, permanent)) = one(message) {
                failures.push(Failure { index: index as u32, reason, permanent });
            }
        }
        if failures.is_empty() { Outcome::Handled } else { Outcome::Failed(failures) }
    }
}

impl schedule::Guest for Tally {
    fn run(tick: schedule::Tick) -> Result<(), String> {
        let count = count(&format!("tick {}", tick.name)).map_err(shown)?;
        let text = format!("{} {count} {} {}", tick.name, tick.due_ms, tick.missed);
        emit("tally/ticks", &text).map_err(shown)?;
        if tick.name == "fails" { Err("it shall fail".to_owned()) } else { Ok(()) }
    }
}

/// Why a message failed, and whether for good.
type Failed = (String, bool);

fn one(message: &Message) -> Result<(), Failed> {
    let text = String::from_utf8_lossy(&message.payload).into_owned();
    let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let told = |error: types::Error| (shown(error), true);
    let topic = format!("tally/{}", message.device);
    match word {
        "count" => {
            let count = count(&format!("of {}", message.device)).map_err(told)?;
            emit(&topic, &count.to_string()).map_err(told)
        }
        "all" => {
            let count = count("of all").map_err(told)?;
            emit("tally/all", &count.to_string()).map_err(told)
        }
        "append" => {
            let key = format!("all of {}", message.device);
            let mut all = state::get(&key).map_err(told)?.unwrap_or_default();
            all.extend_from_slice(rest.as_bytes());
            state::set(&key, &all).map_err(told)?;
            emit(&topic, &String::from_utf8_lossy(&all)).map_err(told)
        }
        "say" => output::publish(rest, b"ON", output::Delivery::Durable, false).map_err(told),
        "shout" => output::publish(rest, b"ON", output::Delivery::AtOnce, false).map_err(told),
        "fail" => Err(("it shall fail".to_owned(), false)),
        "never" => Err(("it shall never do".to_owned(), true)),
        "trap" => panic!("it shall trap"),
        "spin" => loop {
            std::hint::black_box(word);
        },
        "grow" => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            loop {
                all.push(vec![1; 1 << 20]);
                std::hint::black_box(&all);
            }
        }
        "flood" => loop {
            emit(&topic, "again").map_err(told)?;
        },
        "forbidden" => {
            let errors = [
                output::emit("elsewhere", &[], None, b"").err(),
                output::publish("elsewhere", b"", output::Delivery::AtOnce, false).err(),
                output::emit("tally/+", &[], None, b"").err(),
                state::set("$sedge", b"").err(),
            ];
            let told: Vec<_> = errors.into_iter().map(|error| error.map(shown)).collect();
            emit(&topic, &format!("{told:?}")).map_err(|error| (shown(error), true))
        }
        _ => Err((format!("{word:?} is no word of mine"), true)),
    }
}

/// Adds one to a number in the state.
fn count(key: &str) -> Result<u64, types::Error> {
    let before = state::get(key)?.and_then(|bytes| bytes.try_into().ok());
    let count = before.map_or(0, u64::from_le_bytes) + 1;
    state::set(key, &count.to_le_bytes())?;
    Ok(count)
}

fn emit(topic: &str, text: &str) -> Result<(), types::Error> {
    output::emit(topic, &[], Some("text/plain"), text.as_bytes())
}

fn shown(error: types::Error) -> String {
    format!("{error:?}")
}
