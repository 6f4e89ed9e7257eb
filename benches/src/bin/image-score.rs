//! `image-score REFERENCE.png PICTURE.jpg…`: how much each picture looks like the reference,
//! by SSIMULACRA2, one number in a line: 100 is the same, 90 cannot be told apart side by
//! side, 70 is high, 50 medium.

use anyhow::{Context, Result, bail};
use fast_ssim2::{PixelDescriptor, PixelSlice, Ssimulacra2Reference};
use std::fs::File;
use std::io::BufReader;

/// Pixels of 8-bit red, green and blue.
struct Picture {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl Picture {
    fn slice(&self) -> Result<PixelSlice<'_>> {
        let row = self.width as usize * 3;
        PixelSlice::new(&self.data, self.width, self.height, row, PixelDescriptor::RGB8_SRGB)
            .map_err(|error| anyhow::anyhow!("{error}"))
    }
}

fn main() -> Result<()> {
    let mut files = std::env::args().skip(1);
    let Some(reference) = files.next() else {
        bail!("usage: image-score REFERENCE.png PICTURE.jpg…");
    };
    let original = png(&reference).with_context(|| format!("reading {reference}"))?;
    let reference = Ssimulacra2Reference::new(&original.slice()?)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    for file in files {
        let picture = jpeg(&file).with_context(|| format!("reading {file}"))?;
        if (picture.width, picture.height) != (original.width, original.height) {
            bail!("{file} has another size than the reference");
        }
        let score = reference.compare(&picture.slice()?);
        println!("{:.3}", score.map_err(|error| anyhow::anyhow!("{error}"))?);
    }
    Ok(())
}

fn png(file: &str) -> Result<Picture> {
    let mut decoder = png::Decoder::new(BufReader::new(File::open(file)?));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info()?;
    let mut data = vec![0; reader.output_buffer_size().context("too large")?];
    let frame = reader.next_frame(&mut data)?;
    data.truncate(frame.buffer_size());
    let rgb = |pixel: &[u8]| match *pixel {
        [gray] | [gray, _] => [gray; 3],
        [red, green, blue, ..] => [red, green, blue],
        [] => [0; 3],
    };
    let data = data.chunks_exact(frame.color_type.samples()).flat_map(rgb).collect();
    Ok(Picture { width: frame.width, height: frame.height, data })
}

fn jpeg(file: &str) -> Result<Picture> {
    let decoder = mozjpeg::Decompress::new_path(file)?;
    let mut decoder = decoder.rgb()?;
    let (width, height) = (decoder.width() as u32, decoder.height() as u32);
    let data = decoder.read_scanlines::<u8>()?;
    decoder.finish()?;
    Ok(Picture { width, height, data })
}
