//! A sample of a large picture, small enough to be encoded several times.

use super::picture::Picture;

/// Pixels along a side of a tile: whole blocks of every format (JPEG has 16, WebP 16,
/// AVIF 64), so that each block of the sample is a block of the picture.
const TILE: u32 = 128;

/// Tiles along a side of the sample.
const TILES: u32 = 5;

/// Pictures of at most so many pixels are their own sample: encoding them whole costs
/// no more than a sample and, in the end, the picture besides.
const PIXELS_MAX: u64 = 1_000_000;

/// Tiles from all over the picture, side by side; `None` if the picture is small enough
/// itself. A seam between two of them is in what is encoded and in what it is compared
/// with alike.
pub(super) fn sample(picture: &Picture) -> Option<Picture> {
    if picture.pixels() <= PIXELS_MAX {
        return None;
    }
    let across = starts(picture.width);
    let down = starts(picture.height);
    let side = |starts: &[u32], whole: u32| starts.len() as u32 * TILE.min(whole);
    let (width, height) = (side(&across, picture.width), side(&down, picture.height));
    let mut data = Vec::with_capacity(width as usize * height as usize * picture.channels);
    let row_bytes = picture.width as usize * picture.channels;
    for top in down {
        for y in top..top + TILE.min(picture.height) {
            for left in &across {
                let from = y as usize * row_bytes + *left as usize * picture.channels;
                let bytes = TILE.min(picture.width) as usize * picture.channels;
                data.extend_from_slice(&picture.data[from..from + bytes]);
            }
        }
    }
    Some(Picture { width, height, channels: picture.channels, data })
}

/// Where tiles start along a side: evenly spread, at multiples of a block. A side that
/// is shorter than a tile has one, which is all of it.
fn starts(side: u32) -> Vec<u32> {
    const BLOCK: u32 = 64;
    let count = (side / TILE).clamp(1, TILES);
    let room = side.saturating_sub(TILE);
    let at = |index: u32| match count {
        1 => room / 2,
        // At most 65,535 × 4.
        _ => room * index / (count - 1),
    };
    (0..count).map(|index| at(index) / BLOCK * BLOCK).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> Picture {
        let pixel = |at: u32| [(at % width) as u8, (at / width) as u8, (at % 7) as u8];
        let data = (0..width * height).flat_map(pixel).collect();
        Picture { width, height, channels: 3, data }
    }

    #[test]
    fn a_small_picture_is_its_own_sample() {
        for (width, height) in [(1, 1), (1000, 1000), (10, 65_535)] {
            assert_eq!(sample(&picture(width, height)), None, "{width}x{height}");
        }
    }

    #[test]
    fn a_sample_is_whole_blocks_from_all_over() {
        for (width, height) in [(1001, 1000), (16, 65_535), (65_535, 16), (4000, 300), (129, 9000)]
        {
            let whole = picture(width, height);
            let tiles = sample(&whole).expect("is large");
            assert_eq!(tiles.data.len() as u64, tiles.pixels() * 3, "{width}x{height}");
            assert!(tiles.pixels() <= u64::from(TILE * TILES).pow(2), "{width}x{height}");
            assert!(starts(width).iter().chain(&starts(height)).all(|start| start % 64 == 0));
            let last = *starts(height).last().expect("one at least");
            assert!(last + 2 * TILE > height, "{width}x{height}: {last}");
            assert_eq!(tiles.data[..3], whole.data[..3][..], "{width}x{height}");
        }
    }
}
