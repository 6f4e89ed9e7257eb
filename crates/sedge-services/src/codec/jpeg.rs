//! JPEG by mozjpeg. Why not in Rust alone: docs/adr/0012-native-encoders.md.

use super::Wanted;
use super::picture::{Coded, Picture};
use super::work::{Ended, Stop, failed};
use mozjpeg::{ColorSpace, Compress, Decompress};

/// From this number on, colors keep their full resolution. Below, a file for the same looks
/// (SSIMULACRA2 up to 88) is smaller by 2 to 20 % without it.
const FULL_CHROMA_NUMBER: u8 = 95;

/// From this effort on, coefficients are chosen by what they cost (trellis quantization).
const TRELLIS_EFFORT: u8 = 4;

/// From this effort on, several ways to divide the scans are tried: for the same looks 1.5 %
/// fewer bytes, and twice the time.
const SCANS_EFFORT: u8 = 5;

/// Rows between two looks at whether to go on.
const ROWS: usize = 64;

/// Encodes a picture without alpha. `is_shown`: what a decoder shows is wanted, too.
///
/// mozjpeg panics where it fails; whoever calls catches that.
pub(super) fn encode(
    picture: &Picture,
    number: u8,
    wanted: &Wanted,
    is_shown: bool,
    stop: Stop<'_>,
) -> Result<Coded, Ended> {
    let mut encoder = Compress::new(ColorSpace::JCS_RGB);
    encoder.set_size(picture.width as usize, picture.height as usize);
    if wanted.effort() < TRELLIS_EFFORT {
        encoder.set_fastest_defaults();
    }
    encoder.set_optimize_coding(true);
    encoder.set_optimize_scans(wanted.progressive && wanted.effort() >= SCANS_EFFORT);
    if picture.is_gray() {
        encoder.set_color_space(ColorSpace::JCS_GRAYSCALE);
    } else {
        let side = if number >= FULL_CHROMA_NUMBER { 1 } else { 2 };
        encoder.set_chroma_sampling_pixel_sizes((side, side), (side, side));
    }
    encoder.set_quality(f32::from(number));
    if wanted.progressive {
        encoder.set_progressive_mode();
    }
    let mut encoder = encoder.start_compress(Vec::new()).map_err(failed)?;
    for rows in picture.data.chunks(picture.width as usize * 3 * ROWS) {
        stop()?;
        encoder.write_scanlines(rows).map_err(failed)?;
    }
    let data = without_jfif(encoder.finish().map_err(failed)?);
    let shown = if is_shown { Some(decode(&data)?) } else { None };
    Ok(Coded { data, shown })
}

/// Leaves the JFIF segment out: it says that pixels are square, and that colors are what
/// decoders take them for without it (components 1, 2, 3: luma and chroma).
fn without_jfif(mut data: Vec<u8>) -> Vec<u8> {
    if let [0xFF, 0xD8, 0xFF, 0xE0, high, low, ..] = data[..] {
        let end = 4 + usize::from(u16::from_be_bytes([high, low]));
        if end <= data.len() {
            data.drain(2..end);
        }
    }
    data
}

/// What this encoder has just written.
fn decode(data: &[u8]) -> Result<Vec<u8>, Ended> {
    let mut decoder = Decompress::new_mem(data).and_then(Decompress::rgb).map_err(failed)?;
    let shown = decoder.read_scanlines::<u8>().map_err(failed)?;
    decoder.finish().map_err(failed)?;
    Ok(shown)
}
