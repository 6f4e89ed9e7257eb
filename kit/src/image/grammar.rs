//! The URL of an image request, in two grammars that mean the same type: our
//! own, `…/img/<width>x<height>/<fit>?key=value&…`, and that of Cloudflare,
//! `…/cdn-cgi/image/<key>=<value>,…/<source>`.

mod cloudflare;
mod error;
mod options;
mod values;

use alloc::string::{String, ToString};

use super::accept::Format;
use super::effects::Effects;
use super::geometry::{Bounds, Fit, Gravity, Trim};
use super::orientation::Orientation;
use options::Options;

pub use error::GrammarError;

/// Quality where the URL names none; as in sharp and imgproxy.
pub const QUALITY_DEFAULT: u8 = 80;

/// The quality of lossy formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// 1 to 100; what it means is the encoder's.
    Number(u8),
    /// What it takes for the picture to look as good as every other.
    Auto,
}

/// A color, with opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    /// Red, 0 to 255, not premultiplied.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
    /// 0 is transparent, 255 opaque.
    pub alpha: u8,
}

impl Color {
    /// Opaque white.
    pub const WHITE: Self = Self { red: 255, green: 255, blue: 255, alpha: 255 };
    /// Opaque black.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0, alpha: 255 };
    /// Transparent.
    pub const TRANSPARENT: Self = Self { red: 0, green: 0, blue: 0, alpha: 0 };
}

/// What a URL asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRequest {
    /// The box, in pixels.
    pub bounds: Bounds,
    /// How the picture fits the box.
    pub fit: Fit,
    /// What is kept where something must be cut off.
    pub gravity: Gravity,
    /// What is cut off the upright picture before all else.
    pub trim: Trim,
    /// How what is left is turned, before it is fitted into the box.
    pub turn: Orientation,
    /// What is done to the scaled picture.
    pub effects: Effects,
    /// Quality of lossy formats.
    pub quality: Quality,
    /// The format; `None` means that `Accept` decides.
    pub format: Option<Format>,
    /// A JPEG is to be sequential: it is for a device that reads no other.
    pub is_baseline: bool,
    /// What is quick to encode is preferred to what is small.
    pub is_fast: bool,
    /// What lies behind transparent pixels and around a contained picture;
    /// `None` where the URL names none.
    pub background: Option<Color>,
    /// Where no picture can be made, the client is sent to the source, if that
    /// is on the own origin.
    pub redirects_on_error: bool,
    /// When the URL stops being valid, in seconds since 1970 (UTC).
    pub expires_s: Option<u64>,
    /// Where the source is: an absolute URL, or a path on the own origin,
    /// beginning with `/`; `None` where the body holds it.
    pub src: Option<String>,
}

/// What precedes the options and the source in Cloudflare's grammar.
const CLOUDFLARE: &str = "/cdn-cgi/image/";

/// What precedes the box and the fit in our own.
const OWN: &str = "/img/";

/// Where in a path the request begins, with `/img/` or `/cdn-cgi/image/`: the
/// last of the one, the first of the other. What precedes is where the
/// function is mounted.
pub fn start(path: &str) -> Option<usize> {
    // Cloudflare's goes first, because its source may lie in a folder `img`.
    path.find(CLOUDFLARE).or_else(|| path.rfind(OWN))
}

impl ImageRequest {
    /// Parses a path and a query (without `?`), both as they arrived.
    ///
    /// Whatever precedes its [start] is ignored, so that the function can be
    /// mounted anywhere. `+` stands for itself: sources are URLs, not forms.
    ///
    /// # Errors
    /// The first mistake, in the order of the URL.
    pub fn parse(path: &str, query: &str) -> Result<Self, GrammarError> {
        let (_, path) = path.split_at(start(path).ok_or(GrammarError::Path)?);
        if let Some(rest) = path.strip_prefix(CLOUDFLARE) {
            return cloudflare::parse(rest, query);
        }
        let rest = path.strip_prefix(OWN).ok_or(GrammarError::Path)?;
        let (sides, fit) = rest.split_once('/').ok_or(GrammarError::Path)?;
        let (width, height) = sides.split_once('x').ok_or(GrammarError::Path)?;
        let side =
            |text: &str| values::side(text).ok_or_else(|| GrammarError::Side(text.to_string()));
        let bounds = Bounds { width: side(width)?, height: side(height)? };
        let fit = Fit::from_name(fit).ok_or_else(|| GrammarError::Fit(fit.to_string()))?;
        let mut options = Options::new(bounds, fit);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = values::percent_decoded(value)?;
            match name {
                "src" => options.set_source(value)?,
                // The path has them already.
                "width" | "w" | "height" | "h" | "fit" => {
                    return Err(GrammarError::UnknownParameter(name.to_string()));
                }
                _ => options.set(name, value, GrammarError::UnknownParameter)?,
            }
        }
        options.finish()
    }
}

#[cfg(test)]
mod tests;
