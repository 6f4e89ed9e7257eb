//! The chunks of a PNG up to its pixels (W3C PNG, third edition, §5).

use sedge_kit::image::accept::Format;
use sedge_kit::image::exif;
use sedge_kit::image::orientation::Orientation;

use super::{Header, Kind, be32, damaged, size};
use crate::picture::Model;
use crate::problem::Problem;

pub(super) fn read(source: &[u8]) -> Result<Header, Problem> {
    let cut = || damaged("it ends before its pixels");
    let header = chunk(source, 8).ok_or_else(cut)?;
    let (b"IHDR", &[.., bits, color, _, _, _]) = (header.name, header.data) else {
        return Err(damaged("it does not start with its header"));
    };
    let width = be32(header.data, 0).ok_or_else(cut)?;
    let height = be32(header.data, 4).ok_or_else(cut)?;
    let size = size(width, height)?;
    let mut has_transparency = false;
    let mut orientation = Orientation::UPRIGHT;
    let mut at = header.next;
    loop {
        let chunk = chunk(source, at).ok_or_else(cut)?;
        match chunk.name {
            b"tRNS" => has_transparency = true,
            b"eXIf" => orientation = exif::orientation(chunk.data),
            b"IDAT" => break,
            b"IEND" => return Err(damaged("it has no pixels")),
            _ => {}
        }
        at = chunk.next;
    }
    let (model, samples) = match color {
        0 => (Model::Gray, 1),
        2 => (Model::Rgb, 3),
        3 => (Model::Rgb, 1),
        4 => (Model::GrayAlpha, 2),
        6 => (Model::Rgba, 4),
        _ => return Err(damaged("its color type is unknown")),
    };
    let model = if has_transparency { model.with_alpha() } else { model };
    // A few rows; an interlaced picture needs no more either, its rows are spread
    // into the pixels as they come.
    let row = u64::from(width) * samples * u64::from(bits.max(8) / 8);
    // Samples of 16 bits are decoded whole before they are halved.
    let deep = if bits == 16 { size.pixels() * model.channels() as u64 } else { 0 };
    Ok(Header {
        kind: Kind::Png,
        format: Format::Png,
        size,
        model,
        orientation,
        is_lossless: true,
        reducible_bytes: 0,
        fixed_bytes: deep + 8 * row + (1 << 18),
    })
}

struct Chunk<'a> {
    name: &'a [u8; 4],
    data: &'a [u8],
    next: usize,
}

/// The chunk at `at`; the data of the last one may be cut off, as only its
/// name is looked at when it is `IDAT`.
fn chunk(source: &[u8], at: usize) -> Option<Chunk<'_>> {
    let length = usize::try_from(be32(source, at)?).ok()?;
    let start = at.checked_add(8)?;
    let name: &[u8; 4] = source.get(at + 4..start)?.try_into().ok()?;
    let end = start.checked_add(length)?;
    let data = if name == b"IDAT" { &[] } else { source.get(start..end)? };
    // Four bytes of checksum follow; the decoder checks it.
    Some(Chunk { name, data, next: end.checked_add(4)? })
}
