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

    /// A centered crop of the displayed picture as a crop of the stored one.
    ///
    /// Mirrors do not move a centered rectangle, so only the axes matter.
    pub const fn stored_crop(self, displayed: Crop) -> Crop {
        if self.swaps {
            Crop {
                left: displayed.top,
                top: displayed.left,
                width: displayed.height,
                height: displayed.width,
            }
        } else {
            displayed
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
    fn a_crop_follows_the_axes() {
        let crop = Crop { left: 1.0, top: 2.0, width: 3.0, height: 4.0 };
        let turned = Crop { left: 2.0, top: 1.0, width: 4.0, height: 3.0 };
        assert_eq!(Orientation::from_exif(3).unwrap().stored_crop(crop), crop);
        assert_eq!(Orientation::from_exif(6).unwrap().stored_crop(crop), turned);
    }
}
