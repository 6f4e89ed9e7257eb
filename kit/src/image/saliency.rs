//! What a picture is about: where a crop should be, judged by the pixels.
//!
//! Every pixel of a thumbnail gets an importance from four things: how rare its
//! color is in the picture (histogram-based contrast after Cheng et al., Global
//! Contrast Based Salient Region Detection, CVPR 2011), how much detail is
//! around it, how colorful it is, and how near its color is to that of skin.
//! What is no more important than most of the picture counts for nothing. The
//! crop then goes where it holds most of the rest, rather in its middle than at
//! its edges. It knows no objects and no faces.
//!
//! Everything is computed with sums, products and square roots in a fixed
//! order, so that every platform chooses the same crop.

use alloc::vec;
use alloc::vec::Vec;

use super::geometry::Size;

/// The longest side of a thumbnail that is looked at, in pixels.
pub const SIDE_MAX: u32 = 128;

/// Levels of each color that the histogram tells apart.
const LEVELS: usize = 8;

/// How much each property counts.
const RARITY: f32 = 1.0;
const DETAIL: f32 = 0.7;
const COLOR: f32 = 0.4;
const SKIN: f32 = 0.5;

/// The part of the pixels that are background at least.
const BACKGROUND: f32 = 0.6;

/// How much less a pixel at the edge of a crop counts than one in its middle.
const EDGE: f32 = 0.4;

/// The middle of the best crop of a picture, as parts of its width and height.
///
/// `rgb` is a thumbnail of the size `size`, three bytes a pixel, at most
/// [`SIDE_MAX`] along a side; `width` and `height` are the parts of the picture
/// that the crop keeps, above 0 up to 1. Without anything important, and for a
/// thumbnail that is none, it is the middle of the picture.
pub fn focus(rgb: &[u8], size: Size, width: f64, height: f64) -> (f64, f64) {
    let is_thumbnail = (1..=SIDE_MAX).contains(&size.width)
        && (1..=SIDE_MAX).contains(&size.height)
        && rgb.len() as u64 == 3 * size.pixels();
    if !is_thumbnail {
        return (0.5, 0.5);
    }
    let importance = importance(rgb, size);
    let (columns, rows) = (size.width as usize, size.height as usize);
    let (mut across, mut down) = (vec![0.0; columns], vec![0.0; rows]);
    for (row, down) in importance.chunks_exact(columns).zip(&mut down) {
        for (value, across) in row.iter().zip(&mut across) {
            *across += value;
            *down += value;
        }
    }
    (best(&across, width as f32), best(&down, height as f32))
}

/// The middle of the window over `sums` that holds most, as a part of the whole.
fn best(sums: &[f32], kept: f32) -> f64 {
    let length = sums.len() as f32;
    let window = (kept * length).clamp(1.0, length);
    let room = length - window;
    let total: f32 = sums.iter().sum();
    if room <= 0.0 || total <= 0.0 {
        return 0.5;
    }
    let held = |start: f32| {
        let weigh = |at: usize| {
            // The part of this sample that lies in the window.
            let (from, to) = (at as f32, at as f32 + 1.0);
            let covered = (to.min(start + window) - from.max(start)).max(0.0);
            let aside = ((at as f32 + 0.5 - start) / window * 2.0 - 1.0).clamp(-1.0, 1.0);
            covered * (1.0 - EDGE * aside * aside)
        };
        let sum: f32 = sums.iter().enumerate().map(|(at, value)| value * weigh(at)).sum();
        // Where two are as good, the one nearer to the middle is taken.
        let away = (start - room / 2.0) / room;
        sum - 0.02 * total * away * away
    };
    let steps = sums.len() * 2;
    let mut found = (0.5, f32::MIN);
    for step in 0..=steps {
        let start = room * step as f32 / steps as f32;
        let value = held(start);
        if value > found.1 {
            found = (f64::from((start + window / 2.0) / length), value);
        }
    }
    found.0
}

/// The importance of every pixel, 0 for the background.
fn importance(rgb: &[u8], size: Size) -> Vec<f32> {
    let colors: Vec<[f32; 3]> = rgb.chunks_exact(3).map(opponent).collect();
    let parts = [
        (RARITY, rarity(rgb, &colors)),
        (DETAIL, blurred(&detail(&colors, size), size, 2)),
        (COLOR, colors.iter().map(chroma).collect()),
        (SKIN, rgb.chunks_exact(3).map(skin).collect()),
    ];
    let mut sum = vec![0.0; colors.len()];
    for (weight, mut part) in parts {
        // Skin and color are measured on scales of their own; how rare or fine
        // something is can only be told beside the rest of the picture.
        if weight == RARITY || weight == DETAIL {
            normalize(&mut part);
        }
        for (sum, value) in sum.iter_mut().zip(&part) {
            *sum += weight * value;
        }
    }
    let mut sum = blurred(&sum, size, 1);
    let background = quantile(&sum, BACKGROUND);
    for value in &mut sum {
        let above = (*value - background).max(0.0);
        // Squared, so that little of much does not outweigh much of little.
        *value = above * above;
    }
    sum
}

/// Luma and two differences of color, each in a range of about 1.
fn opponent(pixel: &[u8]) -> [f32; 3] {
    let [red, green, blue] = [0, 1, 2].map(|at: usize| f32::from(pixel[at]) / 255.0);
    [0.299 * red + 0.587 * green + 0.114 * blue, red - green, 0.5 * (red + green) - blue]
}

/// How colorful a pixel is, 0 to about 1.
fn chroma(color: &[f32; 3]) -> f32 {
    libm::sqrtf(color[1] * color[1] + color[2] * color[2]).min(1.0)
}

/// How far a pixel's color is from those of the others, on the mean.
fn rarity(rgb: &[u8], colors: &[[f32; 3]]) -> Vec<f32> {
    let bin = |pixel: &[u8]| {
        let level = |at: usize| usize::from(pixel[at]) * LEVELS / 256;
        (level(0) * LEVELS + level(1)) * LEVELS + level(2)
    };
    let mut bins = vec![(0.0f32, [0.0f32; 3]); LEVELS * LEVELS * LEVELS];
    for (pixel, color) in rgb.chunks_exact(3).zip(colors) {
        let (count, sums) = &mut bins[bin(pixel)];
        *count += 1.0;
        sums.iter_mut().zip(color).for_each(|(sum, value)| *sum += value);
    }
    let filled: Vec<(f32, [f32; 3])> = bins
        .iter()
        .filter(|(count, _)| *count > 0.0)
        .map(|(count, sums)| (*count, sums.map(|sum| sum / count)))
        .collect();
    let whole = colors.len() as f32;
    let mut contrasts = filled.iter().map(|(_, color)| {
        filled.iter().map(|(count, other)| count / whole * distance(color, other)).sum::<f32>()
    });
    // Back from the filled bins to all of them.
    let contrast: Vec<f32> = bins
        .iter()
        .map(|(count, _)| if *count > 0.0 { contrasts.next().unwrap_or(0.0) } else { 0.0 })
        .collect();
    rgb.chunks_exact(3).map(|pixel| contrast[bin(pixel)]).collect()
}

fn distance(one: &[f32; 3], other: &[f32; 3]) -> f32 {
    let square = |at: usize| (one[at] - other[at]) * (one[at] - other[at]);
    libm::sqrtf(square(0) + square(1) + square(2))
}

/// The difference to the right and lower neighbors.
fn detail(colors: &[[f32; 3]], size: Size) -> Vec<f32> {
    let (width, height) = (size.width as usize, size.height as usize);
    let mut out = Vec::with_capacity(colors.len());
    for y in 0..height {
        for x in 0..width {
            let here = &colors[y * width + x];
            let right = &colors[y * width + (x + 1).min(width - 1)];
            let below = &colors[(y + 1).min(height - 1) * width + x];
            out.push(distance(here, right) + distance(here, below));
        }
    }
    out
}

/// How near a color is to that of skin of any tone, 0 to 1: skin differs in its
/// luma, but little in its hue (after Kovac et al., EUROCON 2003, in softer
/// bounds).
fn skin(pixel: &[u8]) -> f32 {
    let [red, green, blue] = [0, 1, 2].map(|at: usize| f32::from(pixel[at]));
    let sum = red + green + blue;
    if sum < 120.0 || red <= green || green < blue * 0.9 {
        return 0.0;
    }
    let (r, g) = (red / sum, green / sum);
    let off = libm::sqrtf((r - 0.43) * (r - 0.43) + (g - 0.315) * (g - 0.315));
    (1.0 - off / 0.07).max(0.0)
}

/// The mean over `2 × radius + 1` pixels each way; less at the edges.
fn blurred(values: &[f32], size: Size, radius: usize) -> Vec<f32> {
    let (width, height) = (size.width as usize, size.height as usize);
    let across = along(values, width, height, radius, |x, y| y * width + x);
    along(&across, height, width, radius, |y, x| y * width + x)
}

fn along(
    values: &[f32],
    length: usize,
    lines: usize,
    radius: usize,
    at: impl Fn(usize, usize) -> usize,
) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for line in 0..lines {
        for step in 0..length {
            let (from, to) = (step.saturating_sub(radius), (step + radius + 1).min(length));
            let sum: f32 = (from..to).map(|step| values[at(step, line)]).sum();
            out[at(step, line)] = sum / (to - from) as f32;
        }
    }
    out
}

/// Divides by the largest, where that is not next to nothing.
fn normalize(values: &mut [f32]) {
    let most = values.iter().copied().fold(0.0f32, f32::max);
    if most > 0.02 {
        values.iter_mut().for_each(|value| *value /= most);
    } else {
        values.fill(0.0);
    }
}

fn quantile(values: &[f32], part: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = (part * sorted.len() as f32) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
