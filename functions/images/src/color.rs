//! Colors of any profile as sRGB, so that an answer needs no profile.
//!
//! A profile that is damaged, too large, or for other channels than the picture
//! has is as none: the samples are taken as sRGB, as browsers do.

mod named;

use moxcms::{
    ColorProfile, DataColorSpace, Layout, ParsingOptions, TransformExecutor, TransformOptions,
};
use std::sync::Arc;

pub(crate) use named::{is_named_curve_known, named_profile};

use crate::picture::{Model, Picture};

/// The largest profile that is looked at, in bytes. Those of screens have 500
/// bytes to 4 kB, those of printers up to 2 MB.
pub(crate) const ICC_BYTES_MAX: usize = 4 << 20;

/// The most entries of a table of colors, or of a curve, within a profile.
const TABLE_ENTRIES_MAX: usize = 2_000_000;
const CURVE_ENTRIES_MAX: usize = 40_000;

/// How much each channel may differ for a profile to be sRGB itself.
const SAME: u8 = 1;

type Transform = Arc<dyn TransformExecutor<u8> + Send + Sync>;

/// Converts the samples to sRGB and drops the profile.
pub fn to_srgb(mut picture: Picture) -> Picture {
    let Some(icc) = picture.icc.take() else { return picture };
    let (space, layout) = match picture.model {
        Model::Gray | Model::GrayAlpha => (DataColorSpace::Gray, Layout::Gray),
        Model::Rgb | Model::Rgba => (DataColorSpace::Rgb, Layout::Rgb),
    };
    let Some(transform) = transform(&icc, space, layout) else { return picture };
    let colors = picture.model.without_alpha().channels();
    if is_srgb(&transform, colors) {
        return picture;
    }
    // A row at a time, without its alpha, in two small buffers.
    let width = picture.size.width as usize;
    let channels = picture.model.channels();
    let (mut from, mut to) = (vec![0; width * colors], vec![0; width * 3]);
    for row in picture.data.chunks_exact_mut(width * channels) {
        for (pixel, color) in row.chunks_exact(channels).zip(from.chunks_exact_mut(colors)) {
            color.copy_from_slice(&pixel[..colors]);
        }
        if transform.transform(&from, &mut to).is_err() {
            return picture;
        }
        for (pixel, color) in row.chunks_exact_mut(channels).zip(to.chunks_exact(3)) {
            // Gray stays neutral: any of the three stands for it.
            pixel[..colors].copy_from_slice(&color[..colors]);
        }
    }
    picture
}

/// Cyan, magenta, yellow and black (255 is full ink) to red, green and blue, in
/// place: by the profile if it is one for inks, else by the naive formula.
pub fn without_ink(mut data: Vec<u8>, icc: Option<&[u8]>) -> Vec<u8> {
    let by_profile = icc.and_then(|icc| transform(icc, DataColorSpace::Cmyk, Layout::Rgba));
    let pixels = data.len() / 4;
    // What is written lies never past what is still to be read.
    const RUN: usize = 1024;
    let mut colors = [0; RUN * 3];
    let mut done = 0;
    while done < pixels {
        let run = RUN.min(pixels - done);
        let inks = &data[done * 4..(done + run) * 4];
        let colors = &mut colors[..run * 3];
        let is_done = by_profile.as_ref().is_some_and(|by| by.transform(inks, colors).is_ok());
        if !is_done {
            for (ink, color) in inks.chunks_exact(4).zip(colors.chunks_exact_mut(3)) {
                for (ink_of_color, color) in ink[..3].iter().zip(color) {
                    let light = (255 - u32::from(*ink_of_color)) * (255 - u32::from(ink[3]));
                    // At most 255 × 255 ÷ 255.
                    *color = ((light + 127) / 255) as u8;
                }
            }
        }
        data[done * 3..(done + run) * 3].copy_from_slice(colors);
        done += run;
    }
    data.truncate(pixels * 3);
    data
}

/// The way from a profile of this color space to sRGB, always to three colors.
fn transform(icc: &[u8], space: DataColorSpace, layout: Layout) -> Option<Transform> {
    let options = ParsingOptions {
        max_profile_size: ICC_BYTES_MAX,
        max_allowed_clut_size: TABLE_ENTRIES_MAX,
        max_allowed_trc_size: CURVE_ENTRIES_MAX,
    };
    // The size in the header is the first of its promises (ICC.1:2022 §7.2.2).
    let announced = u32::from_be_bytes(icc.get(..4)?.try_into().ok()?);
    if icc.len() > ICC_BYTES_MAX || usize::try_from(announced).ok()? > icc.len() {
        return None;
    }
    let profile = ColorProfile::new_from_slice_with_options(icc, options).ok()?;
    if profile.color_space != space {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    profile.create_transform_8bit(layout, &srgb, Layout::Rgb, TransformOptions::default()).ok()
}

/// Whether a transform leaves samples as they are. Most profiles are sRGB under
/// one name or another, and are not worth their time.
fn is_srgb(transform: &Transform, colors: usize) -> bool {
    const LEVELS: [u8; 6] = [0, 20, 70, 128, 200, 255];
    let mut from = Vec::new();
    for red in LEVELS {
        for green in LEVELS {
            for blue in LEVELS {
                from.extend_from_slice(&[red, green, blue][..colors]);
            }
        }
    }
    let mut to = vec![0; from.len() / colors * 3];
    let is_same = |(from, to): (&[u8], &[u8])| {
        from.iter().zip(to).all(|(from, to)| from.abs_diff(*to) <= SAME)
    };
    transform.transform(&from, &mut to).is_ok()
        && from.chunks_exact(colors).zip(to.chunks_exact(3)).all(is_same)
}

#[cfg(test)]
mod tests;
