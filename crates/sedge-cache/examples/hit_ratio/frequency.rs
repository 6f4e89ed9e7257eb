//! Textbook W-TinyLFU (Einziger, Friedman and Manes 2017) with a window of 1 %, exact
//! counts instead of a sketch, and the plain way to care for sizes: the candidate is
//! compared with the first victim, and as many leave as it needs.

use super::recency::Lru;
use super::{Policy, Request};
use std::collections::HashMap;

pub(crate) struct TinyLfu {
    window: Lru,
    probation: Lru,
    protected: Lru,
    counts: HashMap<u64, u8>,
    counted: usize,
    bytes_max: u64,
}

impl TinyLfu {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let [window, probation, protected] = [(); 3].map(|()| Lru::new(bytes_max));
        TinyLfu { window, probation, protected, counts: HashMap::new(), counted: 0, bytes_max }
    }

    fn count(&mut self, id: u64) {
        let count = self.counts.entry(id).or_default();
        *count = (*count + 1).min(15);
        self.counted += 1;
        if self.counted >= 10 * self.len().max(64) {
            self.counted /= 2;
            self.counts.values_mut().for_each(|count| *count /= 2);
            self.counts.retain(|_, count| *count > 0);
        }
    }

    fn len(&self) -> usize {
        [&self.window, &self.probation, &self.protected].map(Lru::len).iter().sum()
    }

    fn frequency(&self, id: u64) -> u8 {
        self.counts.get(&id).copied().unwrap_or(0)
    }

    fn main_bytes_max(&self) -> u64 {
        self.bytes_max - self.bytes_max / 100
    }

    fn contest(&mut self, candidate: Request) {
        let fits = |this: &Self| {
            this.probation.bytes + this.protected.bytes + candidate.bytes <= this.main_bytes_max()
        };
        if !fits(self) {
            let victim = self.probation.oldest().or(self.protected.oldest());
            let wins =
                victim.is_none_or(|victim| self.frequency(candidate.id) > self.frequency(victim));
            if !wins || candidate.bytes > self.main_bytes_max() {
                return;
            }
        }
        while !fits(self) {
            if self.probation.pop().is_none() && self.protected.pop().is_none() {
                return;
            }
        }
        self.probation.add(candidate);
    }
}

impl Policy for TinyLfu {
    fn name(&self) -> &'static str {
        "W-TinyLFU"
    }

    fn request(&mut self, request: Request) -> bool {
        self.count(request.id);
        if self.window.touch(request.id) || self.protected.touch(request.id) {
            return true;
        }
        if let Some(object) = self.probation.remove(request.id) {
            self.protected.add(object);
            while self.protected.bytes > self.main_bytes_max() / 5 * 4 {
                if let Some(object) = self.protected.pop() {
                    self.probation.add(object);
                }
            }
            return true;
        }
        self.window.add(request);
        while self.window.bytes > self.bytes_max / 100 {
            if let Some(candidate) = self.window.pop() {
                self.contest(candidate);
            }
        }
        false
    }
}
