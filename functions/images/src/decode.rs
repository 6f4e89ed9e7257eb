//! From bytes to pixels. Every decoder is asked only after the header has been
//! read and held against the limits.

pub(crate) mod avif;
mod gif;
mod jpeg;

use std::io::Cursor;

use image_webp::WebPDecoder;
use sedge_kit::image::geometry::Size;

use crate::color::ICC_BYTES_MAX;
use crate::header::{Header, Kind};
use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;

/// Decodes a source whose header is `header`. The pixels are as stored, not
/// yet turned; both sides of a JPEG are divided by `reduction`, which is one of
/// those that [`Header::reductions`] gives.
///
/// # Errors
/// [`Problem::Damaged`] where the source is truncated, corrupt, or contradicts
/// its header; [`Problem::OutOfMemory`].
pub fn decode(source: &[u8], header: &Header, reduction: u32) -> Result<Picture, Problem> {
    match header.kind {
        Kind::Avif => avif::decode(source, header),
        Kind::Gif => gif::decode(source, header),
        Kind::Jpeg => jpeg::decode(source, header, reduction),
        Kind::Png => png(source, header),
        Kind::Webp => webp(source, header),
    }
}

fn damaged(error: impl std::fmt::Display) -> Problem {
    Problem::Damaged(error.to_string().to_lowercase())
}

fn contradiction() -> Problem {
    Problem::Damaged("its pixels contradict its header".to_owned())
}

fn png(source: &[u8], header: &Header) -> Result<Picture, Problem> {
    // The limit is for the decoder's own buffers, above all for an inflated
    // color profile; the pixels are ours.
    let limits = png::Limits { bytes: 16 << 20 };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(source), limits);
    decoder.set_transformations(png::Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (color, depth) = reader.output_color_type();
    let model = match color {
        png::ColorType::Grayscale => Model::Gray,
        png::ColorType::GrayscaleAlpha => Model::GrayAlpha,
        png::ColorType::Rgb => Model::Rgb,
        png::ColorType::Rgba => Model::Rgba,
        png::ColorType::Indexed => return Err(contradiction()),
    };
    let size = Size { width: reader.info().width, height: reader.info().height };
    let is_as_announced = (size, model) == (header.size, header.model);
    let is_deep = depth == png::BitDepth::Sixteen;
    if !is_as_announced || !(is_deep || depth == png::BitDepth::Eight) {
        return Err(contradiction());
    }
    // Twice as wide stands for twice the bytes.
    let room = Size { width: size.width * (1 + u32::from(is_deep)), ..size };
    let mut data = pixels(room, header.model)?;
    if reader.output_buffer_size() != Some(data.len()) {
        return Err(contradiction());
    }
    reader.next_frame(&mut data).map_err(damaged)?;
    if is_deep {
        halve_depth(&mut data);
    }
    let icc = reader.info().icc_profile.as_ref().map(|profile| profile.to_vec());
    Ok(Picture { size, model, data, icc: None }.with_icc(icc))
}

/// 16 bits per sample, most significant byte first, to 8, rounded, in place.
fn halve_depth(data: &mut Vec<u8>) {
    let samples = data.len() / 2;
    for at in 0..samples {
        let deep = u32::from(data[2 * at]) << 8 | u32::from(data[2 * at + 1]);
        // 65,535 is 257 times 255.
        data[at] = ((deep + 128) / 257) as u8;
    }
    data.truncate(samples);
    data.shrink_to_fit();
}

fn webp(source: &[u8], header: &Header) -> Result<Picture, Problem> {
    let mut decoder = WebPDecoder::new(Cursor::new(source)).map_err(damaged)?;
    let mut data = pixels(header.size, header.model)?;
    let (width, height) = decoder.dimensions();
    if (Size { width, height }) != header.size || decoder.output_buffer_size() != Some(data.len()) {
        return Err(contradiction());
    }
    if decoder.is_animated() {
        decoder.read_frame(&mut data).map_err(damaged)?;
    } else {
        decoder.read_image(&mut data).map_err(damaged)?;
    }
    decoder.set_memory_limit(ICC_BYTES_MAX);
    let icc = decoder.icc_profile().unwrap_or(None);
    Ok(Picture { size: header.size, model: header.model, data, icc: None }.with_icc(icc))
}

#[cfg(test)]
mod tests;
