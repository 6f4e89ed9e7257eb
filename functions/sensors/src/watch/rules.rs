//! What is done about a level or a value, at once and without anybody's help: lines of
//!
//! ```text
//! when level = critical on FILTER publish PAYLOAD to TOPIC [at-once|durable] [retain] [every 1s]
//! when value > 95 on FILTER call URL [with PAYLOAD] [every 1m]
//! ```

use sedge_kit::alert::AlertLevel;

use super::filter::{Filter, shown};
use super::host::Delivery;
use super::series::hash;
use super::template::Template;
use super::words::{duration_ms, lines, words};

/// An action is not repeated sooner than this, unless the rule says otherwise.
const EVERY_MS: u64 = 1_000;
const EVERY_MS_MAX: u64 = 86_400_000;
const URL_BYTES_MAX: usize = 2048;

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// When the level becomes this one, or one not below it.
    Level {
        /// The level.
        level: AlertLevel,
        /// Whether higher ones count, too.
        or_above: bool,
    },
    /// When a value is above this.
    Above(f64),
    /// When a value is below this.
    Below(f64),
}

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A message to clients of MQTT.
    Publish {
        /// Where to.
        topic: Template,
        /// What.
        payload: Template,
        /// How.
        delivery: Delivery,
        /// Whether it is kept for those who come later.
        retain: bool,
    },
    /// A request to a webhook.
    Call {
        /// Where to.
        url: Url,
        /// What; by default the record of the alert.
        payload: Option<Template>,
    },
}

/// A URL to post to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether it is https, and not http.
    pub is_https: bool,
    /// Host and perhaps port.
    pub authority: String,
    /// Path and query.
    pub path_with_query: String,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it is known by in the state of a series: the hash of its words.
    pub id: u64,
    /// When.
    pub when: When,
    /// For which topics.
    pub filter: Filter,
    /// What.
    pub action: Action,
    /// Not sooner than so many milliseconds after the last time.
    pub every_ms: u64,
}

/// Reads and checks all lines; fails with all mistakes, each with its line.
pub fn parse(text: &str) -> Result<Vec<Rule>, Vec<String>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut mistakes = Vec::new();
    for (number, line) in lines(text).map_err(|mistake| vec![mistake])? {
        match rule(line) {
            Ok(rule) if rules.iter().any(|known| known.id == rule.id) => {
                mistakes.push(format!("line {number}: the same rule stands there twice"));
            }
            Ok(rule) => rules.push(rule),
            Err(mistake) => mistakes.push(format!("line {number}: {mistake}")),
        }
    }
    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
}

/// The words of a line, one after the other.
struct Words<'a> {
    words: std::vec::IntoIter<&'a str>,
}

impl<'a> Words<'a> {
    fn next(&mut self, wanted: &str) -> Result<&'a str, String> {
        self.words.next().ok_or_else(|| format!("{wanted} is missing at the end"))
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let word = self.next(&format!("`{wanted}`"))?;
        if word == wanted { Ok(()) } else { Err(not(word, &format!("`{wanted}`"))) }
    }
}

fn not(word: &str, wanted: &str) -> String {
    format!("{:?} stands where {wanted} should", shown(word))
}

fn rule(line: &str) -> Result<Rule, String> {
    let all = words(line)?;
    let id = hash(all.join("\n").as_bytes());
    let mut words = Words { words: all.into_iter() };
    words.expect("when")?;
    let when = when(&mut words)?;
    words.expect("on")?;
    let filter = Filter::parse(words.next("a filter")?)?;
    let mut every_ms = EVERY_MS;
    let action = match words.next("`publish` or `call`")? {
        "publish" => publish(&mut words, &mut every_ms)?,
        "call" => call(&mut words, &mut every_ms)?,
        word => return Err(not(word, "`publish` or `call`")),
    };
    Ok(Rule { id, when, filter, action, every_ms })
}

fn when(words: &mut Words<'_>) -> Result<When, String> {
    let what = words.next("`level` or `value`")?;
    let how = words.next("a comparison")?;
    let with = words.next("what to compare with")?;
    match (what, how) {
        ("level", "=" | ">=") => {
            let levels = [AlertLevel::Normal, AlertLevel::Warning, AlertLevel::Critical];
            let level = levels
                .into_iter()
                .find(|level| level.name() == with)
                .ok_or_else(|| not(with, "normal, warning or critical"))?;
            if how == ">=" && level == AlertLevel::Normal {
                return Err("every level is at least normal".to_owned());
            }
            Ok(When::Level { level, or_above: how == ">=" })
        }
        ("value", ">" | "<") => {
            let value = with.parse().ok().filter(|value: &f64| value.is_finite());
            let value = value.ok_or_else(|| not(with, "a number"))?;
            Ok(if how == ">" { When::Above(value) } else { When::Below(value) })
        }
        _ => Err(not(&format!("{what} {how}"), "`level =`, `level >=`, `value >` or `value <`")),
    }
}

fn publish(words: &mut Words<'_>, every_ms: &mut u64) -> Result<Action, String> {
    let payload = Template::parse(words.next("a payload")?)?;
    words.expect("to")?;
    let topic = Template::parse_topic(words.next("a topic")?)?;
    let (mut delivery, mut retain) = (Delivery::Durable, false);
    while let Some(word) = words.words.next() {
        match word {
            "at-once" => delivery = Delivery::AtOnce,
            "durable" => delivery = Delivery::Durable,
            "retain" => retain = true,
            "every" => *every_ms = duration(words)?,
            _ => return Err(not(word, "`at-once`, `durable`, `retain`, `every` or the end")),
        }
    }
    Ok(Action::Publish { topic, payload, delivery, retain })
}

fn call(words: &mut Words<'_>, every_ms: &mut u64) -> Result<Action, String> {
    let url = Url::parse(words.next("a URL")?)?;
    let mut payload = None;
    while let Some(word) = words.words.next() {
        match word {
            "with" => payload = Some(Template::parse(words.next("a payload")?)?),
            "every" => *every_ms = duration(words)?,
            _ => return Err(not(word, "`with`, `every` or the end")),
        }
    }
    Ok(Action::Call { url, payload })
}

fn duration(words: &mut Words<'_>) -> Result<u64, String> {
    let word = words.next("a duration")?;
    let wanted = || not(word, "a duration up to 24h, such as 500ms, 10s, 5m or 1h");
    duration_ms(word).filter(|ms| *ms <= EVERY_MS_MAX).ok_or_else(wanted)
}

impl Url {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = || not(text, "a URL as https://host/path");
        let plain = text.len() <= URL_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
        let (scheme, rest) = text.split_once("://").filter(|_| plain).ok_or_else(wanted)?;
        let is_https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wanted()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.is_empty() || authority.contains('@') {
            return Err(wanted());
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path_with_query = format!("{slash}{path}");
        Ok(Url { is_https, authority: authority.to_owned(), path_with_query })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_with_their_lines() {
        for (line, words) in [
            ("on a", "stands where `when` should"),
            ("when", "`level` or `value` is missing"),
            ("when level > critical on a publish x to b", "`level =`, `level >=`"),
            ("when level = hot on a publish x to b", "normal, warning or critical"),
            ("when level >= normal on a publish x to b", "at least normal"),
            ("when value > hot on a publish x to b", "a number"),
            ("when value > inf on a publish x to b", "a number"),
            ("when value > 1 on a+ publish x to b", "the filter"),
            ("when value > 1 on a shout x", "`publish` or `call`"),
            ("when value > 1 on a publish x", "`to` is missing"),
            ("when value > 1 on a publish x to b/#", "no topic to write to"),
            ("when value > 1 on a publish {x} to b", "{x} is not known"),
            ("when value > 1 on a publish x to b durably", "`at-once`, `durable`"),
            ("when value > 1 on a publish x to b every 10", "a duration"),
            ("when value > 1 on a publish x to b every 25h", "a duration"),
            ("when value > 1 on a call ftp://x/", "a URL"),
            ("when value > 1 on a call https://", "a URL"),
            ("when value > 1 on a call https://me@x/", "a URL"),
            ("when value > 1 on a call https://x/ now", "`with`, `every`"),
        ] {
            let mistakes = parse(&format!("\n{line}")).unwrap_err();
            assert!(mistakes[0].starts_with("line 2: "), "{mistakes:?}");
            assert!(mistakes[0].contains(words), "{line}: {mistakes:?}");
        }
        let twice = "when value > 1 on a publish x to b\nwhen value  > 1 on a publish x to b";
        assert!(parse(twice).unwrap_err()[0].contains("line 2: the same rule"));
    }

    #[test]
    fn rules_are_read() {
        let text = r#"
            when level = critical on plant/+/t publish '{"valve": "closed", "by": "{device}"}' to actuators/{device}/valve every 1m
            when value < -2.5 on # publish off to b at-once retain
            when level >= warning on # call http://pager.example:8080?x=1 with {level}
        "#;
        let rules = parse(text).unwrap();
        assert_eq!(rules[0].every_ms, 60_000);
        assert_eq!(rules[0].when, When::Level { level: AlertLevel::Critical, or_above: false });
        assert!(matches!(
            rules[0].action,
            Action::Publish { delivery: Delivery::Durable, retain: false, .. }
        ));
        assert_eq!((rules[1].when, rules[1].every_ms), (When::Below(-2.5), EVERY_MS));
        assert!(matches!(
            rules[1].action,
            Action::Publish { delivery: Delivery::AtOnce, retain: true, .. }
        ));
        let Action::Call { url, payload } = &rules[2].action else { panic!("no call") };
        assert_eq!((url.is_https, url.authority.as_str()), (false, "pager.example:8080"));
        assert_eq!(url.path_with_query, "/?x=1");
        assert!(payload.is_some());
    }
}
