//! From the bits of a scan to planes of samples.

use super::bits::Bits;
use super::huffman::{Symbol, extend};
use super::idct;
use super::segments::{Component, Sequential};
use crate::decode::damaged;
use crate::problem::Problem;

/// Where the coefficients of a block lie, in the order of the file (T.81 figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The samples of one component, with what fills up the last blocks.
pub(super) struct Plane {
    pub(super) samples: Vec<u8>,
    /// Samples from a row to the next.
    pub(super) stride: usize,
    /// Samples that are part of the picture.
    pub(super) width: usize,
    pub(super) height: usize,
    /// How often each is repeated in the picture, across and down.
    pub(super) repeat: (usize, usize),
    /// Samples along a side of a block.
    side: usize,
}

impl Plane {
    /// Where a block of 8 × 8 of the densest component becomes `side × side`, one of a
    /// component with fewer samples becomes larger, so that nothing is lost and little has
    /// to be repeated.
    fn new(file: &Sequential, component: &Component, side: usize) -> Result<Self, Problem> {
        let (across, down) = component.sampling;
        let (across_max, down_max) = file.sampling_max;
        let sparser = (across_max / across, down_max / down);
        let own = (side * sparser.0.min(sparser.1)).min(8);
        let (units_across, units_down) = units(file);
        let stride = units_across * across * own;
        let rows = units_down * down * own;
        let samples = |pixels: u32, factor: usize, most: usize| {
            (pixels as usize * factor * own).div_ceil(most * 8)
        };
        let bytes = stride.checked_mul(rows).ok_or(Problem::OutOfMemory)?;
        let mut plane = Vec::new();
        plane.try_reserve_exact(bytes).map_err(|_| Problem::OutOfMemory)?;
        plane.resize(bytes, 0);
        Ok(Self {
            samples: plane,
            stride,
            width: samples(file.size.width, across, across_max),
            height: samples(file.size.height, down, down_max),
            repeat: (sparser.0 * side / own, sparser.1 * side / own),
            side: own,
        })
    }
}

/// Units of the picture, across and down (T.81 §A.2.4).
fn units(file: &Sequential) -> (usize, usize) {
    let count = |pixels: u32, most: usize| (pixels as usize).div_ceil(8 * most);
    (count(file.size.width, file.sampling_max.0), count(file.size.height, file.sampling_max.1))
}

/// Decodes the scan. Each block of the densest component becomes `side × side` samples:
/// 8, 4, 2 or 1.
///
/// # Errors
/// [`Problem::Damaged`], [`Problem::OutOfMemory`].
pub(super) fn decode(file: &Sequential, side: usize) -> Result<Vec<Plane>, Problem> {
    let planes = file.components.iter().map(|component| Plane::new(file, component, side));
    let mut planes = planes.collect::<Result<Vec<_>, _>>()?;
    let mut bits = Bits::new(file.data);
    let mut predictions = [0; 3];
    let (units_across, units_down) = units(file);
    let mut until_restart = file.restart;
    let mut restarts = 0;
    let mut block = Block::default();
    for y in 0..units_down {
        for x in 0..units_across {
            if file.restart > 0 && until_restart == 0 {
                if bits.is_overdrawn() || !bits.restart(restarts) {
                    return Err(damaged("a restart marker is missing"));
                }
                (until_restart, predictions) = (file.restart, [0; 3]);
                restarts += 1;
            }
            until_restart = until_restart.wrapping_sub(1);
            let unit = file.components.iter().zip(&mut planes).zip(&mut predictions);
            for ((component, plane), prediction) in unit {
                let (across, down) = component.sampling;
                for at in 0..across * down {
                    let (block_x, block_y) = (x * across + at % across, y * down + at / across);
                    let last = block.read(&mut bits, component, prediction);
                    let last = last.ok_or_else(|| damaged("it has a code that is none"))?;
                    let start = (block_y * plane.stride + block_x) * plane.side;
                    let (side, stride) = (plane.side, plane.stride);
                    idct::write(&block.values, last, side, &mut plane.samples[start..], stride);
                    block.clear(last);
                }
            }
        }
        if bits.is_overdrawn() {
            return Err(damaged("it ends before its last pixel"));
        }
    }
    Ok(planes)
}

/// The coefficients of a block, dequantized, row by row.
struct Block {
    values: [i32; 64],
}

impl Default for Block {
    fn default() -> Self {
        Self { values: [0; 64] }
    }
}

impl Block {
    /// Reads a block into one that is clear; the place of its last coefficient in the
    /// order of the file. `None` if it is none.
    #[inline(always)]
    fn read(
        &mut self,
        from: &mut Bits,
        component: &Component,
        prediction: &mut i32,
    ) -> Option<usize> {
        let mut bits = *from;
        bits.fill();
        let first = component.dc.next(&mut bits)?;
        // The difference may have eleven bits, and the code 16.
        if first.run() > 0 || first.size() > 11 {
            return None;
        }
        let predicted = *prediction + value(&mut bits, first);
        *prediction = predicted.clamp(-(1 << 15), 1 << 15);
        self.values[0] = dequantized(*prediction, component.steps[0]);
        let mut at = 0;
        loop {
            // A code of 16 bits, and 15 of its value.
            if bits.count() < 32 {
                bits.fill();
            }
            let symbol = component.ac.next(&mut bits)?;
            at += symbol.run() + 1;
            if symbol.has_no_value() {
                if symbol.run() == 15 {
                    continue;
                }
                // No more; what the run added does not count.
                at -= symbol.run() + 1;
                break;
            }
            let step = *component.steps.get(at)?;
            self.values[usize::from(ZIGZAG[at & 63])] = dequantized(value(&mut bits, symbol), step);
            if at == 63 {
                break;
            }
        }
        *from = bits;
        Some(at.min(63))
    }

    fn clear(&mut self, last: usize) {
        if last == 0 {
            self.values[0] = 0;
        } else {
            self.values = [0; 64];
        }
    }
}

/// The value of a symbol: looked up with it, or in the next bits.
#[inline(always)]
fn value(bits: &mut Bits, symbol: Symbol) -> i32 {
    let size = symbol.size();
    if size == 0 {
        return symbol.value();
    }
    let value = extend(bits.peek(size), size);
    bits.skip(size);
    value
}

/// Cut to what can be of samples of 8 bits, with room to spare, so that no sum overflows.
#[inline(always)]
fn dequantized(coefficient: i32, step: u16) -> i32 {
    // At most 2¹⁵ times 2¹⁶ - 1.
    (coefficient * i32::from(step)).clamp(-(1 << 14), 1 << 14)
}
