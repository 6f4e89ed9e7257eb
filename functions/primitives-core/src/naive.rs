//! The plain loops that the primitives are measured against. They check nothing; pointers
//! lead into blocks, as for the others.

use portable::memory::{slice, slice_mut};

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 != 0 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// CRC-32 by one table, a byte at a time, as in the article.
#[unsafe(no_mangle)]
pub extern "C" fn naive_crc32(data: *const u8, len: usize) -> u32 {
    // SAFETY: nothing is written while the bytes are read.
    let bytes = unsafe { slice(data, len) }.unwrap_or_default();
    !bytes
        .iter()
        .fold(!0, |crc, byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(*byte)) & 0xFF) as usize])
}

/// The sum in single precision, one number after the other.
#[unsafe(no_mangle)]
pub extern "C" fn naive_sum(data: *const f32, len: usize) -> f32 {
    // SAFETY: nothing is written while the numbers are read.
    unsafe { slice(data, len) }.unwrap_or_default().iter().sum()
}

/// The filter with a branch for each byte.
#[unsafe(no_mangle)]
pub extern "C" fn naive_filter(input: *const u8, output: *mut u8, len: usize, threshold: u32) {
    // SAFETY: the bench passes two blocks.
    let (input, output) = unsafe { (slice(input, len), slice_mut(output, len)) };
    let (Ok(input), Ok(output)) = (input, output) else { return };
    for (from, to) in input.iter().zip(output) {
        if u32::from(*from) > threshold {
            *to = *from;
        } else {
            *to = 0;
        }
    }
}

/// The bytes above the threshold to the front, with a branch for each.
#[unsafe(no_mangle)]
pub extern "C" fn naive_keep_above(data: *mut u8, len: usize, threshold: u32) -> usize {
    // SAFETY: these bytes are used by this name only.
    let Ok(bytes) = (unsafe { slice_mut(data, len) }) else { return 0 };
    let mut kept = 0;
    for at in 0..bytes.len() {
        if u32::from(bytes[at]) > threshold {
            bytes[kept] = bytes[at];
            kept += 1;
        }
    }
    kept
}

/// The greatest, with a branch for each number.
#[unsafe(no_mangle)]
pub extern "C" fn naive_max_of(data: *const i32, len: usize) -> i32 {
    // SAFETY: nothing is written while the numbers are read.
    let values = unsafe { slice(data, len) }.unwrap_or_default();
    let mut greatest = i32::MIN;
    for value in values {
        if *value > greatest {
            greatest = *value;
        }
    }
    greatest
}

/// Each between two, with branches.
#[unsafe(no_mangle)]
pub extern "C" fn naive_clamp_all(data: *mut i32, len: usize, min: i32, max: i32) {
    // SAFETY: these numbers are used by this name only.
    for value in unsafe { slice_mut(data, len) }.unwrap_or_default() {
        if *value < min {
            *value = min;
        } else if *value > max {
            *value = max;
        }
    }
}

/// The characters in reverse into another string, and back.
#[unsafe(no_mangle)]
pub extern "C" fn naive_string_reverse(data: *mut u8, len: usize) {
    // SAFETY: these bytes are used by this name only.
    let Ok(bytes) = (unsafe { slice_mut(data, len) }) else { return };
    let mut reversed = String::new();
    for character in str::from_utf8(bytes).unwrap_or_default().chars().rev() {
        reversed.push(character);
    }
    if reversed.len() == bytes.len() {
        bytes.copy_from_slice(reversed.as_bytes());
    }
}
