//! Coefficients to whole numbers of steps (T.81 §A.3.4).

use super::SIDE;
use super::dct::{SCALE, transform};

/// Where a coefficient lies, row by row, in the order of the file (T.81 figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The same column by column, as the transform leaves them.
const PLACES: [u8; 64] = {
    let mut places = ZIGZAG;
    let mut at = 0;
    while at < 64 {
        places[at] = ZIGZAG[at] % 8 * 8 + ZIGZAG[at] / 8;
        at += 1;
    }
    places
};

/// Which places of the file the coefficients of a column have, by the bits of those that
/// are meant.
static SPREAD: [[u64; 256]; SIDE] = {
    let mut spread = [[0; 256]; SIDE];
    let mut at = 0;
    while at < 64 {
        let (column, row) = (PLACES[at] as usize / 8, PLACES[at] % 8);
        let mut bits = 0;
        while bits < 256 {
            if bits >> row & 1 == 1 {
                spread[column][bits] |= 1 << at;
            }
            bits += 1;
        }
        at += 1;
    }
    spread
};

/// Steps at quality 50, by N. Robidoux for ImageMagick (2012), for luma and chroma alike;
/// mozjpeg has them as its default too. A file for the same looks (SSIMULACRA2) is
/// smaller by 5 to 9 % than one with those of T.81 §K.1.
const STEPS: [u16; 64] = [
    16, 16, 16, 18, 25, 37, 56, 85, 16, 17, 20, 27, 34, 40, 53, 75, 16, 20, 24, 31, 43, 62, 91,
    135, 18, 27, 31, 40, 53, 74, 106, 156, 25, 34, 43, 53, 69, 94, 131, 189, 37, 40, 62, 74, 94,
    124, 169, 238, 56, 53, 91, 106, 131, 169, 226, 311, 85, 75, 135, 156, 189, 238, 311, 418,
];

/// What a bit is worth, in squares of steps: of 0.02, 0.04, 0.06 and 0.09 the one that
/// gives the smallest files for the same looks.
const SQUARES_PER_BIT: f32 = 0.04;

/// A quantized block.
#[derive(Clone)]
pub(super) struct Block {
    /// Column by column.
    values: [i16; 64],
    /// Those that are not 0, in the order of the file, the first one lowest.
    mask: u64,
}

impl Default for Block {
    fn default() -> Self {
        Self { values: [0; 64], mask: 0 }
    }
}

impl Block {
    /// Eight times the mean of the samples, in steps.
    #[inline(always)]
    pub(super) fn mean(&self) -> i32 {
        i32::from(self.values[0])
    }

    /// The coefficient at a place in the order of the file.
    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> i32 {
        i32::from(self.values[usize::from(PLACES[place & 63])])
    }

    /// Which of the coefficients from one place to another are not 0.
    #[inline(always)]
    pub(super) const fn mask(&self, from: usize, to: usize) -> u64 {
        self.mask & (u64::MAX << from) & (u64::MAX >> (63 - to))
    }
}

/// The steps of one table.
pub(super) struct Quantizer {
    steps: [u8; 64],
    /// What coefficients, as the transform leaves them, are multiplied by.
    factors: [[f32; SIDE]; SIDE],
}

impl Quantizer {
    pub(super) fn new(quality: u8) -> Self {
        let quality = u32::from(quality.clamp(1, 100));
        // The scale of libjpeg, in percent.
        let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
        // Baseline has steps of one byte.
        let steps = STEPS.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u8);
        let factor = |across: usize, down: usize| {
            1.0 / (f32::from(steps[8 * down + across]) * SCALE[across] * SCALE[down] * 8.0)
        };
        let factors = std::array::from_fn(|u| std::array::from_fn(|v| factor(u, v)));
        Self { steps, factors }
    }

    /// Row by row.
    pub(super) const fn steps(&self) -> &[u8; 64] {
        &self.steps
    }

    /// Transforms and quantizes a row of blocks.
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(super) fn row(&self, samples: &[f32], stride: usize, blocks: &mut [Block]) {
        for (at, block) in blocks.iter_mut().enumerate() {
            let rows = std::array::from_fn(|y| {
                let row = &samples[y * stride + at * SIDE..][..SIDE];
                std::array::from_fn(|x| row[x])
            });
            self.block(rows, block);
        }
    }

    #[inline(always)]
    fn block(&self, rows: [[f32; SIDE]; SIDE], block: &mut Block) {
        let mut exact = transform(rows);
        for (exact, factors) in exact.iter_mut().zip(&self.factors) {
            *exact = std::array::from_fn(|at| exact[at] * factors[at]);
        }
        for (values, exact) in block.values.as_chunks_mut::<SIDE>().0.iter_mut().zip(&exact) {
            // No block of 64 samples up to 128 has a coefficient above 1024.
            *values = exact.map(|exact| rounded(exact) as i16);
        }
        let mut mask = 0;
        for (values, spread) in block.values.as_chunks::<SIDE>().0.iter().zip(&SPREAD) {
            mask |= spread[nonzero(values)];
        }
        block.mask = thinned(exact.as_flattened(), &mut block.values, mask);
    }
}

/// Leaves out coefficients of one step that cost more bits than they are worth: those
/// that were rounded up to it and lie alone among zeros. Returns what is left of `mask`.
#[inline(always)]
fn thinned(exact: &[f32], values: &mut [i16; 64], mask: u64) -> u64 {
    let mut left = mask & !1;
    let mut kept = mask;
    let mut next = 64;
    while left != 0 {
        let at = left.ilog2() as usize;
        left ^= 1 << at;
        let place = usize::from(PLACES[at]);
        if values[place].abs() == 1 {
            let before = if left == 0 { 0 } else { left.ilog2() as usize };
            let cost = |from: usize, to: usize| COSTS[(to - from - 1) & 63];
            let saved = match next {
                64 => cost(before, at),
                _ => cost(before, at) + cost(at, next) - cost(before, next),
            };
            // How much further from the exact value 0 is than 1, in squares.
            if 2.0 * exact[place].abs() - 1.0 < SQUARES_PER_BIT * saved {
                values[place] = 0;
                kept ^= 1 << at;
                continue;
            }
        }
        next = at;
    }
    kept
}

/// The bits for a coefficient of one step behind so many zeros, in typical pictures.
static COSTS: [f32; 64] = {
    const SHORT: [f32; 16] =
        [3.0, 5.0, 6.0, 7.0, 7.0, 8.0, 8.0, 9.0, 10.0, 10.0, 10.0, 11.0, 11.0, 12.0, 13.0, 14.0];
    let mut costs = [0.0; 64];
    let mut run = 0;
    while run < 64 {
        costs[run] = SHORT[run % 16] + 11.0 * (run / 16) as f32;
        run += 1;
    }
    costs
};

/// The nearest whole number. Added to this one, nothing is left behind the point.
#[inline(always)]
fn rounded(value: f32) -> i32 {
    const WHOLE: f32 = 12_582_912.0;
    (value + WHOLE).to_bits() as i32 - WHOLE.to_bits() as i32
}

/// The bits of numbers that are not 0, the first one lowest.
#[inline(always)]
fn nonzero(values: &[i16; SIDE]) -> usize {
    values.iter().enumerate().fold(0, |bits, (at, value)| bits | usize::from(*value != 0) << at)
}
