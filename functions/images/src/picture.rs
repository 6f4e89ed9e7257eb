//! Pixels in memory.

use sedge_kit::image::geometry::Size;

use crate::problem::Problem;

/// The channels of a pixel, 8 bits each, alpha not premultiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Gray.
    Gray,
    /// Gray and alpha.
    GrayAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha.
    Rgba,
}

impl Model {
    /// Bytes of a pixel.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// Whether the last channel is alpha.
    pub const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    /// The same colors with alpha.
    pub const fn with_alpha(self) -> Self {
        match self {
            Self::Gray | Self::GrayAlpha => Self::GrayAlpha,
            Self::Rgb | Self::Rgba => Self::Rgba,
        }
    }

    /// The same colors without alpha.
    pub const fn without_alpha(self) -> Self {
        match self {
            Self::Gray | Self::GrayAlpha => Self::Gray,
            Self::Rgb | Self::Rgba => Self::Rgb,
        }
    }

    /// The color space signature of ICC profiles for it (ICC.1:2022 §7.2.8).
    pub const fn icc_signature(self) -> &'static [u8; 4] {
        match self {
            Self::Gray | Self::GrayAlpha => b"GRAY",
            Self::Rgb | Self::Rgba => b"RGB ",
        }
    }
}

/// A decoded picture. `data` has `width × height × channels` bytes, row by row
/// without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The size of `data`.
    pub size: Size,
    /// The channels of `data`.
    pub model: Model,
    /// The pixels.
    pub data: Vec<u8>,
    /// The color profile that the pixels are meant in, until they are converted.
    pub icc: Option<Vec<u8>>,
}

impl Picture {
    /// Keeps a profile if it is for this model and of reasonable size.
    pub fn with_icc(mut self, icc: Option<Vec<u8>>) -> Self {
        self.icc = icc.filter(|profile| {
            profile.len() <= crate::color::ICC_BYTES_MAX
                && profile.get(16..20) == Some(self.model.icc_signature().as_slice())
        });
        self
    }

    /// Bytes of a row.
    pub const fn row_bytes(&self) -> usize {
        self.size.width as usize * self.model.channels()
    }
}

/// Zeroed memory for `size` pixels of `model`.
///
/// # Errors
/// [`Problem::OutOfMemory`] where the instance has no more: an allocation
/// that fails must become an answer and not a trap.
pub fn pixels(size: Size, model: Model) -> Result<Vec<u8>, Problem> {
    fallible(size.pixels().saturating_mul(model.channels() as u64), 0)
}

/// `count` copies of a sample.
///
/// # Errors
/// As [`pixels`].
pub(crate) fn fallible<T: Copy>(count: u64, sample: T) -> Result<Vec<T>, Problem> {
    let count = usize::try_from(count).map_err(|_| Problem::OutOfMemory)?;
    let mut data = Vec::new();
    data.try_reserve_exact(count).map_err(|_| Problem::OutOfMemory)?;
    data.resize(count, sample);
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_profile_of_the_right_space_and_size_is_kept() {
        let profile = |signature: &[u8; 4], bytes: usize| {
            let mut profile = vec![0; bytes];
            profile[16..20].copy_from_slice(signature);
            Some(profile)
        };
        let kept = |model, icc| {
            let size = Size { width: 1, height: 1 };
            Picture { size, model, data: Vec::new(), icc: None }.with_icc(icc).icc.is_some()
        };
        assert!(!kept(Model::Rgb, None));
        assert!(!kept(Model::Rgb, Some(vec![0; 10])));
        assert!(!kept(Model::Rgb, profile(b"CMYK", 500)));
        assert!(!kept(Model::Gray, profile(b"RGB ", 500)));
        assert!(!kept(Model::Rgb, profile(b"RGB ", crate::color::ICC_BYTES_MAX + 1)));
        assert!(kept(Model::Rgba, profile(b"RGB ", crate::color::ICC_BYTES_MAX)));
        assert!(kept(Model::GrayAlpha, profile(b"GRAY", 500)));
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let size = Size { width: u32::MAX, height: u32::MAX };
        assert!(matches!(pixels(size, Model::Rgba), Err(Problem::OutOfMemory)));
        let size = Size { width: 3, height: 2 };
        assert_eq!(pixels(size, Model::Rgb).map(|data| data.len()).ok(), Some(18));
    }
}
