//! From the bits of a scan to planes of samples.

use super::bits::Bits;
use super::block::{Block, Wanted};
use super::idct;
use super::segments::{Component, Sequential};
use crate::decode::damaged;
use crate::problem::Problem;

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
    let mut block = Block::new();
    let wanted = file.components.iter().zip(&planes);
    let wanted: Vec<_> =
        wanted.map(|(component, plane)| Wanted::new(component, plane.side)).collect();
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
            let unit = file.components.iter().zip(&wanted).zip(&mut planes).zip(&mut predictions);
            for (((component, wanted), plane), prediction) in unit {
                let (across, down) = component.sampling;
                for at in 0..across * down {
                    let (block_x, block_y) = (x * across + at % across, y * down + at / across);
                    let last = block.read(&mut bits, component, wanted, prediction);
                    let last = last.ok_or_else(|| damaged("it has a code that is none"))?;
                    let start = (block_y * plane.stride + block_x) * plane.side;
                    let (side, stride) = (plane.side, plane.stride);
                    let out = &mut plane.samples[start..];
                    idct::write(&block.values, &component.steps, last, side, out, stride);
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
