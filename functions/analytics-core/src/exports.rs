//! The exports.

use std::cell::RefCell;

use portable::Fault;
use portable::fault::status;
use portable::memory::{check_places, give, slice};
use sedge_kit::behavior::session_score;

use crate::process::Processor;

thread_local! {
    /// The sessions of this instance. A core module has one thread.
    static PROCESSOR: RefCell<Processor> = RefCell::default();
}

/// Takes an event as the function `analytics` does, and tells what is known of its user's
/// session: [`crate::process::Processed`] in JSON, whose address and length are written to
/// `result` and `result_len`. `now_ms` is the host's clock, milliseconds since 1970.
#[unsafe(no_mangle)]
pub extern "C" fn process_event(
    event: *const u8,
    event_len: usize,
    now_ms: f64,
    result: *mut *mut u8,
    result_len: *mut usize,
) -> i32 {
    status(process(event, event_len, now_ms, result, result_len))
}

fn process(
    event: *const u8,
    event_len: usize,
    now_ms: f64,
    result: *mut *mut u8,
    result_len: *mut usize,
) -> Result<(), Fault> {
    // Before anything counts.
    check_places(result, result_len)?;
    // SAFETY: nothing is written before it is used for the last time: what is made is the
    // module's own.
    let event = unsafe { slice(event, event_len) }?;
    let made = PROCESSOR.with_borrow_mut(|processor| processor.process(event, now_ms))?;
    give(made.to_json(), result, result_len)
}

/// How unusual a session is, 0 to 1: see [`sedge_kit::behavior`]. `duration_ms` is its length; 0
/// if it is unknown.
#[unsafe(no_mangle)]
pub extern "C" fn calculate_anomaly_score(
    total_events: u32,
    duration_ms: f64,
    error_count: u32,
) -> f64 {
    session_score(total_events, duration_ms, error_count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portable::memory::{allocate, blocks, give_back};

    const NOW_MS: f64 = 1.795e12;

    /// A block with these bytes.
    fn put(bytes: &[u8]) -> *mut u8 {
        let block = allocate(bytes.len());
        // SAFETY: it was allocated with this length just now, and nobody else has it.
        unsafe { block.copy_from(bytes.as_ptr(), bytes.len()) };
        block
    }

    #[test]
    fn pointers_are_not_believed_and_what_is_given_can_be_given_back() {
        let body = br#"{"userId":"a","eventType":"see"}"#;
        let (event, places) = (put(body), allocate(16));
        let (at, len) = (places.cast::<*mut u8>(), places.wrapping_add(8).cast::<usize>());
        let (null, length) = (std::ptr::null_mut(), body.len());
        for (event, event_len, at, len) in [
            (null, 5, at, len),
            (event, length + 1, at, len),
            (event, usize::MAX, at, len),
            (event, length, null.cast(), len),
            (event, length, at, len.wrapping_add(9)),
        ] {
            assert_eq!(process_event(event, event_len, NOW_MS, at, len), -1);
        }
        assert_eq!(process_event(event, length - 1, NOW_MS, at, len), -2);
        let before = blocks();
        assert_eq!(process_event(event, length, NOW_MS, at, len), 0);
        // SAFETY: both were written just now.
        let (made, made_len) = unsafe { (at.read(), len.read()) };
        assert_eq!(blocks(), before + 1);
        // SAFETY: it is the block that was given.
        let text = unsafe { slice(made.cast_const(), made_len) }.expect("a block");
        assert!(text.starts_with(br#"{"eventType":"see""#));
        // It was the first that counted.
        assert!(text.windows(11).any(|part| part == br#""events":1,"#));
        assert!(give_back(made, made_len).is_ok());
        assert_eq!(blocks(), before);
    }
}
