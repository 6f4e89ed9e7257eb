//! Names and passwords that were checked before: a check costs a tenth of a second on purpose,
//! and a device sends them with each request.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Pairs that are remembered; beyond them, all are forgotten.
const PAIRS_MAX: usize = 16_384;

/// Keyed hashes of pairs, in memory alone.
pub(super) struct Known {
    key: [u8; 32],
    checked: Mutex<Checked>,
}

#[derive(Default)]
struct Checked {
    /// How often the passwords were replaced.
    generation: u64,
    pairs: HashSet<[u8; 32]>,
}

impl Default for Known {
    fn default() -> Self {
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            // Keyed by the system's randomness.
            part.copy_from_slice(&RandomState::new().hash_one(0).to_le_bytes());
        }
        Known { key, checked: Mutex::default() }
    }
}

impl Known {
    /// Whether this pair was right.
    pub(super) fn has(&self, name: &str, password: &str) -> bool {
        let hash = self.hash(name, password);
        self.lock().pairs.contains(&hash)
    }

    /// Which passwords are in force; to be asked before a pair is checked.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Remembers that a pair is right, unless the passwords were replaced meanwhile.
    pub(super) fn add(&self, generation: u64, name: &str, password: &str) {
        let hash = self.hash(name, password);
        let mut checked = self.lock();
        if checked.generation == generation {
            if checked.pairs.len() >= PAIRS_MAX {
                checked.pairs.clear();
            }
            checked.pairs.insert(hash);
        }
    }

    /// Forgets all, because the passwords are others now.
    pub(super) fn forget(&self) {
        let mut checked = self.lock();
        checked.generation += 1;
        checked.pairs.clear();
    }

    fn hash(&self, name: &str, password: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(password.as_bytes());
        *hasher.finalize().as_bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Checked> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_known_until_the_passwords_change() {
        let known = Known::default();
        let generation = known.generation();
        known.add(generation, "ab", "c");
        assert!(!known.has("a", "bc") && !known.has("ab", "d") && !known.has("ab", ""));
        assert!(known.has("ab", "c"));
        known.forget();
        assert!(!known.has("ab", "c"));
        // It was checked against the old passwords.
        known.add(generation, "ab", "c");
        assert!(!known.has("ab", "c"));
    }

    #[test]
    fn no_more_pairs_are_remembered_than_may_be() {
        let known = Known::default();
        for index in 0..=PAIRS_MAX {
            known.add(0, &index.to_string(), "x");
        }
        assert!(!known.has("0", "x") && known.has(&PAIRS_MAX.to_string(), "x"));
    }
}
