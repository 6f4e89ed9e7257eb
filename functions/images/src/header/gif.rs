//! The blocks of a GIF up to its first frame (GIF89a, CompuServe 1990).

use sedge_kit::image::accept::Format;
use sedge_kit::image::orientation::Orientation;

use super::{Header, Kind, damaged, size};
use crate::picture::Model;
use crate::problem::Problem;

/// What is known of a GIF before its first pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct First {
    /// Distance of the frame from the left of the picture.
    pub(crate) left: u32,
    /// Distance from its top.
    pub(crate) top: u32,
    /// Size of the frame.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The picture: the logical screen, or what it takes to hold the frame.
    pub(crate) screen: (u32, u32),
    /// A color of the palette stands for nothing.
    pub(crate) has_transparency: bool,
}

pub(super) fn read(source: &[u8]) -> Result<Header, Problem> {
    let first = first(source).ok_or_else(|| damaged("it ends before its first frame"))?;
    let size = size(first.screen.0, first.screen.1)?;
    if first.width == 0 || first.height == 0 {
        return Err(damaged("its first frame has no pixels"));
    }
    let is_whole = (first.width, first.height) == first.screen;
    let frame = u64::from(first.width) * u64::from(first.height);
    Ok(Header {
        kind: Kind::Gif,
        // Lossless and with a transparent color, as a PNG.
        format: Format::Png,
        size,
        model: if first.has_transparency || !is_whole { Model::Rgba } else { Model::Rgb },
        orientation: Orientation::UPRIGHT,
        is_lossless: true,
        reducible_bytes: 0,
        // The indices of the frame, the decoder's tables.
        fixed_bytes: frame + (1 << 18),
    })
}

/// Walks to the first image descriptor (GIF89a §20).
pub(crate) fn first(source: &[u8]) -> Option<First> {
    let byte = |at: usize| source.get(at).copied();
    let number = |at: usize| {
        Some(u32::from(u16::from_le_bytes(source.get(at..at.checked_add(2)?)?.try_into().ok()?)))
    };
    let palette = |flags: u8| if flags & 0x80 != 0 { 3usize << ((flags & 7) + 1) } else { 0 };
    let screen = (number(6)?, number(8)?);
    let mut at = 13 + palette(byte(10)?);
    let mut has_transparency = false;
    loop {
        match byte(at)? {
            // An extension: its label, then blocks up to an empty one. In a
            // graphic control the lowest flag says that a color is transparent.
            0x21 => {
                if byte(at + 1)? == 0xf9 && byte(at + 2)? >= 4 {
                    has_transparency = byte(at + 3)? & 1 == 1;
                }
                at += 2;
                loop {
                    let length = usize::from(byte(at)?);
                    at += 1 + length;
                    if length == 0 {
                        break;
                    }
                }
            }
            0x2c => {
                let (left, top) = (number(at + 1)?, number(at + 3)?);
                let (width, height) = (number(at + 5)?, number(at + 7)?);
                // A frame may stand out of a screen that is too small.
                let screen = (screen.0.max(left + width), screen.1.max(top + height));
                return Some(First { left, top, width, height, screen, has_transparency });
            }
            _ => return None,
        }
    }
}
