//! The settings of the operator for messages, read once from two variables of the manifest.

use super::options::Watched;
use super::rules::{self, Rule};
use super::series::hash;

/// The variable that says how series are watched: [`super::options`].
pub const WATCH_VARIABLE: &str = "SENSORS_WATCH";
/// The variable that says what is done: [`super::rules`].
pub const RULES_VARIABLE: &str = "SENSORS_RULES";

/// All settings for messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// How series are watched.
    pub watched: Watched,
    /// What is done.
    pub rules: Vec<Rule>,
    /// Another one for other settings of how series are watched.
    pub id: u64,
}

impl Config {
    /// Reads both variables. Fails with all mistakes.
    pub fn parse(watch: &str, rules: &str) -> Result<Self, Vec<String>> {
        let (watched, rules) = (Watched::parse(watch), rules::parse(rules));
        let mut mistakes = Vec::new();
        let mut tell = |variable: &str, found: &[String]| {
            mistakes.extend(found.iter().map(|mistake| format!("{variable}, {mistake}")));
        };
        if let Err(found) = &watched {
            tell(WATCH_VARIABLE, found);
        }
        if let Err(found) = &rules {
            tell(RULES_VARIABLE, found);
        }
        match (watched, rules) {
            (Ok(watched), Ok(rules)) => Ok(Config { watched, rules, id: hash(watch.as_bytes()) }),
            _ => Err(mistakes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_of_both_variables_are_told() {
        let mistakes = Config::parse("# x=1", "when").unwrap_err();
        assert_eq!(mistakes.len(), 2);
        assert!(mistakes[0].starts_with("SENSORS_WATCH, line 1: x is no setting"));
        assert!(mistakes[1].starts_with("SENSORS_RULES, line 1: "));
        let nothing = Config::parse("", "").unwrap();
        assert_eq!((&nothing.watched, nothing.rules.len()), (&Watched::default(), 0));
        assert_ne!(Config::parse("# stuck=off", "").unwrap().id, nothing.id);
    }
}
