//! From pixels to bytes. Nothing of the source's metadata is written but its
//! color profile, without which its colors would be wrong.
//!
//! JPEG, WebP and AVIF are left to the node where it encodes for this function
//! ([`node`]); without that, and for PNG, the encoders here do.

mod jpeg;
pub mod node;
mod webp;

use sedge_kit::image::accept::{Cost, Format};
use sedge_kit::image::grammar::{QUALITY_DEFAULT, Quality};

use crate::picture::{Model, Picture};
use crate::problem::Problem;
use crate::scale::colored;

pub use webp::LOSSY_PIXELS_MAX as WEBP_PIXELS_MAX;

use node::NodeEncoders;

/// Answers above this many pixels are written as WebP here only where nothing
/// else is acceptable: the encoder takes ten times as long as that for JPEG.
const WEBP_CHEAP_PIXELS_MAX: u64 = 1_000_000;

/// How a picture is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The format.
    pub format: Format,
    /// Quality of lossy formats.
    pub quality: Quality,
    /// The source was compressed without loss, so WebP may try that too.
    pub may_be_lossless: bool,
    /// JPEG in one scan, from top to bottom, rather than coarse first.
    pub is_baseline: bool,
    /// The node's encoders, if it encodes for this function.
    pub node: Option<NodeEncoders>,
}

/// What it takes to write an answer of so many pixels.
pub fn cost(format: Format, pixels: u64, node: Option<NodeEncoders>) -> Cost {
    let there = node.map_or(Cost::Impossible, |node| node.cost(format, pixels));
    let here = match format {
        Format::Jpeg | Format::Png => Cost::Cheap,
        Format::Webp if pixels <= WEBP_CHEAP_PIXELS_MAX => Cost::Cheap,
        Format::Webp => Cost::Costly,
        Format::Avif => Cost::Impossible,
    };
    match (there, here) {
        (Cost::Impossible, here) => here,
        (there, _) => there,
    }
}

impl Settings {
    /// The quality as a number: here nothing can measure how a picture looks.
    fn number(&self) -> u8 {
        match self.quality {
            Quality::Number(number) => number,
            Quality::Auto => QUALITY_DEFAULT,
        }
    }
}

/// Encodes a picture. For JPEG it has no alpha.
///
/// # Errors
/// [`Problem::WebpPixels`], [`Problem::NoEncoder`], [`Problem::Encoding`],
/// [`Problem::OutOfMemory`]; from the node [`Problem::EncodersBusy`] and
/// [`Problem::EncodersSlow`].
pub fn encode(picture: Picture, settings: Settings) -> Result<Vec<u8>, Problem> {
    if let Some(node) = settings.node.filter(|node| node.takes(settings.format, &picture)) {
        return from_node(colored(picture)?, settings, &node);
    }
    match settings.format {
        Format::Jpeg => jpeg::encode(&picture, settings.number(), settings.is_baseline),
        Format::Png => png(&picture),
        Format::Webp => webp::encode(colored(picture)?, settings),
        Format::Avif => Err(Problem::NoEncoder(Format::Avif)),
    }
}

/// The node writes no lossless WebP: the smaller one of its and of ours is taken.
fn from_node(
    picture: Picture,
    settings: Settings,
    node: &NodeEncoders,
) -> Result<Vec<u8>, Problem> {
    let encoded = node.encode(&picture, settings)?;
    if settings.format == Format::Webp && settings.may_be_lossless {
        let lossless = webp::lossless(&picture)?;
        if lossless.len() <= encoded.len() {
            return Ok(lossless);
        }
    }
    Ok(encoded)
}

fn failed(error: impl std::fmt::Display) -> Problem {
    Problem::Encoding(error.to_string())
}

fn png(picture: &Picture) -> Result<Vec<u8>, Problem> {
    let mut info = png::Info::with_size(picture.size.width, picture.size.height);
    info.bit_depth = png::BitDepth::Eight;
    info.color_type = match picture.model {
        Model::Gray => png::ColorType::Grayscale,
        Model::GrayAlpha => png::ColorType::GrayscaleAlpha,
        Model::Rgb => png::ColorType::Rgb,
        Model::Rgba => png::ColorType::Rgba,
    };
    info.icc_profile = picture.icc.as_deref().map(Into::into);
    let mut out = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut out, info).map_err(failed)?;
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&picture.data).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

#[cfg(test)]
mod tests;
