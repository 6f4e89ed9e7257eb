//! The export.

use crate::optimize::optimize;
use portable::Fault;
use portable::fault::{Code, status};
use portable::memory::{check_places, give, slice};

/// Makes content smaller as the function `optimizer` does, for a request in JSON (see
/// [`crate::optimize::Request`]). Four numbers are written to `result`: address and length
/// of the answer in JSON ([`crate::optimize::Answer`]), address and length of the content.
#[unsafe(no_mangle)]
pub extern "C" fn optimize_content(
    request: *const u8,
    request_len: usize,
    content: *const u8,
    content_len: usize,
    result: *mut usize,
) -> i32 {
    status(make(request, request_len, content, content_len, result))
}

fn make(
    request: *const u8,
    request_len: usize,
    content: *const u8,
    content_len: usize,
    result: *mut usize,
) -> Result<(), Fault> {
    let place = |at: usize| result.wrapping_add(at);
    check_places(place(0).cast(), place(1))?;
    check_places(place(2).cast(), place(3))?;
    // SAFETY: nothing is written before these are used for the last time.
    let (request, content) =
        unsafe { (slice(request, request_len)?, slice(content, content_len)?) };
    let (answer, content) = optimize(request, content)?;
    let answer = serde_json::to_vec(&answer)
        .map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
    // The second may fail for want of memory; the first is then lost to the host, who is out
    // of memory anyway.
    give(&answer, place(0).cast(), place(1))?;
    give(&content, place(2).cast(), place(3))
}
