//! `image-score REFERENCE.png PICTURE.jpg…`: how much each picture looks like the reference,
//! by SSIMULACRA2, one number in a line: 100 is the same, 90 cannot be told apart side by
//! side, 70 is high, 50 medium.

use anyhow::{Context, Result, bail};
use fast_ssim2::Ssimulacra2Reference;
use sedge_benches::picture::Picture;

fn main() -> Result<()> {
    let mut files = std::env::args().skip(1);
    let Some(reference) = files.next() else {
        bail!("usage: image-score REFERENCE.png PICTURE.jpg…");
    };
    let original = Picture::png(&reference).with_context(|| format!("reading {reference}"))?;
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

fn jpeg(file: &str) -> Result<Picture> {
    let decoder = mozjpeg::Decompress::new_path(file)?;
    let mut decoder = decoder.rgb()?;
    let (width, height) = (decoder.width() as u32, decoder.height() as u32);
    let data = decoder.read_scanlines::<u8>()?;
    decoder.finish()?;
    Ok(Picture { width, height, data })
}
