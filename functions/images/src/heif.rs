//! The container of AVIF: boxes (ISO/IEC 14496-12), items that are pictures
//! (HEIF, ISO/IEC 23008-12, and MIAF, 23000-22), and their use for AV1 (AV1
//! Image File Format 1.1).
//!
//! Everything is read from the bytes that are there, with a bound on each
//! table; references are followed to a depth that is written down here, so that
//! none leads in circles. Nothing is decoded.

mod boxes;
mod image;
mod items;
mod properties;

use sedge_kit::image::geometry::Size;
use sedge_kit::image::orientation::Orientation;

use crate::av1::sequence::Colors;
use crate::problem::Problem;
use boxes::{Boxes, Reader, malformed};
use items::Meta;
use properties::Properties;

pub(crate) use image::{Image, Tile};
pub(crate) use properties::Cut;

/// The picture of a file.
#[derive(Clone, Debug)]
pub(crate) struct Avif<'a> {
    /// Its colors.
    pub(crate) image: Image<'a>,
    /// Its alpha, of the same size, in the luma of another picture.
    pub(crate) alpha: Option<Image<'a>>,
    /// Colors are multiplied by their alpha.
    pub(crate) is_premultiplied: bool,
    /// What is shown of it, before it is turned.
    pub(crate) cut: Cut,
    /// How it is turned.
    pub(crate) orientation: Orientation,
    /// What its samples mean.
    pub(crate) colors: Colors,
    /// A color profile.
    pub(crate) icc: Option<&'a [u8]>,
}

/// Whether a file calls itself AVIF, or HEIF of any coding (AVIF 1.1 §6).
fn is_known(brands: &[u8]) -> bool {
    // Between the major and the compatible brands stands a version.
    let brands = brands.chunks_exact(4).enumerate().filter(|(at, _)| *at != 1);
    let known: [&[u8]; 4] = [b"avif", b"avis", b"mif1", b"miaf"];
    brands.into_iter().any(|(_, brand)| known.contains(&brand))
}

/// Finds the picture of a file and checks all that is said of it.
///
/// # Errors
/// [`Problem::Unsupported`] where it is something else, or made in a way that is
/// not read here; [`Problem::Damaged`].
pub(crate) fn read(source: &[u8]) -> Result<Avif<'_>, Problem> {
    let mut meta = None;
    for (at, found) in (Boxes { rest: source }).enumerate() {
        let found = found?;
        match (at, &found.name) {
            (0, b"ftyp") if is_known(found.body) => {}
            (0, _) => return Err(Problem::Unsupported("it is HEIF or a video, not AVIF")),
            (_, b"meta") if meta.is_some() => return Err(found.malformed()),
            (_, b"meta") => meta = Some(found.body),
            _ => {}
        }
    }
    let meta = meta.ok_or(Problem::Unsupported("it is a video without a still picture"))?;
    picture(&Meta::read(meta)?, source)
}

fn picture<'a>(meta: &Meta<'a>, source: &'a [u8]) -> Result<Avif<'a>, Problem> {
    let properties = Properties::read(meta, meta.primary)?;
    let image = Image::read(meta, meta.primary, source)?;
    let size = image.size;
    let alpha = alpha_item(meta, meta.primary)?;
    let is_premultiplied =
        alpha.is_some_and(|alpha| meta.references_from(b"prem", meta.primary).contains(&alpha));
    let alpha = match alpha {
        Some(alpha) => Some(Image::read(meta, alpha, source)?),
        None => image::alpha_of_tiles(meta, meta.primary, source, &image)?,
    };
    if alpha.as_ref().is_some_and(|alpha| alpha.size != size) {
        return Err(Problem::Unsupported("its alpha has another size than its colors"));
    }
    let cut = match properties.cut {
        Some(aperture) => aperture.of(size).ok_or_else(|| malformed(*b"clap"))?,
        None => Cut { left: 0, top: 0, size },
    };
    // The limits are held against what is shown: what is cut away may not be
    // most of the picture.
    if cut.size.pixels().saturating_mul(4) < size.pixels() {
        return Err(Problem::Unsupported("most of it is cut away"));
    }
    // A grid may leave its colors to its tiles.
    let of_tile = match meta.references_from(b"dimg", meta.primary) {
        [tile, ..] if image.is_grid => Properties::read(meta, *tile)?,
        _ => Properties::default(),
    };
    let colors = properties.colors.or(of_tile.colors).unwrap_or(image.sequence.colors);
    Ok(Avif {
        image,
        alpha,
        is_premultiplied,
        cut,
        orientation: properties.orientation,
        colors,
        icc: properties.icc.or(of_tile.icc),
    })
}

/// The item that holds the alpha of another (AVIF 1.1 §4.1).
fn alpha_item(meta: &Meta<'_>, of: u32) -> Result<Option<u32>, Problem> {
    // Depth maps and the like; who has more of them than this has no alpha.
    for item in meta.references_to(*b"auxl", of).take(16) {
        if Properties::read(meta, item)?.is_alpha {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

/// Rows, columns and size of a grid (ISO/IEC 23008-12 §6.6.2.3).
fn grid(body: &[u8]) -> Option<(u32, u32, Size)> {
    let mut reader = Reader::new(body);
    let (version, flags) = (reader.u8()?, reader.u8()?);
    let (rows, columns) = (u32::from(reader.u8()?) + 1, u32::from(reader.u8()?) + 1);
    let is_long = flags & 1 == 1;
    let size = Size { width: reader.id(is_long)?, height: reader.id(is_long)? };
    (version == 0 && size.width > 0 && size.height > 0).then_some((rows, columns, size))
}

#[cfg(test)]
mod tests;
