//! The exports.

use crate::requests;
use portable::Fault;
use portable::fault::status;
use portable::memory::{check_places, give, slice};

/// Scales a picture so that it fits into `width` × `height` pixels, with its own ratio; 0
/// leaves a side to that. What comes out is a JPEG of quality 85, transparent pixels before
/// white.
#[unsafe(no_mangle)]
pub extern "C" fn resize_image(
    input: *const u8,
    input_len: usize,
    width: u32,
    height: u32,
    output: *mut *mut u8,
    output_len: *mut usize,
) -> i32 {
    status(make(input, input_len, output, output_len, |source| {
        requests::resize(source, width, height)
    }))
}

/// Cuts out of a picture the largest part of this ratio of width to height that shows what
/// the picture is about. What comes out has the format of what went in, PNG for GIF; JPEG and
/// lossy WebP of quality 85.
#[unsafe(no_mangle)]
pub extern "C" fn smart_crop(
    input: *const u8,
    input_len: usize,
    aspect_ratio: f32,
    output: *mut *mut u8,
    output_len: *mut usize,
) -> i32 {
    status(make(input, input_len, output, output_len, |source| {
        requests::crop(source, aspect_ratio)
    }))
}

/// Does what the function `images` does for a target such as `/img/320x214/cover?q=60` or
/// `/cdn-cgi/image/w=320,f=png/` and a value of `Accept`. Both are UTF-8; the source is
/// `input`, and not named by the target.
#[unsafe(no_mangle)]
pub extern "C" fn transform_image(
    target: *const u8,
    target_len: usize,
    accept: *const u8,
    accept_len: usize,
    input: *const u8,
    input_len: usize,
    output: *mut *mut u8,
    output_len: *mut usize,
) -> i32 {
    status(make(input, input_len, output, output_len, |source| {
        // SAFETY: nothing is written before these are used for the last time.
        let (target, accept) = unsafe { (slice(target, target_len)?, slice(accept, accept_len)?) };
        requests::transform(source, requests::text(target)?, requests::text(accept)?)
    }))
}

fn make(
    input: *const u8,
    input_len: usize,
    output: *mut *mut u8,
    output_len: *mut usize,
    picture: impl FnOnce(&[u8]) -> Result<Vec<u8>, Fault>,
) -> Result<(), Fault> {
    check_places(output, output_len)?;
    // SAFETY: nothing is written before `picture` is made, and the source not used after.
    let made = picture(unsafe { slice(input, input_len) }?)?;
    give(made, output, output_len)
}

#[cfg(test)]
mod tests;
