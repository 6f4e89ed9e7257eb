//! What clients may publish and subscribe, by patterns of topics.

use crate::mqtt::topic;
use std::sync::Arc;

/// What somebody does with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Subscribe to it.
    Read,
    /// Publish to it.
    Write,
}

/// Rules, in the form that mosquitto's `acl_file` has:
///
/// ```text
/// # For those without a name.
/// topic read public/#
/// user ann
/// topic readwrite sensors/#
/// topic deny sensors/secret
/// # For everybody: %c is the client identifier, %u the name.
/// pattern write devices/%c/up
/// ```
///
/// What no rule allows is not allowed. A rule that denies goes before those that allow. A
/// subscription is allowed if a rule covers all that it may get, and none denies any of it.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    rules: Vec<Rule>,
    allows_all: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    whom: Whom,
    effect: Effect,
    pattern: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Whom {
    /// Those who have no name.
    Nameless,
    User(Arc<str>),
    Everybody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Read,
    Write,
    Both,
    Deny,
}

/// A line that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}; hint: {hint}")]
pub struct AclError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
    /// What to write.
    pub hint: &'static str,
}

/// Lines of rules at most.
const RULES_MAX: usize = 10_000;

impl Acl {
    /// Everybody may do everything.
    pub fn allow_all() -> Self {
        Acl { rules: Vec::new(), allows_all: true }
    }

    /// Reads rules.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn parse(text: &str) -> Result<Self, Vec<AclError>> {
        let mut acl = Acl::default();
        let mut errors = Vec::new();
        let mut whom = Whom::Nameless;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let rest = rest.trim();
            let mut wrong = |what, hint| errors.push(AclError { line: index + 1, what, hint });
            match word {
                "user" if rest.is_empty() => {
                    wrong("a user has no name", "write `user` and the name");
                }
                "user" => whom = Whom::User(rest.into()),
                "topic" | "pattern" if acl.rules.len() >= RULES_MAX => {
                    wrong("there are more rules than 10,000", "use patterns with %c and %u");
                }
                "topic" | "pattern" => match effect_and_pattern(rest) {
                    Ok((effect, pattern)) => {
                        let whom = if word == "topic" { whom.clone() } else { Whom::Everybody };
                        acl.rules.push(Rule { whom, effect, pattern: pattern.to_owned() });
                    }
                    Err((what, hint)) => wrong(what, hint),
                },
                _ => wrong("this is no rule", "a line begins with `user`, `topic` or `pattern`"),
            }
        }
        if errors.is_empty() { Ok(acl) } else { Err(errors) }
    }

    /// What whoever has these rules may subscribe, may publish to, and may neither; `%c` and
    /// `%u` stand for its names.
    ///
    /// # Errors
    /// The first pattern that is none, what is wrong with it, and what to write.
    pub fn of(
        read: &[String],
        write: &[String],
        deny: &[String],
    ) -> Result<Self, (String, &'static str, &'static str)> {
        let kinds = [(Effect::Read, read), (Effect::Write, write), (Effect::Deny, deny)];
        let mut rules = Vec::new();
        for (effect, patterns) in kinds {
            for pattern in patterns {
                check_pattern(pattern).map_err(|(what, hint)| (pattern.clone(), what, hint))?;
                rules.push(Rule { whom: Whom::Everybody, effect, pattern: pattern.clone() });
            }
        }
        Ok(Acl { rules, allows_all: false })
    }

    /// Whether a client may publish to a topic, or subscribe a filter.
    pub fn allows(
        &self,
        access: Access,
        client: &str,
        username: Option<&str>,
        topic: &str,
    ) -> bool {
        if self.allows_all {
            return true;
        }
        let mut is_allowed = false;
        for rule in self.rules.iter().filter(|rule| rule.is_for(username)) {
            let Some(pattern) = filled(&rule.pattern, client, username) else { continue };
            match rule.effect {
                Effect::Deny if overlaps(&pattern, topic) => return false,
                Effect::Deny => {}
                _ => is_allowed |= rule.effect.is_for(access) && covers(&pattern, topic),
            }
        }
        is_allowed
    }
}

impl Rule {
    fn is_for(&self, username: Option<&str>) -> bool {
        match &self.whom {
            Whom::Everybody => true,
            Whom::Nameless => username.is_none(),
            Whom::User(name) => username == Some(name),
        }
    }
}

impl Effect {
    fn is_for(self, access: Access) -> bool {
        match self {
            Effect::Both => true,
            Effect::Read => access == Access::Read,
            Effect::Write => access == Access::Write,
            Effect::Deny => false,
        }
    }
}

type Wrong = (&'static str, &'static str);

fn effect_and_pattern(rest: &str) -> Result<(Effect, &str), Wrong> {
    let (effect, pattern) = match rest.split_once(char::is_whitespace) {
        Some(("read", pattern)) => (Effect::Read, pattern),
        Some(("write", pattern)) => (Effect::Write, pattern),
        Some(("readwrite", pattern)) => (Effect::Both, pattern),
        Some(("deny", pattern)) => (Effect::Deny, pattern),
        _ => (Effect::Both, rest),
    };
    let pattern = pattern.trim();
    check_pattern(pattern)?;
    Ok((effect, pattern))
}

fn check_pattern(pattern: &str) -> Result<(), Wrong> {
    if pattern.is_empty() {
        return Err(("a rule has no topic", "write a topic or a filter behind it"));
    }
    topic::check_wildcards(pattern).map_err(|_| {
        ("a wildcard does not stand for a whole level", "write `#` at the end, `+` alone")
    })
}

/// A pattern with the client's names in it. A name that would be a wildcard, or more than one
/// level, stands for nothing.
fn filled(pattern: &str, client: &str, username: Option<&str>) -> Option<String> {
    if !pattern.contains('%') {
        return Some(pattern.to_owned());
    }
    let is_level = |name: &str| !name.is_empty() && !name.contains(['/', '+', '#']);
    let mut filled = pattern.to_owned();
    if pattern.contains("%c") {
        filled = filled.replace("%c", is_level(client).then_some(client)?);
    }
    if pattern.contains("%u") {
        // Taken from the pattern, so that no name can bring in a `%u` of its own.
        let name = username.filter(|name| is_level(name))?;
        filled = match pattern.contains("%c") {
            false => filled.replace("%u", name),
            true => pattern
                .split("%c")
                .map(|part| part.replace("%u", name))
                .collect::<Vec<_>>()
                .join(client),
        };
    }
    Some(filled)
}

/// Whether all topics that a filter (or topic) matches are matched by the pattern.
fn covers(pattern: &str, filter: &str) -> bool {
    if filter.starts_with('$') && pattern.starts_with(['#', '+']) {
        return false;
    }
    let mut levels = filter.split('/');
    for wanted in pattern.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(level)) if level != "#" => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether there is a topic that both match.
fn overlaps(pattern: &str, filter: &str) -> bool {
    let is_wild = |filter: &str| filter.starts_with(['#', '+']);
    if (pattern.starts_with('$') && is_wild(filter))
        || (filter.starts_with('$') && is_wild(pattern))
    {
        return false;
    }
    let (mut ours, mut theirs) = (pattern.split('/'), filter.split('/'));
    loop {
        match (ours.next(), theirs.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Access::{Read, Write};

    fn parse(text: &str) -> Acl {
        Acl::parse(text).expect("rules")
    }

    #[test]
    fn every_line_that_is_wrong_is_told() {
        let text = "user\ntopic\ntopic read\npattern a#\nallow a\n# fine\n\ntopic read a/#\n";
        let errors = Acl::parse(text).expect_err("wrong");
        let lines: Vec<usize> = errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [1, 2, 4, 5], "`topic read` is for the topic `read`");
    }

    #[test]
    fn what_is_not_allowed_is_denied_and_a_denial_goes_first() {
        let acl = parse(
            "topic read public/#\nuser ann\ntopic s/#\ntopic deny s/secret/+\npattern write d/%c/%u",
        );
        for (access, client, user, topic, expected) in [
            (Read, "c", None, "public/a", true),
            (Write, "c", None, "public/a", false),
            (Read, "c", Some("ann"), "public/a", false),
            (Write, "c", Some("ann"), "s/a", true),
            (Write, "c", Some("ann"), "s/secret/a", false),
            (Read, "c", Some("ann"), "s/#", false),
            (Read, "c", Some("ann"), "s/+/a", false),
            (Read, "c", Some("ann"), "s/open/#", true),
            (Read, "c", Some("ann"), "#", false),
            (Read, "c", None, "public/#", true),
            (Read, "c", None, "+/a", false),
            (Write, "c", Some("ann"), "d/c/ann", true),
            (Write, "b", Some("ann"), "d/c/ann", false),
            (Write, "c", None, "d/c/", false),
            (Write, "c", Some("bob"), "s/a", false),
        ] {
            assert_eq!(
                acl.allows(access, client, user, topic),
                expected,
                "{access:?} {client} {user:?} {topic}"
            );
        }
    }

    #[test]
    fn a_name_cannot_widen_a_pattern() {
        let acl = parse("pattern d/%c/%u/#");
        for (client, user) in
            [("#", "u"), ("+", "u"), ("a/b", "u"), ("", "u"), ("c", "+"), ("c", ""), ("c", "a/b")]
        {
            assert!(!acl.allows(Write, client, Some(user), "d/x/y/z"), "{client} {user}");
        }
        assert!(acl.allows(Write, "%u", Some("u"), "d/%u/u/z"));
        assert!(!acl.allows(Write, "%u", Some("u"), "d/u/u/z"));
    }

    #[test]
    fn a_subscription_must_be_covered_as_a_whole() {
        for (pattern, filter, expected) in [
            ("a/#", "a", true),
            ("a/#", "a/+/b/#", true),
            ("a/+", "a/#", false),
            ("a/+", "a/+", true),
            ("+", "+", true),
            ("a/b", "a/+", false),
            ("#", "$SYS/#", false),
            ("$SYS/#", "$SYS/a", true),
        ] {
            assert_eq!(covers(pattern, filter), expected, "{pattern} {filter}");
        }
        for (pattern, filter, expected) in [
            ("a/secret", "a/#", true),
            ("a/secret", "+/secret", true),
            ("a/secret", "a/+/b", false),
            ("a/#", "a", true),
            ("$SYS/a", "#", false),
        ] {
            assert_eq!(overlaps(pattern, filter), expected, "{pattern} {filter}");
        }
    }
}
