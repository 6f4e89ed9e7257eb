//! AVIF: its coded pictures become planes, these become pixels, and alpha and
//! colors come together.

pub(crate) mod convert;
mod matrix;

use super::contradiction;
use crate::av1::decoder;
use crate::av1::planes::{Canvas, Planes};
use crate::av1::sequence::Colors;
use crate::color::{ICC_BYTES_MAX, named_profile};
use crate::header::Header;
use crate::heif::{self, Cut, Image};
use crate::picture::{Picture, pixels};
use crate::problem::Problem;
use convert::{put_alpha, put_colors};
use sedge_kit::image::geometry::Size;

pub(super) fn decode(source: &[u8], header: &Header) -> Result<Picture, Problem> {
    if !decoder::IS_THERE {
        return Err(decoder::missing());
    }
    let avif = heif::read(source)?;
    let (size, model) = (avif.image.size, header.model);
    if crate::header::avif::header(&avif)? != *header {
        return Err(contradiction());
    }
    let mut data = pixels(size, model)?;
    let channels = model.channels();
    with_planes(&avif.image, |planes| {
        put_colors(planes, &avif.image.sequence, &avif.colors, &mut data, channels)
    })??;
    if let Some(alpha) = &avif.alpha {
        let range = alpha.sequence.colors.is_full;
        with_planes(alpha, |planes| {
            put_alpha(planes, alpha.sequence.depth, range, &mut data, channels);
        })?;
        if avif.is_premultiplied {
            divide_by_alpha(&mut data, channels);
        }
    }
    cut_out(&mut data, size, avif.cut, channels);
    let icc = match avif.icc {
        // What would not be kept is not copied.
        Some(icc) => (icc.len() <= ICC_BYTES_MAX).then(|| icc.to_vec()),
        None => named_profile(avif.colors, model),
    };
    Ok(Picture { size: avif.cut.size, model, data, icc: None }.with_icc(icc))
}

/// What red, green and blue are made by; a problem where that is not known here.
pub(crate) fn check_colors(colors: &Colors, image: &Image<'_>) -> Result<(), Problem> {
    matrix::Matrix::of(colors, &image.sequence).map(|_| ())
}

/// Decodes a picture and hands its planes on, put together from tiles if need be.
fn with_planes<R>(image: &Image<'_>, take: impl FnOnce(&Planes<'_>) -> R) -> Result<R, Problem> {
    let sequence = &image.sequence;
    if let ([tile], true) = (&image.tiles[..], image.tile == image.size) {
        return decoder::decode(&tile.data(), tile.operating_point, sequence, take);
    }
    let mut canvas = Canvas::new(image.size, sequence.layout, sequence.depth > 8)?;
    for (at, tile) in (0u32..).zip(&image.tiles) {
        // Both within the picture, as the container was checked for.
        let left = at % image.columns * image.tile.width;
        let top = at / image.columns * image.tile.height;
        decoder::decode(&tile.data(), tile.operating_point, sequence, |planes| {
            canvas.put(planes, left, top)
        })?
        .ok_or_else(contradiction)?;
    }
    Ok(take(&canvas.planes().ok_or_else(contradiction)?))
}

/// Colors that are multiplied by their alpha, as they were before.
fn divide_by_alpha(data: &mut [u8], channels: usize) {
    for pixel in data.chunks_exact_mut(channels) {
        let Some((alpha, colors)) = pixel.split_last_mut() else { return };
        let alpha = u32::from(*alpha);
        for color in colors {
            // What is transparent has no color.
            let light = (u32::from(*color) * 255 + alpha / 2).checked_div(alpha).unwrap_or(0);
            *color = light.min(255) as u8;
        }
    }
}

/// Leaves the pixels of `cut`, in place.
fn cut_out(data: &mut Vec<u8>, size: Size, cut: Cut, channels: usize) {
    if cut.size == size {
        return;
    }
    let row_bytes = size.width as usize * channels;
    let kept = cut.size.width as usize * channels;
    for y in 0..cut.size.height as usize {
        let from = (cut.top as usize + y) * row_bytes + cut.left as usize * channels;
        // Never after what is still to be read.
        data.copy_within(from..from + kept, y * kept);
    }
    data.truncate(cut.size.height as usize * kept);
}

#[cfg(test)]
mod tests;
