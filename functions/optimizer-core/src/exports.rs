//! The export.

use crate::optimize::optimize;
use portable::Fault;
use portable::fault::{Code, status};
use portable::memory::{block, give_back, slice, slice_mut};

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
    // SAFETY: only its place is looked at.
    unsafe { slice_mut(result, 4) }?;
    // SAFETY: nothing is written before these are used for the last time: what is made is
    // the module's own.
    let (request, content) =
        unsafe { (slice(request, request_len)?, slice(content, content_len)?) };
    let (answer, content) = optimize(request, content)?;
    let content = content.into_owned();
    let answer = serde_json::to_vec(&answer)
        .map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
    let first = block(&answer)?;
    let second = block(&content).inspect_err(|_| {
        // It was made just now, so that it is known.
        let _ = give_back(first, answer.len());
    })?;
    // SAFETY: these four are used by this name only.
    let result = unsafe { slice_mut(result, 4) }?;
    result.copy_from_slice(&[first as usize, answer.len(), second as usize, content.len()]);
    Ok(())
}
