//! Lanczos3 in linear light, in two passes: rows first, then columns.
//!
//! Samples are single-precision numbers that are added in a fixed order, so
//! that native code and WebAssembly agree to the bit, however wide their
//! vectors are.

use sedge_kit::image::geometry::{Crop, Size};

use super::filter::{Axis, Window};
use super::light::Light;
use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;

/// Source rows that are added at a time.
const BLOCK: usize = 4;

/// Cuts `crop` out and scales it to `target`.
///
/// # Errors
/// [`Problem::OutOfMemory`].
pub(super) fn resample(picture: &Picture, crop: Crop, target: Size) -> Result<Picture, Problem> {
    match picture.model {
        Model::Gray => with_lanes::<1>(picture, crop, target),
        Model::GrayAlpha => with_lanes::<2>(picture, crop, target),
        // Three colors take four lanes, for the sake of vectors.
        Model::Rgb | Model::Rgba => with_lanes::<4>(picture, crop, target),
    }
}

fn with_lanes<const LANES: usize>(
    picture: &Picture,
    crop: Crop,
    target: Size,
) -> Result<Picture, Problem> {
    let light = Light::new();
    let across = Axis::new(crop.left, crop.width, picture.size.width, target.width);
    let down = Axis::new(crop.top, crop.height, picture.size.height, target.height);
    let mut data = pixels(target, picture.model)?;
    let row_bytes = target.width as usize * picture.model.channels();
    let mut out = data.chunks_exact_mut(row_bytes);
    let mut finish = |sums: &[[f32; LANES]]| {
        if let Some(row) = out.next() {
            columns(sums, &across, &light, picture.model, row);
        }
    };
    let read = |y: usize, row: &mut [[f32; LANES]]| {
        let start =
            (down.first + y) * picture.row_bytes() + across.first * picture.model.channels();
        let bytes = &picture.data[start..start + across.length * picture.model.channels()];
        linearize(bytes, picture.model, &light, row);
    };
    if down.length >= target.height as usize {
        scatter(&down, across.length, read, &mut finish)?;
    } else {
        gather(&down, across.length, read, &mut finish)?;
    }
    Ok(Picture { size: target, model: picture.model, data, icc: picture.icc.clone() })
}

/// Rows to fewer rows: each source row is read once and added to the few rows
/// of the answer that it is part of. Source rows come in blocks, so that the
/// sums are loaded and stored less often than there are products.
fn scatter<const LANES: usize>(
    down: &Axis,
    width: usize,
    read: impl Fn(usize, &mut [[f32; LANES]]),
    finish: &mut impl FnMut(&[[f32; LANES]]),
) -> Result<(), Problem> {
    let open = overlap(&down.windows);
    let mut block = lanes(width * BLOCK)?;
    let mut sums = lanes(width * open)?;
    // The next row of the answer to be begun, and to be finished.
    let (mut begun, mut finished) = (0, 0);
    for first in (0..down.length).step_by(BLOCK) {
        let end = (first + BLOCK).min(down.length);
        while down.windows.get(begun).is_some_and(|window| window.start < end) {
            sums[begun % open * width..][..width].fill([0.0; LANES]);
            begun += 1;
        }
        if finished == begun {
            continue;
        }
        for (y, row) in (first..end).zip(block.chunks_exact_mut(width)) {
            read(y, row);
        }
        for at in finished..begun {
            let window = down.windows[at];
            // Rows of the block that are outside of the window weigh nothing.
            let weight = |y: usize| {
                let inside = y.checked_sub(window.start);
                inside.and_then(|at| down.weights(window).get(at)).copied().unwrap_or(0.0)
            };
            let weights = std::array::from_fn(|row| weight(first + row));
            add_block(&mut sums[at % open * width..][..width], &block, weights);
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
/// which are kept.
fn gather<const LANES: usize>(
    down: &Axis,
    width: usize,
    read: impl Fn(usize, &mut [[f32; LANES]]),
    finish: &mut impl FnMut(&[[f32; LANES]]),
) -> Result<(), Problem> {
    let most = down.windows.iter().map(|window| window.count).max().unwrap_or(1);
    let mut kept = lanes(width * most)?;
    let mut sums = lanes(width)?;
    let mut next = 0;
    for window in &down.windows {
        while next < window.start + window.count {
            read(next, &mut kept[next % most * width..][..width]);
            next += 1;
        }
        sums.fill([0.0; LANES]);
        for (y, weight) in (window.start..).zip(down.weights(*window)) {
            add(&mut sums, &kept[y % most * width..][..width], *weight);
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

fn lanes<const LANES: usize>(count: usize) -> Result<Vec<[f32; LANES]>, Problem> {
    let mut lanes = Vec::new();
    lanes.try_reserve_exact(count).map_err(|_| Problem::OutOfMemory)?;
    lanes.resize(count, [0.0; LANES]);
    Ok(lanes)
}

/// `sums += weight × row`. The products are added one by one: no platform has
/// a result of its own.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn add<const LANES: usize>(sums: &mut [[f32; LANES]], row: &[[f32; LANES]], weight: f32) {
    for (sum, sample) in sums.iter_mut().zip(row) {
        for lane in 0..LANES {
            sum[lane] += sample[lane] * weight;
        }
    }
}

/// Stored samples to light, multiplied by their alpha.
fn linearize<const LANES: usize>(
    bytes: &[u8],
    model: Model,
    light: &Light,
    row: &mut [[f32; LANES]],
) {
    let channels = model.channels();
    let colors = model.without_alpha().channels();
    for (pixel, lanes) in bytes.chunks_exact(channels).zip(row) {
        let alpha = if model.has_alpha() { f32::from(pixel[colors]) / 255.0 } else { 1.0 };
        for (lane, sample) in lanes.iter_mut().zip(&pixel[..colors]) {
            *lane = light.of(*sample) * alpha;
        }
        if model.has_alpha() {
            lanes[LANES - 1] = alpha;
        }
    }
}

/// The same for each row of a block, in their order.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn add_block<const LANES: usize>(
    sums: &mut [[f32; LANES]],
    block: &[[f32; LANES]],
    weights: [f32; BLOCK],
) {
    let (one, rest) = block.split_at(sums.len());
    let (two, rest) = rest.split_at(sums.len());
    let (three, four) = rest.split_at(sums.len());
    let rows = one.iter().zip(two).zip(three.iter().zip(four));
    for (sum, ((one, two), (three, four))) in sums.iter_mut().zip(rows) {
        for lane in 0..LANES {
            // From left to right, as one by one.
            sum[lane] = sum[lane]
                + one[lane] * weights[0]
                + two[lane] * weights[1]
                + three[lane] * weights[2]
                + four[lane] * weights[3];
        }
    }
}

/// The second pass over one row, and back to stored samples.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn columns<const LANES: usize>(
    sums: &[[f32; LANES]],
    across: &Axis,
    light: &Light,
    model: Model,
    out: &mut [u8],
) {
    let colors = model.without_alpha().channels();
    for (window, pixel) in across.windows.iter().zip(out.chunks_exact_mut(model.channels())) {
        let mut sum = [0.0f32; LANES];
        let samples = &sums[window.start..window.start + window.count];
        for (sample, weight) in samples.iter().zip(across.weights(*window)) {
            for lane in 0..LANES {
                sum[lane] += sample[lane] * weight;
            }
        }
        let mut scale = 1.0;
        if model.has_alpha() {
            let alpha = sum[LANES - 1].clamp(0.0, 1.0);
            let level = (alpha * 255.0 + 0.5) as u8;
            pixel[colors] = level;
            // Where nothing is visible there is no color.
            scale = if level == 0 { 0.0 } else { 1.0 / alpha };
        }
        for (sample, lane) in pixel[..colors].iter_mut().zip(sum) {
            *sample = light.level(lane * scale);
        }
    }
}
