//! `page-score AFTER.png BEFORE.png AGAIN.png [[-]LEFT,TOP,RIGHT,BOTTOM…]`: whether a page looks
//! as it did in either of two visits before.
//!
//! The boxes, in pixels, are of pictures that were encoded anew. The first line is how many
//! pixels outside of them are in neither, and by how much of 255 at most; then comes a line
//! for each box: how much it looks like what it was in the first, by SSIMULACRA2, or `-` for
//! what is too small to be judged, or is a part that `-` before it says is not to be. Of
//! pictures of two sizes all pixels differ.

use anyhow::{Context, Result, bail};
use fast_ssim2::Ssimulacra2Reference;
use sedge_benches::picture::{Area, Picture, differing};

/// The least side that SSIMULACRA2 is defined for.
const SIDE_MIN: u32 = 8;

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (Some(after), Some(before), Some(again)) = (words.next(), words.next(), words.next())
    else {
        bail!("usage: page-score AFTER.png BEFORE.png AGAIN.png [[-]LEFT,TOP,RIGHT,BOTTOM…]");
    };
    let read = |file: &str| Picture::png(file).with_context(|| format!("reading {file}"));
    let (after, before, again) = (read(&after)?, read(&before)?, read(&again)?);
    let areas = words.map(|word| match word.strip_prefix('-') {
        Some(part) => Ok((area(part)?, false)),
        None => Ok((area(&word)?, true)),
    });
    let areas = areas.collect::<Result<Vec<(Area, bool)>>>()?;
    let outside: Vec<Area> = areas.iter().map(|(area, _)| *area).collect();
    let (pixels, by) = differing(&after, &[&before, &again], &outside);
    println!("{pixels} {by}");
    let is_same_size = (before.width, before.height) == (after.width, after.height);
    for (area, is_judged) in areas {
        let (one, other) = (before.part(area), after.part(area));
        if !is_judged || !is_same_size || one.width < SIDE_MIN || one.height < SIDE_MIN {
            println!("-");
            continue;
        }
        let score = Ssimulacra2Reference::new(&one.slice()?)
            .map_err(|error| anyhow::anyhow!("{error}"))?
            .compare(&other.slice()?)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        println!("{score:.3}");
    }
    Ok(())
}

fn area(word: &str) -> Result<Area> {
    let mut sides = word.split(',').map(str::parse::<u32>);
    let mut side =
        || sides.next().and_then(Result::ok).with_context(|| format!("reading `{word}`"));
    let area = Area { left: side()?, top: side()?, right: side()?, bottom: side()? };
    if area.left > area.right || area.top > area.bottom {
        bail!("`{word}` ends before it begins");
    }
    Ok(area)
}
