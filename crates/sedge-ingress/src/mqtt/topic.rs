//! Topic names and topic filters (MQTT 5.0 §4.7) within this front's bounds; what they mean is
//! in [`sedge_model::topic`].

use super::options::MqttOptions;
use sedge_model::topic::has_whole_wildcards;

/// Why a topic or a filter is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It has no character.
    #[error("the topic is empty; hint: write at least one character")]
    Empty,
    /// Longer than `topic_bytes_max`.
    #[error("the topic is longer than this server allows; hint: topic_bytes_max")]
    TooLong,
    /// More levels than `topic_levels_max`.
    #[error("the topic has more levels than this server allows; hint: topic_levels_max")]
    TooDeep,
    /// `#` or `+` in a topic name.
    #[error("a topic name has no wildcards; hint: `#` and `+` are for subscriptions")]
    Wildcard,
    /// `#` not at the end, or a wildcard beside other characters of its level.
    #[error("a wildcard stands for a whole level; hint: `#` is the last one")]
    MisplacedWildcard,
    /// U+0000 in it.
    #[error("the topic has a character U+0000")]
    Null,
    /// `$share/` without a name and a filter behind it.
    #[error("a shared subscription is written $share/NAME/FILTER; hint: NAME has no wildcards")]
    Share,
}

fn check_size(topic: &str, options: &MqttOptions) -> Result<(), TopicError> {
    match topic {
        "" => Err(TopicError::Empty),
        _ if topic.len() > options.topic_bytes_max => Err(TopicError::TooLong),
        _ if topic.contains('\0') => Err(TopicError::Null),
        _ if topic.split('/').count() > options.topic_levels_max => Err(TopicError::TooDeep),
        _ => Ok(()),
    }
}

/// Whether a message can be published to it.
pub(crate) fn check_name(topic: &str, options: &MqttOptions) -> Result<(), TopicError> {
    check_size(topic, options)?;
    if topic.contains(['#', '+']) { Err(TopicError::Wildcard) } else { Ok(()) }
}

/// What a subscription is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filter<'a> {
    /// The name of those who share it (§4.8.2).
    pub(crate) group: Option<&'a str>,
    /// What topics have to look like.
    pub(crate) filter: &'a str,
}

/// Takes a filter apart, as a client has written it.
pub(crate) fn parse_filter<'a>(
    text: &'a str,
    options: &MqttOptions,
) -> Result<Filter<'a>, TopicError> {
    let (group, filter) = match text.strip_prefix("$share/") {
        None if text == "$share" => return Err(TopicError::Share),
        None => (None, text),
        Some(rest) => {
            let (group, filter) = rest.split_once('/').ok_or(TopicError::Share)?;
            if group.is_empty() || group.contains(['#', '+']) || filter.is_empty() {
                return Err(TopicError::Share);
            }
            (Some(group), filter)
        }
    };
    check_size(text, options)?;
    check_wildcards(filter)?;
    Ok(Filter { group, filter })
}

/// Whether each wildcard of a filter stands for a whole level.
pub(crate) fn check_wildcards(filter: &str) -> Result<(), TopicError> {
    match has_whole_wildcards(filter) {
        true => Ok(()),
        false => Err(TopicError::MisplacedWildcard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::topic::matches;

    #[test]
    fn what_is_no_filter_is_refused() {
        let options = MqttOptions::default();
        for (filter, error) in [
            ("", TopicError::Empty),
            ("a\0", TopicError::Null),
            ("a#", TopicError::MisplacedWildcard),
            ("#/a", TopicError::MisplacedWildcard),
            ("a/#/b", TopicError::MisplacedWildcard),
            ("a+/b", TopicError::MisplacedWildcard),
            ("++", TopicError::MisplacedWildcard),
            ("$share", TopicError::Share),
            ("$share/g", TopicError::Share),
            ("$share/g/", TopicError::Share),
            ("$share//a", TopicError::Share),
            ("$share/+/a", TopicError::Share),
            ("$share/g#/a", TopicError::Share),
            ("$share/g/a#", TopicError::MisplacedWildcard),
        ] {
            assert_eq!(parse_filter(filter, &options), Err(error), "{filter:?}");
        }
        for topic in ["a/+", "#", "+"] {
            assert_eq!(check_name(topic, &options), Err(TopicError::Wildcard));
        }
    }

    #[test]
    fn length_and_depth_end_at_their_limits() {
        let options =
            MqttOptions { topic_bytes_max: 9, topic_levels_max: 4, ..MqttOptions::default() };
        assert_eq!(check_name("123456789", &options), Ok(()));
        assert_eq!(check_name("1234567890", &options), Err(TopicError::TooLong));
        assert_eq!(check_name("a/b/c/d", &options), Ok(()));
        assert_eq!(check_name("///", &options), Ok(()));
        assert_eq!(check_name("////", &options), Err(TopicError::TooDeep));
        assert!(parse_filter("$share/g/+", &options).is_err_and(|e| e == TopicError::TooLong));
    }

    #[test]
    fn filters_match_what_the_standard_says() {
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("sport/#", "sports", false),
            ("#", "a/b", true),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("a/b", "a/B", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn a_shared_filter_has_a_group() {
        let options = MqttOptions::default();
        let shared = Filter { group: Some("g"), filter: "a/+/#" };
        assert_eq!(parse_filter("$share/g/a/+/#", &options), Ok(shared));
        let plain = Filter { group: None, filter: "$shared/g" };
        assert_eq!(parse_filter("$shared/g", &options), Ok(plain));
    }
}
