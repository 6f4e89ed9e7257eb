//! Identities of traces and spans: unique, not secret.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    /// State of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
    /// number generators", OOPSLA 2014), seeded for each thread by the
    /// operating system through the standard library.
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u64));
}

/// The identity of a span that begins: not zero, unique enough for a trace, and
/// never to serve as a secret.
pub fn nonzero() -> u64 {
    STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mut mixed = next;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).max(1)
    })
}

#[cfg(test)]
mod tests {
    use super::nonzero;
    use std::collections::HashSet;

    #[test]
    fn threads_do_not_repeat_each_other() {
        let other = std::thread::spawn(|| (0..1_000).map(|_| nonzero()).collect::<HashSet<_>>());
        let mut all: HashSet<u64> = (0..1_000).map(|_| nonzero()).collect();
        all.extend(other.join().expect("thread"));
        assert_eq!(all.len(), 2_000);
        assert!(!all.contains(&0));
    }
}
