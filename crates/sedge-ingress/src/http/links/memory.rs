//! The hints of the pages that were last asked for.

use http::HeaderValue;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of the longest name of a page that is remembered.
pub(super) const NAME_BYTES_MAX: usize = 1_024;

/// Pages that are looked through for one: where a name may lie follows from its hash,
/// which nobody outside can foresee.
const WAYS: usize = 8;

/// What pages hinted at. It holds a fixed number of them; a page that is new takes the
/// place of the one of its set that was learned first.
pub(super) struct Memory {
    sets: Box<[Mutex<Vec<Page>>]>,
    hash: RandomState,
    age_max: Duration,
}

struct Page {
    name: Box<str>,
    hints: HeaderValue,
    learned: Instant,
}

impl Memory {
    /// For this many pages, rounded up to whole sets, each for so long.
    pub(super) fn new(pages_max: usize, age_max: Duration) -> Self {
        let sets = pages_max.div_ceil(WAYS).max(1);
        let sets = (0..sets).map(|_| Mutex::default()).collect();
        Memory { sets, hash: RandomState::new(), age_max }
    }

    fn set(&self, name: &str) -> &Mutex<Vec<Page>> {
        let hash = self.hash.hash_one(name);
        // There are at most as many sets as a `u64` counts, and one at least.
        &self.sets[(hash % self.sets.len() as u64) as usize]
    }

    /// The hints of a page.
    pub(super) fn get(&self, name: &str, now: Instant) -> Option<HeaderValue> {
        let set = self.set(name).lock().unwrap_or_else(PoisonError::into_inner);
        let page = set.iter().find(|page| *page.name == *name)?;
        let is_fresh = now.saturating_duration_since(page.learned) < self.age_max;
        is_fresh.then(|| page.hints.clone())
    }

    /// Remembers the hints of a page, or that it has none any more. Whether that is news.
    pub(super) fn learn(&self, name: &str, hints: Option<HeaderValue>, now: Instant) -> bool {
        let mut set = self.set(name).lock().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().position(|page| *page.name == *name);
        let Some(hints) = hints.filter(|_| name.len() <= NAME_BYTES_MAX) else {
            return known.map(|index| set.swap_remove(index)).is_some();
        };
        match known {
            Some(index) => {
                let is_news = set[index].hints != hints;
                (set[index].hints, set[index].learned) = (hints, now);
                is_news
            }
            None => {
                if set.len() >= WAYS
                    && let Some(oldest) = (0..set.len()).min_by_key(|&index| set[index].learned)
                {
                    set.swap_remove(oldest);
                }
                set.push(Page { name: name.into(), hints, learned: now });
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &'static str) -> Option<HeaderValue> {
        Some(HeaderValue::from_static(text))
    }

    #[test]
    fn nothing_is_remembered_beyond_its_age_or_with_too_long_a_name() {
        let (memory, begin) = (Memory::new(8, Duration::from_secs(10)), Instant::now());
        assert!(memory.learn("/a", value("a"), begin));
        assert_eq!(memory.get("/a", begin + Duration::from_secs(9)), value("a"));
        assert_eq!(memory.get("/a", begin + Duration::from_secs(10)), None);
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        assert!(!memory.learn(&long, value("a"), begin));
        assert_eq!(memory.get(&long, begin), None);
    }

    #[test]
    fn the_last_answer_counts() {
        let (memory, now) = (Memory::new(8, Duration::from_secs(10)), Instant::now());
        assert!(memory.learn("/a", value("a"), now));
        assert!(!memory.learn("/a", value("a"), now));
        assert!(memory.learn("/a", value("b"), now));
        assert_eq!(memory.get("/a", now), value("b"));
        assert!(memory.learn("/a", None, now));
        assert!(!memory.learn("/a", None, now));
        assert_eq!(memory.get("/a", now), None);
    }

    #[test]
    fn there_is_room_for_so_many_and_the_oldest_go_first() {
        let (memory, begin) = (Memory::new(1, Duration::from_secs(1_000)), Instant::now());
        let at = |index: usize| begin + Duration::from_secs(index as u64);
        for index in 0..1_000 {
            memory.learn(&format!("/{index}"), value("a"), at(index));
        }
        let held = (0..1_000).filter(|index| memory.get(&format!("/{index}"), at(999)).is_some());
        assert_eq!(held.collect::<Vec<_>>(), (1_000 - WAYS..1_000).collect::<Vec<_>>());
    }
}
