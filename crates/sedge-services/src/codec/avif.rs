//! AVIF by rav1e: 8 bits, colors at full resolution (4:4:4), BT.601 with the full range,
//! which is what decoders take for JPEG, too.

use super::Wanted;
use super::curve;
use super::picture::{Coded, Picture};
use super::work::{Ended, Stop, failed};
use avif_serialize::Aviffy;
use avif_serialize::constants::MatrixCoefficients as Matrix;
use rav1e::prelude::*;
use std::sync::Arc;

/// rav1e's own scale, 10 (fast) to 0, for efforts 1 to 9.
const SPEEDS: [u8; 9] = [10, 10, 10, 9, 8, 7, 6, 5, 4];

/// Alpha is encoded with a quantizer of so many less: its edges are seen first.
const ALPHA_FINER: usize = 40;

/// Encodes a picture. `is_shown`: what a decoder shows is wanted, too. A frame that is
/// begun is finished: rav1e does not ask whether to go on.
pub(super) fn encode(
    picture: &Picture,
    number: u8,
    wanted: &Wanted,
    is_shown: bool,
    stop: Stop<'_>,
) -> Result<Coded, Ended> {
    let quantizer = quantizer(number);
    let colors = frame(picture, &planes(picture), quantizer, wanted)?;
    stop()?;
    let alpha = match picture.alpha() {
        Some(alpha) => {
            Some(frame(picture, &[alpha], quantizer.saturating_sub(ALPHA_FINER), wanted)?.data)
        }
        None => None,
    };
    let mut container = Aviffy::new();
    container.set_matrix_coefficients(Matrix::Bt601).set_full_color_range(true).set_seq_profile(1);
    container.set_chroma_subsampling((false, false)).set_bit_depth(8);
    container.set_width(picture.width).set_height(picture.height);
    let mut data = Vec::new();
    container.write_slice(&mut data, &colors.data, alpha.as_deref()).map_err(failed)?;
    let shown = if is_shown { Some(rgb(&colors.rec, picture)?) } else { None };
    Ok(Coded { data, shown })
}

/// One encoded frame: the stream, and what a decoder shows of it.
struct Encoded {
    data: Vec<u8>,
    rec: Option<Arc<Frame<u8>>>,
}

/// Encodes one plane (gray) or three (luma, then chroma) of the picture's size.
fn frame(
    picture: &Picture,
    planes: &[Vec<u8>],
    quantizer: usize,
    wanted: &Wanted,
) -> Result<Encoded, Ended> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let mut encoder =
        EncoderConfig::with_speed_preset(SPEEDS[usize::from(wanted.effort().clamp(1, 9)) - 1]);
    (encoder.width, encoder.height) = (width, height);
    encoder.still_picture = true;
    encoder.pixel_range = PixelRange::Full;
    encoder.quantizer = quantizer;
    encoder.min_quantizer = u8::try_from(quantizer).map_err(failed)?;
    encoder.chroma_sampling =
        if planes.len() == 1 { ChromaSampling::Cs400 } else { ChromaSampling::Cs444 };
    encoder.color_description = (planes.len() == 3).then_some(ColorDescription {
        color_primaries: ColorPrimaries::BT709,
        transfer_characteristics: TransferCharacteristics::SRGB,
        matrix_coefficients: MatrixCoefficients::BT601,
    });
    let config = Config::new().with_encoder_config(encoder).with_threads(1);
    let mut context: Context<u8> = config.new_context().map_err(failed)?;
    let mut frame = context.new_frame();
    for (to, from) in frame.planes.iter_mut().zip(planes) {
        to.copy_from_raw_u8(from, width, 1);
    }
    context.send_frame(frame).map_err(failed)?;
    context.flush();
    let mut encoded = Encoded { data: Vec::new(), rec: None };
    loop {
        match context.receive_packet() {
            Ok(packet) => {
                encoded.data.extend_from_slice(&packet.data);
                encoded.rec = packet.rec.or(encoded.rec);
            }
            Err(EncoderStatus::Encoded) => {}
            Err(EncoderStatus::LimitReached) => return Ok(encoded),
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Luma and chroma of a picture (ITU-T H.273, matrix 6, full range).
fn planes(picture: &Picture) -> [Vec<u8>; 3] {
    let mut planes = [(); 3].map(|()| Vec::with_capacity(picture.data.len() / picture.channels));
    for pixel in picture.data.chunks_exact(picture.channels) {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
        let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
        planes[0].push(byte(luma));
        planes[1].push(byte(128.0 + (blue - luma) / 1.772));
        planes[2].push(byte(128.0 + (red - luma) / 1.402));
    }
    planes
}

/// The other way round.
fn rgb(rec: &Option<Arc<Frame<u8>>>, picture: &Picture) -> Result<Vec<u8>, Ended> {
    let rec = rec.as_ref().ok_or_else(|| failed("there is no reconstruction"))?;
    let mut shown = Vec::with_capacity(picture.width as usize * picture.height as usize * 3);
    for y in 0..picture.height as usize {
        let row = |plane: usize| {
            let plane = &rec.planes[plane];
            plane.data_origin().get(y * plane.cfg.stride..).unwrap_or_default()
        };
        let rows = row(0).iter().zip(row(1)).zip(row(2)).take(picture.width as usize);
        for ((luma, cb), cr) in rows {
            let luma = f32::from(*luma);
            let (cb, cr) = (f32::from(*cb) - 128.0, f32::from(*cr) - 128.0);
            shown.push(byte(luma + 1.402 * cr));
            shown.push(byte(luma - 0.344_136 * cb - 0.714_136 * cr));
            shown.push(byte(luma + 1.772 * cb));
        }
    }
    Ok(shown)
}

fn byte(value: f32) -> u8 {
    // A cast of floats saturates.
    (value + 0.5) as u8
}

/// rav1e's quantizer, 255 down to 1, that looks as JPEG does at `number`: at equal scores
/// of SSIMULACRA2 over photographs, effort 5.
fn quantizer(number: u8) -> usize {
    const POINTS: [(f64, f64); 12] = [
        (1.0, 255.0),
        (15.0, 217.0),
        (25.0, 191.0),
        (35.0, 175.0),
        (45.0, 167.0),
        (55.0, 158.0),
        (65.0, 150.0),
        (75.0, 139.0),
        (85.0, 122.0),
        (90.0, 104.0),
        (95.0, 60.0),
        (100.0, 2.0),
    ];
    // Between 1 and 255.
    curve::at(&POINTS, f64::from(number)).round().clamp(1.0, 255.0) as usize
}
