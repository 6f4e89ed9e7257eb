//! What is done to the pixels of the answer. All of it is whole-number
//! arithmetic, so that native code and WebAssembly agree to the bit.

use sedge_kit::image::effects::Effects;

use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;
use crate::scale::{premultiply, unpremultiply};

/// Applies the effects of a request: tones, saturation, blur, sharpening.
///
/// # Errors
/// [`Problem::OutOfMemory`].
pub fn apply(mut picture: Picture, effects: &Effects) -> Result<Picture, Problem> {
    if let Some(tones) = effects.tones() {
        curve(&mut picture, &tones);
    }
    if effects.saturating() != 256 {
        saturate(&mut picture, effects.saturating());
    }
    if effects.blur_radius() > 0 {
        if picture.model.has_alpha() {
            premultiply(&mut picture);
        }
        for _ in 0..3 {
            picture = box_blur(&picture, effects.blur_radius() as usize)?;
        }
        if picture.model.has_alpha() {
            unpremultiply(&mut picture);
        }
    }
    if effects.sharpening() > 0 {
        picture = sharpen(&picture, effects.sharpening())?;
    }
    Ok(picture)
}

/// The channels that are colors.
fn color_channels(model: Model) -> usize {
    model.without_alpha().channels()
}

fn curve(picture: &mut Picture, tones: &[u8; 256]) {
    let (channels, colors) = (picture.model.channels(), color_channels(picture.model));
    for pixel in picture.data.chunks_exact_mut(channels) {
        for sample in &mut pixel[..colors] {
            *sample = tones[usize::from(*sample)];
        }
    }
}

/// Moves every color away from or towards its gray, by 256ths (the luma of
/// `saturate` in W3C Filter Effects 1).
fn saturate(picture: &mut Picture, factor: i32) {
    let channels = picture.model.channels();
    if color_channels(picture.model) != 3 {
        return;
    }
    for pixel in picture.data.chunks_exact_mut(channels) {
        let [red, green, blue] = [0, 1, 2].map(|at: usize| i32::from(pixel[at]));
        // The weights sum to 65,536.
        let luma = (13_933 * red + 46_871 * green + 4_732 * blue + (1 << 15)) >> 16;
        for (sample, color) in pixel.iter_mut().zip([red, green, blue]) {
            let away = ((color - luma) * factor + 128) >> 8;
            *sample = (luma + away).clamp(0, 255) as u8;
        }
    }
}

/// The mean over a box of `2 × radius + 1` pixels each way; the edge is repeated.
fn box_blur(picture: &Picture, radius: usize) -> Result<Picture, Problem> {
    let mut across = pixels(picture.size, picture.model)?;
    let (row_bytes, channels) = (picture.row_bytes(), picture.model.channels());
    let mean = Mean::of(2 * radius + 1);
    for (from, to) in picture.data.chunks_exact(row_bytes).zip(across.chunks_exact_mut(row_bytes)) {
        blur_row(from, to, channels, radius, mean);
    }
    let mut down = pixels(picture.size, picture.model)?;
    let height = picture.size.height as usize;
    let row = |y: usize| &across[y * row_bytes..(y + 1) * row_bytes];
    // The sums of the columns over the box, moved down row by row.
    let mut sums: Vec<u32> = row(0).iter().map(|sample| u32::from(*sample)).collect();
    sums.iter_mut().for_each(|sum| *sum *= radius as u32 + 1);
    for y in 1..=radius {
        add(&mut sums, row(y.min(height - 1)));
    }
    for (y, to) in down.chunks_exact_mut(row_bytes).enumerate() {
        for (to, sum) in to.iter_mut().zip(&sums) {
            *to = mean.of_sum(*sum);
        }
        add(&mut sums, row((y + radius + 1).min(height - 1)));
        let gone = row(y.saturating_sub(radius));
        sums.iter_mut().zip(gone).for_each(|(sum, sample)| *sum -= u32::from(*sample));
    }
    Ok(Picture { data: down, icc: picture.icc.clone(), ..*picture })
}

fn add(sums: &mut [u32], row: &[u8]) {
    sums.iter_mut().zip(row).for_each(|(sum, sample)| *sum += u32::from(*sample));
}

fn blur_row(from: &[u8], to: &mut [u8], channels: usize, radius: usize, mean: Mean) {
    let width = from.len() / channels;
    for channel in 0..channels {
        let sample = |x: usize| u32::from(from[x.min(width - 1) * channels + channel]);
        let mut sum = sample(0) * (radius as u32 + 1) + (1..=radius).map(sample).sum::<u32>();
        for x in 0..width {
            to[x * channels + channel] = mean.of_sum(sum);
            sum = sum + sample(x + radius + 1) - sample(x.saturating_sub(radius));
        }
    }
}

/// Division by a small number, as a multiplication.
#[derive(Clone, Copy)]
struct Mean {
    reciprocal: u64,
}

impl Mean {
    fn of(count: usize) -> Self {
        let count = count as u64;
        Self { reciprocal: ((1 << 32) + count / 2) / count }
    }

    /// Rounded; at most 255 for a sum of as many bytes.
    fn of_sum(self, sum: u32) -> u8 {
        ((u64::from(sum) * self.reciprocal + (1 << 31)) >> 32) as u8
    }
}

/// Unsharp masking: adds the difference to the picture blurred by a binomial
/// kernel of 3 × 3, by 256ths. Alpha stays.
fn sharpen(picture: &Picture, amount: i32) -> Result<Picture, Problem> {
    let mut data = pixels(picture.size, picture.model)?;
    let (row_bytes, channels) = (picture.row_bytes(), picture.model.channels());
    let colors = color_channels(picture.model);
    let (width, height) = (picture.size.width as usize, picture.size.height as usize);
    let row = |y: usize| &picture.data[y * row_bytes..(y + 1) * row_bytes];
    for (y, to) in data.chunks_exact_mut(row_bytes).enumerate() {
        let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(height - 1)));
        let column =
            |at: usize| i32::from(above[at]) + 2 * i32::from(here[at]) + i32::from(below[at]);
        for x in 0..width {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
            for channel in 0..channels {
                let at = |x: usize| x * channels + channel;
                let sample = i32::from(here[at(x)]);
                // Sixteen times the blurred sample.
                let blurred = column(at(left)) + 2 * column(at(x)) + column(at(right));
                let edge = ((16 * sample - blurred) * amount + 2048) >> 12;
                let sharp = if channel < colors { sample + edge } else { sample };
                to[at(x)] = sharp.clamp(0, 255) as u8;
            }
        }
    }
    Ok(Picture { data, icc: picture.icc.clone(), ..*picture })
}

#[cfg(test)]
mod tests;
