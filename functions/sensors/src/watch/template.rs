//! Text with places for what is known of a reading: topics and payloads of the settings.

use std::fmt::Write as _;

/// What may stand in braces.
pub const PLACES: [&str; 9] =
    ["device", "topic", "name", "value", "expected", "score", "level", "cause", "time_ms"];

/// Bytes of a device or name in a topic.
const PART_BYTES_MAX: usize = 200;
/// Bytes of a template.
const BYTES_MAX: usize = 4096;

/// What is put into the places, by their names.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who said it.
    pub device: &'a str,
    /// Where.
    pub topic: &'a str,
    /// What was measured.
    pub name: &'a str,
    /// The reading; not finite: a gap.
    pub value: f64,
    /// What was expected.
    pub expected: Option<f64>,
    /// Its anomaly score.
    pub score: f64,
    /// The level, and why.
    pub level: &'static str,
    /// See [`Facts::level`].
    pub cause: &'static str,
    /// When it was taken, milliseconds since 1970.
    pub time_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(&'static str),
}

/// A template that is well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Reads a template. A word in braces must be one of [`PLACES`]; other braces stand for
    /// themselves, as those of JSON.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("a template has more than {BYTES_MAX} bytes"));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            literal.push_str(before);
            let word = after.split_once('}').filter(|(word, _)| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            });
            if let Some((word, behind)) = word {
                let place = PLACES.into_iter().find(|place| *place == word).ok_or_else(|| {
                    format!("{{{word}}} is not known; known are {}", PLACES.join(", "))
                })?;
                parts.push(Part::Text(std::mem::take(&mut literal)));
                parts.push(Part::Place(place));
                rest = behind;
            } else {
                literal.push('{');
                rest = after;
            }
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        Ok(Template { parts })
    }

    /// A template of a topic: without wildcards, not empty, not beginning with `$`.
    pub fn parse_topic(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('$') || text.contains(['+', '#', '\0']) {
            return Err(format!("{text:?} is no topic to write to"));
        }
        Template::parse(text)
    }

    /// The topic. A device or name becomes one level: `/`, `+`, `#`, `%` and control
    /// characters are percent-encoded, and what is longer than 200 bytes is cut.
    pub fn topic(&self, facts: &Facts<'_>) -> String {
        self.fill(facts, |place, text| match place {
            "topic" => text.to_owned(),
            _ => level_of(text),
        })
    }

    /// The payload. Texts are escaped as JSON wants it if the template looks like JSON.
    pub fn payload(&self, facts: &Facts<'_>) -> String {
        let json = matches!(self.parts.first(), Some(Part::Text(text)) if text.trim_start().starts_with(['{', '[', '"']));
        self.fill(facts, |_, text| if json { escaped(text) } else { text.to_owned() })
    }

    fn fill(&self, facts: &Facts<'_>, dress: impl Fn(&str, &str) -> String) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(place) => match *place {
                    "device" => out.push_str(&dress(place, facts.device)),
                    "topic" => out.push_str(&dress(place, facts.topic)),
                    "name" => out.push_str(&dress(place, facts.name)),
                    "value" => number(&mut out, facts.value),
                    "expected" => number(&mut out, facts.expected.unwrap_or(f64::NAN)),
                    "score" => number(&mut out, facts.score),
                    "level" => out.push_str(facts.level),
                    "cause" => out.push_str(facts.cause),
                    _ => number(&mut out, facts.time_ms as f64),
                },
            }
        }
        out
    }
}

/// `null` for what is no number, as in JSON.
fn number(out: &mut String, value: f64) {
    // Writing to a string does not fail.
    let _ = if value.is_finite() { write!(out, "{value}") } else { write!(out, "null") };
}

fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn level_of(text: &str) -> String {
    let mut level = String::new();
    for character in text.chars() {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes);
        let room = PART_BYTES_MAX.saturating_sub(level.len());
        if character.is_control() || matches!(character, '/' | '+' | '#' | '%') {
            if room < 3 * bytes.len() {
                break;
            }
            for byte in bytes.bytes() {
                let _ = write!(level, "%{byte:02X}");
            }
        } else if room < bytes.len() {
            break;
        } else {
            level.push(character);
        }
    }
    if level.is_empty() { "_".to_owned() } else { level }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'static> = Facts {
        device: "a/b\"",
        topic: "x/y",
        name: "",
        value: f64::NAN,
        expected: None,
        score: 0.5,
        level: "critical",
        cause: "high",
        time_ms: 1_700_000_000_000,
    };

    #[test]
    fn what_is_no_template() {
        assert!(Template::parse("{valve}").unwrap_err().contains("known are device"));
        assert!(Template::parse(&"x".repeat(BYTES_MAX + 1)).is_err());
        for topic in ["", "$sys/a", "a/+", "a/#", "a\0"] {
            assert!(Template::parse_topic(topic).is_err(), "{topic:?}");
        }
    }

    #[test]
    fn places_are_filled() {
        let fill = |text: &str| Template::parse(text).unwrap().payload(&FACTS);
        assert_eq!(fill(r#"{"by":"{device}","v":{value}}"#), r#"{"by":"a/b\"","v":null}"#);
        assert_eq!(fill("{device} {level} {score} {}{ {"), "a/b\" critical 0.5 {}{ {");
        assert_eq!(fill("{time_ms}"), "1700000000000");
        let topic = Template::parse_topic("alerts/{device}/{name}/{topic}").unwrap();
        assert_eq!(topic.topic(&FACTS), "alerts/a%2Fb\"/_/x/y");
        let long = "é/".repeat(500);
        let facts = Facts { device: &long, name: "n", ..FACTS };
        assert!(topic.topic(&facts).len() < 230);
    }
}
