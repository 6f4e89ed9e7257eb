//! The first frame of a GIF, on its screen.

use super::{contradiction, damaged};
use crate::header::Header;
use crate::header::gif::first;
use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;

/// The decoder's own buffers; the indices are ours.
const DECODER_BYTES_MAX: std::num::NonZeroU64 = std::num::NonZeroU64::MIN.saturating_add(1 << 20);

pub(super) fn decode(source: &[u8], header: &Header) -> Result<Picture, Problem> {
    let first = first(source).ok_or_else(contradiction)?;
    if first.screen != (header.size.width, header.size.height) {
        return Err(contradiction());
    }
    let mut options = ::gif::DecodeOptions::new();
    options.set_color_output(::gif::ColorOutput::Indexed);
    options.set_memory_limit(::gif::MemoryLimit::Bytes(DECODER_BYTES_MAX));
    let mut decoder = options.read_info(source).map_err(damaged)?;
    let frame = decoder.next_frame_info().map_err(damaged)?.ok_or_else(contradiction)?;
    let sides = (u32::from(frame.width), u32::from(frame.height));
    let place = (u32::from(frame.left), u32::from(frame.top));
    if (sides, place) != ((first.width, first.height), (first.left, first.top)) {
        return Err(contradiction());
    }
    let transparent = frame.transparent;
    // One byte a pixel, as gray has it.
    let size = sedge_kit::image::geometry::Size { width: sides.0, height: sides.1 };
    let mut indices = pixels(size, Model::Gray)?;
    if decoder.buffer_size() != indices.len() {
        return Err(contradiction());
    }
    decoder.read_into_buffer(&mut indices).map_err(damaged)?;
    let palette = decoder.palette().map_err(damaged)?;
    let mut data = pixels(header.size, header.model)?;
    let channels = header.model.channels();
    let row_bytes = header.size.width as usize * channels;
    let rows = data.chunks_exact_mut(row_bytes).skip(first.top as usize);
    for (row, indices) in rows.zip(indices.chunks_exact(size.width as usize)) {
        let row = row[first.left as usize * channels..].chunks_exact_mut(channels);
        for (pixel, index) in row.zip(indices) {
            if transparent == Some(*index) && header.model.has_alpha() {
                continue;
            }
            // A color that the palette has not is black.
            let color = palette.get(usize::from(*index) * 3..usize::from(*index) * 3 + 3);
            pixel[..3].copy_from_slice(color.unwrap_or(&[0, 0, 0]));
            if let Some(alpha) = pixel.get_mut(3) {
                *alpha = 255;
            }
        }
    }
    Ok(Picture { size: header.size, model: header.model, data, icc: None })
}
