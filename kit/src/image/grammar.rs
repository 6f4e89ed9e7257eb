//! The URL of an image request: `…/img/<width>x<height>/<fit>?key=value&…`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::accept::Format;
use super::geometry::{Bounds, Fit};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRequest {
    /// The box, in pixels.
    pub bounds: Bounds,
    /// How the picture fits the box.
    pub fit: Fit,
    /// Quality of lossy formats.
    pub quality: Quality,
    /// The format; `None` means that `Accept` decides.
    pub format: Option<Format>,
    /// What lies behind transparent pixels and around a contained picture;
    /// `None` where the URL names none.
    pub background: Option<Color>,
    /// Where the source is; `None` where the body holds it.
    pub src: Option<String>,
}

/// Why a URL is not an image request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrammarError {
    /// The path has no `/img/<width>x<height>/<fit>` at its end.
    Path,
    /// A side is neither a number from 0 to 99999 nor `auto` nor empty.
    Side(String),
    /// No fit has this name.
    Fit(String),
    /// No parameter has this name.
    UnknownParameter(String),
    /// The parameter appears twice.
    RepeatedParameter(&'static str),
    /// The parameter's value is not one that it takes: name, value, what it takes.
    Value(&'static str, String, &'static str),
    /// A `%` is not followed by two hexadecimal digits, or the decoded bytes
    /// are not UTF-8.
    Encoding,
}

impl fmt::Display for GrammarError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => out.write_str("the path is not /img/<width>x<height>/<fit>"),
            Self::Side(side) => {
                write!(out, "the side `{side}` is not a number below 100000, `auto` or empty")
            }
            Self::Fit(name) => {
                write!(out, "the fit `{name}` is not one of")?;
                Fit::NAMES.iter().try_for_each(|(known, _)| write!(out, " {known}"))
            }
            Self::UnknownParameter(name) => write!(
                out,
                "the parameter `{name}` is not one of src q format bg; \
                 a src with a query of its own must be percent-encoded"
            ),
            Self::RepeatedParameter(name) => write!(out, "the parameter `{name}` appears twice"),
            Self::Value(name, value, takes) => {
                write!(out, "the parameter `{name}` takes {takes}, not `{value}`")
            }
            Self::Encoding => out.write_str("the percent-encoding is broken"),
        }
    }
}

impl core::error::Error for GrammarError {}

impl ImageRequest {
    /// Parses a path and a query (without `?`), both as they arrived.
    ///
    /// Whatever precedes the last `/img/` is ignored, so that the function can
    /// be mounted anywhere. `+` stands for itself: sources are URLs, not forms.
    ///
    /// # Errors
    /// The first mistake, in the order of the URL.
    pub fn parse(path: &str, query: &str) -> Result<Self, GrammarError> {
        let (_, rest) = path.rsplit_once("/img/").ok_or(GrammarError::Path)?;
        let (sides, fit) = rest.split_once('/').ok_or(GrammarError::Path)?;
        let (width, height) = sides.split_once('x').ok_or(GrammarError::Path)?;
        let bounds = Bounds { width: parse_side(width)?, height: parse_side(height)? };
        let fit = Fit::from_name(fit).ok_or_else(|| GrammarError::Fit(fit.to_string()))?;
        let mut request = Self {
            bounds,
            fit,
            quality: Quality::Number(QUALITY_DEFAULT),
            format: None,
            background: None,
            src: None,
        };
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = request.set(name, decode(value)?)?;
            if seen.contains(&name) {
                return Err(GrammarError::RepeatedParameter(name));
            }
            seen.push(name);
        }
        Ok(request)
    }

    fn set(&mut self, name: &str, value: String) -> Result<&'static str, GrammarError> {
        match name {
            "src" if value.is_empty() => Err(GrammarError::Value("src", value, "a URL")),
            "src" => {
                self.src = Some(value);
                Ok("src")
            }
            "q" | "quality" => {
                let quality = parse_quality(&value);
                self.quality =
                    quality.ok_or(GrammarError::Value("q", value, "1 to 100 or auto"))?;
                Ok("q")
            }
            "format" | "f" => {
                self.format = parse_format(&value).ok_or(GrammarError::Value(
                    "format",
                    value,
                    "jpeg, png, webp, avif or auto",
                ))?;
                Ok("format")
            }
            "bg" | "background" => {
                let color = parse_color(&value);
                let takes = "white, black, transparent or hexadecimal rgb, rrggbb or rrggbbaa";
                self.background = Some(color.ok_or(GrammarError::Value("bg", value, takes))?);
                Ok("bg")
            }
            other => Err(GrammarError::UnknownParameter(other.to_string())),
        }
    }
}

fn parse_side(text: &str) -> Result<Option<u32>, GrammarError> {
    let is_number = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        "" | "auto" => Ok(None),
        digits if is_number => Ok(digits.parse().ok().filter(|side| *side > 0)),
        other => Err(GrammarError::Side(other.to_string())),
    }
}

fn parse_quality(text: &str) -> Option<Quality> {
    if text == "auto" {
        return Some(Quality::Auto);
    }
    let number = text.parse().ok().filter(|number| (1..=100).contains(number));
    number.map(Quality::Number)
}

fn parse_format(text: &str) -> Option<Option<Format>> {
    match text {
        "auto" => Some(None),
        "jpeg" | "jpg" => Some(Some(Format::Jpeg)),
        "png" => Some(Some(Format::Png)),
        "webp" => Some(Some(Format::Webp)),
        "avif" => Some(Some(Format::Avif)),
        _ => None,
    }
}

fn parse_color(text: &str) -> Option<Color> {
    match text {
        "white" => return Some(Color::WHITE),
        "black" => return Some(Color::BLACK),
        "transparent" => return Some(Color::TRANSPARENT),
        _ => {}
    }
    let digits = text.strip_prefix('#').unwrap_or(text).as_bytes();
    let digit = |at: usize| hexadecimal(*digits.get(at)?);
    let pair = |at: usize| Some(digit(at)? * 16 + digit(at + 1)?);
    let twice = |at: usize| Some(digit(at)? * 17);
    let (red, green, blue, alpha) = match digits.len() {
        3 => (twice(0)?, twice(1)?, twice(2)?, 255),
        6 => (pair(0)?, pair(2)?, pair(4)?, 255),
        8 => (pair(0)?, pair(2)?, pair(4)?, pair(6)?),
        _ => return None,
    };
    Some(Color { red, green, blue, alpha })
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-decodes (RFC 3986 §2.1).
fn decode(text: &str) -> Result<String, GrammarError> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(hexadecimal).ok_or(GrammarError::Encoding);
        out.push(digit(bytes.next())? * 16 + digit(bytes.next())?);
    }
    String::from_utf8(out).map_err(|_| GrammarError::Encoding)
}

#[cfg(test)]
mod tests;
