//! The eight ways in which a stored picture can be turned (EXIF 2.32 §4.6.4,
//! tag 0x0112; the same eight in TIFF 6.0).

use super::geometry::{Crop, Size};

/// How a stored picture is turned into the displayed one.
///
/// Every one of the eight is an optional exchange of the axes followed by
/// optional mirrors along the stored axes, so three booleans say it all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Orientation {
    /// Rows become columns: the displayed width is the stored height.
    pub swaps: bool,
    /// The stored columns are read from right to left.
    pub mirrors_x: bool,
    /// The stored rows are read from bottom to top.
    pub mirrors_y: bool,
}

impl Orientation {
    /// The picture is displayed as stored (EXIF value 1).
    pub const UPRIGHT: Self = Self { swaps: false, mirrors_x: false, mirrors_y: false };

    /// The orientation of an EXIF value; `None` outside 1 to 8.
    pub const fn from_exif(value: u16) -> Option<Self> {
        let (swaps, mirrors_x, mirrors_y) = match value {
            1 => (false, false, false),
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, false, true),
            7 => (true, true, true),
            8 => (true, true, false),
            _ => return None,
        };
        Some(Self { swaps, mirrors_x, mirrors_y })
    }

    /// The displayed size of a picture stored as `stored`. Its own inverse:
    /// given the displayed size it returns the stored one.
    pub const fn turn(self, stored: Size) -> Size {
        if self.swaps { Size { width: stored.height, height: stored.width } } else { stored }
    }

    /// The stored pixel that is displayed at `(x, y)`.
    ///
    /// `(x, y)` lies inside the displayed size, `stored` is the stored size;
    /// the answer lies inside `stored`.
    pub const fn stored_pixel(self, x: u32, y: u32, stored: Size) -> (u32, u32) {
        let (x, y) = if self.swaps { (y, x) } else { (x, y) };
        let x = if self.mirrors_x { stored.width - 1 - x } else { x };
        let y = if self.mirrors_y { stored.height - 1 - y } else { y };
        (x, y)
    }

    /// A crop of the displayed picture as a crop of the stored one, whose size
    /// is `stored`.
    pub fn stored_crop(self, displayed: Crop, stored: Size) -> Crop {
        let mut crop = displayed;
        if self.swaps {
            crop = Crop {
                left: displayed.top,
                top: displayed.left,
                width: displayed.height,
                height: displayed.width,
            };
        }
        // Rounding must not lead past the edge.
        if self.mirrors_x {
            crop.left = (f64::from(stored.width) - crop.left - crop.width).max(0.0);
        }
        if self.mirrors_y {
            crop.top = (f64::from(stored.height) - crop.top - crop.height).max(0.0);
        }
        crop
    }

    /// This orientation, and what it displays turned by another.
    pub const fn then(self, next: Self) -> Self {
        let (next_x, next_y) = if self.swaps {
            (next.mirrors_y, next.mirrors_x)
        } else {
            (next.mirrors_x, next.mirrors_y)
        };
        Self {
            swaps: self.swaps != next.swaps,
            mirrors_x: self.mirrors_x != next_x,
            mirrors_y: self.mirrors_y != next_y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    /// Displays the stored picture
    /// ```text
    /// abc
    /// def
    /// ```
    fn display(exif: u16) -> String {
        let stored = Size { width: 3, height: 2 };
        let orientation = Orientation::from_exif(exif).expect("1 to 8");
        let shown = orientation.turn(stored);
        let mut text = String::new();
        for y in 0..shown.height {
            for x in 0..shown.width {
                let (sx, sy) = orientation.stored_pixel(x, y, stored);
                text.push(char::from(b"abcdef"[(sy * 3 + sx) as usize]));
            }
            text.push('/');
        }
        text
    }

    #[test]
    fn values_outside_one_to_eight_are_refused() {
        for value in [0, 9, 255, u16::MAX] {
            assert_eq!(Orientation::from_exif(value), None, "{value}");
        }
    }

    #[test]
    fn the_eight_orientations_are_displayed_as_the_standard_says() {
        let expected = [
            "abc/def/",
            "cba/fed/",
            "fed/cba/",
            "def/abc/",
            "ad/be/cf/",
            "da/eb/fc/",
            "fc/eb/da/",
            "cf/be/ad/",
        ];
        for (value, expected) in (1..).zip(expected) {
            assert_eq!(display(value), expected, "orientation {value}");
        }
    }

    #[test]
    fn a_crop_is_the_same_pixels_however_they_are_stored() {
        for value in 1..=8 {
            let orientation = Orientation::from_exif(value).unwrap();
            let stored = Size { width: 7, height: 5 };
            let shown = orientation.turn(stored);
            // The second and third column of the first row.
            let crop = Crop { left: 1.0, top: 0.0, width: 2.0, height: 1.0 };
            let there = orientation.stored_crop(crop, stored);
            for x in 1..3 {
                let (x, y) = orientation.stored_pixel(x, 0, stored);
                let (x, y) = (f64::from(x), f64::from(y));
                assert!(x >= there.left && x < there.left + there.width, "{value}: {there:?}");
                assert!(y >= there.top && y < there.top + there.height, "{value}: {there:?}");
            }
            assert_eq!(there.width * there.height, 2.0);
            assert_eq!(orientation.stored_crop(Crop::whole(shown), stored), Crop::whole(stored));
        }
    }

    #[test]
    fn turning_twice_is_one_turn() {
        let stored = Size { width: 3, height: 2 };
        for (first, second) in (1..=8).flat_map(|one| (1..=8).map(move |other| (one, other))) {
            let one = Orientation::from_exif(first).unwrap();
            let other = Orientation::from_exif(second).unwrap();
            let (between, both) = (one.turn(stored), one.then(other));
            let shown = other.turn(between);
            assert_eq!(both.turn(stored), shown);
            for (x, y) in (0..shown.width).flat_map(|x| (0..shown.height).map(move |y| (x, y))) {
                let (from_x, from_y) = other.stored_pixel(x, y, between);
                let expected = one.stored_pixel(from_x, from_y, stored);
                assert_eq!(both.stored_pixel(x, y, stored), expected, "{first} then {second}");
            }
        }
    }
}
