//! Topic names and topic filters (MQTT 5.0 §4.7): what is one, and what it matches. Topics are
//! the names of the streams in a node's log, too.

use std::fmt;

/// A topic or a filter is not longer than this.
pub const TOPIC_BYTES_MAX: usize = 1_024;

/// A topic or a filter has no more levels than this; `/` stands between two.
pub const TOPIC_LEVELS_MAX: usize = 32;

/// Why a text is no topic, or no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It has no character.
    #[error("is empty")]
    Empty,
    /// It is longer than [`TOPIC_BYTES_MAX`].
    #[error("is longer than {TOPIC_BYTES_MAX} bytes")]
    TooLong,
    /// It has more levels than [`TOPIC_LEVELS_MAX`].
    #[error("has more than {TOPIC_LEVELS_MAX} levels")]
    TooDeep,
    /// It contains U+0000.
    #[error("contains the character NUL")]
    Null,
    /// A topic name with a wildcard.
    #[error("is a filter, not a topic")]
    Wildcard,
    /// `#` before the end, or a wildcard beside other characters of its level.
    #[error("has a wildcard that is not a whole level")]
    MisplacedWildcard,
}

impl TopicError {
    /// What to write instead.
    pub fn hint(self) -> &'static str {
        match self {
            TopicError::Empty => "write levels separated by `/`, for example \"plant/1/pressure\"",
            TopicError::TooLong | TopicError::TooDeep => "write a shorter one",
            TopicError::Null => "remove it",
            TopicError::Wildcard => "name one topic, without `+` and `#`",
            TopicError::MisplacedWildcard => {
                "`+` is one whole level and `#` all that are left, for example \"plant/+/pressure\" \
                 or \"plant/#\""
            }
        }
    }
}

/// Whether messages can be published to a topic of this name.
pub fn check_name(topic: &str) -> Result<(), TopicError> {
    check_size(topic)?;
    if topic.contains(['#', '+']) { Err(TopicError::Wildcard) } else { Ok(()) }
}

/// Whether a topic or a filter begins with `$`: such topics are for the server's own purposes,
/// and a filter that begins with a wildcard does not match them (§4.7.2).
pub fn is_reserved(topic: &str) -> bool {
    topic.starts_with('$')
}

/// Whether each wildcard of a filter stands for a whole level, and `#` for the last ones.
pub fn has_whole_wildcards(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let is_wildcard = level == "+" || (level == "#" && levels.peek().is_none());
        if level.contains(['#', '+']) && !is_wildcard {
            return false;
        }
    }
    true
}

/// Whether a filter means the topic of this name. `a/#` means `a`, too (§4.7.1.2).
pub fn matches(filter: &str, topic: &str) -> bool {
    if is_reserved(topic) && filter.starts_with(['#', '+']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Which topics are meant: levels separated by `/`, of which `+` is any one, and `#`, as the
/// last, any number.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(Box<str>);

impl TopicFilter {
    /// Reads a filter as a person writes it. `$share/…` has no meaning here; it is a filter
    /// like any other that begins with `$`.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check_size(text)?;
        if !has_whole_wildcards(text) {
            return Err(TopicError::MisplacedWildcard);
        }
        Ok(TopicFilter(text.into()))
    }

    /// Whether the topic of this name is meant.
    pub fn matches(&self, topic: &str) -> bool {
        matches(&self.0, topic)
    }

    /// The filter as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn check_size(topic: &str) -> Result<(), TopicError> {
    match topic {
        "" => Err(TopicError::Empty),
        _ if topic.len() > TOPIC_BYTES_MAX => Err(TopicError::TooLong),
        _ if topic.contains('\0') => Err(TopicError::Null),
        _ if topic.split('/').count() > TOPIC_LEVELS_MAX => Err(TopicError::TooDeep),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_filter_is_refused() {
        for (filter, error) in [
            ("", TopicError::Empty),
            ("a\0", TopicError::Null),
            ("a#", TopicError::MisplacedWildcard),
            ("#/a", TopicError::MisplacedWildcard),
            ("a/#/b", TopicError::MisplacedWildcard),
            ("a+/b", TopicError::MisplacedWildcard),
            ("++", TopicError::MisplacedWildcard),
            ("a/##", TopicError::MisplacedWildcard),
        ] {
            assert_eq!(TopicFilter::parse(filter), Err(error), "{filter:?}");
        }
        for topic in ["a/+", "#", "+", "a#"] {
            assert_eq!(check_name(topic), Err(TopicError::Wildcard), "{topic}");
        }
        assert_eq!(check_name(""), Err(TopicError::Empty));
    }

    #[test]
    fn length_and_depth_end_at_their_limits() {
        let longest = "ä".repeat(TOPIC_BYTES_MAX / 2);
        assert_eq!(check_name(&longest), Ok(()));
        assert_eq!(check_name(&format!("{longest}a")), Err(TopicError::TooLong));
        let deepest = "/".repeat(TOPIC_LEVELS_MAX - 1);
        assert_eq!(check_name(&deepest), Ok(()));
        assert_eq!(check_name(&format!("{deepest}/")), Err(TopicError::TooDeep));
        assert_eq!(TopicFilter::parse(&format!("{deepest}/#")), Err(TopicError::TooDeep));
    }

    #[test]
    fn filters_match_what_the_standard_says() {
        for (filter, topic, expected) in [
            ("a/b/c/#", "a/b/c", true),
            ("a/b/c/#", "a/b/c/d/e", true),
            ("a/#", "ab", false),
            ("a/b/+", "a/b/c", true),
            ("a/b/+", "a/b/c/d", false),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("+/+", "/a", true),
            ("/+", "/a", true),
            ("+", "/a", false),
            ("a/b", "a/B", false),
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("$SYS/+", "$SYS/x", true),
            ("a/#", "a/$x", true),
        ] {
            let parsed = TopicFilter::parse(filter).expect("a filter");
            assert_eq!(parsed.matches(topic), expected, "{filter} {topic}");
        }
    }

    /// The rules of §4.7 as they are written down, by recursion over levels.
    fn means(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            ([], []) | (["#"], _) => true,
            ([wanted, filter @ ..], [level, topic @ ..]) => {
                (*wanted == "+" || wanted == level) && means(filter, topic)
            }
            _ => false,
        }
    }

    fn levels(among: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
        prop::collection::vec(prop::sample::select(among), 1..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn filters_match_what_a_naive_matcher_matches(
            mut filter in levels(&["", "a", "b", "$a", "+", "+"]),
            rest in any::<bool>(),
            topic in levels(&["", "a", "b", "$a"]),
        ) {
            if rest {
                filter.push("#");
            }
            let (text, name) = (filter.join("/"), topic.join("/"));
            prop_assume!(!text.is_empty() && !name.is_empty());
            let hidden = topic[0].starts_with('$') && ["+", "#"].contains(&filter[0]);
            let parsed = TopicFilter::parse(&text).expect("a filter");
            prop_assert_eq!(parsed.matches(&name), !hidden && means(&filter, &topic));
        }

        #[test]
        fn every_text_is_a_filter_or_is_refused(text in "[a+#/$\\x00]{0,12}|\\PC{0,40}") {
            let is_name = check_name(&text).is_ok();
            match TopicFilter::parse(&text) {
                Ok(filter) => {
                    prop_assert_eq!(filter.as_str(), &text);
                    prop_assert_eq!(is_name, !text.contains(['+', '#']));
                    prop_assert!(!is_name || filter.matches(&text));
                }
                Err(_) => prop_assert!(!is_name),
            }
        }
    }
}
