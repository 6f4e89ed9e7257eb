//! Scales, turns, pads and flattens pixels.

mod filter;
pub(crate) mod light;
mod resample;

use sedge_kit::image::geometry::{Crop, Plan, Size};
use sedge_kit::image::grammar::Color;
use sedge_kit::image::orientation::Orientation;

use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;

/// Cuts `crop` out of a stored picture and scales it with Lanczos3 so that it
/// has the size `scaled` once it is turned, then turns it. Padding is left to
/// [`paint`]. `stored` is the size that the crop was planned for; the picture
/// may be smaller, where it was reduced while it was decoded.
///
/// The filter works on linear light, so that fine patterns keep their
/// brightness, and on light that is multiplied by its alpha, so that transparent
/// pixels lend no color to their neighbors.
///
/// # Errors
/// [`Problem::OutOfMemory`].
pub fn scale(
    mut picture: Picture,
    stored: Size,
    crop: Crop,
    scaled: Size,
    orientation: Orientation,
) -> Result<Picture, Problem> {
    let crop = reduced_crop(crop, stored, picture.size);
    let target = orientation.turn(scaled);
    if target != picture.size || crop != Crop::whole(picture.size) {
        picture = match whole_pixels(crop, target) {
            Some((left, top)) => cut(&picture, left, top, target)?,
            None => resample::resample(&picture, crop, target)?,
        };
    }
    if orientation == Orientation::UPRIGHT { Ok(picture) } else { turn(&picture, orientation) }
}

/// Left and top of a crop that is not scaled and begins at a pixel.
fn whole_pixels(crop: Crop, target: Size) -> Option<(u32, u32)> {
    let is_whole = crop.left.fract() == 0.0
        && crop.top.fract() == 0.0
        && (crop.width, crop.height) == (f64::from(target.width), f64::from(target.height));
    is_whole.then_some((crop.left as u32, crop.top as u32))
}

fn cut(picture: &Picture, left: u32, top: u32, target: Size) -> Result<Picture, Problem> {
    let mut data = pixels(target, picture.model)?;
    let channels = picture.model.channels();
    let rows = picture.data.chunks_exact(picture.row_bytes()).skip(top as usize);
    for (to, from) in data.chunks_exact_mut(target.width as usize * channels).zip(rows) {
        to.copy_from_slice(&from[left as usize * channels..][..to.len()]);
    }
    Ok(Picture { size: target, model: picture.model, data, icc: picture.icc.clone() })
}

/// The same part of a picture that was reduced from `stored` to `size`.
fn reduced_crop(crop: Crop, stored: Size, size: Size) -> Crop {
    let across = f64::from(size.width) / f64::from(stored.width);
    let down = f64::from(size.height) / f64::from(stored.height);
    let (left, top) = (crop.left * across, crop.top * down);
    Crop {
        left,
        top,
        // Rounding must not lead past the edge.
        width: (crop.width * across).min(f64::from(size.width) - left),
        height: (crop.height * down).min(f64::from(size.height) - top),
    }
}

pub(crate) fn premultiply(picture: &mut Picture) {
    let channels = picture.model.channels();
    for pixel in picture.data.chunks_exact_mut(channels) {
        if let Some((alpha, colors)) = pixel.split_last_mut() {
            for color in colors {
                *color = multiply(*color, *alpha);
            }
        }
    }
}

pub(crate) fn unpremultiply(picture: &mut Picture) {
    let channels = picture.model.channels();
    for pixel in picture.data.chunks_exact_mut(channels) {
        if let Some((alpha, colors)) = pixel.split_last_mut() {
            for color in colors {
                *color = divide(u32::from(*color) * 255, u32::from(*alpha));
            }
        }
    }
}

/// `a × b ÷ 255`, rounded.
fn multiply(a: u8, b: u8) -> u8 {
    // At most 255 × 255, so the quotient is at most 255.
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}

/// `numerator ÷ denominator`, rounded, at most 255; 0 where nothing is visible.
fn divide(numerator: u32, denominator: u32) -> u8 {
    (numerator + denominator / 2)
        .checked_div(denominator)
        .map_or(0, |quotient| quotient.min(255) as u8)
}

/// Turns a stored picture for display.
fn turn(stored: &Picture, orientation: Orientation) -> Result<Picture, Problem> {
    let size = orientation.turn(stored.size);
    let channels = stored.model.channels();
    let mut data = pixels(size, stored.model)?;
    let rows = data.chunks_exact_mut(size.width as usize * channels);
    for (y, row) in (0..size.height).zip(rows) {
        for (x, pixel) in (0..size.width).zip(row.chunks_exact_mut(channels)) {
            let (from_x, from_y) = orientation.stored_pixel(x, y, stored.size);
            let at = (from_y as usize * stored.size.width as usize + from_x as usize) * channels;
            pixel.copy_from_slice(&stored.data[at..at + channels]);
        }
    }
    Ok(Picture { size, model: stored.model, data, icc: stored.icc.clone() })
}

/// Pads the picture to the plan's canvas, and puts the background behind it.
///
/// Without a `background`, transparent pixels stay so and padding is
/// transparent where the picture has alpha; where it has none, or
/// `keeps_alpha` is false, white takes the place. With one, everything that
/// shines through shows it.
///
/// # Errors
/// [`Problem::OutOfMemory`].
pub fn paint(
    picture: Picture,
    plan: &Plan,
    background: Option<Color>,
    keeps_alpha: bool,
) -> Result<Picture, Problem> {
    let is_padded = plan.canvas != picture.size;
    let is_translucent = picture.model.has_alpha() && (!keeps_alpha || background.is_some());
    if !is_padded && !is_translucent {
        return Ok(picture);
    }
    let natural = if picture.model.has_alpha() { Color::TRANSPARENT } else { Color::WHITE };
    let mut behind = background.unwrap_or(natural);
    if !keeps_alpha {
        behind = over_white(behind);
    }
    let is_gray = behind.red == behind.green && behind.green == behind.blue;
    let colors = if is_gray { picture.model.without_alpha() } else { Model::Rgb };
    let model = if behind.alpha < 255 { colors.with_alpha() } else { colors };
    let mut canvas = pixels(plan.canvas, model)?;
    let filling = encode_color(behind, model);
    for pixel in canvas.chunks_exact_mut(model.channels()) {
        pixel.copy_from_slice(&filling[..model.channels()]);
    }
    let (left, top) = if is_padded { plan.offset() } else { (0, 0) };
    let (from, to) = (picture.model.channels(), model.channels());
    let canvas_row = plan.canvas.width as usize * to;
    let rows = canvas.chunks_exact_mut(canvas_row).skip(top as usize);
    for (row, to_row) in picture.data.chunks_exact(picture.row_bytes()).zip(rows) {
        let to_row = to_row[left as usize * to..].chunks_exact_mut(to);
        for (pixel, to_pixel) in row.chunks_exact(from).zip(to_row) {
            let color = over(decode_color(pixel), behind);
            to_pixel.copy_from_slice(&encode_color(color, model)[..to]);
        }
    }
    let Picture { icc, .. } = picture;
    Ok(Picture { size: plan.canvas, model, data: canvas, icc: None }.with_icc(icc))
}

fn decode_color(pixel: &[u8]) -> Color {
    let (red, green, blue, alpha) = match *pixel {
        [gray] => (gray, gray, gray, 255),
        [gray, alpha] => (gray, gray, gray, alpha),
        [red, green, blue] => (red, green, blue, 255),
        [red, green, blue, alpha] => (red, green, blue, alpha),
        _ => (0, 0, 0, 0),
    };
    Color { red, green, blue, alpha }
}

/// The channels of the color; only the first `model.channels()` count. A color
/// of a gray model is gray.
fn encode_color(color: Color, model: Model) -> [u8; 4] {
    match model {
        Model::Gray | Model::GrayAlpha => [color.red, color.alpha, 0, 0],
        Model::Rgb | Model::Rgba => [color.red, color.green, color.blue, color.alpha],
    }
}

fn over_white(color: Color) -> Color {
    over(color, Color::WHITE)
}

/// `front` over `back` (W3C Compositing and Blending, source-over).
fn over(front: Color, back: Color) -> Color {
    match front.alpha {
        255 => return front,
        0 => return back,
        _ => {}
    }
    let front_part = u32::from(front.alpha) * 255;
    let back_part = u32::from(back.alpha) * (255 - u32::from(front.alpha));
    let whole = front_part + back_part;
    let mix = |front: u8, back: u8| {
        divide(u32::from(front) * front_part + u32::from(back) * back_part, whole)
    };
    Color {
        red: mix(front.red, back.red),
        green: mix(front.green, back.green),
        blue: mix(front.blue, back.blue),
        alpha: divide(whole, 255),
    }
}

/// Drops an alpha channel that hides nothing.
pub fn drop_opaque_alpha(mut picture: Picture) -> Picture {
    let channels = picture.model.channels();
    let is_opaque = |pixel: &[u8]| pixel.last() == Some(&255);
    if !picture.model.has_alpha() || !picture.data.chunks_exact(channels).all(is_opaque) {
        return picture;
    }
    let mut to = 0;
    for at in 0..picture.data.len() {
        if at % channels != channels - 1 {
            picture.data[to] = picture.data[at];
            to += 1;
        }
    }
    picture.data.truncate(to);
    picture.model = picture.model.without_alpha();
    picture
}

/// Gray as RGB, with its alpha; RGB as it is.
///
/// # Errors
/// [`Problem::OutOfMemory`].
pub fn colored(picture: Picture) -> Result<Picture, Problem> {
    let model = match picture.model {
        Model::Gray => Model::Rgb,
        Model::GrayAlpha => Model::Rgba,
        Model::Rgb | Model::Rgba => return Ok(picture),
    };
    let mut data = pixels(picture.size, model)?;
    let from = picture.data.chunks_exact(picture.model.channels());
    for (pixel, to) in from.zip(data.chunks_exact_mut(model.channels())) {
        to.copy_from_slice(&encode_color(decode_color(pixel), model)[..model.channels()]);
    }
    Ok(Picture { size: picture.size, model, data, icc: None })
}

#[cfg(test)]
mod tests;
