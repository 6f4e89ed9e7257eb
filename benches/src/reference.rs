//! Policies as papers describe them, slow and plain: what a real cache's hit ratio is
//! compared with. Only bodies count, so a server that pays for heads and its own
//! bookkeeping from the same bytes has to make up for them.

use crate::trace::Trace;
use std::collections::{BTreeMap, HashMap};

/// Hits of a cache of `bytes_max` that evicts the least recently used, without those among
/// the first `cold` requests.
pub fn lru(trace: &Trace, bytes_max: u64, cold: usize) -> usize {
    let mut queue = Queue::default();
    count(trace, cold, |object, bytes| {
        let is_hit = queue.touch(object);
        if !is_hit && bytes <= bytes_max {
            queue.push(object, bytes);
            while queue.bytes > bytes_max {
                queue.pop();
            }
        }
        is_hit
    })
}

/// The same of W-TinyLFU (Einziger, Friedman and Manes, "TinyLFU", ACM Transactions on
/// Storage 2017) with its proposed sizes: a window of 1 %, a main part of which 80 % are
/// protected, counts up to 15 that are halved every ten times as many requests as there
/// are objects. Counts are exact. An object that the window lets go needs the room of
/// several others: it meets them one after another, and leaves at the first that is asked
/// for as often as itself.
pub fn w_tiny_lfu(trace: &Trace, bytes_max: u64, cold: usize) -> usize {
    let mut policy = TinyLfu {
        window: Queue::default(),
        probation: Queue::default(),
        protected: Queue::default(),
        counts: HashMap::new(),
        counted: 0,
        window_max: bytes_max / 100,
        main_max: bytes_max - bytes_max / 100,
    };
    count(trace, cold, |object, bytes| policy.request(object, bytes))
}

fn count(trace: &Trace, cold: usize, mut request: impl FnMut(u32, u64) -> bool) -> usize {
    let mut hits = 0;
    for (index, &object) in trace.requests.iter().enumerate() {
        let is_hit = request(object, u64::from(trace.bytes[object as usize]));
        hits += usize::from(is_hit && index >= cold);
    }
    hits
}

/// Objects in the order of their last use.
#[derive(Default)]
struct Queue {
    /// When an object was used last, and its bytes.
    objects: HashMap<u32, (u64, u64)>,
    order: BTreeMap<u64, u32>,
    now: u64,
    bytes: u64,
}

impl Queue {
    fn push(&mut self, object: u32, bytes: u64) {
        self.now += 1;
        self.objects.insert(object, (self.now, bytes));
        self.order.insert(self.now, object);
        self.bytes += bytes;
    }

    fn remove(&mut self, object: u32) -> Option<u64> {
        let (time, bytes) = self.objects.remove(&object)?;
        self.order.remove(&time);
        self.bytes -= bytes;
        Some(bytes)
    }

    /// Makes an object the last to leave; whether it is there.
    fn touch(&mut self, object: u32) -> bool {
        let bytes = self.remove(object);
        if let Some(bytes) = bytes {
            self.push(object, bytes);
        }
        bytes.is_some()
    }

    fn first(&self) -> Option<u32> {
        self.order.values().next().copied()
    }

    fn pop(&mut self) -> Option<(u32, u64)> {
        let object = self.first()?;
        self.remove(object).map(|bytes| (object, bytes))
    }
}

struct TinyLfu {
    window: Queue,
    probation: Queue,
    protected: Queue,
    counts: HashMap<u32, u8>,
    counted: usize,
    window_max: u64,
    main_max: u64,
}

impl TinyLfu {
    fn request(&mut self, object: u32, bytes: u64) -> bool {
        self.count(object);
        if self.window.touch(object) || self.protected.touch(object) {
            return true;
        }
        if self.probation.remove(object).is_some() {
            self.protected.push(object, bytes);
            while self.protected.bytes > self.main_max / 5 * 4 {
                let Some((object, bytes)) = self.protected.pop() else { break };
                self.probation.push(object, bytes);
            }
            return true;
        }
        self.window.push(object, bytes);
        while self.window.bytes > self.window_max {
            let Some((candidate, bytes)) = self.window.pop() else { break };
            self.admit(candidate, bytes);
        }
        false
    }

    fn count(&mut self, object: u32) {
        let count = self.counts.entry(object).or_default();
        *count = (*count + 1).min(15);
        self.counted += 1;
        let held = [&self.window, &self.probation, &self.protected].map(|one| one.objects.len());
        if self.counted >= 10 * held.iter().sum::<usize>().max(100) {
            self.counted /= 2;
            self.counts.retain(|_, count| {
                *count /= 2;
                *count > 0
            });
        }
    }

    fn frequency(&self, object: u32) -> u8 {
        self.counts.get(&object).copied().unwrap_or(0)
    }

    fn admit(&mut self, candidate: u32, bytes: u64) {
        if bytes > self.main_max {
            return;
        }
        while self.probation.bytes + self.protected.bytes + bytes > self.main_max {
            let queue = match self.probation.first() {
                Some(_) => &self.probation,
                None => &self.protected,
            };
            let Some(victim) = queue.first() else { return };
            if self.frequency(candidate) <= self.frequency(victim) {
                return;
            }
            if self.probation.remove(victim).is_none() {
                self.protected.remove(victim);
            }
        }
        self.probation.push(candidate, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(requests: &[u32]) -> Trace {
        Trace { bytes: vec![100; 1_000], requests: requests.to_vec() }
    }

    #[test]
    fn without_room_nothing_is_hit() {
        let trace = trace(&[1, 1, 1, 1]);
        for bytes_max in [0, 99] {
            assert_eq!(lru(&trace, bytes_max, 0), 0);
            assert_eq!(w_tiny_lfu(&trace, bytes_max, 0), 0);
        }
    }

    #[test]
    fn the_least_recently_used_leaves() {
        let trace = trace(&[1, 2, 1, 3, 1, 2, 3]);
        // With room for two: 1 is hit twice; 3 pushed 2 out, 2 pushes 3 out.
        assert_eq!(lru(&trace, 200, 0), 2);
        assert_eq!(lru(&trace, 200, 3), 1);
        assert_eq!(lru(&trace, 300, 0), 4);
    }

    #[test]
    fn a_scan_pushes_out_what_is_recent_but_not_what_is_frequent() {
        let mut requests = Vec::new();
        for round in 0..20 {
            requests.extend((0..40).chain(0..40));
            // Each object of the scan comes once only.
            requests.extend((0..45).map(|one| 100 + round * 45 + one));
        }
        let trace = trace(&requests);
        let (lru, tiny) = (lru(&trace, 5_000, 0), w_tiny_lfu(&trace, 5_000, 0));
        assert!(tiny > 1_400 && lru < 1_000, "{tiny} {lru}");
    }

    #[test]
    fn the_bound_is_kept_whatever_comes() {
        let trace = Trace::zipf(1_000, 20_000, 0.9);
        let whole = trace.bytes_total();
        let mut last = (0, 0);
        for percent in [1, 10, 50, 100] {
            let bytes_max = whole * percent / 100;
            let hits = (lru(&trace, bytes_max, 0), w_tiny_lfu(&trace, bytes_max, 0));
            assert!(hits.0 > last.0 && hits.1 > last.1, "{hits:?} after {last:?}");
            last = hits;
        }
        let distinct: std::collections::BTreeSet<_> = trace.requests.iter().collect();
        assert_eq!(last.0, 20_000 - distinct.len());
    }
}
