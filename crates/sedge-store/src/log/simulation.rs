//! The log on a disk that does its worst, by seed.
//!
//! One thread drives the core, on a [`disk`] that ends at any operation, forgets what was
//! not synced, tears and reorders, is full, and fails. A [`ledger`] of its own knows what
//! was acknowledged, and after each opening everything is read and compared. `SEDGE_LOG_SEEDS`
//! says how many seeds are run, `SEDGE_LOG_SEED` runs one.

mod damage;
mod disk;
mod forge;
mod ledger;
mod life;
mod mutations;
mod sweep;

use life::Life;
use std::num::ParseIntError;

/// Seeds that are run by default.
const SEEDS: u64 = 150;

/// A number from the environment.
fn told(name: &str) -> Option<u64> {
    let number: Result<u64, ParseIntError> = std::env::var(name).ok()?.parse();
    Some(number.expect(name))
}

#[test]
fn nothing_acknowledged_is_lost_by_any_seed() {
    let seeds = match told("SEDGE_LOG_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..told("SEDGE_LOG_SEEDS").unwrap_or(SEEDS),
    };
    let mut sum = life::Tally::default();
    for seed in seeds {
        match Life::run(seed, disk::Flaw::None) {
            Ok(tally) => sum.add(&tally),
            Err(error) => panic!("SEDGE_LOG_SEED={seed}: {error}"),
        }
    }
    println!("{sum:?}");
    // That all of it happens is not left to luck.
    if told("SEDGE_LOG_SEED").is_none() {
        assert!(sum.crashes > 0 && sum.crashes_in_recovery > 0 && sum.torn > 0, "{sum:?}");
        assert!(sum.refused > 0 && sum.gaps > 0 && sum.poisoned > 0, "{sum:?}");
    }
}
