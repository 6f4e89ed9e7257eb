//! JPEG (ITU-T T.81), baseline or progressive, with Huffman tables that are made for the
//! picture. Why not by a crate: docs/adr/0021-a-jpeg-encoder-of-our-own.md.
//!
//! In reading order: pixels to samples of luma and chroma, a row of units at a time
//! ([`strip`]); samples to coefficients ([`dct`]) and to whole numbers ([`quantize`]);
//! those to symbols, which are counted ([`symbols`]); to codes ([`huffman`]) and bits
//! ([`bits`]); and what is written around them ([`segments`]).
//!
//! Fractions are IEEE 754's of single precision, only added and multiplied, in an order
//! that is written down: native code and WebAssembly have the same ones to the bit.

mod bits;
mod dct;
mod huffman;
mod quantize;
mod segments;
mod strip;
mod symbols;

use sedge_kit::image::geometry::Size;

use super::failed;
use crate::picture::{Model, Picture};
use crate::problem::Problem;
use quantize::{Block, Quantizer};
use strip::Strip;
use symbols::Scan;

/// From this quality on, the full resolution of colors is kept.
const FULL_CHROMA_QUALITY: u8 = 95;

/// Samples along a side of a block.
const SIDE: usize = 8;

/// The coefficients of brightness that come in the first scan after the means, in a
/// progressive file: those with which a picture is recognized.
const COARSE: (usize, usize) = (1, 8);

/// One of gray, luma, blue and red.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Component {
    /// Blocks of a unit, across and down: the sampling factors (T.81 §A.1.1).
    sampling: (usize, usize),
    /// Blocks across that are part of the picture.
    blocks_across: usize,
    /// And down.
    blocks_down: usize,
    /// Which tables of codes: 0 for brightness, 1 for colors.
    table: usize,
}

/// The layout of a picture (T.81 §A.2).
struct Frame {
    components: Vec<Component>,
    /// Pixels along the sides of a unit, which holds blocks of all components.
    unit: usize,
    units_across: usize,
    units_down: usize,
}

impl Frame {
    fn new(size: Size, model: Model, quality: u8) -> Self {
        let is_gray = model == Model::Gray;
        let factor = if is_gray || quality >= FULL_CHROMA_QUALITY { 1 } else { 2 };
        let unit = SIDE * factor;
        let (width, height) = (size.width as usize, size.height as usize);
        let component = |own: usize, table| Component {
            sampling: (own, own),
            blocks_across: (width * own).div_ceil(unit),
            blocks_down: (height * own).div_ceil(unit),
            table,
        };
        let mut components = vec![component(factor, 0)];
        if !is_gray {
            components.extend([component(1, 1); 2]);
        }
        let (units_across, units_down) = (width.div_ceil(unit), height.div_ceil(unit));
        Self { components, unit, units_across, units_down }
    }

    /// Blocks of a component in a row, with those that fill up the last unit.
    fn padded_across(&self, component: &Component) -> usize {
        self.units_across * component.sampling.0
    }
}

/// Encodes a picture without alpha.
///
/// # Errors
/// [`Problem::Encoding`] if it has alpha or a side above 65,535; [`Problem::OutOfMemory`].
pub(super) fn encode(
    picture: &Picture,
    quality: u8,
    is_baseline: bool,
) -> Result<Vec<u8>, Problem> {
    if picture.model.has_alpha() {
        return Err(failed("jpeg has no alpha"));
    }
    let side = |side: u32| u16::try_from(side).map_err(failed);
    let (width, height) = (side(picture.size.width)?, side(picture.size.height)?);
    let frame = Frame::new(picture.size, picture.model, quality);
    let mut scans = scans(&frame, is_baseline);
    let quantizer = Quantizer::new(quality);
    let mut strip = Strip::new(&frame)?;
    let mut blocks = blocks(&frame)?;
    for row in 0..frame.units_down {
        strip.fill(picture, row * frame.unit);
        let planes = strip.planes().iter().zip(&mut blocks);
        for (component, (plane, blocks)) in frame.components.iter().zip(planes) {
            for (y, blocks) in blocks.chunks_mut(frame.padded_across(component)).enumerate() {
                quantizer.row(plane.rows(y), plane.stride(), blocks);
            }
        }
        for scan in &mut scans {
            scan.add(&frame, row, &blocks)?;
        }
        symbols::settle_if_many(&mut scans)?;
    }
    let mut out = Vec::new();
    segments::start(&mut out, &quantizer);
    if let Some(icc) = &picture.icc {
        segments::profile(&mut out, icc)?;
    }
    segments::frame(&mut out, &frame, (width, height), is_baseline);
    for scan in scans {
        scan.finish(&frame, &mut out)?;
    }
    segments::end(&mut out);
    Ok(out)
}

/// The scans of a file: one for all, or coarse ones first (T.81 §G.1.1). Bits of a
/// coefficient are not divided: at the sizes of the web that makes files no smaller.
fn scans(frame: &Frame, is_baseline: bool) -> Vec<Scan> {
    if is_baseline {
        return vec![Scan::sequential()];
    }
    let mut scans = vec![Scan::means(), Scan::band(0, COARSE)];
    scans.extend((1..frame.components.len()).map(|color| Scan::band(color, (1, 63))));
    scans.push(Scan::band(0, (COARSE.1 + 1, 63)));
    scans
}

/// Room for a row of units, by component.
fn blocks(frame: &Frame) -> Result<Vec<Vec<Block>>, Problem> {
    let room = |component: &Component| {
        let count = frame.padded_across(component) * component.sampling.1;
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(count).map_err(|_| Problem::OutOfMemory)?;
        blocks.resize(count, Block::default());
        Ok(blocks)
    };
    frame.components.iter().map(room).collect()
}

#[cfg(test)]
mod tests;
