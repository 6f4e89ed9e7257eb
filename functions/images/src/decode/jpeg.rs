//! JPEG: sequential files with one scan, as cameras write them, by the decoder here;
//! all others (progressive, four inks, components apart) by the crate `jpeg-decoder`.
//!
//! In reading order: what the file says before its scan ([`segments`]); its bits
//! ([`bits`]) and codes ([`huffman`]); blocks to planes of samples ([`scan`], [`idct`]);
//! planes to pixels ([`colors`]).

mod bits;
mod colors;
mod huffman;
mod idct;
mod scan;
mod segments;

use sedge_kit::image::geometry::Size;

use super::{contradiction, damaged};
use crate::color::without_ink;
use crate::header::Header;
use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;
use segments::Sequential;

/// Both sides are divided by `reduction`: 1, 2, 4 or 8.
pub(super) fn decode(source: &[u8], header: &Header, reduction: u32) -> Result<Picture, Problem> {
    match segments::read(source)? {
        Some(file) => sequential(&file, header, reduction),
        None => of_any_kind(source, header, reduction),
    }
}

fn sequential(file: &Sequential, header: &Header, reduction: u32) -> Result<Picture, Problem> {
    let model = if file.components.len() == 1 { Model::Gray } else { Model::Rgb };
    let is_as_announced = (file.size, model) == (header.size, header.model);
    if !is_as_announced || !matches!(reduction, 1 | 2 | 4 | 8) {
        return Err(contradiction());
    }
    let size = header.reduced(reduction);
    let planes = scan::decode(file, 8 / reduction as usize)?;
    let mut data = pixels(size, model)?;
    colors::interleave(&planes, size, &mut data)?;
    Ok(Picture { size, model, data, icc: None }.with_icc(file.icc()))
}

/// CMYK and YCCK are converted to sRGB, by their profile if they have one.
fn of_any_kind(source: &[u8], header: &Header, reduction: u32) -> Result<Picture, Problem> {
    let mut decoder = jpeg_decoder::Decoder::new(source);
    decoder.read_info().map_err(damaged)?;
    let info = decoder.info().ok_or_else(contradiction)?;
    let is_ink = info.pixel_format == jpeg_decoder::PixelFormat::CMYK32;
    let model = match info.pixel_format {
        jpeg_decoder::PixelFormat::L8 => Model::Gray,
        jpeg_decoder::PixelFormat::RGB24 | jpeg_decoder::PixelFormat::CMYK32 => Model::Rgb,
        jpeg_decoder::PixelFormat::L16 => return Err(contradiction()),
    };
    let announced = Size { width: u32::from(info.width), height: u32::from(info.height) };
    if (announced, model) != (header.size, header.model) {
        return Err(contradiction());
    }
    let size = header.reduced(reduction);
    // Asked for the whole of a picture that is one pixel wide or high, it would reduce it.
    if reduction > 1 {
        let side = |side: u32| u16::try_from(side).map_err(damaged);
        let (width, height) =
            decoder.scale(side(size.width)?, side(size.height)?).map_err(damaged)?;
        if (u32::from(width), u32::from(height)) != (size.width, size.height) {
            return Err(contradiction());
        }
    }
    let mut data = decoder.decode().map_err(damaged)?;
    let mut icc = decoder.icc_profile();
    if is_ink {
        data = without_ink(data, icc.take().as_deref());
    }
    if data.len() as u64 != size.pixels() * model.channels() as u64 {
        return Err(contradiction());
    }
    Ok(Picture { size, model, data, icc: None }.with_icc(icc))
}

#[cfg(test)]
mod tests;
