//! Events in, and the clock: `sedge:stream` 0.1.

use super::node::{self, Node, State, bindings};
use super::{Component, configured};
use crate::results::{self, Message};
use bindings::exports::sedge::stream::{handler, schedule};

bindings::export!(Component with_types_in bindings);

impl handler::Guest for Component {
    fn handle(batch: Vec<handler::Message>) -> handler::Outcome {
        let failure = |index: usize, reason: String, permanent| handler::Failure {
            // A batch has far fewer messages.
            index: index as u32,
            reason,
            permanent,
        };
        let configured = match configured() {
            Ok(configured) => configured,
            // Settings may be mended before the next try.
            Err(reason) => {
                let all = (0..batch.len()).map(|index| failure(index, reason.clone(), false));
                return handler::Outcome::Failed(all.collect());
            }
        };
        let settings = configured.settings;
        let mut node = Node::new(settings);
        let flags = configured.flags(&mut node);
        let messages: Vec<Message<'_>> = batch
            .iter()
            .map(|message| Message { topic: &message.topic, payload: &message.payload })
            .collect();
        let definitions = flags.as_deref().map(|flags| &flags.definitions);
        let handled = results::handle(
            settings,
            &configured.keys,
            definitions,
            &mut State,
            &messages,
            node.now_ms,
        );
        match handled {
            Ok(reports) => {
                node::publish(settings, &reports);
                handler::Outcome::Handled
            }
            Err(failures) => handler::Outcome::Failed(
                failures
                    .into_iter()
                    .map(|one| failure(one.index, one.reason, one.is_permanent))
                    .collect(),
            ),
        }
    }
}

/// Whatever its schedules are called, it writes what is due and forgets what is over.
impl schedule::Guest for Component {
    fn run(_: schedule::Tick) -> Result<(), String> {
        let configured = configured()?;
        let settings = configured.settings;
        let mut node = Node::new(settings);
        let flags = configured.flags(&mut node);
        let definitions = flags.as_deref().map(|flags| &flags.definitions);
        let reports = results::look(settings, definitions, &mut State, node.now_ms)?;
        node::publish(settings, &reports);
        Ok(())
    }
}
