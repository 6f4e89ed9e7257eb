//! Between samples as they are stored, with the curve of sRGB (IEC 61966-2-1),
//! and linear light, in which mixing colors is mixing their light.

/// The light of a white sample. The steps of the darkest levels are five of its parts,
/// and what a filter overshoots still fits 16 bits.
pub(crate) const ONE: i32 = 1 << 14;

/// The tables of both ways. Made with `libm`, so that every platform has the same.
pub(crate) struct Light {
    linear: [i16; 256],
    /// As far as numbers of 16 bits go.
    levels: Box<[u8; 1 << 15]>,
}

impl Light {
    pub(crate) fn new() -> Self {
        let mut linear = [0; 256];
        for (level, light) in linear.iter_mut().enumerate() {
            *light = (to_linear(level as f64 / 255.0) * f64::from(ONE) + 0.5) as i16;
        }
        // The table back holds each level up to the middle of the step after it.
        let mut levels = Box::new([255; 1 << 15]);
        let mut begin = 0;
        for level in 0..255u8 {
            let end = to_linear((f64::from(level) + 0.5) / 255.0) * f64::from(ONE);
            let end = libm::ceil(end) as usize;
            levels[begin..end].fill(level);
            begin = end;
        }
        Self { linear, levels }
    }

    /// The light of a level, 0 to [`ONE`].
    pub(crate) fn of(&self, level: u8) -> i16 {
        self.linear[usize::from(level)]
    }

    /// The level of a light; what is below 0 or above [`ONE`] is cut.
    pub(crate) fn level(&self, light: i32) -> u8 {
        self.level_within(light.clamp(0, ONE))
    }

    /// The same of a light that is not below 0, and has 16 bits with its sign.
    #[inline(always)]
    pub(crate) fn level_within(&self, light: i32) -> u8 {
        self.levels[light as usize & ((1 << 15) - 1)]
    }
}

/// sRGB's curve; also beyond 1, where half a step of the last level ends.
fn to_linear(level: f64) -> f64 {
    if level <= 0.040_45 { level / 12.92 } else { libm::pow((level + 0.055) / 1.055, 2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_comes_back() {
        let light = Light::new();
        for level in 0..=255 {
            assert_eq!(light.level(light.of(level).into()), level);
        }
        assert_eq!((light.level(-1), light.level(i32::MIN)), (0, 0));
        assert_eq!((light.level(ONE + 1), light.level(i32::MAX)), (255, 255));
    }

    #[test]
    fn levels_grow_with_light_and_are_rounded() {
        let light = Light::new();
        let mut last = 0;
        for step in 0..=ONE {
            let value = f64::from(step) / f64::from(ONE);
            let level = light.level(step);
            assert!(level >= last);
            last = level;
            let curve = if value <= 0.003_130_8 {
                value * 12.92
            } else {
                1.055 * value.powf(1.0 / 2.4) - 0.055
            };
            assert!((f64::from(level) - curve * 255.0).abs() < 0.51, "{value}: {level}");
        }
        // Half of the light is far above half of the levels.
        assert_eq!(light.level(ONE / 2), 188);
    }
}
