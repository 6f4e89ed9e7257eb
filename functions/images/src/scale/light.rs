//! Between samples as they are stored, with the curve of sRGB (IEC 61966-2-1),
//! and linear light, in which mixing colors is mixing their light.

/// Entries of the table back. The steps of the darkest levels are five of them.
const STEPS: usize = 1 << 14;

/// The tables of both ways. Made with `libm`, so that every platform has the same.
pub(crate) struct Light {
    linear: [f32; 256],
    levels: Vec<u8>,
}

impl Light {
    pub(crate) fn new() -> Self {
        let mut linear = [0.0; 256];
        for (level, light) in linear.iter_mut().enumerate() {
            *light = to_linear(level as f64 / 255.0) as f32;
        }
        // The table back holds each level up to the middle of the step after it.
        let mut levels = Vec::with_capacity(STEPS + 1);
        for level in 0..=255u8 {
            let end = to_linear((f64::from(level) + 0.5) / 255.0) * STEPS as f64;
            let end = if level == 255 { STEPS + 1 } else { libm::ceil(end) as usize };
            levels.resize(end.min(STEPS + 1), level);
        }
        Self { linear, levels }
    }

    /// The light of a level, 0 to 1.
    pub(crate) fn of(&self, level: u8) -> f32 {
        self.linear[usize::from(level)]
    }

    /// The level of a light; what is below 0 or above 1 is cut.
    pub(crate) fn level(&self, light: f32) -> u8 {
        // A cast saturates, also from what is not a number.
        let step = (light * STEPS as f32 + 0.5) as usize;
        self.levels[step.min(STEPS)]
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
    fn every_level_comes_back_and_nothing_is_out_of_range() {
        let light = Light::new();
        for level in 0..=255 {
            assert_eq!(light.level(light.of(level)), level);
        }
        for wild in [-1.0, -0.0, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(light.level(wild), 0);
        }
        assert_eq!((light.level(1.5), light.level(f32::INFINITY)), (255, 255));
    }

    #[test]
    fn levels_grow_with_light_and_are_rounded() {
        let light = Light::new();
        let mut last = 0;
        for step in 0..=100_000 {
            let value = step as f32 / 100_000.0;
            let level = light.level(value);
            assert!(level >= last);
            last = level;
            let curve = if value <= 0.003_130_8 {
                f64::from(value) * 12.92
            } else {
                1.055 * f64::from(value).powf(1.0 / 2.4) - 0.055
            };
            assert!((f64::from(level) - curve * 255.0).abs() < 0.65, "{value}: {level}");
        }
        // Half of the light is far above half of the levels.
        assert_eq!(light.level(0.5), 188);
    }
}
