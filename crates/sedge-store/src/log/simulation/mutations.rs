//! Whether the simulation would notice: each place at which something is synced is left
//! out, or moved behind what follows it, and some seed has to fail.

use super::disk::Flaw;
use super::life::Life;
use super::sweep::every_end;
use crate::log::media::SyncPoint;

/// The first seed that fails with this flaw, and what it says.
fn caught(flaw: Flaw, seeds: u64) -> Option<(u64, String)> {
    let in_a_life = (0..seeds).find_map(|seed| Some((seed, Life::run(seed, flaw).err()?)));
    in_a_life
        .or_else(|| (0..seeds / 20).find_map(|seed| Some((seed, every_end(seed, flaw).err()?))))
}

#[test]
fn without_any_one_sync_the_simulation_fails() {
    let seeds = super::told("SEDGE_LOG_SEEDS").unwrap_or(0).max(400);
    for point in SyncPoint::ALL {
        for flaw in [Flaw::Without(point), Flaw::Late(point)] {
            let found = caught(flaw, seeds);
            println!("{flaw:?}: {found:?}");
            assert!(found.is_some(), "{flaw:?} was not noticed by any of {seeds} seeds");
        }
    }
}
