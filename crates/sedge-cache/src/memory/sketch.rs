//! How often a key was asked for lately: a count-min sketch that ages.
//!
//! Counters of 4 bits, four for each key, in one line of the processor's cache; only the
//! least of the four are raised (Estan and Varghese, "New Directions in Traffic
//! Measurement and Accounting", 2002), and all are halved from time to time (TinyLFU,
//! section 3.3). A line holds 128 counters for 4 objects, so few keys meet in all four.

/// The largest count.
pub(super) const COUNT_MAX: u8 = 15;

/// Words in a line.
const LINE: usize = 8;

/// Keys counted for each object held, before all counts are halved.
const SAMPLE: usize = 20;

/// Words for each object held.
const WORDS: usize = 2;

/// Words of an empty sketch.
const WORDS_MIN: usize = 64;

pub(super) struct Sketch {
    /// 16 counters each; a power of two of words.
    words: Box<[u64]>,
    /// What was counted since the last halving.
    counted: usize,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Sketch { words: vec![0; WORDS_MIN].into(), counted: 0 }
    }

    /// Makes room for this many objects.
    pub(super) fn make_room(&mut self, objects: usize) {
        while self.words.len() < objects.saturating_mul(WORDS) {
            // A key's line in the larger sketch is its old line or the one as far behind
            // it as the sketch was long: both begin with the old counts.
            let doubled = [&self.words[..], &self.words[..]].concat();
            self.words = doubled.into();
        }
    }

    /// Counts a key.
    pub(super) fn increment(&mut self, hash: u64, objects: usize) {
        let places = self.places(hash);
        let least = places.iter().map(|&place| self.count(place)).min().unwrap_or(COUNT_MAX);
        if least < COUNT_MAX {
            for place in places {
                if self.count(place) == least {
                    self.words[place.0] += 1 << place.1;
                }
            }
        }
        self.counted += 1;
        if self.counted >= SAMPLE * objects.max(WORDS_MIN) {
            self.halve();
        }
    }

    /// About how often the key was counted, at most [`COUNT_MAX`]; rarely too high.
    pub(super) fn estimate(&self, hash: u64) -> u8 {
        self.places(hash).iter().map(|&place| self.count(place)).min().unwrap_or(0)
    }

    /// What it takes in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.words.len() * size_of::<u64>()
    }

    fn halve(&mut self) {
        for word in &mut self.words {
            *word = (*word >> 1) & 0x7777_7777_7777_7777;
        }
        self.counted /= 2;
    }

    /// Word and shift of the key's counters: one in each pair of words of its line.
    fn places(&self, hash: u64) -> [(usize, u32); 4] {
        // The table finds its slots by the lower bits, and the shard was found by upper
        // ones: all are mixed anew, or keys that are neighbors there would be here.
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let line = ((mixed >> 32) as usize * LINE) & (self.words.len() - 1);
        let choose = mixed ^ (hash << 7);
        [0, 1, 2, 3].map(|i| {
            let bits = (choose >> (5 * i)) as usize & 31;
            (line + 2 * i as usize + (bits & 1), (bits as u32 >> 1) * 4)
        })
    }

    fn count(&self, (word, shift): (usize, u32)) -> u8 {
        (self.words[word] >> shift) as u8 & COUNT_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mixing like the one that hashes keys, but the same in every run.
    fn hash(i: u64) -> u64 {
        let x = (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    #[test]
    fn counts_never_less_and_rarely_more() {
        let mut sketch = Sketch::new();
        sketch.make_room(1_000);
        for i in 0..1_000 {
            for _ in 0..i % 5 {
                sketch.increment(hash(i), 1_000);
            }
        }
        let mut over = 0;
        for i in 0..1_000 {
            let (count, estimate) = ((i % 5) as u8, sketch.estimate(hash(i)));
            assert!(estimate >= count, "{estimate} of {count}");
            over += u32::from(estimate > count);
        }
        assert!(over < 50, "{over} of 1000 are too high");
        let absent = (1_000..2_000).filter(|&i| sketch.estimate(hash(i)) > 1).count();
        assert!(absent < 50, "{absent} of 1000 absent ones are counted");
    }

    #[test]
    fn ends_at_the_largest_count_and_touches_no_neighbor() {
        let mut sketch = Sketch::new();
        for _ in 0..100 {
            sketch.increment(hash(0), 1_000);
        }
        assert_eq!(sketch.estimate(hash(0)), COUNT_MAX);
        let set: u32 = sketch.words.iter().map(|word| word.count_ones()).sum();
        assert_eq!(set, 16);
    }

    #[test]
    fn grows_without_forgetting_and_ages() {
        let mut sketch = Sketch::new();
        for i in 0..30 {
            for _ in 0..8 {
                sketch.increment(hash(i), 1_000);
            }
        }
        let before: Vec<_> = (0..30).map(|i| sketch.estimate(hash(i))).collect();
        sketch.make_room(100_000);
        let after: Vec<_> = (0..30).map(|i| sketch.estimate(hash(i))).collect();
        assert_eq!(before, after);
        sketch.halve();
        let halved: Vec<_> = (0..30).map(|i| sketch.estimate(hash(i))).collect();
        assert_eq!(before.iter().map(|count| count / 2).collect::<Vec<_>>(), halved);
    }
}
