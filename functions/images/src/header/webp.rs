//! The header of a WebP (RFC 9649).

use std::io::Cursor;

use image_webp::WebPDecoder;
use sedge_kit::image::accept::Format;
use sedge_kit::image::exif;
use sedge_kit::image::orientation::Orientation;

use super::{Header, Kind, damaged, size};
use crate::picture::Model;
use crate::problem::Problem;

/// The largest EXIF block that is looked at, in bytes.
const EXIF_BYTES_MAX: usize = 1 << 20;

pub(super) fn read(source: &[u8]) -> Result<Header, Problem> {
    let mut decoder = WebPDecoder::new(Cursor::new(source))
        .map_err(|error| damaged(&error.to_string().to_lowercase()))?;
    let (width, height) = decoder.dimensions();
    let size = size(width, height)?;
    let is_lossless = !decoder.is_lossy();
    let has_alpha = decoder.has_alpha();
    decoder.set_memory_limit(EXIF_BYTES_MAX);
    let orientation = match decoder.exif_metadata() {
        Ok(Some(block)) => exif::orientation(&block),
        _ => Orientation::UPRIGHT,
    };
    // A lossless picture without alpha is decoded with it, then copied; a
    // lossy one is kept in planes until the end, with a plane of alpha.
    let pixels = size.pixels();
    let buffers = if is_lossless { 4 * pixels } else { 6 * pixels };
    // Frames are put together on a canvas of their own.
    let canvas = if decoder.is_animated() { 8 * pixels } else { 0 };
    Ok(Header {
        kind: Kind::Webp,
        format: Format::Webp,
        size,
        model: if has_alpha { Model::Rgba } else { Model::Rgb },
        orientation,
        is_lossless,
        reducible_bytes: 0,
        fixed_bytes: buffers + canvas + (1 << 18),
    })
}
