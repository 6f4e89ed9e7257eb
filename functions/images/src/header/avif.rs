//! The boxes of an AVIF and the headers of the AV1 in it: [`crate::heif`] reads
//! them, and both must say the same.

use sedge_kit::image::accept::Format;
use sedge_kit::image::geometry::Size;

use super::{Header, Kind};
use crate::av1::decoder;
use crate::color::is_named_curve_known;
use crate::decode::avif::check_colors;
use crate::heif::{self, Avif, Image};
use crate::picture::Model;
use crate::problem::Problem;

/// What a decoder takes for itself, whatever the picture: mostly tables of
/// probabilities.
const DECODER_BYTES: u64 = 4 << 20;

pub(super) fn read(source: &[u8]) -> Result<Header, Problem> {
    if !decoder::IS_THERE {
        return Err(decoder::missing());
    }
    header(&heif::read(source)?)
}

/// The header of a file that was read.
///
/// # Errors
/// [`Problem::Unsupported`] where its colors cannot be made red, green and blue,
/// or have more light than white.
pub(crate) fn header(avif: &Avif<'_>) -> Result<Header, Problem> {
    let Avif { image, alpha, cut, .. } = avif;
    check_colors(&avif.colors, image)?;
    if avif.icc.is_none() && !is_named_curve_known(avif.colors.transfer) {
        return Err(Problem::Unsupported("it is HDR, or of a curve that is not known"));
    }
    let gray = if image.sequence.layout == crate::av1::sequence::Layout::Gray {
        Model::Gray
    } else {
        Model::Rgb
    };
    let model = if alpha.is_some() { gray.with_alpha() } else { gray };
    // One is decoded after the other.
    let planes = decoding_bytes(image).max(alpha.as_ref().map_or(0, decoding_bytes));
    let cut_away = image.size.pixels() - cut.size.pixels();
    Ok(Header {
        kind: Kind::Avif,
        format: Format::Avif,
        size: cut.size,
        model,
        orientation: avif.orientation,
        is_lossless: false,
        reducible_bytes: 0,
        fixed_bytes: planes + cut_away * model.channels() as u64,
    })
}

/// Bytes that decoding a picture takes at most, beside its data and its pixels.
fn decoding_bytes(image: &Image<'_>) -> u64 {
    let sequence = &image.sequence;
    let sample_bytes = if sequence.depth > 8 { 2 } else { 1 };
    let plane_bytes = |size: Size| {
        let chroma = sequence.layout.chroma(size);
        (size.pixels() + 2 * chroma.pixels()) * sample_bytes
    };
    // The decoder keeps whole superblocks, and some bytes between rows.
    let padded = Size {
        width: image.tile.width.saturating_add(192),
        height: image.tile.height.saturating_add(192),
    };
    // Each frame may be kept for the next ones; grain is added to a copy.
    let most = |frames: &crate::heif::Tile<'_>| u64::from(frames.frames);
    let frames = image.tiles.iter().map(most).max().unwrap_or(1);
    let pictures = frames + u64::from(sequence.has_grain);
    // Of each pixel what is known of its block, of its motion and its filters.
    let blocks = padded.pixels() * (1 + frames / 2);
    // Data in several parts are joined.
    let joined = image.tiles.iter().map(crate::heif::Tile::bytes).max().unwrap_or(0);
    let whole = if image.is_grid { plane_bytes(image.size) } else { 0 };
    DECODER_BYTES + pictures * plane_bytes(padded) + blocks + joined + whole
}
