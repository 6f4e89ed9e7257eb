//! Pictures to test with: three photographs, and what no photograph has.

use super::super::picture::Picture;
use std::fs;
use std::path::Path;

/// A photograph of the examples.
pub(super) fn photograph(name: &str) -> Picture {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/images");
    let bytes = fs::read(folder.join(name)).expect("an example's photograph");
    if name.ends_with(".jpg") { from_jpeg(&bytes) } else { from_png(&bytes) }
}

/// All of them.
pub(super) fn photographs() -> Vec<(&'static str, Picture)> {
    ["rocket.jpg", "coffee.png", "chelsea.png"].map(|name| (name, photograph(name))).into()
}

fn from_jpeg(bytes: &[u8]) -> Picture {
    let mut decoder = mozjpeg::Decompress::new_mem(bytes).expect("jpeg").rgb().expect("rgb");
    let (width, height) = (decoder.width() as u32, decoder.height() as u32);
    let data = decoder.read_scanlines::<u8>().expect("pixels");
    Picture { width, height, channels: 3, data }
}

fn from_png(bytes: &[u8]) -> Picture {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().expect("png");
    let mut data = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut data).expect("pixels");
    let channels = info.color_type.samples();
    Picture { width: info.width, height: info.height, channels, data }
}

/// Waves of all lengths, with colors: between a photograph and a test card.
pub(super) fn waves(width: u32, height: u32) -> Picture {
    let wave = |value: f32| (value.sin() * 80.0 + 128.0) as u8;
    let pixel = |at: u32| {
        let (x, y) = ((at % width) as f32, (at / width) as f32);
        [wave(x * x / 900.0 + y / 17.0), wave(y * y / 1100.0), wave((x + y) / 9.0)]
    };
    let data = (0..width * height).flat_map(pixel).collect();
    Picture { width, height, channels: 3, data }
}

/// Text-like strokes on white: hard edges, few colors.
pub(super) fn strokes(width: u32, height: u32) -> Picture {
    let pixel = |at: u32| {
        let (x, y) = (at % width, at / width);
        let is_ink = y % 24 < 16 && (x * 7 + y / 24 * 13) % 11 < 3 && (x / 5 + y / 3) % 4 != 0;
        if is_ink { [20, 20, 60] } else { [255, 255, 250] }
    };
    let data = (0..width * height).flat_map(pixel).collect();
    Picture { width, height, channels: 3, data }
}

/// The photograph several times, side by side and below, each a bit darker.
pub(super) fn tiled(picture: &Picture, across: u32, down: u32) -> Picture {
    let row_bytes = picture.width as usize * picture.channels;
    let mut data = Vec::new();
    for tile in 0..down {
        for row in picture.data.chunks_exact(row_bytes) {
            for column in 0..across {
                let darker = ((tile * across + column) * 5) as u8;
                data.extend(row.iter().map(|value| value.saturating_sub(darker)));
            }
        }
    }
    Picture { width: picture.width * across, height: picture.height * down, data, ..*picture }
}
