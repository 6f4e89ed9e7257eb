//! The calls of `sedge:codec`.

use sedge_kit::image::accept::Format;
use sedge_kit::image::grammar::Quality;

use super::NodeEncoders;
use crate::encode::Settings;
use crate::picture::Picture;
use crate::problem::Problem;

/// Bindings to the node's encoders.
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/deps/sedge-codec",
        inline: "
            package sedge:images;
            world codec { import sedge:codec/encoder@0.1.0; }
        ",
        world: "sedge:images/codec",
        generate_all,
    });
}

use bindings::sedge::codec::encoder;

/// Bytes of pixels in one call: few enough that no other request of the thread has to
/// wait for their copy.
const PIECE_BYTES: usize = 1 << 20;

/// Pixels of JPEG and WebP, and of AVIF; `None` without the grant.
pub(super) fn granted() -> Option<(u64, u64)> {
    encoder::granted().map(|limits| (limits.pixels_max, limits.avif_pixels_max))
}

/// Lets the node encode RGB or RGBA; waits for it.
pub(super) fn encode(
    picture: &Picture,
    settings: Settings,
    node: &NodeEncoders,
) -> Result<Vec<u8>, Problem> {
    let told = |error| problem(error, settings.format);
    let options = encoder::Options {
        format: match settings.format {
            Format::Jpeg => encoder::Format::Jpeg,
            Format::Webp => encoder::Format::Webp,
            Format::Avif => encoder::Format::Avif,
            Format::Png => return Err(Problem::NoEncoder(Format::Png)),
        },
        quality: match settings.quality {
            Quality::Number(number) => encoder::Quality::Number(number),
            Quality::Auto => encoder::Quality::Score(f32::from(node.score)),
        },
        progressive: !settings.is_baseline,
        effort: Some(node.effort),
    };
    let layout =
        if picture.model.has_alpha() { encoder::Layout::Rgba8 } else { encoder::Layout::Rgb8 };
    let (width, height) = (picture.size.width, picture.size.height);
    let handed = encoder::Picture::open(width, height, layout).map_err(told)?;
    for piece in picture.data.chunks(PIECE_BYTES) {
        handed.write(piece).map_err(told)?;
    }
    Ok(encoder::Picture::encode(handed, options).map_err(told)?.data)
}

fn problem(error: encoder::Error, format: Format) -> Problem {
    match error {
        encoder::Error::Busy => Problem::EncodersBusy,
        encoder::Error::TimedOut => Problem::EncodersSlow,
        encoder::Error::AccessDenied => Problem::NoEncoder(format),
        other => Problem::Encoding(other.to_string()),
    }
}
