//! What a bench may be told.

use anyhow::{Context, Result, bail};

/// Options of all benches; each has a default.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// How often each subject is measured.
    pub rounds: usize,
    /// How long each measurement takes.
    pub seconds: u64,
    /// Deploy 10,000 functions instead of 1,000.
    pub long: bool,
    /// Measure what was built before.
    pub no_build: bool,
    /// Build `wasmtime serve` if it is not there.
    pub with_wasmtime: bool,
    /// Ask with wrk instead of the generator that never sleeps.
    pub wrk: bool,
    /// Parts or subjects to measure; empty: all.
    pub only: Vec<String>,
}

impl Arguments {
    /// Reads options; `rounds` and `seconds` are the bench's defaults.
    pub(super) fn parse(words: &[String], rounds: usize, seconds: u64) -> Result<Self> {
        let mut arguments = Arguments {
            rounds,
            seconds,
            long: false,
            no_build: false,
            with_wasmtime: false,
            wrk: false,
            only: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().with_context(|| format!("reading `{word}`: it needs a value"));
            match word.as_str() {
                "--rounds" => arguments.rounds = positive(word, value()?)?,
                "--seconds" => arguments.seconds = positive(word, value()?)? as u64,
                "--only" => arguments.only = value()?.split(',').map(str::to_owned).collect(),
                "--long" => arguments.long = true,
                "--no-build" => arguments.no_build = true,
                "--with-wasmtime" => arguments.with_wasmtime = true,
                "--wrk" => arguments.wrk = true,
                unknown => bail!(
                    "there is no option `{unknown}`\nhint: --rounds N, --seconds N, --long, --no-build, \
                     --with-wasmtime, --wrk, --only PART,…"
                ),
            }
        }
        Ok(arguments)
    }

    /// Whether a part is wanted.
    pub(super) fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// Whether one of several is wanted, where `--only` may name some of them, or none and
    /// mean all.
    pub(super) fn wants_of(&self, one: &str, several: &[&str]) -> bool {
        let names_some = self.only.iter().any(|only| several.contains(&only.as_str()));
        !names_some || self.only.iter().any(|only| only == one)
    }
}

fn positive(word: &str, value: &str) -> Result<usize> {
    match value.parse() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => bail!("reading `{word} {value}`: a number from 1 to 1000 is needed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Arguments> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words, 5, 2)
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for bad in ["--fast", "--rounds", "--rounds 0", "--seconds many", "http"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn has_defaults_and_takes_options() {
        let all = parse("").expect("valid");
        assert!(all.rounds == 5 && !all.long && all.wants("anything"));
        let some = parse("--rounds 3 --long --only cold,idle").expect("valid");
        assert!(some.rounds == 3 && some.long && some.wants("idle") && !some.wants("wrk"));
        assert!(some.wants_of("idle", &["idle", "wrk"]) && !some.wants_of("wrk", &["idle", "wrk"]));
        assert!(some.wants_of("one", &["one", "other"]));
    }
}
