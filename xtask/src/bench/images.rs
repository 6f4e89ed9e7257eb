//! `cargo xtask bench images`: pictures resized and written as JPEG on one core, beside
//! sharp, thumbor and oximg ([`servers`]): how many in a second, how many bytes for the
//! same looks ([`looks`]), and how much memory.
//!
//! Every server is asked over HTTP, one picture at a time; ours is sent the picture, the
//! others read it from a file. [`sources`] says which pictures.

mod looks;
mod servers;
mod sources;

use super::arguments::Arguments;
use super::median;
use super::report::{Bar, Report, figure, table};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use servers::{Format, NODE, Running, SANDBOX, SHARP, SHARP_SMALL, Server};
use sources::{Case, Picture};
use std::fs;

/// The quality that is asked for when time is measured.
const QUALITY: u8 = 80;

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    // What takes the time is in the function and the encoders, not in what is trained.
    if !arguments.no_build {
        crate::build::everything(workspace)?;
        looks::build(workspace)?;
    }
    crate::install::program("taskset", "util-linux")?;
    let folder = workspace.root.join("target/bench/images");
    fs::create_dir_all(&folder).context("making a bench's folder")?;
    let sharp = crate::install::sharp(workspace);
    let pictures = sources::all(workspace, &folder, sharp.as_deref().ok())?;
    let servers = servers::all(workspace, &folder, sharp)?;
    let mut report = Report::new("images");
    let mut absent = Vec::new();
    let mut measured: Vec<Measured> = Vec::new();
    for (name, server) in servers {
        match server {
            Ok(server) if arguments.wants(name) => measured.push(Measured::new(server)),
            Ok(_) => {}
            Err(why) => absent.push((name, why)),
        }
    }
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}: one picture after the other", arguments.rounds);
        for one in &mut measured {
            one.round(&pictures, arguments.seconds)?;
        }
    }
    print_times(&measured, &pictures, &mut report);
    if arguments.only.is_empty() || arguments.wants("looks") {
        let scaled = looks::scaled(&folder, &measured, &pictures)?;
        for one in &mut measured {
            eprintln!("looks of {}", one.server.name);
            one.curves = looks::curves(workspace, &folder, &one.server, &scaled)?;
        }
        looks::print(&measured, &pictures, &mut report);
    }
    for (name, why) in &absent {
        println!("{name}: absent ({why})");
        report.absent(name, why);
    }
    for bar in bars(&measured) {
        report.bar(bar);
    }
    report.finish(workspace, arguments)
}

/// One server, with what each round saw of it.
struct Measured {
    server: Server,
    /// Milliseconds of each case, by picture and width.
    ms: Vec<(Case, Vec<f64>)>,
    rss_mb: Vec<f64>,
    /// Bytes by score, for each picture.
    curves: Vec<looks::Curve>,
}

impl Measured {
    fn new(server: Server) -> Self {
        Measured { server, ms: Vec::new(), rss_mb: Vec::new(), curves: Vec::new() }
    }

    /// Starts the server, and asks for each case again and again, for the given time.
    fn round(&mut self, pictures: &[Picture], seconds: u64) -> Result<()> {
        let running = self.server.start()?;
        for picture in pictures {
            let case = picture.case();
            let mut took = Vec::new();
            let ask = |running: &Running| -> Result<f64> {
                let (_, took) = running.ask(picture, picture.width, QUALITY, Format::Jpeg)?;
                Ok(took.as_secs_f64() * 1e3)
            };
            // The first ones load code and take memory.
            ask(&running)?;
            ask(&running)?;
            let begin = std::time::Instant::now();
            while took.len() < 3 || (begin.elapsed().as_secs() < seconds && took.len() < 500) {
                took.push(ask(&running)?);
            }
            match self.ms.iter_mut().find(|(known, _)| *known == case) {
                Some((_, all)) => all.push(median(&took)),
                None => self.ms.push((case, vec![median(&took)])),
            }
        }
        self.rss_mb.push(running.rss_mb());
        Ok(())
    }

    fn per_s(&self, case: &Case) -> Option<f64> {
        let (_, ms) = self.ms.iter().find(|(known, _)| known == case)?;
        Some(1e3 / median(ms))
    }
}

fn print_times(measured: &[Measured], pictures: &[Picture], report: &mut Report) {
    let mut heading = vec!["pictures per second".to_owned()];
    heading.extend(measured.iter().map(|one| one.server.name.to_owned()));
    let mut rows = Vec::new();
    for case in pictures.iter().map(Picture::case) {
        let mut row = vec![case.name()];
        for one in measured {
            let per_s = one.per_s(&case).unwrap_or(0.0);
            report.row(one.server.name, &case.name(), "pictures", per_s, "1/s");
            row.push(figure(per_s));
        }
        rows.push(row);
    }
    let mut row = vec!["resident after all, MB".to_owned()];
    for one in measured {
        report.row(one.server.name, "after all pictures", "rss", median(&one.rss_mb), "MB");
        row.push(figure(median(&one.rss_mb)));
    }
    rows.push(row);
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    println!("\n{}", table(&heading, &rows));
}

/// The geometric mean of how many times as many pictures one makes as another.
fn times(measured: &[Measured], one: &str, other: &str) -> Option<f64> {
    let find = |name: &str| measured.iter().find(|found| found.server.name == name);
    let (one, other) = (find(one)?, find(other)?);
    let ratios = one.ms.iter().map(|(case, _)| Some(one.per_s(case)? / other.per_s(case)?));
    geometric_mean(&ratios.collect::<Option<Vec<f64>>>()?)
}

fn geometric_mean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (sum / values.len() as f64).exp())
}

fn bars(measured: &[Measured]) -> Vec<Bar> {
    let bytes = |one: &str, other: &str| looks::times(measured, one, other);
    vec![
        Bar::at_least(
            "pictures per second in the sandbox alone, of sharp",
            0.7,
            "",
            times(measured, SANDBOX, SHARP),
        ),
        Bar::at_least(
            "pictures per second with the node's encoders, of sharp with mozjpeg",
            0.7,
            "",
            times(measured, NODE, SHARP_SMALL),
        ),
        Bar::at_most("bytes for the same looks, of sharp", 1.0, "", bytes(NODE, SHARP)),
        Bar::at_most(
            "bytes for the same looks, of sharp with mozjpeg",
            1.0,
            "",
            bytes(NODE, SHARP_SMALL),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_missed() {
        assert!(bars(&[]).iter().all(|bar| !bar.holds && bar.got == "not measured"));
        assert_eq!(geometric_mean(&[]), None);
        assert!(geometric_mean(&[0.5, 2.0]).is_some_and(|mean| (mean - 1.0).abs() < 1e-12));
    }
}
