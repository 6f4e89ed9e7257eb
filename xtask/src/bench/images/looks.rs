//! Bytes for the same looks, by SSIMULACRA2. Every server is given the same pixels, without
//! loss and scaled already, so that the encoder is judged and not the filter: one that keeps
//! more of the picture has more to encode.

use super::super::report::{Report, figure, table};
use super::servers::{Format, SHARP, Server};
use super::sources::{self, Picture};
use super::{Measured, geometric_mean};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The qualities that are tried. They are close where encoders begin to keep the full
/// resolution of colors, so that no score is looked for across that step.
const QUALITIES: [u8; 12] = [40, 50, 60, 68, 76, 84, 87, 89, 90, 92, 94, 95];

/// The scores that bytes are told for: high, and nearly as seen.
const SCORES: [f64; 2] = [70.0, 80.0];

/// Scores and the bytes for them, of one picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// The bytes for a score, between the two qualities around it, on a logarithmic scale.
    fn bytes(&self, score: f64) -> Option<f64> {
        let pair = self.0.windows(2).find(|pair| pair[0].0 <= score && score <= pair[1].0)?;
        let [(low, less), (high, more)] = [pair[0], pair[1]];
        let part = if high > low { (score - low) / (high - low) } else { 0.0 };
        Some((less.ln() + part * (more.ln() - less.ln())).exp())
    }
}

/// Builds what compares pictures.
pub(super) fn build(workspace: &Workspace) -> Result<()> {
    let words = ["build", "--release", "--locked", "-p", "sedge-benches", "--bin", "image-score"];
    shell::run(shell::cargo(workspace).args(words)).context("building what compares pictures")
}

/// The pictures as small as they become, by sharp's filter, or by the first server's where
/// sharp is not there; in the folder that servers read from, too.
pub(super) fn scaled(
    folder: &Path,
    measured: &[Measured],
    pictures: &[Picture],
) -> Result<Vec<Picture>> {
    let sharp = measured.iter().find(|one| one.server.name == SHARP);
    let Some(by) = sharp.or(measured.first()) else { return Ok(Vec::new()) };
    let running = by.server.start()?;
    let scale = |picture: &Picture| {
        let (bytes, _) = running.ask(picture, picture.width, 80, Format::Png)?;
        let file = format!("looks-{}.png", picture.file.trim_end_matches(".jpg"));
        fs::write(sources::folder(folder).join(&file), &bytes).context("writing a picture")?;
        Ok(Picture { file, bytes, width: picture.width })
    };
    pictures.iter().map(scale).collect()
}

/// Asks for every picture, scaled already, in every quality.
pub(super) fn curves(
    workspace: &Workspace,
    folder: &Path,
    server: &Server,
    pictures: &[Picture],
) -> Result<Vec<Curve>> {
    let running = server.start()?;
    let mut curves = Vec::new();
    for picture in pictures {
        let reference = sources::folder(folder).join(&picture.file);
        let mut sizes = Vec::new();
        let mut command = Command::new(workspace.release_binary("image-score"));
        command.arg(&reference);
        for quality in QUALITIES {
            let (bytes, _) = running.ask(picture, picture.width, quality, Format::Jpeg)?;
            sizes.push(bytes.len() as f64);
            let file = folder.join(format!("looks-{quality}.jpg"));
            fs::write(&file, bytes).context("writing a picture")?;
            command.arg(file);
        }
        let scores = shell::output(&mut command).context("comparing pictures")?;
        let scores: Vec<f64> = scores.lines().filter_map(|line| line.trim().parse().ok()).collect();
        if scores.len() != sizes.len() {
            bail!("{} pictures have {} scores", sizes.len(), scores.len());
        }
        curves.push(Curve(scores.into_iter().zip(sizes).collect()));
    }
    Ok(curves)
}

pub(super) fn print(measured: &[Measured], pictures: &[Picture], report: &mut Report) {
    let mut heading = vec!["bytes for a score".to_owned()];
    heading.extend(measured.iter().map(|one| one.server.name.to_owned()));
    let mut rows = Vec::new();
    for (at, picture) in pictures.iter().enumerate() {
        for score in SCORES {
            let case = format!("{}, {score}", picture.case().name());
            let mut row = vec![case.clone()];
            for one in measured {
                let bytes = one.curves.get(at).and_then(|curve| curve.bytes(score));
                if let Some(bytes) = bytes {
                    report.row(one.server.name, &case, "bytes", bytes, "B");
                }
                row.push(bytes.map_or("out of reach".to_owned(), figure));
            }
            rows.push(row);
        }
    }
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    println!("\n{}", table(&heading, &rows));
}

/// The geometric mean of the bytes of one server of those of another, over all pictures
/// and scores that both reach.
pub(super) fn times(measured: &[Measured], one: &str, other: &str) -> Option<f64> {
    let find = |name: &str| measured.iter().find(|found| found.server.name == name);
    let curves = find(one)?.curves.iter().zip(&find(other)?.curves);
    let ratios = curves.flat_map(|(one, other)| {
        SCORES.iter().filter_map(|score| Some(one.bytes(*score)? / other.bytes(*score)?))
    });
    geometric_mean(&ratios.collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lie_between_those_around_a_score() {
        let curve = Curve(vec![(50.0, 1000.0), (70.0, 2000.0), (90.0, 8000.0)]);
        let near = |score: f64, bytes: f64| {
            curve.bytes(score).is_some_and(|found| (found - bytes).abs() < 1e-6)
        };
        assert!(near(50.0, 1000.0) && near(70.0, 2000.0) && near(80.0, 4000.0));
        assert_eq!((curve.bytes(49.0), curve.bytes(91.0)), (None, None));
    }
}
