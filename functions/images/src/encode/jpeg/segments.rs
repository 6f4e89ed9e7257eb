//! What a file says around its scans (T.81 annex B).

use super::huffman::Table;
use super::quantize::{Quantizer, ZIGZAG};
use super::symbols::Content;
use super::{Frame, failed};
use crate::problem::Problem;

/// Bytes before a scan at most: four tables of all symbols, and its header.
pub(super) const SCAN_BYTES_MAX: usize = 4 * (4 + 17 + 256) + 16;

/// Bytes of a color profile in one segment (ICC.1:2022 annex B.4).
const PROFILE_BYTES_MAX: usize = 65_519;

/// Starts a segment with the length of what follows.
fn segment(out: &mut Vec<u8>, marker: u8, length: usize) {
    out.extend_from_slice(&[0xff, marker]);
    // All segments but those of profiles, which are cut to fit, have a few hundred bytes.
    out.extend_from_slice(&((length + 2) as u16).to_be_bytes());
}

/// The start of a file, with what says that colors are as T.871 has them, and the steps,
/// which are the same for all components.
pub(super) fn start(out: &mut Vec<u8>, quantizer: &Quantizer) {
    out.extend_from_slice(&[0xff, 0xd8]);
    segment(out, 0xe0, 14);
    // Version 1.2, pixels that are as wide as high, no thumbnail (T.871 §10.1).
    out.extend_from_slice(b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
    segment(out, 0xdb, 65);
    out.push(0);
    out.extend(ZIGZAG.iter().map(|place| quantizer.steps()[usize::from(*place)]));
}

/// A color profile, in as many segments as it needs.
pub(super) fn profile(out: &mut Vec<u8>, icc: &[u8]) -> Result<(), Problem> {
    let parts = icc.chunks(PROFILE_BYTES_MAX);
    let count = u8::try_from(parts.len()).map_err(failed)?;
    out.try_reserve(icc.len() + 18 * usize::from(count)).map_err(|_| Problem::OutOfMemory)?;
    for (number, part) in (1..=count).zip(parts) {
        segment(out, 0xe2, 14 + part.len());
        out.extend_from_slice(b"ICC_PROFILE\0");
        out.extend_from_slice(&[number, count]);
        out.extend_from_slice(part);
    }
    Ok(())
}

/// The size and the components (T.81 §B.2.2).
pub(super) fn frame(out: &mut Vec<u8>, frame: &Frame, size: (u16, u16), is_baseline: bool) {
    let marker = if is_baseline { 0xc0 } else { 0xc2 };
    segment(out, marker, 6 + 3 * frame.components.len());
    out.push(8);
    out.extend_from_slice(&size.1.to_be_bytes());
    out.extend_from_slice(&size.0.to_be_bytes());
    out.push(frame.components.len() as u8);
    for (number, component) in (1u8..).zip(&frame.components) {
        let (across, down) = component.sampling;
        out.extend_from_slice(&[number, (across << 4 | down) as u8, 0]);
    }
}

/// A table of codes (T.81 §B.2.4.2).
pub(super) fn huffman(out: &mut Vec<u8>, is_ac: bool, number: usize, table: &Table) {
    segment(out, 0xc4, 17 + table.symbols.len());
    out.push(u8::from(is_ac) << 4 | number as u8);
    out.extend_from_slice(&table.lengths);
    out.extend_from_slice(&table.symbols);
}

/// The header of a scan (T.81 §B.2.3).
pub(super) fn scan(out: &mut Vec<u8>, frame: &Frame, content: Content) {
    let numbered = (1u8..).zip(&frame.components);
    let (components, from, to): (Vec<_>, _, _) = match content {
        Content::All => (numbered.map(|(at, of)| [at, (of.table * 0x11) as u8]).collect(), 0, 63),
        Content::Means => (numbered.map(|(at, of)| [at, (of.table << 4) as u8]).collect(), 0, 0),
        Content::Band(of, (from, to)) => (vec![[of as u8 + 1, 0]], from, to),
    };
    segment(out, 0xda, 4 + 2 * components.len());
    out.push(components.len() as u8);
    out.extend_from_slice(components.as_flattened());
    out.extend_from_slice(&[from as u8, to as u8, 0]);
}

/// The end of a file.
pub(super) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xff, 0xd9]);
}
