//! The segments of a JPEG up to its first scan (ITU-T T.81, annex B).

use sedge_kit::image::accept::Format;
use sedge_kit::image::exif;
use sedge_kit::image::geometry::Size;
use sedge_kit::image::orientation::Orientation;

use super::{Header, Kind, be16, damaged, size};
use crate::picture::Model;
use crate::problem::Problem;

/// What the frame header says (T.81 §B.2.2).
struct Frame {
    size: Size,
    is_progressive: bool,
    /// Horizontal and vertical sampling factors of each component.
    sampling: Vec<(u64, u64)>,
}

pub(super) fn read(source: &[u8]) -> Result<Header, Problem> {
    let mut orientation = Orientation::UPRIGHT;
    let mut frame = None;
    let mut at = 2;
    loop {
        let (marker, segment, next) =
            next_segment(source, at).ok_or_else(|| damaged("it ends before its first scan"))?;
        match marker {
            // Start of frame: 0 and 1 sequential, 2 progressive.
            0xc0..=0xc2 => frame = Some(read_frame(segment, marker == 0xc2)?),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(Problem::Unsupported("lossless, hierarchical or arithmetic JPEG"));
            }
            0xe1 if segment.starts_with(b"Exif\0\0") => orientation = exif::orientation(segment),
            0xd9 => return Err(damaged("it ends before its first scan")),
            // Start of scan: the rest is compressed.
            0xda => {
                let frame = frame.ok_or_else(|| damaged("it has no frame header"))?;
                let scan_components = segment.first().copied().unwrap_or(0);
                return Ok(header(&frame, scan_components, orientation));
            }
            _ => {}
        }
        at = next;
    }
}

/// The marker at or after `at`, its payload, and where the next one starts.
pub(crate) fn next_segment(source: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let mut at = at;
    // Bytes between segments are not allowed, but cameras write them.
    while *source.get(at)? != 0xff {
        at += 1;
    }
    // Any number of fill bytes may precede a marker (T.81 §B.1.1.2).
    while *source.get(at)? == 0xff {
        at += 1;
    }
    let marker = *source.get(at)?;
    // Markers without a payload: stuffing, TEM, restarts, start and end.
    if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd9) {
        return Some((marker, &[], at + 1));
    }
    let length = usize::from(be16(source, at + 1)?);
    let payload = source.get(at + 3..(at + 1).checked_add(length)?)?;
    Some((marker, payload, at + 1 + length))
}

fn read_frame(segment: &[u8], is_progressive: bool) -> Result<Frame, Problem> {
    let short = || damaged("its frame header is too short");
    let [precision, _, _, _, _, count, components @ ..] = segment else { return Err(short()) };
    if *precision != 8 {
        return Err(Problem::Unsupported("JPEG with other than 8 bits per sample"));
    }
    let height = be16(segment, 1).ok_or_else(short)?;
    let width = be16(segment, 3).ok_or_else(short)?;
    let components = components.get(..usize::from(*count) * 3).ok_or_else(short)?;
    if !matches!(count, 1 | 3 | 4) {
        return Err(Problem::Unsupported("JPEG with other than 1, 3 or 4 components"));
    }
    let sampling = components
        .chunks_exact(3)
        .map(|component| (u64::from(component[1] >> 4), u64::from(component[1] & 15)))
        .collect::<Vec<_>>();
    if sampling.iter().any(|(h, v)| !(1..=4).contains(h) || !(1..=4).contains(v)) {
        return Err(damaged("a sampling factor is not 1 to 4"));
    }
    Ok(Frame { size: size(u32::from(width), u32::from(height))?, is_progressive, sampling })
}

fn header(frame: &Frame, scan_components: u8, orientation: Orientation) -> Header {
    let model = if frame.sampling.len() == 1 { Model::Gray } else { Model::Rgb };
    let samples = samples_of(frame, |(h, v), _| h * v);
    // A picture whose first scan lacks a component (always so in a progressive
    // one) is kept as 16-bit coefficients until its last scan.
    let is_kept = frame.is_progressive || usize::from(scan_components) < frame.sampling.len();
    // Where it is reduced, colors are decoded at the resolution of luma.
    let dense = samples_of(frame, |_, (h_max, v_max)| h_max * v_max);
    // Four inks become three colors only after decoding.
    let ink = if frame.sampling.len() == 4 { frame.size.pixels() } else { 0 };
    Header {
        kind: Kind::Jpeg,
        format: Format::Jpeg,
        size: frame.size,
        model,
        orientation,
        is_lossless: false,
        reducible_bytes: dense + ink,
        fixed_bytes: if is_kept { 2 * samples } else { 0 } + (1 << 18),
    }
}

/// The samples of all components, each padded to whole blocks and units
/// (T.81 §A.2), of which a component has as many blocks as said by its factors and the
/// largest. The decoder keeps them in planes until the end.
fn samples_of(frame: &Frame, blocks: impl Fn((u64, u64), (u64, u64)) -> u64) -> u64 {
    let h_max = frame.sampling.iter().map(|(h, _)| *h).max().unwrap_or(1);
    let v_max = frame.sampling.iter().map(|(_, v)| *v).max().unwrap_or(1);
    let across = u64::from(frame.size.width).div_ceil(8 * h_max);
    let down = u64::from(frame.size.height).div_ceil(8 * v_max);
    let blocks_of_a_unit = frame.sampling.iter().map(|own| blocks(*own, (h_max, v_max)));
    across * down * blocks_of_a_unit.sum::<u64>() * 64
}
