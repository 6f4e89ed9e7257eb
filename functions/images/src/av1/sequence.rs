//! The sequence header (AV1 §5.5): size, depth, sampling and colors of all
//! frames.

use sedge_kit::image::geometry::Size;

use super::obu::Bits;

/// Which samples there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Luma only (4:0:0).
    Gray,
    /// Chroma at half the width and height (4:2:0).
    Quartered,
    /// Chroma at half the width (4:2:2).
    Halved,
    /// Chroma for each pixel (4:4:4).
    Full,
}

impl Layout {
    /// The size of a chroma plane of a picture; 0 × 0 where there is none.
    pub(crate) const fn chroma(self, size: Size) -> Size {
        let (width, height) = (size.width, size.height);
        match self {
            Self::Gray => Size { width: 0, height: 0 },
            Self::Quartered => Size { width: width.div_ceil(2), height: height.div_ceil(2) },
            Self::Halved => Size { width: width.div_ceil(2), height },
            Self::Full => size,
        }
    }
}

/// Where chroma samples of [`Layout::Quartered`] lie (AV1 §6.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Siting {
    /// In the middle of four pixels. So is what is not said, as in other decoders.
    Middle,
    /// Between two pixels of a column, the left one of two.
    Left,
    /// On the upper left pixel of four.
    Corner,
}

/// What samples mean: code points of ITU-T H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colors {
    /// Primaries, §8.1.
    pub(crate) primaries: u16,
    /// The curve, §8.2.
    pub(crate) transfer: u16,
    /// How red, green and blue became luma and chroma, §8.3.
    pub(crate) matrix: u16,
    /// All values are used, not only those that video uses.
    pub(crate) is_full: bool,
}

/// What a sequence header says, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// The largest size of a frame; no side is 0 or above 65,536.
    pub(crate) size: Size,
    /// Bits of a sample: 8, 10 or 12.
    pub(crate) depth: u8,
    /// Which samples there are.
    pub(crate) layout: Layout,
    /// Where chroma lies.
    pub(crate) siting: Siting,
    /// What the samples mean, where the container does not say otherwise.
    pub(crate) colors: Colors,
    /// Frames may have film grain, which takes a picture more to add.
    pub(crate) has_grain: bool,
}

impl Sequence {
    /// Reads the payload of a sequence header. `None` where it is malformed.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let bits = &mut Bits::new(payload);
        let profile = bits.number(3)?;
        let _is_still = bits.flag()?;
        let is_reduced = bits.flag()?;
        if is_reduced {
            bits.number(5)?;
        } else {
            skip_operating_points(bits)?;
        }
        let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
        let size =
            Size { width: bits.number(width_bits)? + 1, height: bits.number(height_bits)? + 1 };
        // Identifiers of frames: two lengths.
        if !is_reduced && bits.flag()? {
            bits.number(4 + 3)?;
        }
        // Superblocks of 128, filters within intra prediction and at its edges.
        bits.number(3)?;
        if !is_reduced {
            skip_tools(bits)?;
        }
        // Superresolution, CDEF, restoration.
        bits.number(3)?;
        let (depth, layout, siting, colors) = colors(bits, profile)?;
        let has_grain = bits.flag()?;
        Some(Self { size, depth, layout, siting, colors, has_grain })
    }
}

/// Timing and operating points, of which nothing is needed.
fn skip_operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.number(32)?;
        bits.number(32)?;
        if bits.flag()? {
            bits.skip_variable()?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.number(5)? + 1);
            bits.number(32)?;
            bits.number(10)?;
        }
    }
    let has_display_delay = bits.flag()?;
    let count = bits.number(5)? + 1;
    for _ in 0..count {
        bits.number(12)?;
        if bits.number(5)? > 7 {
            bits.flag()?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.number(delay_bits)?;
            bits.number(delay_bits)?;
            bits.flag()?;
        }
        if has_display_delay && bits.flag()? {
            bits.number(4)?;
        }
    }
    Some(())
}

/// The tools between frames, and for pictures of screens.
fn skip_tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.number(4)?;
    let has_order = bits.flag()?;
    if has_order {
        bits.number(2)?;
    }
    // Two steps each: whether frames choose, else which it is.
    let screen = if bits.flag()? { 2 } else { bits.number(1)? };
    if screen > 0 && !bits.flag()? {
        bits.flag()?;
    }
    if has_order {
        bits.number(3)?;
    }
    Some(())
}

/// §5.5.2.
fn colors(bits: &mut Bits<'_>, profile: u32) -> Option<(u8, Layout, Siting, Colors)> {
    let is_deep = bits.flag()?;
    let depth = match (is_deep, profile == 2 && is_deep && bits.flag()?) {
        (_, true) => 12,
        (true, _) => 10,
        _ => 8,
    };
    let is_gray = profile != 1 && bits.flag()?;
    let [primaries, transfer, matrix] = if bits.flag()? {
        [bits.number(8)?, bits.number(8)?, bits.number(8)?]
    } else {
        // Not specified.
        [2; 3]
    };
    let named = |is_full| Colors {
        primaries: primaries as u16,
        transfer: transfer as u16,
        matrix: matrix as u16,
        is_full,
    };
    if is_gray {
        return Some((depth, Layout::Gray, Siting::Middle, named(bits.flag()?)));
    }
    let (is_full, layout) = if (primaries, transfer, matrix) == (1, 13, 0) {
        (true, Layout::Full)
    } else {
        let is_full = bits.flag()?;
        let layout = match profile {
            0 => Layout::Quartered,
            1 => Layout::Full,
            2 if depth < 12 => Layout::Halved,
            2 if !bits.flag()? => Layout::Full,
            2 if !bits.flag()? => Layout::Halved,
            2 => Layout::Quartered,
            _ => return None,
        };
        (is_full, layout)
    };
    let siting = match (layout, if layout == Layout::Quartered { bits.number(2)? } else { 0 }) {
        (_, 1) => Siting::Left,
        (_, 2) => Siting::Corner,
        _ => Siting::Middle,
    };
    // Quantizers of their own for the two chroma planes.
    bits.flag()?;
    Some((depth, layout, siting, named(is_full)))
}
