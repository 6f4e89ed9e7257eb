//! Pixels, as the encoders take them.

/// A picture: `width × height` pixels of three or four bytes, rows from above without
/// padding. No side is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    /// 3, or 4 with alpha.
    pub(super) channels: usize,
    pub(super) data: Vec<u8>,
}

/// What an encoder has made.
pub(super) struct Coded {
    /// The file.
    pub(super) data: Vec<u8>,
    /// What a decoder shows of it: RGB of the same size, alpha left out. Made where it is
    /// asked for.
    pub(super) shown: Option<Vec<u8>>,
}

impl Picture {
    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(super) fn has_alpha(&self) -> bool {
        self.channels == 4
    }

    /// The same picture without its alpha, if that is opaque everywhere.
    pub(super) fn without_opaque_alpha(self) -> Self {
        if self.has_alpha() && self.data.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX) {
            return self.without_alpha();
        }
        self
    }

    /// The same colors, in place.
    fn without_alpha(mut self) -> Self {
        let pixels = self.data.len() / 4;
        for at in 0..pixels {
            self.data.copy_within(at * 4..at * 4 + 3, at * 3);
        }
        self.data.truncate(pixels * 3);
        Picture { channels: 3, ..self }
    }

    /// Whether every pixel is gray.
    pub(super) fn is_gray(&self) -> bool {
        self.data
            .chunks_exact(self.channels)
            .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
    }

    /// The alpha of every pixel; `None` without alpha.
    pub(super) fn alpha(&self) -> Option<Vec<u8>> {
        self.has_alpha().then(|| self.data.chunks_exact(4).map(|pixel| pixel[3]).collect())
    }

    /// The picture, or `colors` of it, before black: what is transparent cannot be seen
    /// and must not count.
    ///
    /// `colors` is RGB of the same size.
    pub(super) fn before_black(&self, colors: Option<Vec<u8>>) -> Vec<u8> {
        let rgb = |pixel: &[u8]| [pixel[0], pixel[1], pixel[2]];
        let mut colors = match colors {
            Some(colors) => colors,
            None => self.data.chunks_exact(self.channels).flat_map(rgb).collect(),
        };
        if self.has_alpha() {
            for (color, pixel) in colors.chunks_exact_mut(3).zip(self.data.chunks_exact(4)) {
                let alpha = u16::from(pixel[3]);
                for value in color {
                    // At most 255 × 255 ÷ 255.
                    *value = ((u16::from(*value) * alpha + 127) / 255) as u8;
                }
            }
        }
        colors
    }
}
