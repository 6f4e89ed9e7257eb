//! The exports that compute.

use portable::fault::{Code, answer, status};
use portable::memory::{overlap, slice, slice_mut};
use portable::{Fault, memory};
use sedge_kit::primitives::{bounds, crc32, filter, reverse, sum};

/// The CRC-32 of `len` bytes; see [`crc32`].
#[unsafe(no_mangle)]
pub extern "C" fn fast_crc32(data: *const u8, len: usize) -> u32 {
    crc32_continue(0, data, len)
}

/// The CRC-32 of what `crc` is of, followed by `len` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn crc32_continue(crc: u32, data: *const u8, len: usize) -> u32 {
    // SAFETY: nothing is written while the bytes are read.
    let bytes = unsafe { slice(data, len) };
    answer(bytes.map(|bytes| crc32::crc32_continue(crc, bytes)), 0)
}

/// The sum of `len` numbers, added in double precision; see [`sum::sum`]. NaN where the call
/// is refused, too: then `last_status` is not 0.
#[unsafe(no_mangle)]
pub extern "C" fn vectorized_sum(data: *const f32, len: usize) -> f32 {
    answer(summed(data, len), f32::NAN)
}

fn summed(data: *const f32, len: usize) -> Result<f32, Fault> {
    // SAFETY: nothing is written while the numbers are read.
    Ok(sum::sum(unsafe { slice(data, len) }?))
}

/// Writes each of `len` bytes that is above `threshold` to the same place of `output`, and 0
/// for the others. `output` is `input`, or does not overlap it.
#[unsafe(no_mangle)]
pub extern "C" fn cache_optimized_filter(
    input: *const u8,
    output: *mut u8,
    len: usize,
    threshold: u32,
) -> i32 {
    status(filtered(input, output, len, threshold))
}

fn filtered(input: *const u8, output: *mut u8, len: usize, threshold: u32) -> Result<(), Fault> {
    let threshold = byte(threshold)?;
    if std::ptr::eq(input, output) {
        // SAFETY: these bytes are used by this name only.
        filter::zero_others_in_place(unsafe { slice_mut(output, len) }?, threshold);
        return Ok(());
    }
    if overlap(input, output, len) {
        // SAFETY: both are looked at and not used.
        let _known = unsafe { (slice(input, len)?, slice(output.cast_const(), len)?) };
        let message = "input and output overlap without being the same";
        return Err(Fault::new(Code::Argument, message));
    }
    // SAFETY: the two do not overlap, and nobody else uses either meanwhile.
    let (input, output) = unsafe { (slice(input, len)?, slice_mut(output, len)?) };
    filter::zero_others(input, output, threshold);
    Ok(())
}

fn byte(threshold: u32) -> Result<u8, Fault> {
    u8::try_from(threshold)
        .map_err(|_| Fault::new(Code::Argument, "the threshold is not one of 0 to 255"))
}

/// Moves the bytes above `threshold` to the front of the `len`, in their order, and returns
/// how many they are.
#[unsafe(no_mangle)]
pub extern "C" fn keep_above(data: *mut u8, len: usize, threshold: u32) -> usize {
    let kept = byte(threshold).and_then(|threshold| {
        // SAFETY: these bytes are used by this name only.
        Ok(filter::keep_above(unsafe { slice_mut(data, len) }?, threshold))
    });
    answer(kept, 0)
}

/// The greater of two.
#[unsafe(no_mangle)]
pub extern "C" fn branchless_max(a: i32, b: i32) -> i32 {
    answer(Ok(bounds::max(a, b)), 0)
}

/// `value` between `min` and `max`; where `min` is above `max`, `min`, as in CSS.
#[unsafe(no_mangle)]
pub extern "C" fn branchless_clamp(value: i32, min: i32, max: i32) -> i32 {
    answer(Ok(bounds::clamp(value, min, max)), 0)
}

/// The greatest of `len` numbers; of none the call is refused.
#[unsafe(no_mangle)]
pub extern "C" fn max_of(data: *const i32, len: usize) -> i32 {
    // SAFETY: nothing is written while the numbers are read.
    let values = unsafe { slice(data, len) };
    let none = || Fault::new(Code::Argument, "of no numbers none is the greatest");
    answer(values.and_then(|values| bounds::max_of(values).ok_or_else(none)), 0)
}

/// Puts each of `len` numbers between `min` and `max`, as [`branchless_clamp`] does.
#[unsafe(no_mangle)]
pub extern "C" fn clamp_all(data: *mut i32, len: usize, min: i32, max: i32) -> i32 {
    // SAFETY: these numbers are used by this name only.
    let values = unsafe { slice_mut(data, len) };
    status(values.map(|values| bounds::clamp_all(values, min, max)))
}

/// Puts the characters (scalar values) of UTF-8 text of `len` bytes in the opposite order.
/// What is not UTF-8 stays as it is, and the call is refused.
#[unsafe(no_mangle)]
pub extern "C" fn in_place_string_reverse(data: *mut u8, len: usize) -> i32 {
    // SAFETY: these bytes are used by this name only.
    let text = unsafe { memory::slice_mut(data, len) };
    status(text.and_then(|text| {
        reverse::reverse(text).map_err(|reverse::NotUtf8 { valid_bytes }| {
            Fault::new(Code::Utf8, format!("the text is not UTF-8 at byte {valid_bytes}"))
        })
    }))
}

#[cfg(test)]
mod tests;
