//! One short story, ended at every single operation, and opening it again ended at every
//! operation, too.

use super::disk::Flaw;
use super::life::Life;

/// Lives the story's first part with a fuse, opens with another, and looks at the end.
fn story(seed: u64, fuse: u64, fuse_of_opening: Option<u64>, flaw: Flaw) -> Result<u64, String> {
    let mut life = Life::new(seed, flaw);
    life.disk.set_fuse(Some(fuse));
    life.live(12)?;
    life.end();
    let before = life.disk.operations();
    if let Some(fuse) = fuse_of_opening {
        life.disk.set_fuse(Some(fuse));
        life.live(0)?;
        life.end();
    }
    life.live(2)?;
    Ok(before)
}

/// The story of a seed with every end; how many there were.
pub(super) fn every_end(seed: u64, flaw: Flaw) -> Result<u64, String> {
    let mut fuse = 0;
    loop {
        let mut operations = 0;
        for opening in [None].into_iter().chain((0..8).map(Some)) {
            operations = story(seed, fuse, opening, flaw)
                .map_err(|error| format!("{seed}, {fuse}, {opening:?}: {error}"))?;
        }
        if operations < fuse || fuse > 400 {
            return Ok(fuse);
        }
        fuse += 1;
    }
}

#[test]
fn a_crash_at_every_operation_and_at_every_one_of_opening_loses_nothing() {
    let seeds = super::told("SEDGE_LOG_SEEDS").map_or(2, |seeds| 2 + seeds / 100);
    let ends = |seed| every_end(seed, Flaw::None).unwrap_or_else(|error| panic!("{error}"));
    let ends: u64 = (0..seeds).map(ends).sum();
    // The story of one seed may be short.
    assert!(ends > 10 * seeds, "the stories are too short");
}
