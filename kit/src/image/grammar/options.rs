//! The options that both grammars share. Their names and meanings are those
//! of Cloudflare Images (developers.cloudflare.com/images, "Transform via
//! URL"), as far as they are offered here.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{GrammarError, ImageRequest, QUALITY_DEFAULT, Quality, values};
use crate::image::accept::Format;
use crate::image::effects::Effects;
use crate::image::geometry::{Bounds, Fit, Gravity, Trim};
use crate::image::orientation::Orientation;

/// Every option, by its full name.
pub(super) const NAMES: [&str; 26] = [
    "width",
    "height",
    "fit",
    "gravity",
    "quality",
    "format",
    "dpr",
    "background",
    "trim",
    "trim.top",
    "trim.left",
    "trim.width",
    "trim.height",
    "rotate",
    "flip",
    "blur",
    "sharpen",
    "brightness",
    "contrast",
    "gamma",
    "saturation",
    "metadata",
    "anim",
    "compression",
    "onerror",
    "expires",
];

const SHORT: [(&str, &str); 6] = [
    ("w", "width"),
    ("h", "height"),
    ("g", "gravity"),
    ("q", "quality"),
    ("f", "format"),
    ("bg", "background"),
];

/// The options read so far.
pub(super) struct Options {
    request: ImageRequest,
    seen: Vec<&'static str>,
    /// Pixels of the screen for one of the URL.
    dpr: f64,
    /// Flips come before turns, whatever their order in the URL.
    flip: Orientation,
    rotate: Orientation,
}

impl Options {
    pub(super) fn new(bounds: Bounds, fit: Fit) -> Self {
        let request = ImageRequest {
            bounds,
            fit,
            gravity: Gravity::CENTER,
            trim: Trim::default(),
            turn: Orientation::UPRIGHT,
            effects: Effects::NONE,
            quality: Quality::Number(QUALITY_DEFAULT),
            format: None,
            is_baseline: false,
            is_fast: false,
            background: None,
            redirects_on_error: false,
            expires_s: None,
            src: None,
        };
        let upright = Orientation::UPRIGHT;
        Self { request, seen: Vec::new(), dpr: 1.0, flip: upright, rotate: upright }
    }

    /// Sets where the source is.
    pub(super) fn set_source(&mut self, src: String) -> Result<(), GrammarError> {
        self.note("src")?;
        if src.is_empty() {
            return Err(GrammarError::Value("src", src, "a URL"));
        }
        self.request.src = Some(src);
        Ok(())
    }

    /// Sets an option; `unknown` says what is wrong with a name that none has.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: String,
        unknown: impl Fn(String) -> GrammarError,
    ) -> Result<(), GrammarError> {
        let full = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, full)| full);
        let known = NAMES.iter().find(|known| **known == full);
        let known = known.copied().ok_or_else(|| unknown(name.to_string()))?;
        self.note(known)?;
        let taken = match known {
            "width" | "height" | "fit" | "gravity" | "dpr" => self.set_geometry(known, &value),
            "trim" | "trim.top" | "trim.left" | "trim.width" | "trim.height" => {
                self.set_trim(known, &value)
            }
            "rotate" | "flip" => self.set_turn(known, &value),
            "quality" | "format" | "background" => self.set_encoding(known, &value),
            "metadata" | "anim" | "compression" | "onerror" | "expires" => {
                self.set_policy(known, &value)
            }
            _ => self.set_effect(known, &value),
        };
        taken.map_err(|takes| GrammarError::Value(known, value, takes))
    }

    fn note(&mut self, name: &'static str) -> Result<(), GrammarError> {
        if self.seen.contains(&name) {
            return Err(GrammarError::RepeatedParameter(name));
        }
        self.seen.push(name);
        Ok(())
    }

    fn set_geometry(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let side = || {
            let side = values::side(value).filter(|_| !value.is_empty());
            side.ok_or("a number below 100000 or auto")
        };
        match name {
            "width" => self.request.bounds.width = side()?,
            "height" => self.request.bounds.height = side()?,
            "fit" => {
                let takes = "scale-down, contain, cover, crop, aspect-crop, pad or squeeze";
                self.request.fit = values::cloudflare_fit(value).ok_or(takes)?;
            }
            "gravity" => {
                let takes = "auto, center, left, right, top, bottom or XxY, both 0 to 1";
                self.request.gravity = values::gravity(value).ok_or(takes)?;
            }
            _ => self.dpr = values::number(value, 0.1, 4.0).ok_or("0.1 to 4")?,
        }
        Ok(())
    }

    fn set_trim(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let takes = "a number of pixels below 100000";
        let trim = &mut self.request.trim;
        match name {
            "trim" => {
                let takes = "four numbers of pixels, top;right;bottom;left";
                let mut sides = value.split(';').map(values::pixels);
                let mut next = || sides.next().flatten().ok_or(takes);
                (trim.top, trim.right, trim.bottom, trim.left) =
                    (next()?, next()?, next()?, next()?);
                if sides.next().is_some() {
                    return Err(takes);
                }
            }
            "trim.top" => trim.top = values::pixels(value).ok_or(takes)?,
            "trim.left" => trim.left = values::pixels(value).ok_or(takes)?,
            "trim.width" => trim.width = Some(values::pixels(value).ok_or(takes)?),
            _ => trim.height = Some(values::pixels(value).ok_or(takes)?),
        }
        Ok(())
    }

    fn set_turn(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let upright = Orientation::UPRIGHT;
        let half = Orientation { mirrors_x: true, mirrors_y: true, ..upright };
        match (name, value) {
            ("rotate", "0") => {}
            ("rotate", "90") => {
                self.rotate = Orientation { swaps: true, mirrors_y: true, ..upright };
            }
            ("rotate", "180") => self.rotate = half,
            ("rotate", "270") => {
                self.rotate = Orientation { swaps: true, mirrors_x: true, ..upright };
            }
            ("rotate", _) => return Err("0, 90, 180 or 270"),
            (_, "h") => self.flip = Orientation { mirrors_x: true, ..upright },
            (_, "v") => self.flip = Orientation { mirrors_y: true, ..upright },
            (_, "hv") => self.flip = half,
            _ => return Err("h, v or hv"),
        }
        Ok(())
    }

    fn set_encoding(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "quality" => {
                let takes = "1 to 100, high, medium-high, medium-low, low or auto";
                self.request.quality = values::quality(value).ok_or(takes)?;
            }
            "format" if value == "baseline-jpeg" => {
                self.request.format = Some(Format::Jpeg);
                self.request.is_baseline = true;
            }
            "format" => {
                let takes = "jpeg, baseline-jpeg, png, webp, avif or auto";
                self.request.format = values::format(value).ok_or(takes)?;
            }
            _ => {
                let takes = "a color: hexadecimal rgb, rrggbb or rrggbbaa, rgb(), or the name of a basic one";
                self.request.background = Some(values::color(value).ok_or(takes)?);
            }
        }
        Ok(())
    }

    fn set_policy(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match (name, value) {
            // Nothing is ever kept, which all three allow for.
            ("metadata", "none" | "copyright" | "keep") => {}
            ("metadata", _) => return Err("none, copyright or keep"),
            ("anim", "false") => {}
            ("anim", _) => return Err("false: animations are not kept"),
            ("compression", "fast") => self.request.is_fast = true,
            ("compression", _) => return Err("fast"),
            ("expires", value) => {
                let seconds = value.parse().ok().filter(|_| !value.starts_with('+'));
                self.request.expires_s = Some(seconds.ok_or("seconds since 1970")?);
            }
            (_, "redirect") => self.request.redirects_on_error = true,
            _ => return Err("redirect"),
        }
        Ok(())
    }

    fn set_effect(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let effects = &mut self.request.effects;
        let factor = || values::number(value, 0.0, 10.0).ok_or("0 to 10");
        match name {
            "blur" => effects.blur = values::number(value, 0.0, 250.0).ok_or("0 to 250")?,
            "sharpen" => effects.sharpen = factor()?,
            "brightness" => effects.brightness = factor()?,
            "contrast" => effects.contrast = factor()?,
            "saturation" => effects.saturation = factor()?,
            // As at Cloudflare, 0 is ignored.
            _ => match factor()? {
                0.0 => {}
                gamma => effects.gamma = gamma.max(0.01),
            },
        }
        Ok(())
    }

    /// The request, once all options are read.
    pub(super) fn finish(self) -> Result<ImageRequest, GrammarError> {
        let Self { mut request, dpr, flip, rotate, .. } = self;
        // Saturates, at a size that is past every limit.
        let scaled = |pixels: u32| libm::round(f64::from(pixels) * dpr) as u32;
        request.bounds.width = request.bounds.width.map(|side| scaled(side).max(1));
        request.bounds.height = request.bounds.height.map(|side| scaled(side).max(1));
        let trim = request.trim;
        request.trim = Trim {
            top: scaled(trim.top),
            right: scaled(trim.right),
            bottom: scaled(trim.bottom),
            left: scaled(trim.left),
            width: trim.width.map(scaled),
            height: trim.height.map(scaled),
        };
        request.turn = flip.then(rotate);
        if request.src.as_deref().is_some_and(|src| src.contains(super::CLOUDFLARE)) {
            return Err(GrammarError::Loop);
        }
        Ok(request)
    }
}
