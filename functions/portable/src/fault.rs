//! Codes and sentences instead of panics.

use std::cell::RefCell;

/// What was wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Code {
    /// A pointer is null or misaligned, or it and the length that belongs to it do not lie
    /// within one block that `allocate` or `get_buffer` gave out.
    Pointer = -1,
    /// A parameter, or a request in JSON, says what cannot be done.
    Argument = -2,
    /// What has to be UTF-8 is not.
    Utf8 = -3,
    /// The input is of no known format.
    Unsupported = -4,
    /// The input is damaged.
    Damaged = -5,
    /// The input is larger than it may be, or what would come out is.
    TooLarge = -6,
    /// There is no more memory.
    Memory = -7,
    /// What failed should not have.
    Internal = -8,
}

/// A code, and a sentence for who reads logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// For programs.
    pub code: Code,
    /// For people: lower case, no full stop, at most [`MESSAGE_BYTES_MAX`].
    pub message: String,
}

/// Bytes of a message that are kept.
pub const MESSAGE_BYTES_MAX: usize = 1024;

impl Fault {
    /// Joins the two.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Fault { code, message }
    }
}

thread_local! {
    /// What the last call came to. A core module has one thread.
    static LAST: RefCell<(i32, String)> = const { RefCell::new((0, String::new())) };
}

fn keep(status: i32, message: String) {
    LAST.with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = (status, message);
        }
    });
}

/// What an export returns: the value, or `otherwise` after the fault was kept for
/// [`last_status`].
pub fn answer<T>(outcome: Result<T, Fault>, otherwise: T) -> T {
    match outcome {
        Ok(value) => {
            keep(0, String::new());
            value
        }
        Err(fault) => {
            keep(fault.code as i32, fault.message);
            otherwise
        }
    }
}

/// The same for exports that return nothing but the status: 0, or the code.
pub fn status(outcome: Result<(), Fault>) -> i32 {
    let code = outcome.as_ref().map_or_else(|fault| fault.code as i32, |()| 0);
    answer(outcome, ());
    code
}

/// The status of the last call of another export: 0 if it went well, else a [`Code`].
#[unsafe(no_mangle)]
pub extern "C" fn last_status() -> i32 {
    LAST.with(|last| last.try_borrow().map_or(0, |last| last.0))
}

/// Where the sentence lies that says what was wrong with the last call, in UTF-8; it stays
/// until the next call.
#[unsafe(no_mangle)]
pub extern "C" fn last_message() -> *const u8 {
    LAST.with(|last| last.try_borrow().map_or(std::ptr::null(), |last| last.1.as_ptr()))
}

/// Bytes of that sentence; 0 if nothing was wrong.
#[unsafe(no_mangle)]
pub extern "C" fn last_message_len() -> usize {
    LAST.with(|last| last.try_borrow().map_or(0, |last| last.1.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_end_between_characters() {
        let fault = Fault::new(Code::Damaged, "é".repeat(MESSAGE_BYTES_MAX));
        assert_eq!(fault.message.len(), MESSAGE_BYTES_MAX);
        let fault = Fault::new(Code::Damaged, format!("a{}", "é".repeat(MESSAGE_BYTES_MAX)));
        assert_eq!(fault.message.len(), MESSAGE_BYTES_MAX - 1);
    }

    #[test]
    fn the_last_call_is_told() {
        assert_eq!(status(Err(Fault::new(Code::Utf8, "not text"))), -3);
        assert_eq!((last_status(), last_message_len()), (-3, 8));
        // SAFETY: a message of this length lies there until the next call.
        let message = unsafe { std::slice::from_raw_parts(last_message(), last_message_len()) };
        assert_eq!(message, b"not text");
        assert_eq!(answer(Ok(7), 0), 7);
        assert_eq!((last_status(), last_message_len()), (0, 0));
        assert_eq!(answer(Err(Fault::new(Code::Pointer, "null")), 9), 9);
        assert_eq!(last_status(), -1);
    }
}
