//! What an evaluation may be told.

use anyhow::{Result, bail};
use std::ops::RangeInclusive;

/// Options that were given, of those that there are.
#[derive(Debug)]
pub(super) struct Options {
    given: Vec<(String, Option<String>)>,
}

impl Options {
    /// Reads words. `known` has one line for each option: its name, and behind a blank what
    /// its value is, if it has one: `--only SITE`.
    pub(super) fn read(words: &[String], known: &[&'static str]) -> Result<Self> {
        let mut options = Options { given: Vec::new() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let parts = known.iter().map(|line| line.split_once(' ').unwrap_or((line, "")));
            let Some((_, value)) = parts.into_iter().find(|(name, _)| name == word) else {
                bail!("there is no option `{word}`\nhint: {}", known.join(", "));
            };
            if options.has(word) {
                bail!("`{word}` is there twice");
            }
            let value = match (value, words.as_slice().first()) {
                ("", _) => None,
                (_, Some(given)) if !given.starts_with("--") => words.next().cloned(),
                _ => bail!("`{word}` needs a value\nhint: {word} {value}"),
            };
            options.given.push((word.clone(), value));
        }
        Ok(options)
    }

    /// Whether an option was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// The value of an option that was given.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| given == name)?.1.as_deref()
    }

    /// The value of an option that is a number, or what it is otherwise.
    pub(super) fn number(
        &self,
        name: &str,
        default: u64,
        bounds: RangeInclusive<u64>,
    ) -> Result<u64> {
        let Some(value) = self.value(name) else { return Ok(default) };
        match value.parse() {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => bail!("`{name} {value}` is no number from {} to {}", bounds.start(), bounds.end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["--only SITE", "--rounds N", "--no-build"];

    fn read(words: &str) -> Result<Options> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Options::read(&words, &KNOWN)
    }

    #[test]
    fn refuses_what_it_does_not_know_and_says_what_there_is() {
        for bad in ["--fast", "--only", "site", "--only --no-build", "--no-build --no-build"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for bad in ["--rounds 0", "--rounds 10", "--rounds -1", "--rounds many"] {
            assert!(read(bad).expect("read").number("--rounds", 3, 1..=9).is_err(), "{bad}");
        }
        let told = read("--fast").expect_err("unknown").to_string();
        assert_eq!(told, "there is no option `--fast`\nhint: --only SITE, --rounds N, --no-build");
    }

    #[test]
    fn takes_what_there_is() {
        let none = read("").expect("read");
        assert!(!none.has("--no-build") && none.value("--only").is_none());
        assert_eq!(none.number("--rounds", 3, 1..=9).expect("a number"), 3);
        let all = read("--rounds 9 --no-build --only a").expect("read");
        assert!(all.has("--no-build"));
        assert_eq!(all.value("--only"), Some("a"));
        assert_eq!(all.number("--rounds", 3, 1..=9).expect("a number"), 9);
    }
}
