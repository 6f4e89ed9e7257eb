//! What of a stored picture a request looks at, and from where: the stored
//! picture is turned upright, a part of it is cut out, and that is turned.

use super::geometry::{Crop, Size, Trim};
use super::orientation::Orientation;

/// The way from a stored picture to the one that is fitted into the box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    stored: Size,
    upright: Orientation,
    left: u32,
    top: u32,
    part: Size,
    turn: Orientation,
}

impl View {
    /// Looks at a picture of the size `stored` that `upright` displays, less
    /// `trim`, turned by `turn`. `None` where the trim leaves nothing.
    pub fn new(stored: Size, upright: Orientation, trim: Trim, turn: Orientation) -> Option<Self> {
        let (left, top, part) = trim.of(upright.turn(stored))?;
        Some(Self { stored, upright, left, top, part, turn })
    }

    /// The size of what is seen.
    pub const fn size(&self) -> Size {
        self.turn.turn(self.part)
    }

    /// The size of the stored picture.
    pub const fn stored(&self) -> Size {
        self.stored
    }

    /// How the stored pixels are turned into what is seen.
    pub const fn orientation(&self) -> Orientation {
        self.upright.then(self.turn)
    }

    /// The stored pixel that is seen at `(x, y)`, which lies within the size.
    pub const fn stored_pixel(&self, x: u32, y: u32) -> (u32, u32) {
        let (x, y) = self.turn.stored_pixel(x, y, self.part);
        self.upright.stored_pixel(x + self.left, y + self.top, self.stored)
    }

    /// A crop of what is seen as a crop of the stored picture.
    pub fn stored_crop(&self, seen: Crop) -> Crop {
        let displayed = self.turn.stored_crop(seen, self.part).shifted(self.left, self.top);
        self.upright.stored_crop(displayed, self.stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: Size = Size { width: 100, height: 40 };

    fn view(exif: u16, trim: Trim, turn: u16) -> Option<View> {
        let orientation = |value| Orientation::from_exif(value).expect("1 to 8");
        View::new(STORED, orientation(exif), trim, orientation(turn))
    }

    #[test]
    fn a_trim_that_leaves_nothing_is_no_view() {
        for trim in [
            Trim { left: 100, ..Trim::default() },
            Trim { left: 60, right: 40, ..Trim::default() },
            Trim { top: u32::MAX, bottom: u32::MAX, ..Trim::default() },
            Trim { width: Some(0), ..Trim::default() },
        ] {
            assert_eq!(view(1, trim, 1), None, "{trim:?}");
        }
    }

    #[test]
    fn the_trim_is_of_the_upright_picture_and_the_crop_of_the_turned_part() {
        // Stored on its side: upright it is 40 × 100. Its upper 20 rows go, which
        // are the stored left columns (6 turns clockwise, so that the stored
        // left side is on top); what is left is turned once more.
        let trim = Trim { top: 20, ..Trim::default() };
        let seen = view(6, trim, 6).expect("a view");
        assert_eq!(seen.size(), Size { width: 80, height: 40 });
        assert_eq!(seen.orientation(), Orientation::from_exif(3).expect("3"));
        let whole = seen.stored_crop(Crop::whole(seen.size()));
        assert_eq!(whole, Crop { left: 20.0, top: 0.0, width: 80.0, height: 40.0 });
        // Turned by half a circle, the seen left is the stored right.
        let left = Crop { left: 0.0, top: 0.0, width: 10.0, height: 40.0 };
        assert_eq!(seen.stored_crop(left), Crop { left: 90.0, ..left });
    }

    #[test]
    fn every_pixel_that_is_seen_lies_in_the_crop_of_what_is_seen() {
        let trim = Trim { top: 3, right: 5, bottom: 7, left: 11, width: None, height: None };
        for (exif, turn) in (1..=8).flat_map(|one| (1..=8).map(move |other| (one, other))) {
            let seen = view(exif, trim, turn).expect("a view");
            let size = seen.size();
            for (x, y) in [(0, 0), (size.width - 1, 0), (2, size.height - 1)] {
                let at = Crop { left: f64::from(x), top: f64::from(y), width: 1.0, height: 1.0 };
                let (stored_x, stored_y) = seen.stored_pixel(x, y);
                let expected = (f64::from(stored_x), f64::from(stored_y));
                let crop = seen.stored_crop(at);
                assert_eq!((crop.left, crop.top), expected, "{exif} {turn} {x} {y}");
            }
        }
    }

    #[test]
    fn a_width_and_height_bound_the_part() {
        let trim = Trim { left: 30, width: Some(500), height: Some(10), ..Trim::default() };
        let seen = view(1, trim, 1).expect("a view");
        assert_eq!(seen.size(), Size { width: 70, height: 10 });
        let whole = seen.stored_crop(Crop::whole(seen.size()));
        assert_eq!(whole, Crop { left: 30.0, top: 0.0, width: 70.0, height: 10.0 });
    }
}
