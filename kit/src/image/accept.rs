//! Content negotiation: which format the client gets (RFC 9110 §12.5.1).

use alloc::vec::Vec;

/// A format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG (W3C PNG, third edition).
    Png,
    /// WebP (RFC 9649).
    Webp,
    /// AVIF (AV1 Image File Format, version 1.1).
    Avif,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Avif, Self::Webp, Self::Jpeg, Self::Png];

    /// The subtype of `image/…`; the name in URLs as well.
    pub const fn subtype(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Avif => "avif",
        }
    }

    /// The media type for `Content-Type`.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
        }
    }
}

/// What a client says of one media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The weight in thousandths; 0 means not acceptable.
    pub thousandths: u16,
    /// The type was named itself, not matched by a wildcard.
    pub is_named: bool,
}

/// A parsed `Accept` field.
///
/// Members that are not well-formed are skipped, as if they had not been sent:
/// a client is not refused a picture for a slip in a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accept {
    ranges: Vec<Range>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    covers: Covers,
    thousandths: u16,
}

/// The ranges that can match `image/…` without parameters, least specific
/// first. A range with parameters (`image/png;level=1`) matches none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Covers {
    Everything,
    Images,
    Only(Format),
    Nothing,
}

impl Accept {
    /// Parses the field value; several field lines are joined with commas
    /// beforehand. An absent or empty field accepts everything.
    pub fn parse(value: &str) -> Self {
        let ranges = split_quoted(value, b',').filter_map(parse_range).collect();
        Self { ranges }
    }

    /// What the client says of `format`: the most specific range decides, and
    /// of equally specific ones the highest weight.
    pub fn weigh(&self, format: Format) -> Weight {
        if self.ranges.is_empty() {
            return Weight { thousandths: 1000, is_named: false };
        }
        for wanted in [Covers::Only(format), Covers::Images, Covers::Everything] {
            let matching = self.ranges.iter().filter(|range| range.covers == wanted);
            if let Some(thousandths) = matching.map(|range| range.thousandths).max() {
                return Weight { thousandths, is_named: wanted == Covers::Only(format) };
            }
        }
        Weight { thousandths: 0, is_named: false }
    }
}

/// What it takes to write a format, here and for this answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// No more than others.
    Cheap,
    /// So much that the format is the last resort.
    Costly,
    /// It cannot be written.
    Impossible,
}

/// What the source and the encoders say about the formats that suit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suits {
    /// The format of the source.
    pub source: Format,
    /// The source has transparent pixels, or may have.
    pub has_alpha: bool,
    /// The source was compressed without loss (PNG, lossless WebP).
    pub is_lossless: bool,
    /// What WebP takes.
    pub webp: Cost,
    /// What AVIF takes.
    pub avif: Cost,
}

impl Suits {
    const fn cost(&self, format: Format) -> Cost {
        match format {
            Format::Jpeg | Format::Png => Cost::Cheap,
            Format::Webp => self.webp,
            Format::Avif => self.avif,
        }
    }
}

/// Chooses the format of the answer, or `None` where the client accepts none.
///
/// The highest weight wins. Among equals: AVIF, then WebP, if the client *names* it (a
/// mere `*/*` does not promise that a client can show them); else the format
/// of the source if that is JPEG or PNG; else PNG for what is transparent or
/// lossless and JPEG for the rest; else WebP, else AVIF. What is costly is
/// weighed only if nothing that is cheap is acceptable.
pub fn choose(accept: &Accept, suits: Suits) -> Option<Format> {
    let of = |cost: Cost| {
        let formats = Format::ALL.into_iter().filter(move |format| suits.cost(*format) == cost);
        formats.map(|format| (format, accept.weigh(format))).filter(|(_, at)| at.thousandths > 0)
    };
    let mut weighed: Vec<(Format, Weight)> = of(Cost::Cheap).collect();
    if weighed.is_empty() {
        weighed = of(Cost::Costly).collect();
    }
    let best = weighed.iter().map(|(_, weight)| weight.thousandths).max()?;
    weighed.retain(|(_, weight)| weight.thousandths == best);
    let modern = [Format::Avif, Format::Webp];
    let is_named =
        |(format, weight): &&(Format, Weight)| weight.is_named && modern.contains(format);
    if let Some((format, _)) = weighed.iter().find(is_named) {
        return Some(*format);
    }
    let natural = if suits.has_alpha || suits.is_lossless {
        [Format::Png, Format::Jpeg]
    } else {
        [Format::Jpeg, Format::Png]
    };
    let own = (!modern.contains(&suits.source)).then_some(suits.source);
    let order = own.into_iter().chain(natural).chain([Format::Webp, Format::Avif]);
    order.into_iter().find(|wanted| weighed.iter().any(|(format, _)| format == wanted))
}

fn parse_range(member: &str) -> Option<Range> {
    let mut parts = split_quoted(member, b';').map(trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let mut thousandths = 1000;
    let mut has_parameters = false;
    for parameter in parts.filter(|part| !part.is_empty()) {
        let (name, value) = parameter.split_once('=')?;
        if name.eq_ignore_ascii_case("q") {
            thousandths = parse_weight(value)?;
            // What follows the weight were extensions in RFC 7231; RFC 9110
            // dropped them, and none was ever defined.
            break;
        }
        has_parameters = true;
    }
    let covers = match (kind, subtype) {
        _ if has_parameters => Covers::Nothing,
        ("*", "*") => Covers::Everything,
        ("*", _) => return None,
        (kind, "*") if kind.eq_ignore_ascii_case("image") => Covers::Images,
        (kind, subtype) if is_token(kind) && (is_token(subtype) || subtype == "*") => {
            let named = |format: &&Format| {
                kind.eq_ignore_ascii_case("image") && subtype.eq_ignore_ascii_case(format.subtype())
            };
            Format::ALL.iter().find(named).map_or(Covers::Nothing, |format| Covers::Only(*format))
        }
        _ => return None,
    };
    Some(Range { covers, thousandths })
}

/// `qvalue` of RFC 9110 §12.4.2, in thousandths.
fn parse_weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = fraction
        .bytes()
        .chain([b'0'; 3])
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Splits at `separator` outside of quoted strings (RFC 9110 §5.6.4), trimmed.
fn split_quoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                _ => {}
            }
            byte == separator && !is_quoted
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(trim(&text[..end.unwrap_or(text.len())]))
    })
}

#[cfg(test)]
mod tests;
