//! Screenshots against each other.

use super::plan::{TILE_PIXELS, VIEWPORTS};
use super::seen::{Difference, Seen};
use super::{AGAIN, BEFORE};
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// A page in one viewport and one mode, compared with what it is without Sedge.
pub(super) struct Compared<'a> {
    pub(super) before: &'a Seen,
    /// The second visit without Sedge; for that itself, the first.
    again: &'a Seen,
    pub(super) after: &'a Seen,
    pub(super) difference: Difference,
    /// Pixels that differ, and are none of a picture that was encoded anew.
    pub(super) pixels: f64,
    /// By how much of 255 they do at most.
    pub(super) by: f64,
    /// How much each such picture looks like what it was, by SSIMULACRA2.
    pub(super) scores: Vec<f64>,
}

/// Compares all that there is more than once.
pub(super) fn compare<'a>(workspace: &Workspace, seen: &'a [Seen]) -> Result<Vec<Compared<'a>>> {
    let mut all = Vec::new();
    for after in seen.iter().filter(|one| one.mode != BEFORE) {
        let plain = |mode: &str| {
            let found = seen.iter().find(|one| {
                one.mode == mode && (&one.page, &one.viewport) == (&after.page, &after.viewport)
            });
            found.with_context(|| format!("{} was not seen {mode}", after.page))
        };
        let before = plain(BEFORE)?;
        let again = if after.mode == AGAIN { before } else { plain(AGAIN)? };
        let difference = after.difference([before, again]);
        let (pixels, by, scores) = (0.0, 0.0, Vec::new());
        let mut compared = Compared { before, again, after, difference, pixels, by, scores };
        compared.look(workspace)?;
        all.push(compared);
    }
    Ok(all)
}

impl Compared<'_> {
    fn look(&mut self, workspace: &Workspace) -> Result<()> {
        let dpr = VIEWPORTS.iter().find(|one| one.name == self.after.viewport);
        let dpr = f64::from(dpr.context("looking for a viewport")?.dpr);
        let pictures = self.after.pictures(self.before);
        // Of a page that became longer or shorter, the boxes tell so, and the last tile.
        let plain = self.before.tiles.iter().zip(&self.again.tiles);
        for (((then, top), (again, _)), (now, _)) in plain.zip(&self.after.tiles) {
            let mut command = Command::new(workspace.release_binary("page-score"));
            command.args([now, then, again]);
            let height = f64::from(TILE_PIXELS) / dpr;
            for picture in &pictures {
                command.arg(words(*picture, [*top, *top + height], dpr));
            }
            let said = shell::output(&mut command)
                .with_context(|| format!("comparing {}", now.display()))?;
            let (pixels, by, scores) = parse(&said)?;
            self.pixels += pixels;
            self.by = self.by.max(by);
            self.scores.extend(scores);
        }
        Ok(())
    }
}

/// A box of a page as pixels of the tile from `top` to `bottom`, with all pixels that it
/// touches and the one beside them, which smoothing may reach. Where less than half of it is in
/// the tile, it is not judged there.
fn words([left, upper, right, lower]: [f64; 4], [top, bottom]: [f64; 2], dpr: f64) -> String {
    let least = |side: f64| (side * dpr).floor() as i64 - 1;
    let most = |side: f64| (side * dpr).ceil() as i64 + 1;
    let sides = [least(left), least(upper - top), most(right), most(lower - top)];
    let is_part = (lower.min(bottom) - upper.max(top)) * 2.0 < lower - upper;
    let sign = if is_part { "-" } else { "" };
    format!("{sign}{}", sides.map(|side| side.max(0).to_string()).join(","))
}

/// What `page-score` says: pixels, by how much, and scores.
fn parse(said: &str) -> Result<(f64, f64, Vec<f64>)> {
    let mut lines = said.lines();
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::parse::<f64>);
    let (Some(Ok(pixels)), Some(Ok(by))) = (first.next(), first.next()) else {
        bail!("reading how pages were compared: `{said}`");
    };
    let scores = lines.filter(|line| *line != "-").map(str::parse::<f64>);
    let scores = scores.collect::<Result<_, _>>().context("reading how pictures were compared")?;
    Ok((pixels, by, scores))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_an_error() {
        for bad in ["", "1", "a b", "1 2\nx"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("7 255\n88.5\n-\n91\n").expect("valid"), (7.0, 255.0, vec![88.5, 91.0]));
    }

    #[test]
    fn boxes_become_all_pixels_that_they_touch() {
        assert_eq!(words([10.5, 20.0, 30.2, 40.0], [0.0, 90.0], 1.0), "9,19,32,41");
        assert_eq!(words([0.0, 100.0, 10.0, 200.0], [150.0, 900.0], 3.0), "0,0,31,151");
        assert_eq!(words([0.0, 100.0, 10.0, 200.0], [160.0, 900.0], 3.0), "-0,0,31,121");
        assert_eq!(words([0.0, 100.0, 10.0, 200.0], [0.0, 140.0], 1.0), "-0,99,11,201");
        assert_eq!(words([0.0, 100.0, 10.0, 120.0], [150.0, 900.0], 3.0), "-0,0,31,0");
    }
}
