//! From planes of luma and chroma to pixels (ITU-T T.871).

use sedge_kit::image::geometry::Size;

use super::scan::Plane;
use crate::decode::contradiction;
use crate::problem::Problem;

/// Binary digits behind the point of factors.
const FACTOR: u32 = 16;

/// Pixels that are converted at a time.
const BATCH: usize = 16;

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

/// A row of a component with as many samples as the picture has pixels.
#[derive(Default)]
struct Row {
    samples: Vec<u8>,
    sums: Vec<u16>,
}

impl Row {
    fn of<'a>(&'a mut self, plane: &'a Plane, y: usize) -> &'a [u8] {
        let near = y / plane.repeat.1;
        match plane.repeat {
            (1, 1) => return row(plane, y),
            (2, 1) => {
                self.sums.clear();
                self.sums.extend(row(plane, near).iter().map(|sample| u16::from(*sample) * 4));
                self.double();
            }
            (1 | 2, 2) => {
                // A row lies a quarter above or below the one that it is nearest to.
                let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 };
                let far = row(plane, far.min(plane.height - 1));
                let near = row(plane, near).iter().zip(far);
                self.sums.clear();
                self.sums.extend(near.map(|(near, far)| u16::from(*near) * 3 + u16::from(*far)));
                if plane.repeat.0 == 2 {
                    self.double();
                } else {
                    self.samples.clear();
                    self.samples.extend(self.sums.iter().map(|sum| ((sum + 2) >> 2) as u8));
                }
            }
            (across, _) => {
                self.samples.clear();
                let samples = row(plane, near).iter();
                self.samples
                    .extend(samples.flat_map(|sample| std::iter::repeat_n(*sample, across)));
            }
        }
        &self.samples
    }

    /// Twice as many samples: each lies a quarter beside the one that it is nearest to.
    /// The sums are four times a sample. Half of the sums are rounded up, the others down,
    /// so that the mean stays.
    fn double(&mut self) {
        let sums = &self.sums;
        let end = sums.len() - 1;
        self.samples.resize(2 * sums.len(), 0);
        let between = |near: u16, far: u16, half: u16| ((3 * near + far + half) >> 4) as u8;
        self.samples[0] = between(sums[0], sums[0], 8);
        self.samples[2 * end + 1] = between(sums[end], sums[end], 7);
        let inner = self.samples[1..2 * end + 1].as_chunks_mut::<2>().0;
        for (out, pair) in inner.iter_mut().zip(sums.windows(2)) {
            *out = [between(pair[0], pair[1], 7), between(pair[1], pair[0], 8)];
        }
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

#[inline(always)]
fn batch(luma: &[u8; BATCH], blue: &[u8; BATCH], red: &[u8; BATCH], out: &mut [u8; BATCH * 3]) {
    const fn fixed(factor: f64) -> i32 {
        (factor * (1 << FACTOR) as f64 + 0.5) as i32
    }
    let mut colors = [[0u8; BATCH]; 3];
    for at in 0..BATCH {
        let light = (i32::from(luma[at]) << FACTOR) + (1 << (FACTOR - 1));
        let (blue, red) = (i32::from(blue[at]) - 128, i32::from(red[at]) - 128);
        let level = |sum: i32| (sum >> FACTOR).clamp(0, 255) as u8;
        colors[0][at] = level(light + fixed(1.402) * red);
        colors[1][at] = level(light - fixed(0.344_136) * blue - fixed(0.714_136) * red);
        colors[2][at] = level(light + fixed(1.772) * blue);
    }
    for (at, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *pixel = [colors[0][at], colors[1][at], colors[2][at]];
    }
}
