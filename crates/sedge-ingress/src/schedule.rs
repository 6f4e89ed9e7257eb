//! Calls by the clock.
//!
//! [`plan`] decides, without a clock or a runtime: given what has been called and what time it
//! is, it says what is to be called, and when to look again. [`task`] joins that with a clock and
//! with whoever makes the calls.
//!
//! What is promised of one schedule: its calls are made one after the other, in the order of the
//! times at which they were due; none of these times is called for again after its call has ended
//! well, whatever the clock does; and what was not called is counted and told.

pub mod plan;
pub mod task;

/// Why a function is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The schedule's name.
    pub name: String,
    /// When it was due, milliseconds since 1970.
    pub due_ms: u64,
    /// How many times it was due before, since the last call, for which no call was made;
    /// [`plan::COUNTED_MAX`] stands for any larger number, too.
    pub missed: u64,
}
