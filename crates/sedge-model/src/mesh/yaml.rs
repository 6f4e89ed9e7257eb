//! YAML 1.2 with the place of every value. Bounded: depth, values and bytes;
//! what is written twice, tagged or merged by alias is a mistake, because
//! Kubernetes would read it differently or not at all.

use super::Found;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::ops::Range;

/// Lists and maps within each other.
const DEPTH_MAX: usize = 64;
/// Values of one file.
const NODES_MAX: usize = 200_000;

/// One value and where it stands, in bytes of the text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) content: Content,
}

/// What a value is, by the core schema (YAML 1.2.2 §10.3).
#[derive(Clone, Debug)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Node,
}

impl Node {
    /// What a person calls the type.
    pub(super) fn noun(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "a boolean",
            Content::Int(_) => "an integer",
            Content::Float(_) => "a number",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// The value of a key, if this is a map.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let Content::Map(entries) = &self.content else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

/// Every document of a text, and what is wrong with its form. After an error of
/// syntax the rest of the text is not read.
pub(super) fn documents(text: &str) -> (Vec<Node>, Vec<Found>) {
    let mut builder =
        Builder { text, places: Places::new(text), open: Vec::new(), nodes: 0, found: Vec::new() };
    let mut documents = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                let at = builder.places.byte(error.marker().index());
                builder.mistake(
                    at..at + 1,
                    error.info().to_owned(),
                    Some("indent with spaces, two for each level".to_owned()),
                );
                break;
            }
        };
        match builder.take(event, span) {
            Ok(Some(document)) => documents.push(document),
            Ok(None) => {}
            Err(Stop) => break,
        }
    }
    (documents, builder.found)
}

/// The file is not read further.
struct Stop;

/// A list or a map that has begun.
struct Open {
    start: usize,
    node: Content,
    /// The key whose value comes next, in a map.
    key: Option<(String, Range<usize>)>,
}

struct Builder<'t> {
    text: &'t str,
    places: Places<'t>,
    open: Vec<Open>,
    nodes: usize,
    found: Vec<Found>,
}

impl Builder<'_> {
    fn mistake(&mut self, span: Range<usize>, message: String, hint: Option<String>) {
        self.found.push(Found { span, message, hint });
    }

    /// Takes one event; returns a document that it completes.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, Stop> {
        let at = self.places.byte(span.start.index())..self.places.byte(span.end.index());
        match event {
            Event::Scalar(text, style, _, tag) => {
                if tag.is_some() {
                    self.mistake(
                        at.clone(),
                        "a tag is not supported".to_owned(),
                        Some("remove what begins with `!`".to_owned()),
                    );
                }
                let content = if style == ScalarStyle::Plain {
                    plain(&text)
                } else {
                    Content::Text(text.into_owned())
                };
                self.value(Node { span: at, content })
            }
            Event::SequenceStart(..) => self.begin(at, Content::List(Vec::new())),
            Event::MappingStart(..) => self.begin(at, Content::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Err(Stop) };
                // Blocks end where the next one begins; the text of this one
                // ends before.
                let end = match at.is_empty() {
                    true => self.text[..at.start.max(open.start)].trim_end().len().max(open.start),
                    false => at.end,
                };
                self.value(Node { span: open.start..end, content: open.node })
            }
            Event::Alias(_) => {
                let hint = "write the value out: anchors and aliases are not read";
                self.mistake(
                    at.clone(),
                    "an alias is not supported".to_owned(),
                    Some(hint.to_owned()),
                );
                self.value(Node { span: at, content: Content::Null })
            }
            _ => Ok(None),
        }
    }

    fn begin(&mut self, at: Range<usize>, node: Content) -> Result<Option<Node>, Stop> {
        if self.open.len() >= DEPTH_MAX {
            self.mistake(at, format!("more than {DEPTH_MAX} levels"), None);
            return Err(Stop);
        }
        self.open.push(Open { start: at.start, node, key: None });
        Ok(None)
    }

    /// Puts a value where it belongs.
    fn value(&mut self, node: Node) -> Result<Option<Node>, Stop> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            self.mistake(node.span, format!("more than {NODES_MAX} values"), None);
            return Err(Stop);
        }
        let Some(open) = self.open.last_mut() else { return Ok(Some(node)) };
        match (&mut open.node, open.key.take()) {
            (Content::List(list), _) => list.push(node),
            (Content::Map(entries), Some((key, key_span))) => {
                if entries.iter().any(|entry| entry.key == key) {
                    let hint = "keep one of them".to_owned();
                    let message = format!("the field `{key}` is written twice");
                    self.found.push(Found { span: key_span, message, hint: Some(hint) });
                } else {
                    entries.push(Entry { key, key_span, value: node });
                }
            }
            (Content::Map(_), None) => match key_text(&node, self.text) {
                Some(key) => open.key = Some((key, node.span)),
                None => {
                    let message = "the name of a field must be a string".to_owned();
                    self.found.push(Found { span: node.span, message, hint: None });
                    return Err(Stop);
                }
            },
            _ => {}
        }
        Ok(None)
    }
}

/// Keys are strings; `80:` is the string `80`, as Kubernetes reads it.
fn key_text(node: &Node, text: &str) -> Option<String> {
    match &node.content {
        Content::Text(key) => Some(key.clone()),
        Content::List(_) | Content::Map(_) => None,
        _ => text.get(node.span.clone()).map(|key| key.trim().to_owned()),
    }
}

/// What a plain scalar means.
fn plain(text: &str) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        text if looks_like_number(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => Content::Int(number),
            (_, Ok(number)) if number.is_finite() => Content::Float(number),
            _ => Content::Text(text.to_owned()),
        },
        text => Content::Text(text.to_owned()),
    }
}

fn looks_like_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|c| c.is_ascii_digit() || b".eE+-".contains(&c))
}

/// The parser counts characters; the rest of the program counts bytes. Events
/// come nearly in order, so one walk through the text serves all.
struct Places<'t> {
    text: &'t str,
    character: usize,
    byte: usize,
}

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        Places { text, character: 0, byte: 0 }
    }

    fn byte(&mut self, character: usize) -> usize {
        while self.character < character {
            let Some(next) = self.text[self.byte..].chars().next() else { break };
            self.byte += next.len_utf8();
            self.character += 1;
        }
        while self.character > character {
            let Some(last) = self.text[..self.byte].chars().next_back() else { break };
            self.byte -= last.len_utf8();
            self.character -= 1;
        }
        self.byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        documents(text).1.into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn what_kubernetes_would_read_otherwise_is_a_mistake() {
        for (text, message) in [
            ("a: 1\na: 2\n", "the field `a` is written twice"),
            ("a: &x 1\nb: *x\n", "an alias is not supported"),
            ("a: !!str 1\n", "a tag is not supported"),
            ("? [a]\n: b\n", "the name of a field must be a string"),
        ] {
            assert_eq!(messages(text), [message], "{text:?}");
        }
        for text in ["a:\n\t- b\n", "a: [1\n", "a: b: c\n", "{---"] {
            assert_eq!(messages(text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
            assert!(!messages(&text).is_empty());
        }
        assert!(messages(&format!("[{}]", "1,".repeat(NODES_MAX + 1)))[0].contains("more than"));
    }

    #[test]
    fn values_have_types_and_places() {
        let text = "# ü\na: 80\nb: '80'\nc: 0.1\nd: on\ne:\nf: [x, ~]\n80: true\n---\n- z\n";
        let (documents, found) = documents(text);
        assert!(found.is_empty() && documents.len() == 2);
        let of =
            |key: &str| documents[0].get(key).map(|node| (&text[node.span.clone()], node.noun()));
        assert_eq!(of("a"), Some(("80", "an integer")));
        assert_eq!(of("b"), Some(("'80'", "a string")));
        assert_eq!(of("c"), Some(("0.1", "a number")));
        assert_eq!(of("d"), Some(("on", "a string")));
        assert_eq!(of("e").map(|(_, noun)| noun), Some("nothing"));
        assert_eq!(of("f"), Some(("[x, ~]", "a list")));
        assert_eq!(of("80"), Some(("true", "a boolean")));
    }
}
