//! WebP (RFC 9649), lossy or lossless, whichever is smaller.
//!
//! The lossy encoder comes from `vaam-image-webp`; see docs/adr/0001. What it
//! does wrong is made good here: it leaves an odd last row and column, and all
//! that pads them to whole macroblocks, empty, which shows as dark edges. So it
//! is given whole macroblocks, with the edge repeated, and the true size is
//! written over the padded one. (The size is only in the frame header; the
//! number of macroblocks, which the rest depends on, is the same.)

use image_webp::{ColorType, WebPEncoder};
use sedge_kit::image::geometry::Size;

use super::{Settings, failed};
use crate::picture::{Model, Picture, pixels};
use crate::problem::Problem;

/// The largest lossy picture, in pixels: two to five seconds of encoding.
pub const LOSSY_PIXELS_MAX: u64 = 6_000_000;

/// Columns and rows of a macroblock (RFC 6386 §2).
const MACROBLOCK: u32 = 16;

/// Bytes of the signature, the size and the flags before a lossless stream
/// (RFC 9649 §3.4); an alpha chunk holds the stream without them.
const LOSSLESS_HEADER_BYTES: usize = 5;

/// Encodes RGB or RGBA.
pub(super) fn encode(picture: Picture, settings: Settings) -> Result<Vec<u8>, Problem> {
    let lossless = if settings.may_be_lossless { Some(lossless(&picture)?) } else { None };
    if picture.size.pixels() > LOSSY_PIXELS_MAX {
        return lossless.ok_or(Problem::WebpPixels(LOSSY_PIXELS_MAX));
    }
    let lossy = lossy(&picture, settings.number())?;
    match lossless {
        Some(lossless) if lossless.len() <= lossy.len() => Ok(lossless),
        _ => Ok(lossy),
    }
}

pub(super) fn lossless(picture: &Picture) -> Result<Vec<u8>, Problem> {
    let color = if picture.model.has_alpha() { ColorType::Rgba8 } else { ColorType::Rgb8 };
    let mut out = Vec::new();
    let mut encoder = WebPEncoder::new(&mut out);
    if let Some(icc) = &picture.icc {
        encoder.set_icc_profile(icc.clone());
    }
    encoder
        .encode(&picture.data, picture.size.width, picture.size.height, color)
        .map_err(failed)?;
    Ok(out)
}

fn lossy(picture: &Picture, quality: u8) -> Result<Vec<u8>, Problem> {
    let frame = frame(picture, quality)?;
    let alpha = if picture.model.has_alpha() { Some(alpha(picture)?) } else { None };
    let mut chunks = Vec::new();
    if alpha.is_some() || picture.icc.is_some() {
        let flags = u8::from(picture.icc.is_some()) << 5 | u8::from(alpha.is_some()) << 4;
        let mut features = vec![flags, 0, 0, 0];
        features.extend_from_slice(&(picture.size.width - 1).to_le_bytes()[..3]);
        features.extend_from_slice(&(picture.size.height - 1).to_le_bytes()[..3]);
        push_chunk(&mut chunks, b"VP8X", &features)?;
    }
    if let Some(icc) = &picture.icc {
        push_chunk(&mut chunks, b"ICCP", icc)?;
    }
    if let Some(alpha) = &alpha {
        push_chunk(&mut chunks, b"ALPH", alpha)?;
    }
    push_chunk(&mut chunks, b"VP8 ", &frame)?;
    let mut out = Vec::with_capacity(chunks.len() + 12);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&u32::try_from(chunks.len() + 4).map_err(failed)?.to_le_bytes());
    out.extend_from_slice(b"WEBP");
    out.extend_from_slice(&chunks);
    Ok(out)
}

fn push_chunk(out: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) -> Result<(), Problem> {
    out.extend_from_slice(name);
    out.extend_from_slice(&u32::try_from(data.len()).map_err(failed)?.to_le_bytes());
    out.extend_from_slice(data);
    if data.len() % 2 == 1 {
        out.push(0);
    }
    Ok(())
}

/// The VP8 key frame (RFC 6386 §9.1).
fn frame(picture: &Picture, quality: u8) -> Result<Vec<u8>, Problem> {
    let whole = Size {
        width: picture.size.width.next_multiple_of(MACROBLOCK),
        height: picture.size.height.next_multiple_of(MACROBLOCK),
    };
    let padded = padded_rgb(picture, whole)?;
    let mut file = Vec::new();
    let mut encoder = webp_lossy::WebPEncoder::new(&mut file);
    let mut parameters = webp_lossy::EncoderParams::default();
    parameters.use_lossy = true;
    parameters.lossy_quality = encoder_quality(quality);
    encoder.set_params(parameters);
    let color = webp_lossy::ColorType::Rgb8;
    encoder.encode(&padded, whole.width, whole.height, color).map_err(failed)?;
    // RIFF, length, WEBP, then the only chunk: name, length, frame.
    let length: [u8; 4] = match (file.get(12..16), file.get(16..20)) {
        (Some(b"VP8 "), Some(length)) => length.try_into().map_err(failed)?,
        _ => return Err(failed("the encoder wrote no VP8 frame")),
    };
    let end = 20 + usize::try_from(u32::from_le_bytes(length)).map_err(failed)?;
    let mut frame = file.get(20..end).ok_or_else(|| failed("the frame is cut"))?.to_vec();
    // Three bytes of tag, three of start code, then both sizes of 14 bits.
    let side = |side: u32| u16::try_from(side).map(u16::to_le_bytes).map_err(failed);
    match frame.get_mut(3..10) {
        Some([0x9d, 0x01, 0x2a, sizes @ ..]) => {
            sizes[..2].copy_from_slice(&side(picture.size.width)?);
            sizes[2..].copy_from_slice(&side(picture.size.height)?);
            Ok(frame)
        }
        _ => Err(failed("the encoder wrote no key frame")),
    }
}

/// The colors of the picture, its last column and row repeated up to `whole`.
fn padded_rgb(picture: &Picture, whole: Size) -> Result<Vec<u8>, Problem> {
    let mut padded = pixels(whole, Model::Rgb)?;
    let channels = picture.model.channels();
    let last_row = picture.size.height as usize - 1;
    for (y, row) in padded.chunks_exact_mut(whole.width as usize * 3).enumerate() {
        let from = y.min(last_row) * picture.row_bytes();
        let from_row = &picture.data[from..from + picture.row_bytes()];
        let (inside, outside) = row.split_at_mut(picture.size.width as usize * 3);
        for (to, from) in inside.chunks_exact_mut(3).zip(from_row.chunks_exact(channels)) {
            to.copy_from_slice(&from[..3]);
        }
        let last = &inside[inside.len() - 3..];
        for to in outside.chunks_exact_mut(3) {
            to.copy_from_slice(last);
        }
    }
    Ok(padded)
}

/// The alpha chunk: unfiltered, compressed without loss (RFC 9649 §2.7.1.2).
fn alpha(picture: &Picture) -> Result<Vec<u8>, Problem> {
    let plane: Vec<u8> = picture.data.chunks_exact(4).map(|pixel| pixel[3]).collect();
    let mut file = Vec::new();
    WebPEncoder::new(&mut file)
        .encode(&plane, picture.size.width, picture.size.height, ColorType::L8)
        .map_err(failed)?;
    let stream = match file.get(12..16) {
        Some(b"VP8L") => file.get(20 + LOSSLESS_HEADER_BYTES..),
        _ => None,
    };
    let stream = stream.ok_or_else(|| failed("the encoder wrote no lossless stream"))?;
    let mut chunk = Vec::with_capacity(stream.len() + 1);
    // No preprocessing, no filter, lossless compression.
    chunk.push(1);
    chunk.extend_from_slice(stream);
    Ok(chunk)
}

/// The encoder's quality that looks as JPEG does at `quality`: at equal PSNR
/// over four photographs, JPEG's 50, 80 and 90 are its 73, 89 and 95.
fn encoder_quality(quality: u8) -> u8 {
    let missing = 100 - u16::from(quality.min(100));
    100 - u8::try_from(missing * 55 / 100).unwrap_or(100)
}
