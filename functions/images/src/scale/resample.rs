//! Lanczos3 in linear light, in two passes: columns first, then rows.
//!
//! All of it is whole-number arithmetic, so that native code and WebAssembly agree to the
//! bit. Samples and weights have 16 bits, and are multiplied and added in pairs: SIMD128
//! does four such pairs at a time (`i32x4.dot_i16x8_s`), which is twice what it does in
//! single precision.

mod dot;

use sedge_kit::image::geometry::{Crop, Size};

use self::dot::{LANES, Pair, PixelPair, add_pairs, narrow, pixel};
use super::filter::{Axis, Window};
use super::light::{Light, ONE};
use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;

/// Source rows that are added at a time: two pairs.
const BLOCK: usize = 4;

/// Cuts `crop` out and scales it to `target`.
///
/// # Errors
/// [`Problem::OutOfMemory`].
pub(super) fn resample(picture: &Picture, crop: Crop, target: Size) -> Result<Picture, Problem> {
    let light = Light::new();
    let across = Axis::new(crop.left, crop.width, picture.size.width, target.width);
    let down = Axis::new(crop.top, crop.height, picture.size.height, target.height);
    let channels = picture.model.channels();
    let mut data = pixels(target, picture.model)?;
    let mut out = data.chunks_exact_mut(target.width as usize * channels);
    // A row between the passes.
    let mut row: Vec<PixelPair> = zeroed(across.length.div_ceil(2), [0; 2 * LANES])?;
    let mut finish = |sums: &[i32]| {
        if let Some(out) = out.next() {
            narrow(sums, channels, down.shift, &mut row);
            columns(&row, &across, &light, picture.model, out);
        }
    };
    let samples = across.length * channels;
    let source = |y: usize| {
        let start = (down.first + y) * picture.row_bytes() + across.first * channels;
        &picture.data[start..start + samples]
    };
    // The row behind the last one weighs nothing.
    let read = |y: usize, pairs: &mut [Pair]| {
        let below = source((y + 1).min(down.length - 1));
        linearize(source(y), below, picture.model, &light, pairs);
    };
    if down.length >= target.height as usize {
        scatter(&down, samples, read, &mut finish)?;
    } else {
        gather(&down, samples, read, &mut finish)?;
    }
    Ok(Picture { size: target, model: picture.model, data, icc: picture.icc.clone() })
}

/// Rows to fewer rows: each source row is read once and added to the few rows
/// of the answer that it is part of. Source rows come in blocks, so that the
/// sums are loaded and stored less often than there are products.
fn scatter(
    down: &Axis,
    width: usize,
    read: impl Fn(usize, &mut [Pair]),
    finish: &mut impl FnMut(&[i32]),
) -> Result<(), Problem> {
    let open = overlap(&down.windows);
    let mut block = [zeroed(width, [0; 2])?, zeroed(width, [0; 2])?];
    let mut sums = zeroed(width * open, 0)?;
    // The next row of the answer to be begun, and to be finished.
    let (mut begun, mut finished) = (0, 0);
    for first in (0..down.length).step_by(BLOCK) {
        let end = (first + BLOCK).min(down.length);
        while down.windows.get(begun).is_some_and(|window| window.start < end) {
            sums[begun % open * width..][..width].fill(0);
            begun += 1;
        }
        if finished == begun {
            continue;
        }
        for (y, pairs) in (first..end).step_by(2).zip(&mut block) {
            read(y, pairs);
        }
        for at in finished..begun {
            let window = down.windows[at];
            // Rows of the block that are outside of the window weigh nothing.
            let weight = |y: usize| {
                let inside = y.checked_sub(window.start);
                let weights = down.weights(window).as_flattened();
                inside.and_then(|at| weights.get(at)).copied().unwrap_or(0)
            };
            let weights = [0, 2].map(|row| [weight(first + row), weight(first + row + 1)]);
            add_pairs(&mut sums[at % open * width..][..width], [&block[0], &block[1]], weights);
        }
        // Windows end in their order.
        while finished < begun && down.windows[finished].end() <= end {
            finish(&sums[finished % open * width..][..width]);
            finished += 1;
        }
    }
    Ok(())
}

/// Rows to more rows: each row of the answer is made of a few source rows,
/// which are kept, each with the row below.
fn gather(
    down: &Axis,
    width: usize,
    read: impl Fn(usize, &mut [Pair]),
    finish: &mut impl FnMut(&[i32]),
) -> Result<(), Problem> {
    let most = down.windows.iter().map(|window| window.count).max().unwrap_or(1);
    let mut kept = zeroed(width * most, [0; 2])?;
    let mut sums = zeroed(width, 0)?;
    let mut next = 0;
    for window in &down.windows {
        while next < window.end() {
            read(next, &mut kept[next % most * width..][..width]);
            next += 1;
        }
        sums.fill(0);
        let row = |y: usize| &kept[y % most * width..][..width];
        for (y, weights) in (window.start..).step_by(4).zip(down.weights(*window).chunks(2)) {
            let (second, more) = match weights.get(1) {
                Some(more) => (row(y + 2), *more),
                None => (row(y), [0; 2]),
            };
            add_pairs(&mut sums, [row(y), second], [weights[0], more]);
        }
        finish(&sums);
    }
    Ok(())
}

/// How many windows have samples in one block, at most.
fn overlap(windows: &[Window]) -> usize {
    let mut most = 1;
    let mut first = 0;
    for (at, window) in windows.iter().enumerate() {
        // The earliest block that this one has samples in begins at most so far
        // before it.
        while windows[first].end() + BLOCK <= window.start + 1 {
            first += 1;
        }
        most = most.max(at + 1 - first);
    }
    most
}

fn zeroed<T: Copy>(count: usize, zero: T) -> Result<Vec<T>, Problem> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| Problem::OutOfMemory)?;
    values.resize(count, zero);
    Ok(values)
}

/// Stored samples of two rows to light, multiplied by their alpha, side by side.
fn linearize(upper: &[u8], lower: &[u8], model: Model, light: &Light, pairs: &mut [Pair]) {
    if !model.has_alpha() {
        for ((upper, lower), pair) in upper.iter().zip(lower).zip(pairs) {
            *pair = [light.of(*upper), light.of(*lower)];
        }
        return;
    }
    let channels = model.channels();
    let rows = upper.chunks_exact(channels).zip(lower.chunks_exact(channels));
    for ((upper, lower), pairs) in rows.zip(pairs.chunks_exact_mut(channels)) {
        let alphas = [upper[channels - 1], lower[channels - 1]].map(i32::from);
        // At most `ONE` again.
        let part =
            |sample: u8, alpha: i32| ((i32::from(light.of(sample)) * alpha + 127) / 255) as i16;
        for at in 0..channels - 1 {
            pairs[at] = [part(upper[at], alphas[0]), part(lower[at], alphas[1])];
        }
        pairs[channels - 1] = alphas.map(|alpha| ((alpha * ONE + 127) / 255) as i16);
    }
}

/// The second pass over one row, and back to stored samples.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn columns(row: &[PixelPair], across: &Axis, light: &Light, model: Model, out: &mut [u8]) {
    let colors = model.without_alpha().channels();
    for (window, out) in across.windows.iter().zip(out.chunks_exact_mut(model.channels())) {
        let lights = pixel(&row[window.start / 2..], across.weights(*window), across.shift);
        if !model.has_alpha() {
            for (sample, light_of_it) in out.iter_mut().zip(lights) {
                *sample = light.level(light_of_it);
            }
            continue;
        }
        let alpha = lights[LANES - 1];
        let level = (alpha * 255 + ONE / 2) >> 14;
        out[colors] = level as u8;
        for (sample, lane) in out[..colors].iter_mut().zip(lights) {
            // Where nothing is visible there is no color. 14 bits times 14 fit.
            *sample = if level == 0 { 0 } else { light.level((lane * ONE + alpha / 2) / alpha) };
        }
    }
}
