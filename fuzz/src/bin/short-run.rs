//! `cargo xtask fuzz`: a short run of every target on stable Rust.

use anyhow::{Context, Result, bail};
use sedge_fuzz::short_run;
use sedge_fuzz::targets::{TARGETS, Target};
use std::path::{Path, PathBuf};
use std::time::Duration;

struct Arguments {
    seconds: f64,
    seed: u64,
    target: Option<String>,
    input: Option<PathBuf>,
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments { seconds: 5.0, seed: 1, target: None, input: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("reading `{word}`: it needs a value"))?;
        match word.as_str() {
            "--seconds" => arguments.seconds = value.parse().context("reading --seconds")?,
            "--seed" => arguments.seed = value.parse().context("reading --seed")?,
            "--target" => arguments.target = Some(value),
            "--input" => arguments.input = Some(value.into()),
            _ => bail!("there is no option `{word}`: --seconds, --seed, --target, --input"),
        }
    }
    Ok(arguments)
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let wanted =
        |target: &&Target| arguments.target.as_ref().is_none_or(|name| name == target.name);
    let targets: Vec<&Target> = TARGETS.iter().filter(wanted).collect();
    if targets.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        bail!("there is no such target; there are {}", names.join(", "));
    }
    if let Some(file) = &arguments.input {
        let input = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        for target in targets {
            let result = short_run::once(target, &input);
            println!("{:18} {}", target.name, result.err().unwrap_or("holds".to_owned()));
        }
        return Ok(());
    }
    let artifacts = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
    let duration = Duration::from_secs_f64(arguments.seconds);
    let mut findings = 0;
    for target in targets {
        let outcome = short_run::run(target, arguments.seed, duration, &artifacts)?;
        match &outcome.finding {
            None => println!("{:18} {:8} inputs, nothing found", target.name, outcome.inputs),
            Some((file, reason)) => {
                findings += 1;
                println!("{:18} FAILED after {} inputs: {reason}", target.name, outcome.inputs);
                println!("{:18} input: {}", "", file.display());
            }
        }
    }
    println!("mutated with seed {}, not guided by coverage", arguments.seed);
    if findings > 0 {
        bail!("{findings} targets failed");
    }
    Ok(())
}
