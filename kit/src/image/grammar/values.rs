//! What the values of options are. Each function is `None` for what is no
//! value of its kind.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Color, GrammarError, Quality};
use crate::image::accept::Format;
use crate::image::geometry::{Fit, Gravity};

/// A side in pixels; `Some(None)` where it is left to the ratio.
pub(super) fn side(text: &str) -> Option<Option<u32>> {
    match text {
        "" | "auto" => Some(None),
        digits => pixels(digits).map(|side| Some(side).filter(|side| *side > 0)),
    }
}

/// A whole number below 100,000.
pub(super) fn pixels(text: &str) -> Option<u32> {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// A number in plain decimals, within a range.
pub(super) fn number(text: &str, least: f64, most: f64) -> Option<f64> {
    let is_decimal = text.len() <= 8
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.bytes().any(|byte| byte.is_ascii_digit());
    let number: f64 = text.parse().ok().filter(|_| is_decimal)?;
    (least..=most).contains(&number).then_some(number)
}

/// A fit by Cloudflare's name.
pub(super) fn cloudflare_fit(name: &str) -> Option<Fit> {
    Some(match name {
        "scale-down" => Fit::ScaleDown,
        "contain" => Fit::Inside,
        "cover" => Fit::Cover,
        "crop" => Fit::Crop,
        "aspect-crop" => Fit::AspectCrop,
        "pad" => Fit::Contain,
        "squeeze" => Fit::Fill,
        _ => return None,
    })
}

/// A side, a point, or what the picture is about.
pub(super) fn gravity(text: &str) -> Option<Gravity> {
    Some(match text {
        "auto" => Gravity::Auto,
        "center" => Gravity::CENTER,
        "left" => Gravity::Focus(0.0, 0.5),
        "right" => Gravity::Focus(1.0, 0.5),
        "top" => Gravity::Focus(0.5, 0.0),
        "bottom" => Gravity::Focus(0.5, 1.0),
        point => {
            let (x, y) = point.split_once('x')?;
            Gravity::Focus(number(x, 0.0, 1.0)?, number(y, 0.0, 1.0)?)
        }
    })
}

/// A number, a name for one, or `auto`.
pub(super) fn quality(text: &str) -> Option<Quality> {
    Some(Quality::Number(match text {
        "auto" => return Some(Quality::Auto),
        "high" => 90,
        "medium-high" => 80,
        "medium-low" => 65,
        "low" => 50,
        number => text.parse().ok().filter(|_| !number.starts_with('+'))?,
    }))
    .filter(|quality| matches!(quality, Quality::Number(1..=100)))
}

/// A format; `Some(None)` where `Accept` decides.
pub(super) fn format(text: &str) -> Option<Option<Format>> {
    Some(Some(match text {
        "auto" => return Some(None),
        "jpeg" | "jpg" => Format::Jpeg,
        "png" => Format::Png,
        "webp" => Format::Webp,
        "avif" => Format::Avif,
        _ => return None,
    }))
}

/// The basic colors of CSS (CSS Color 4 §6.1, those of CSS 2.1).
const COLORS: [(&str, u32); 17] = [
    ("black", 0x00_0000),
    ("silver", 0xc0_c0c0),
    ("gray", 0x80_8080),
    ("white", 0xff_ffff),
    ("maroon", 0x80_0000),
    ("red", 0xff_0000),
    ("purple", 0x80_0080),
    ("fuchsia", 0xff_00ff),
    ("green", 0x00_8000),
    ("lime", 0x00_ff00),
    ("olive", 0x80_8000),
    ("yellow", 0xff_ff00),
    ("navy", 0x00_0080),
    ("blue", 0x00_00ff),
    ("teal", 0x00_8080),
    ("aqua", 0x00_ffff),
    ("orange", 0xff_a500),
];

/// A color by name, in hexadecimal digits, or as `rgb()` or `rgba()` of CSS
/// with numbers, in either syntax (CSS Color 4 §5.1).
pub(super) fn color(text: &str) -> Option<Color> {
    if text == "transparent" {
        return Some(Color::TRANSPARENT);
    }
    if let Some((_, rgb)) = COLORS.iter().find(|(name, _)| *name == text) {
        let [_, red, green, blue] = rgb.to_be_bytes();
        return Some(Color { red, green, blue, alpha: 255 });
    }
    if let Some(inside) = text.strip_prefix("rgba(").or_else(|| text.strip_prefix("rgb(")) {
        return functional_color(inside.strip_suffix(')')?);
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

fn functional_color(inside: &str) -> Option<Color> {
    let mut numbers = inside.split([',', '/', ' ']).filter(|part| !part.is_empty());
    let mut channel = || Some(libm::round(number(numbers.next()?, 0.0, 255.0)?) as u8);
    let (red, green, blue) = (channel()?, channel()?, channel()?);
    let alpha = match numbers.next() {
        None => 1.0,
        Some(part) => match part.strip_suffix('%') {
            Some(percent) => number(percent, 0.0, 100.0)? / 100.0,
            None => number(part, 0.0, 1.0)?,
        },
    };
    let is_last = numbers.next().is_none();
    is_last.then_some(Color { red, green, blue, alpha: libm::round(alpha * 255.0) as u8 })
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-decodes (RFC 3986 §2.1).
///
/// # Errors
/// [`GrammarError::Encoding`].
pub(super) fn percent_decoded(text: &str) -> Result<String, GrammarError> {
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
