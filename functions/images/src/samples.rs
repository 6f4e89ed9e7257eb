//! Sources for the tests: small, deterministic, made by encoders, then broken.

use sedge_kit::image::geometry::Size;
use sedge_kit::image::orientation::Orientation;

use crate::picture::{Model, Picture};

/// A smooth color field with a bright square: compresses like a photograph and
/// is different under every turn.
pub(crate) fn picture(width: u32, height: u32, model: Model) -> Picture {
    let mut data = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let level = |scale: u32, offset: u32| ((x * scale + y * offset) % 256) as u8;
            let ramp = (x * 255 / width.max(1)) as u8;
            let down = (y * 255 / height.max(1)) as u8;
            let is_square = x * 4 < width && y * 4 < height;
            let (red, green, blue) =
                if is_square { (250, 240, 10) } else { (ramp, down, level(1, 2) / 4) };
            let alpha = 255 - down / 2;
            match model {
                Model::Gray => data.push(green),
                Model::GrayAlpha => data.extend([green, alpha]),
                Model::Rgb => data.extend([red, green, blue]),
                Model::Rgba => data.extend([red, green, blue, alpha]),
            }
        }
    }
    Picture { size: Size { width, height }, model, data, icc: None }
}

/// The RGB picture that is displayed as `upright` under an orientation.
pub(crate) fn stored_as(upright: &Picture, orientation: Orientation) -> Picture {
    let shown = upright.size;
    // Its own inverse.
    let size = orientation.turn(shown);
    let mut stored = Picture { size, ..upright.clone() };
    for (x, y) in (0..shown.height).flat_map(|y| (0..shown.width).map(move |x| (x, y))) {
        let (to_x, to_y) = orientation.stored_pixel(x, y, size);
        let to = (to_y * size.width + to_x) as usize * 3;
        let from = (y * shown.width + x) as usize * 3;
        stored.data[to..to + 3].copy_from_slice(&upright.data[from..from + 3]);
    }
    stored
}

/// A JPEG of a picture; `exif` is a TIFF structure.
pub(crate) fn jpeg(picture: &Picture, is_progressive: bool, exif: Option<&[u8]>) -> Vec<u8> {
    let color = match picture.model {
        Model::Gray => jpeg_encoder::ColorType::Luma,
        Model::Rgb => jpeg_encoder::ColorType::Rgb,
        _ => jpeg_encoder::ColorType::Rgba,
    };
    jpeg_of(&picture.data, picture.size, color, is_progressive, exif)
}

/// A JPEG of samples in any of the encoder's color types.
pub(crate) fn jpeg_of(
    data: &[u8],
    size: Size,
    color: jpeg_encoder::ColorType,
    is_progressive: bool,
    exif: Option<&[u8]>,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 95);
    encoder.set_progressive(is_progressive);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_4_4);
    if let Some(exif) = exif {
        encoder.add_exif_metadata(exif).expect("small");
    }
    encoder.encode(data, size.width as u16, size.height as u16, color).expect("encodes");
    out
}

/// A JPEG of RGB with fewer samples of colors, and restarts after so many units.
pub(crate) fn jpeg_sampled(
    picture: &Picture,
    sampling: jpeg_encoder::SamplingFactor,
    restart: Option<u16>,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 90);
    encoder.set_sampling_factor(sampling);
    if let Some(units) = restart {
        encoder.set_restart_interval(units);
    }
    let (width, height) = (picture.size.width as u16, picture.size.height as u16);
    encoder.encode(&picture.data, width, height, jpeg_encoder::ColorType::Rgb).expect("encodes");
    out
}

/// A PNG of 8-bit samples.
pub(crate) fn png(picture: &Picture) -> Vec<u8> {
    let color = match picture.model {
        Model::Gray => png::ColorType::Grayscale,
        Model::GrayAlpha => png::ColorType::GrayscaleAlpha,
        Model::Rgb => png::ColorType::Rgb,
        Model::Rgba => png::ColorType::Rgba,
    };
    png_of(&picture.data, picture.size, color, png::BitDepth::Eight)
}

/// A PNG of packed samples; a palette has four colors, the last transparent.
pub(crate) fn png_of(
    data: &[u8],
    size: Size,
    color: png::ColorType,
    depth: png::BitDepth,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, size.width, size.height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        encoder.set_palette(vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]);
        encoder.set_trns(vec![255, 255, 255, 0]);
    }
    let mut writer = encoder.write_header().expect("writes");
    writer.write_image_data(data).expect("encodes");
    writer.finish().expect("ends");
    out
}

/// A lossless WebP; `exif` is a TIFF structure.
pub(crate) fn webp(picture: &Picture, exif: Option<&[u8]>) -> Vec<u8> {
    let color = match picture.model {
        Model::Gray => image_webp::ColorType::L8,
        Model::GrayAlpha => image_webp::ColorType::La8,
        Model::Rgb => image_webp::ColorType::Rgb8,
        Model::Rgba => image_webp::ColorType::Rgba8,
    };
    let mut out = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut out);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif.to_vec());
    }
    encoder.encode(&picture.data, picture.size.width, picture.size.height, color).expect("encodes");
    out
}

/// A GIF whose first frame is the picture, in 216 colors, at `(2, 1)` of a
/// screen that is larger by 5 and 3 where `transparent` names an index; a second
/// frame is black.
pub(crate) fn gif(picture: &Picture, transparent: Option<u8>) -> Vec<u8> {
    let palette: Vec<u8> = (0..216u16)
        .flat_map(|index| [index / 36, index / 6 % 6, index % 6])
        .map(|level| level as u8 * 51)
        .collect();
    let index = |pixel: &[u8]| {
        let level = |at: usize| (u32::from(pixel[at.min(pixel.len() - 1)]) + 25) / 51;
        (level(0) * 36 + level(1) * 6 + level(2)) as u8
    };
    let indices: Vec<u8> = picture.data.chunks_exact(picture.model.channels()).map(index).collect();
    let (width, height) = (picture.size.width as u16, picture.size.height as u16);
    let (left, top, more) = if transparent.is_some() { (2, 1, (5, 3)) } else { (0, 0, (0, 0)) };
    let mut out = Vec::new();
    let mut encoder =
        ::gif::Encoder::new(&mut out, width + more.0, height + more.1, &palette).expect("writes");
    for data in [indices.clone(), vec![0; indices.len()]] {
        let frame = ::gif::Frame {
            left,
            top,
            width,
            height,
            transparent,
            buffer: data.into(),
            ..::gif::Frame::default()
        };
        encoder.write_frame(&frame).expect("writes");
    }
    drop(encoder);
    out
}

/// An EXIF block, a TIFF structure, with one orientation.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    block.extend(orientation.to_be_bytes());
    block.extend([0; 6]);
    block
}

/// A PNG chunk with its checksum.
pub(crate) fn png_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = (data.len() as u32).to_be_bytes().to_vec();
    out.extend(name);
    out.extend(data);
    let mut crc = u32::MAX;
    for byte in &out[4..] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    out.extend((!crc).to_be_bytes());
    out
}

/// A PNG with one more chunk after its header.
pub(crate) fn png_with_chunk(png: &[u8], name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let after_header = 8 + 25;
    let mut out = png[..after_header].to_vec();
    out.extend(png_chunk(name, data));
    out.extend(&png[after_header..]);
    out
}

/// A PNG that announces `width × height` RGBA pixels and holds almost none.
pub(crate) fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut header = width.to_be_bytes().to_vec();
    header.extend(height.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    out.extend(png_chunk(b"IHDR", &header));
    out.extend(png_chunk(b"IDAT", &[0x78, 0x9c, 0x63, 0, 1]));
    out.extend(png_chunk(b"IEND", &[]));
    out
}

/// Peak signal-to-noise ratio over all samples, in dB; infinite where equal.
pub(crate) fn psnr(one: &Picture, other: &Picture) -> f64 {
    assert_eq!((one.size, one.model), (other.size, other.model));
    let squares: f64 = one
        .data
        .iter()
        .zip(&other.data)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * one.data.len() as f64 / squares).log10()
}
