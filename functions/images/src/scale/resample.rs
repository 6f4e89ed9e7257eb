//! Lanczos3 in linear light, in two passes: columns first, then rows.
//!
//! All of it is whole-number arithmetic, so that native code and WebAssembly agree to the
//! bit. Samples and weights have 16 bits, and are multiplied and added in pairs: SIMD128
//! does four such pairs at a time (`i32x4.dot_i16x8_s`), which is twice what it does in
//! single precision.

mod dot;

use std::slice::ChunksExactMut;

use sedge_kit::image::geometry::{Crop, Size};

use self::dot::{CHUNK, Chunk, LANES, Pair, PixelPair, Sums, add_pairs, add_up, narrow, pixel};
use super::filter::{Axis, Window};
use super::light::{Light, ONE};
use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;

/// Source rows that are added at a time where there are many: two pairs.
const BLOCK: usize = 4;

/// Pairs of source rows that are added up at once, if there are no more.
const GATHERED_MAX: usize = 10;

/// Samples that are looked up in one round of a loop.
const UNROLLED: usize = 8;

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
    let samples = across.length * channels;
    let chunks = samples.div_ceil(CHUNK);
    // All windows are of the same length, and that of the last pixel may go beyond it.
    let row = zeroed(chunks * CHUNK / (2 * channels) + across.most, [0; 2 * LANES])?;
    let out = data.chunks_exact_mut(target.width as usize * channels);
    let mut answer = Answer { row, across: &across, light: &light, model: picture.model, out };
    let source = |y: usize| {
        let start = (down.first + y) * picture.row_bytes() + across.first * channels;
        &picture.data[start..start + samples]
    };
    // The row behind the last one weighs nothing.
    let read = |y: usize, pairs: &mut [Chunk]| {
        let below = source((y + 1).min(down.length - 1));
        linearize(source(y), below, picture.model, &light, pairs.as_flattened_mut());
    };
    if down.most <= GATHERED_MAX {
        gather(&down, chunks, read, |rows, weights| {
            answer.finish(|row| add_up(rows, weights, channels, down.shift, row));
        })?;
    } else {
        scatter(&down, chunks, read, |sums| {
            answer.finish(|row| narrow(sums, channels, down.shift, row));
        })?;
    }
    Ok(Picture { size: target, model: picture.model, data, icc: picture.icc.clone() })
}

/// What is made of the rows of the first pass, in their order.
struct Answer<'a> {
    /// A row between the passes.
    row: Vec<PixelPair>,
    across: &'a Axis,
    light: &'a Light,
    model: Model,
    out: ChunksExactMut<'a, u8>,
}

impl Answer<'_> {
    /// Takes the next row.
    fn finish(&mut self, fill: impl FnOnce(&mut [PixelPair])) {
        if let Some(out) = self.out.next() {
            fill(&mut self.row);
            columns(&self.row, self.across, self.light, self.model, out);
        }
    }
}

/// Rows to fewer rows: each source row is read once and added to the few rows
/// of the answer that it is part of. Source rows come in blocks, so that the
/// sums are loaded and stored less often than there are products.
fn scatter(
    down: &Axis,
    width: usize,
    read: impl Fn(usize, &mut [Chunk]),
    mut finish: impl FnMut(&[Sums]),
) -> Result<(), Problem> {
    let open = overlap(&down.windows);
    let mut block = [zeroed(width, [[0; 2]; CHUNK])?, zeroed(width, [[0; 2]; CHUNK])?];
    let mut sums = zeroed(width * open, [0; CHUNK])?;
    // The next row of the answer to be begun, and to be finished.
    let (mut begun, mut finished) = (0, 0);
    for first in (0..down.length).step_by(BLOCK) {
        let end = (first + BLOCK).min(down.length);
        while down.windows.get(begun).is_some_and(|window| window.start < end) {
            sums[begun % open * width..][..width].fill([0; CHUNK]);
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

/// Rows to more rows, or to hardly fewer: each row of the answer is made of a few pairs of
/// source rows, which are kept.
fn gather(
    down: &Axis,
    width: usize,
    read: impl Fn(usize, &mut [Chunk]),
    mut finish: impl FnMut(&[&[Chunk]], &[Pair]),
) -> Result<(), Problem> {
    let most = down.most;
    let mut kept = zeroed(width * most, [[0; 2]; CHUNK])?;
    let mut next = 0;
    for window in &down.windows {
        // They begin with an even row.
        let (first, count) = (window.start / 2, window.pairs());
        while next < first + count {
            read(2 * next, &mut kept[next % most * width..][..width]);
            next += 1;
        }
        let mut rows = [&kept[..0]; GATHERED_MAX];
        for (row, pair) in rows.iter_mut().zip(first..first + count) {
            *row = &kept[pair % most * width..][..width];
        }
        finish(&rows[..count.min(GATHERED_MAX)], down.weights(*window));
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
        let both = |upper: u8, lower: u8| [light.of(upper), light.of(lower)];
        let (upper, upper_left) = upper.as_chunks::<UNROLLED>();
        let (lower, lower_left) = lower.as_chunks::<UNROLLED>();
        let (pairs, pairs_left) = pairs.split_at_mut(upper.len() * UNROLLED);
        let pairs = pairs.as_chunks_mut::<UNROLLED>().0.iter_mut();
        for ((upper, lower), pairs) in upper.iter().zip(lower).zip(pairs) {
            *pairs = std::array::from_fn(|at| both(upper[at], lower[at]));
        }
        for ((upper, lower), pair) in upper_left.iter().zip(lower_left).zip(pairs_left) {
            *pair = both(*upper, *lower);
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
fn columns(row: &[PixelPair], across: &Axis, light: &Light, model: Model, out: &mut [u8]) {
    match (model, across.most) {
        (Model::Rgb, 4) => colors_of::<4>(row, across, light, out),
        (Model::Rgb, 5) => colors_of::<5>(row, across, light, out),
        (Model::Rgb, 6) => colors_of::<6>(row, across, light, out),
        (Model::Rgb, 7) => colors_of::<7>(row, across, light, out),
        (Model::Rgb, 8) => colors_of::<8>(row, across, light, out),
        _ => columns_of_any(row, across, light, model, out),
    }
}

/// Windows of `PAIRS` pairs of pixels without alpha: loops of known length.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn colors_of<const PAIRS: usize>(row: &[PixelPair], across: &Axis, light: &Light, out: &mut [u8]) {
    let windows = across.windows.iter().zip(across.weights.as_chunks::<PAIRS>().0);
    for ((window, weights), out) in windows.zip(out.as_chunks_mut::<3>().0) {
        let Some(pixels) = row.get(window.start / 2..).and_then(|row| row.first_chunk::<PAIRS>())
        else {
            // The row is as long as the last window.
            return;
        };
        let [red, green, blue, _] = pixel(pixels, weights, across.shift);
        *out = [red, green, blue].map(|light_of_it| light.level_within(light_of_it));
    }
}

/// Windows of any length.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn columns_of_any(row: &[PixelPair], across: &Axis, light: &Light, model: Model, out: &mut [u8]) {
    for (window, out) in across.windows.iter().zip(out.chunks_exact_mut(model.channels())) {
        let lights = pixel(&row[window.start / 2..], across.weights(*window), across.shift);
        put(lights, light, model, out);
    }
}

/// Light to a stored pixel.
#[inline(always)]
fn put(lights: [i32; LANES], light: &Light, model: Model, out: &mut [u8]) {
    if !model.has_alpha() {
        for (sample, light_of_it) in out.iter_mut().zip(lights) {
            *sample = light.level_within(light_of_it);
        }
        return;
    }
    let colors = model.without_alpha().channels();
    let alpha = lights[LANES - 1];
    let level = (alpha * 255 + ONE / 2) >> 14;
    out[colors] = level as u8;
    for (sample, lane) in out[..colors].iter_mut().zip(lights) {
        // Where nothing is visible there is no color. 14 bits times 14 fit.
        *sample = if level == 0 { 0 } else { light.level((lane * ONE + alpha / 2) / alpha) };
    }
}
