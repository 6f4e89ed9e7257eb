//! Which topics a line of the settings is about: MQTT's filters (MQTT 5, §4.7).

const BYTES_MAX: usize = 1024;
const LEVELS_MAX: usize = 32;

/// A filter that is well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
}

impl Filter {
    /// Checks a filter; says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |detail: &str| Err(format!("the filter {:?} {detail}", shown(text)));
        if text.is_empty() || text.len() > BYTES_MAX || text.contains('\0') {
            return wrong("must have 1 to 1024 bytes and no NUL");
        }
        let levels: Vec<&str> = text.split('/').collect();
        if levels.len() > LEVELS_MAX {
            return wrong("has more than 32 levels");
        }
        for (index, level) in levels.iter().enumerate() {
            let whole = *level == "+" || (*level == "#" && index + 1 == levels.len());
            if level.contains(['+', '#']) && !whole {
                return wrong("must have `+` as a whole level, and `#` as the whole last one");
            }
        }
        Ok(Filter { text: text.to_owned() })
    }

    /// Whether a topic is meant. What begins with `$` is not meant by a leading wildcard.
    pub fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.text.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in self.text.split('/') {
            match (wanted, levels.next()) {
                // `a/#` means `a`, too.
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

/// The beginning of a text, for a message about it.
pub fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_filter() {
        let deep = ["a"; 33].join("/");
        for text in ["", "a\0", "a+", "+a/b", "#/a", "a/#b", "a#", &"x".repeat(1025), &deep] {
            assert!(Filter::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn filters_match_as_mqtt_has_it() {
        for (filter, topic, want) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/+/c", "a/b/c", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/#", "ab", false),
            ("#", "a/b", true),
            ("#", "$state/a", false),
            ("+/a", "$state/a", false),
            ("$state/#", "$state/a", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().matches(topic), want, "{filter} {topic}");
        }
    }
}
