//! Drives the targets for a few seconds each.

use crate::mutation::{self, Random};
use crate::targets::Target;
use anyhow::{Context, Result};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// One input may not take longer; what does is a finding.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);

/// What came of one target.
pub struct Outcome {
    /// Inputs that were run.
    pub inputs: u64,
    /// The first input that failed, where it was written, and why.
    pub finding: Option<(PathBuf, String)>,
}

/// Runs a target's seeds and then mutations of them until `duration` is over,
/// or until one fails.
pub fn run(target: &Target, seed: u64, duration: Duration, artifacts: &Path) -> Result<Outcome> {
    let seeds = (target.seeds)();
    let mut random = Random::new(seed);
    let start = Instant::now();
    let mut inputs = 0;
    loop {
        let input = match seeds.get(inputs as usize) {
            Some(seed) => seed.clone(),
            None if start.elapsed() >= duration => return Ok(Outcome { inputs, finding: None }),
            None => mutation::input(&mut random, &seeds, target.words),
        };
        inputs += 1;
        if let Err(reason) = once(target, &input) {
            let file = artifacts.join(format!("{}-{seed}-{inputs}", target.name));
            std::fs::create_dir_all(artifacts).context("making the folder for findings")?;
            std::fs::write(&file, &input).context("writing a finding")?;
            return Ok(Outcome { inputs, finding: Some((file, reason)) });
        }
    }
}

/// Runs one input; `Err` says how it failed.
pub fn once(target: &Target, input: &[u8]) -> Result<(), String> {
    static REASON: Mutex<String> = Mutex::new(String::new());
    // The hook knows the place of a panic, which the payload does not.
    panic::set_hook(Box::new(|info| {
        if let Ok(mut reason) = REASON.lock() {
            *reason = info.to_string();
        }
    }));
    let start = Instant::now();
    let result = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let _ = panic::take_hook();
    match result {
        Err(_) => Err(REASON.lock().map(|reason| reason.clone()).unwrap_or_default()),
        Ok(()) if start.elapsed() > INPUT_TIME_MAX => {
            Err(format!("it took {:.1} s", start.elapsed().as_secs_f64()))
        }
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(run: fn(&[u8])) -> Target {
        Target { name: "test", run, seeds: || vec![b"calm".to_vec()], words: &["boom"] }
    }

    #[test]
    fn a_panic_is_found_and_its_input_kept() {
        let artifacts = std::env::temp_dir().join(format!("sedge-fuzz-{}", std::process::id()));
        let explosive = target(|data| assert!(!data.starts_with(b"boom"), "it exploded"));
        let outcome = run(&explosive, 1, Duration::from_secs(20), &artifacts).expect("runs");
        let (file, reason) = outcome.finding.expect("found");
        assert!(reason.contains("it exploded"), "{reason}");
        assert!(std::fs::read(&file).expect("written").starts_with(b"boom"));
        std::fs::remove_dir_all(&artifacts).expect("removed");
    }

    #[test]
    fn a_target_that_holds_runs_at_least_its_seeds() {
        let outcome = run(&target(|_| ()), 1, Duration::ZERO, Path::new(".")).expect("runs");
        assert!(outcome.finding.is_none() && outcome.inputs == 1);
    }
}
