//! How state goes from the log into the tables, and the cursor below which they have it.

use super::commit::Place;
use sedge_services::streams::KeyedState;

/// Positions that the cursor of a state may be behind though nothing was written.
const BEHIND_MAX: u64 = 1_000;

/// Of one state.
pub(super) struct Flushing {
    /// The cursor's name.
    cursor: String,
    /// What the tables have when the flush that is under way has ended.
    below: Option<u64>,
    /// Where the cursor was put last.
    noted: u64,
}

impl Flushing {
    pub(super) fn new(cursor: String) -> Self {
        Flushing { cursor, below: None, noted: 0 }
    }

    /// Hands the tables what is committed, now and then; where the cursor is to be put, if
    /// they have taken what they were handed before. `end`: where every change of the state
    /// lies below that was committed, and none that was not.
    pub(super) fn step(&mut self, state: &KeyedState, end: u64) -> Option<Place> {
        if state.is_flushing() {
            return None;
        }
        let mut place = None;
        if let Some(below) = self.below.take()
            && state.failure().is_none()
            && below > self.noted
        {
            self.noted = below;
            let name = self.cursor.clone();
            place = Some(Place { name, position: below, state: Default::default() });
        }
        let has_written = !state.flush();
        // What others say moves the log's end, and so does this cursor itself.
        if has_written || end > self.noted + BEHIND_MAX {
            self.below = Some(end);
        }
        place
    }
}
