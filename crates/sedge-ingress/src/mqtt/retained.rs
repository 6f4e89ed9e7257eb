//! The last message of each topic whose publisher wanted it kept (MQTT 5.0 §3.3.1.3).

use super::message::Message;
use super::options::MqttOptions;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All retained messages, as a tree of their topics' levels.
#[derive(Default)]
pub(crate) struct Retained {
    root: Node,
    messages: usize,
    bytes: usize,
}

#[derive(Default)]
struct Node {
    children: BTreeMap<Box<str>, Node>,
    message: Option<Arc<Message>>,
}

/// There is no room for one more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Retained {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.messages
    }

    /// Bytes of their topics, payloads and properties.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a message could take its topic's place.
    pub(crate) fn check(&self, message: &Message, options: &MqttOptions) -> Result<(), Full> {
        let old = self.get(&message.topic);
        let messages = self.messages + usize::from(old.is_none());
        let bytes = self.bytes + message.bytes() - old.map_or(0, |old| old.bytes());
        let fits = messages <= options.retained_messages_max && bytes <= options.retained_bytes_max;
        if fits || message.payload.is_empty() { Ok(()) } else { Err(Full) }
    }

    fn get(&self, topic: &str) -> Option<&Arc<Message>> {
        let mut node = &self.root;
        for level in topic.split('/') {
            node = node.children.get(level)?;
        }
        node.message.as_ref()
    }

    /// Lets a message take its topic's place; one without a payload leaves it empty.
    pub(crate) fn set(&mut self, message: &Arc<Message>) {
        if message.payload.is_empty() {
            return self.remove(&message.topic);
        }
        let mut node = &mut self.root;
        for level in message.topic.split('/') {
            node = node.children.entry(level.into()).or_default();
        }
        self.bytes += message.bytes();
        match node.message.replace(Arc::clone(message)) {
            Some(old) => self.bytes -= old.bytes(),
            None => self.messages += 1,
        }
    }

    fn remove(&mut self, topic: &str) {
        let levels: Vec<&str> = topic.split('/').collect();
        if let Some(old) = remove(&mut self.root, &levels) {
            self.messages -= 1;
            self.bytes -= old.bytes();
        }
    }

    /// Tells of the messages that a filter matches, until told to stop by `false`.
    pub(crate) fn find<'a>(
        &'a self,
        filter: &str,
        mut found: impl FnMut(&'a Arc<Message>) -> bool,
    ) {
        find(&self.root, Some(filter), true, &mut found);
    }

    /// Lets go of those whose time is over; gives how many.
    pub(crate) fn expire(&mut self, now_ms: u64) -> usize {
        let mut over = Vec::new();
        self.find("#", |message| {
            if message.is_expired(now_ms) {
                over.push(Arc::clone(&message.topic));
            }
            true
        });
        over.iter().for_each(|topic| self.remove(topic));
        over.len()
    }
}

/// `is_first`: a wildcard does not stand for a level that begins with `$` here.
fn find<'a>(
    node: &'a Node,
    filter: Option<&str>,
    is_first: bool,
    found: &mut impl FnMut(&'a Arc<Message>) -> bool,
) -> bool {
    let Some(filter) = filter else { return node.message.as_ref().is_none_or(found) };
    let (level, left) = match filter.split_once('/') {
        Some((level, left)) => (level, Some(left)),
        None => (filter, None),
    };
    let mut children =
        node.children.iter().filter(|(name, _)| !(is_first && name.starts_with('$')));
    match level {
        "#" => {
            node.message.as_ref().is_none_or(&mut *found)
                && children.all(|(_, child)| find(child, Some("#"), false, found))
        }
        "+" => children.all(|(_, child)| {
            // `+/#` is for the level itself, too.
            find(child, left, false, found)
        }),
        _ => node.children.get(level).is_none_or(|child| find(child, left, false, found)),
    }
}

fn remove(node: &mut Node, levels: &[&str]) -> Option<Arc<Message>> {
    let Some((level, left)) = levels.split_first() else { return node.message.take() };
    let child = node.children.get_mut(*level)?;
    let removed = remove(child, left);
    if child.message.is_none() && child.children.is_empty() {
        node.children.remove(*level);
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use sedge_model::topic::matches;

    fn message(topic: &str, payload: &'static str, expires_ms: Option<u64>) -> Arc<Message> {
        Arc::new(Message {
            topic: topic.into(),
            payload: Bytes::from_static(payload.as_bytes()),
            qos: 0,
            retain: true,
            received_ms: 0,
            expires_ms,
            publisher: "p".into(),
            properties: None,
        })
    }

    fn topics(retained: &Retained, filter: &str) -> Vec<String> {
        let mut topics = Vec::new();
        retained.find(filter, |message| {
            topics.push(message.topic.to_string());
            true
        });
        topics.sort_unstable();
        topics
    }

    #[test]
    fn one_more_than_allowed_is_refused_but_a_change_is_not() {
        let options = MqttOptions {
            retained_messages_max: 2,
            retained_bytes_max: 10,
            ..MqttOptions::default()
        };
        let mut retained = Retained::default();
        retained.set(&message("a", "1", None));
        assert_eq!(retained.check(&message("b", "12345678", None), &options), Err(Full));
        assert_eq!(retained.check(&message("b", "1234567", None), &options), Ok(()));
        retained.set(&message("b", "1", None));
        assert_eq!(retained.check(&message("c", "1", None), &options), Err(Full));
        assert_eq!(retained.check(&message("c", "", None), &options), Ok(()));
        assert_eq!(retained.check(&message("b", "1234567", None), &options), Ok(()));
        assert_eq!((retained.len(), retained.bytes()), (2, 4));
    }

    #[test]
    fn an_empty_payload_and_time_end_it() {
        let mut retained = Retained::default();
        retained.set(&message("a/b", "1", None));
        retained.set(&message("a", "1", Some(10)));
        retained.set(&message("a/b", "", None));
        assert_eq!(topics(&retained, "#"), ["a"]);
        assert_eq!(retained.expire(9), 0);
        assert_eq!(retained.expire(10), 1);
        assert_eq!((retained.len(), retained.bytes()), (0, 0));
        assert!(retained.root.children.is_empty());
    }

    proptest! {
        #[test]
        fn a_filter_finds_what_a_look_at_every_topic_finds(
            stored in prop::collection::btree_set("[ab$]?(/[ab]?){0,3}", 0..30),
            filter in "([ab]?|\\+)(/([ab]?|\\+)){0,3}(/#)?",
        ) {
            let mut retained = Retained::default();
            let stored: Vec<String> = stored.into_iter().filter(|topic| !topic.is_empty()).collect();
            stored.iter().for_each(|topic| retained.set(&message(topic, "x", None)));
            let expected: Vec<String> =
                stored.into_iter().filter(|topic| matches(&filter, topic)).collect();
            prop_assert_eq!(topics(&retained, &filter), expected);
        }
    }
}
