//! What may be done to the colors and edges of an answer, as numbers. The
//! tables here are made with `libm`, so that every platform has the same.

/// The effects of a request. All are neutral by default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effects {
    /// Standard deviation of a blur in pixels of the answer, 0 to 250.
    pub blur: f64,
    /// Strength of sharpening, 0 to 10.
    pub sharpen: f64,
    /// Factor of every sample, 0 to 10.
    pub brightness: f64,
    /// Factor of every sample's distance from the middle, 0 to 10.
    pub contrast: f64,
    /// Exponent's inverse: above 1 lightens, below darkens; above 0, up to 10.
    pub gamma: f64,
    /// Factor of every color's distance from its gray, 0 to 10.
    pub saturation: f64,
}

impl Effects {
    /// No effect.
    pub const NONE: Self = Self {
        blur: 0.0,
        sharpen: 0.0,
        brightness: 1.0,
        contrast: 1.0,
        gamma: 1.0,
        saturation: 1.0,
    };

    /// What brightness, contrast and gamma, in this order, make of every
    /// sample; `None` where they change nothing.
    pub fn tones(&self) -> Option<[u8; 256]> {
        if (self.brightness, self.contrast, self.gamma) == (1.0, 1.0, 1.0) {
            return None;
        }
        let mut table = [0; 256];
        for (level, tone) in (0u8..=255).zip(&mut table) {
            let lit = f64::from(level) / 255.0 * self.brightness;
            let spread = (lit - 0.5) * self.contrast + 0.5;
            let curved = libm::pow(spread.clamp(0.0, 1.0), 1.0 / self.gamma);
            // Between 0 and 255.
            *tone = libm::round(curved * 255.0) as u8;
        }
        Some(table)
    }

    /// The radius of the box whose mean, taken three times, blurs as asked
    /// (its variance is `radius × (radius + 1)`); 0 for none.
    pub fn blur_radius(&self) -> u32 {
        if self.blur <= 0.0 {
            return 0;
        }
        let radius = libm::sqrt(self.blur * self.blur + 0.25) - 0.5;
        // At most 250.
        (libm::round(radius) as u32).max(1)
    }

    /// The factor of the difference to the blurred sample that is added to
    /// sharpen, in 256ths; 0 for none.
    pub fn sharpening(&self) -> i32 {
        // At most 1280.
        libm::round(self.sharpen * 128.0) as i32
    }

    /// The factor of saturation in 256ths; 256 for none.
    pub fn saturating(&self) -> i32 {
        // At most 2560.
        libm::round(self.saturation * 256.0) as i32
    }
}

impl Default for Effects {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neutral_numbers_change_nothing() {
        let none = Effects::NONE;
        assert_eq!((none.tones(), none.blur_radius(), none.sharpening()), (None, 0, 0));
        assert_eq!(none.saturating(), 256);
        // A neutral curve is the identity, also where it is computed.
        let nearly = Effects { gamma: 1.000_000_1, ..none };
        let tones = nearly.tones().expect("a table");
        assert!(tones.iter().enumerate().all(|(level, tone)| level == usize::from(*tone)));
    }

    #[test]
    fn tones_stay_in_range_at_the_ends_of_the_ranges() {
        for brightness in [0.0, 0.5, 10.0] {
            for (contrast, gamma) in [(0.0, 1.0), (10.0, 10.0), (1.0, 0.01), (10.0, 0.01)] {
                let effects = Effects { brightness, contrast, gamma, ..Effects::NONE };
                let tones = effects.tones().expect("a table");
                assert!(tones.is_sorted(), "{effects:?}");
            }
        }
        let dark = Effects { brightness: 0.0, ..Effects::NONE };
        assert_eq!(dark.tones().expect("a table")[255], 0);
        let twice = Effects { brightness: 2.0, ..Effects::NONE }.tones().expect("a table");
        assert_eq!((twice[10], twice[200]), (20, 255));
        let light = Effects { gamma: 2.0, ..Effects::NONE }.tones().expect("a table");
        assert!(light[64] > 64 && light[0] == 0 && light[255] == 255);
    }

    #[test]
    fn the_radius_grows_with_the_blur() {
        for (blur, radius) in [(0.0, 0), (0.1, 1), (1.0, 1), (2.0, 2), (10.0, 10), (250.0, 250)] {
            assert_eq!(Effects { blur, ..Effects::NONE }.blur_radius(), radius, "{blur}");
        }
    }
}
