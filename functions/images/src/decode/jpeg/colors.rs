//! From planes of luma and chroma to pixels (ITU-T T.871).

use sedge_kit::image::geometry::Size;

use super::scan::Plane;
use crate::decode::contradiction;
use crate::lanes::{Bytes, Ints, Shorts};
use crate::problem::Problem;

/// Binary digits behind the point of factors.
const FACTOR: u32 = 16;

/// Pixels that are converted at a time.
const BATCH: usize = 16;

/// Samples that are upsampled at a time.
const HALF: usize = BATCH / 2;

/// Puts the samples of all components side by side.
///
/// # Errors
/// [`Problem::Damaged`] if the planes are smaller than the picture.
pub(super) fn interleave(planes: &[Plane], size: Size, data: &mut [u8]) -> Result<(), Problem> {
    let (width, height) = (size.width as usize, size.height as usize);
    let covers = |plane: &Plane| {
        plane.width * plane.repeat.0 >= width && plane.height * plane.repeat.1 >= height
    };
    if width == 0 || !planes.iter().all(covers) {
        return Err(contradiction());
    }
    match planes {
        [gray] => {
            for (y, out) in data.chunks_exact_mut(width).enumerate() {
                out.copy_from_slice(&row(gray, y)[..width]);
            }
        }
        [luma, blue, red] => {
            let mut upsampled = [Row::default(), Row::default(), Row::default()];
            for (y, out) in data.chunks_exact_mut(3 * width).enumerate() {
                let [one, two, three] = &mut upsampled;
                let rows = (one.of(luma, y), two.of(blue, y), three.of(red, y));
                convert(&rows.0[..width], &rows.1[..width], &rows.2[..width], out);
            }
        }
        _ => return Err(contradiction()),
    }
    Ok(())
}

fn row(plane: &Plane, y: usize) -> &[u8] {
    &plane.samples[y * plane.stride..][..plane.width]
}

/// A row of a component with as many samples as the picture has pixels, or a few more.
#[derive(Default)]
struct Row {
    samples: Vec<u8>,
    /// Four times a sample; with the first and the last one twice, and filled up to whole
    /// vectors.
    sums: Vec<i16>,
}

impl Row {
    fn of<'a>(&'a mut self, plane: &'a Plane, y: usize) -> &'a [u8] {
        let near = y / plane.repeat.1;
        // A row lies a quarter above or below the one that it is nearest to.
        let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 };
        let far = row(plane, far.min(plane.height - 1));
        let near = row(plane, near);
        match plane.repeat {
            (1, 1) => return near,
            (2, 1) => self.double(near, near),
            (2, 2) => self.double(near, far),
            (1, 2) => {
                self.samples.resize(near.len(), 0);
                for ((sample, near), far) in self.samples.iter_mut().zip(near).zip(far) {
                    *sample = ((u16::from(*near) * 3 + u16::from(*far) + 2) >> 2) as u8;
                }
            }
            (across, _) => {
                self.samples.clear();
                let samples = near.iter();
                self.samples
                    .extend(samples.flat_map(|sample| std::iter::repeat_n(*sample, across)));
            }
        }
        &self.samples
    }

    /// Twice as many samples: each lies a quarter beside the one that it is nearest to.
    fn double(&mut self, near: &[u8], far: &[u8]) {
        let count = near.len();
        let padded = count.next_multiple_of(HALF);
        self.sums.resize(padded + 2, 0);
        self.samples.resize(2 * padded, 0);
        blend(near, far, &mut self.sums[1..=count]);
        self.sums[0] = self.sums[1];
        self.sums[count + 1] = self.sums[count];
        double(&self.sums, &mut self.samples);
    }
}

/// Three quarters of one and one of the other, four times.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn blend(near: &[u8], far: &[u8], sums: &mut [i16]) {
    let (near, near_left) = near.as_chunks::<HALF>();
    let (far, far_left) = far.as_chunks::<HALF>();
    let (sums, sums_left) = sums.as_chunks_mut::<HALF>();
    for ((near, far), sums) in near.iter().zip(far).zip(sums) {
        let (near, far) = (Shorts::of_bytes(near), Shorts::of_bytes(far));
        near.plus(near).plus(near).plus(far).store(sums);
    }
    for ((near, far), sum) in near_left.iter().zip(far_left).zip(sums_left) {
        *sum = i16::from(*near) * 3 + i16::from(*far);
    }
}

/// Samples from sums and those beside them. Half of what lies between two is rounded up, and
/// half down, so that the mean stays.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn double(sums: &[i16], samples: &mut [u8]) {
    let (before, after) = (sums.as_chunks::<HALF>().0, sums[2..].as_chunks::<HALF>().0);
    let sums = sums[1..].as_chunks::<HALF>().0.iter().zip(before).zip(after);
    for (((sums, before), after), out) in sums.zip(samples.as_chunks_mut::<BATCH>().0) {
        let sums = Shorts::load(sums);
        let three = sums.plus(sums).plus(sums);
        let left = three.plus(Shorts::load(before)).plus(Shorts::splat(8)).without(4);
        let right = three.plus(Shorts::load(after)).plus(Shorts::splat(7)).without(4);
        left.interleaved_low(right).narrowed(left.interleaved_high(right)).store(out);
    }
}

/// Luma and chroma to red, green and blue (T.871 §7).
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn convert(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
    let (luma, luma_left) = luma.as_chunks::<BATCH>();
    let (blue, blue_left) = blue.as_chunks::<BATCH>();
    let (red, red_left) = red.as_chunks::<BATCH>();
    let (batches, left) = out.split_at_mut(luma.len() * BATCH * 3);
    let batches = batches.as_chunks_mut::<{ BATCH * 3 }>().0.iter_mut();
    for (((luma, blue), red), out) in luma.iter().zip(blue).zip(red).zip(batches) {
        batch(luma, blue, red, out);
    }
    let mut padded = [[0; BATCH]; 3];
    for (padded, samples) in padded.iter_mut().zip([luma_left, blue_left, red_left]) {
        padded[..samples.len()].copy_from_slice(samples);
    }
    let mut pixels = [0; BATCH * 3];
    batch(&padded[0], &padded[1], &padded[2], &mut pixels);
    left.copy_from_slice(&pixels[..left.len()]);
}

#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn batch(luma: &[u8; BATCH], blue: &[u8; BATCH], red: &[u8; BATCH], out: &mut [u8; BATCH * 3]) {
    let [luma, blue, red] = [luma, blue, red].map(Bytes::load);
    let low = colors(luma.low(), blue.low(), red.low());
    let high = colors(luma.high(), blue.high(), red.high());
    let colors = [0, 1, 2].map(|at| low[at].narrowed(high[at]));
    let out = out.as_chunks_mut::<BATCH>().0.iter_mut();
    for (pixels, out) in Bytes::interleaved_three(colors).into_iter().zip(out) {
        pixels.store(out);
    }
}

/// Red, green and blue of eight pixels, not yet cut to their range.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
fn colors(luma: Shorts, blue: Shorts, red: Shorts) -> [Shorts; 3] {
    /// What is left of a factor without a whole number, which is added by itself, so that 16
    /// bits hold it.
    const fn fixed(factor: f64, whole: i32) -> i16 {
        ((factor * (1 << FACTOR) as f64 + 0.5) as i32 - (whole << FACTOR)) as i16
    }
    const RED: i16 = fixed(1.402, 1);
    const GREEN: [i16; 2] = [-fixed(0.344_136, 0), -fixed(0.714_136, 1)];
    const BLUE: i16 = fixed(1.772, 2);
    let middle = Shorts::splat(128);
    let (blue, red) = (blue.minus(middle), red.minus(middle));
    let (low, high) = (blue.interleaved_low(red), blue.interleaved_high(red));
    let part = |factors: [i16; 2]| {
        let rounded =
            |pairs: Shorts| pairs.dot(factors).plus(Ints::splat(1 << (FACTOR - 1))).without(FACTOR);
        luma.plus(rounded(low).narrowed(rounded(high)))
    };
    [part([0, RED]).plus(red), part(GREEN).minus(red), part([BLUE, 0]).plus(blue.plus(blue))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_color_is_the_nearest() {
        for (luma, chroma) in (0..=255u8).step_by(5).flat_map(|a| (0..=255).map(move |b| (a, b))) {
            let blues: [u8; BATCH] = std::array::from_fn(|at| at as u8 * 17);
            let mut out = [0; 3 * BATCH];
            batch(&[luma; BATCH], &blues, &[chroma; BATCH], &mut out);
            for (pixel, blue) in out.as_chunks::<3>().0.iter().zip(blues) {
                let (luma, blue) = (f64::from(luma), f64::from(blue) - 128.0);
                let red = f64::from(chroma) - 128.0;
                let exact = [
                    luma + 1.402 * red,
                    luma - 0.344_136 * blue - 0.714_136 * red,
                    luma + 1.772 * blue,
                ];
                for (level, exact) in pixel.iter().zip(exact) {
                    assert!((f64::from(*level) - exact.clamp(0.0, 255.0)).abs() < 0.502);
                }
            }
        }
    }

    #[test]
    fn rows_of_any_length_are_doubled() {
        for count in 1..40 {
            let near: Vec<u8> = (0..count).map(|at| (at * 83 % 256) as u8).collect();
            let far: Vec<u8> = (0..count).map(|at| (at * 59 % 256) as u8).collect();
            let mut row = Row { samples: vec![9; 99], sums: vec![9; 99] };
            row.double(&near, &far);
            let sum = |at: i32| {
                let at = at.clamp(0, count - 1) as usize;
                i32::from(near[at]) * 3 + i32::from(far[at])
            };
            for at in 0..count {
                let pair = &row.samples[2 * at as usize..][..2];
                let left = (3 * sum(at) + sum(at - 1) + 8) >> 4;
                let right = (3 * sum(at) + sum(at + 1) + 7) >> 4;
                assert_eq!([i32::from(pair[0]), i32::from(pair[1])], [left, right], "{count} {at}");
            }
        }
    }
}
