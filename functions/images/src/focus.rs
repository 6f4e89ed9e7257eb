//! Moves a crop to what the picture is about.

use sedge_kit::image::geometry::{Crop, Size};
use sedge_kit::image::saliency::{self, SIDE_MAX};
use sedge_kit::image::view::View;

use crate::picture::{Model, Picture};

/// Pixels along a side of the grid that stands for one of the thumbnail.
const GRID: u32 = 4;

/// The crop of what is seen, moved to where [`saliency::focus`] would have it.
/// `picture` may be smaller than what the view is of, where it was reduced
/// while it was decoded.
pub fn on_subject(picture: &Picture, view: &View, crop: Crop) -> Crop {
    let seen = view.size();
    if crop == Crop::whole(seen) {
        return crop;
    }
    let (size, rgb) = thumbnail(picture, view);
    let (width, height) = (f64::from(seen.width), f64::from(seen.height));
    let (x, y) = saliency::focus(&rgb, size, crop.width / width, crop.height / height);
    crop.around(x * width, y * height, seen)
}

/// What is seen, in few pixels, before white: each is the mean of a grid of
/// points, which is good enough to find a subject and reads little of a large
/// picture.
fn thumbnail(picture: &Picture, view: &View) -> (Size, Vec<u8>) {
    let (seen, stored) = (view.size(), view.stored());
    let longest = seen.width.max(seen.height).max(1);
    let side = |side: u32| {
        let scaled = u64::from(side) * u64::from(SIDE_MAX.min(longest)) / u64::from(longest);
        u32::try_from(scaled).unwrap_or(SIDE_MAX).max(1)
    };
    let size = Size { width: side(seen.width), height: side(seen.height) };
    // Where the point `at` of `points` lies on a side of so many pixels.
    let place = |at: u32, points: u32, whole: u32| {
        let place = (2 * u64::from(at) + 1) * u64::from(whole) / (2 * u64::from(points));
        u32::try_from(place).unwrap_or(0).min(whole - 1)
    };
    let reduced = |at: u32, whole: u32, reduced: u32| {
        let place = u64::from(at) * u64::from(reduced) / u64::from(whole);
        place.min(u64::from(reduced) - 1) as usize
    };
    let mut rgb = Vec::with_capacity(3 * size.width as usize * size.height as usize);
    for (y, x) in (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x))) {
        let mut sums = [0u32; 3];
        for (down, across) in (0..GRID).flat_map(|down| (0..GRID).map(move |across| (down, across)))
        {
            let seen_x = place(x * GRID + across, size.width * GRID, seen.width);
            let seen_y = place(y * GRID + down, size.height * GRID, seen.height);
            let (stored_x, stored_y) = view.stored_pixel(seen_x, seen_y);
            let column = reduced(stored_x, stored.width, picture.size.width);
            let row = reduced(stored_y, stored.height, picture.size.height);
            let at = row * picture.row_bytes() + column * picture.model.channels();
            let color = before_white(&picture.data[at..], picture.model);
            sums.iter_mut().zip(color).for_each(|(sum, level)| *sum += level);
        }
        // The mean of bytes is a byte.
        rgb.extend(sums.map(|sum| (sum / (GRID * GRID)) as u8));
    }
    (size, rgb)
}

fn before_white(pixel: &[u8], model: Model) -> [u32; 3] {
    let level = |at: usize| u32::from(pixel[at]);
    let over = |level: u32, alpha: u32| (level * alpha + 255 * (255 - alpha)) / 255;
    match model {
        Model::Gray => [level(0); 3],
        Model::GrayAlpha => [over(level(0), level(1)); 3],
        Model::Rgb => [level(0), level(1), level(2)],
        Model::Rgba => [0, 1, 2].map(|at| over(level(at), level(3))),
    }
}

#[cfg(test)]
mod tests;
