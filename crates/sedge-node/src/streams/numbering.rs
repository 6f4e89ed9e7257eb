//! Numbers for what comes without one.
//!
//! The epoch is above all that devices may say: the highest bit, then the position at which
//! the log ended when it was opened, then how often the table of devices was begun anew since.
//! It is higher than that of each earlier opening in which anything was stored, because a
//! stored record has moved the log's end; one in which nothing was stored may repeat its
//! numbers, as nothing in the log has them. So nothing need be written to have it grow.

use sedge_ingress::ingest::EPOCH_MAX;
use sedge_store::log::{LogError, Number};
use std::collections::HashMap;

/// Epochs from here on are the node's own.
pub(crate) const OWN_EPOCHS: u64 = EPOCH_MAX + 1;
/// Bits of an epoch that count tables.
const GENERATION_BITS: u32 = 12;
/// Devices of one table: some ten megabytes.
const DEVICES_MAX: usize = 65_536;

/// Counts for each device.
pub(super) struct Numbering {
    opened_at: u64,
    generation: u64,
    devices_max: usize,
    next: HashMap<Box<str>, u64>,
}

impl Numbering {
    /// For a log that ends at this position.
    pub(super) fn new(opened_at: u64) -> Self {
        Numbering { opened_at, generation: 0, devices_max: DEVICES_MAX, next: HashMap::new() }
    }

    /// The next number of a device.
    ///
    /// # Errors
    /// [`LogError::TooManyDevices`]: hundreds of millions of names came since the log was opened.
    pub(super) fn next(&mut self, device: &str) -> Result<Number, LogError> {
        let epoch = |generation| OWN_EPOCHS | self.opened_at << GENERATION_BITS | generation;
        if let Some(next) = self.next.get_mut(device) {
            let sequence = *next;
            *next += 1;
            return Ok(Number { epoch: epoch(self.generation), sequence });
        }
        if self.next.len() >= self.devices_max {
            let generation = self.generation + 1;
            if generation >> GENERATION_BITS > 0 {
                return Err(LogError::TooManyDevices);
            }
            self.generation = generation;
            self.next.clear();
        }
        self.next.insert(device.into(), 1);
        Ok(Number { epoch: epoch(self.generation), sequence: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_counts_and_a_new_table_has_a_new_epoch() {
        let mut numbering = Numbering { devices_max: 2, ..Numbering::new(5) };
        let mut next = |device| numbering.next(device).expect("a number");
        let first = OWN_EPOCHS | 5 << GENERATION_BITS;
        assert_eq!(next("a"), Number { epoch: first, sequence: 0 });
        assert_eq!(next("b"), Number { epoch: first, sequence: 0 });
        assert_eq!(next("a"), Number { epoch: first, sequence: 1 });
        assert_eq!(next("c"), Number { epoch: first + 1, sequence: 0 });
        assert_eq!(next("a"), Number { epoch: first + 1, sequence: 0 });
        // What is opened later is above all of it.
        assert!(Numbering::new(6).next("a").expect("a number").epoch > first + 0xfff);
    }

    #[test]
    fn tables_end_before_they_reach_the_next_opening() {
        let mut numbering = Numbering { devices_max: 1, ..Numbering::new(0) };
        let refused = (0..10_000).find(|device| numbering.next(&device.to_string()).is_err());
        assert_eq!(refused, Some(1 << GENERATION_BITS));
        // Who is known goes on.
        let last = ((1 << GENERATION_BITS) - 1).to_string();
        assert_eq!(numbering.next(&last).expect("known").sequence, 1);
    }
}
