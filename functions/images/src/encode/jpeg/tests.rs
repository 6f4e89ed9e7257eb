//! What is refused; what is written is read back by two decoders, near to what it was.

use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::decode::decode;
use crate::header;
use crate::samples::{picture, psnr};

/// As the decoder here sees it, and as the crate `jpeg-decoder` does.
fn readings(bytes: &[u8]) -> [Picture; 2] {
    let ours = decode(bytes, &header::read(bytes).expect("a header"), 1).expect("decodes");
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let data = decoder.decode().expect("decodes");
    let info = decoder.info().expect("a header");
    let size = Size { width: info.width.into(), height: info.height.into() };
    let theirs = Picture { size, data, icc: decoder.icc_profile(), ..ours };
    [ours, theirs]
}

/// Noise that no step leaves out.
fn noise(width: u32, height: u32, model: Model, seed: u32) -> Picture {
    let mut state = seed;
    let mut blank = picture(width, height, model);
    for sample in &mut blank.data {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = (state >> 24) as u8;
    }
    blank
}

#[test]
fn alpha_and_sides_that_have_no_number_are_refused() {
    for (width, height, model) in [
        (4, 4, Model::Rgba),
        (4, 4, Model::GrayAlpha),
        (65_536, 1, Model::Gray),
        (1, 65_536, Model::Rgb),
    ] {
        for is_baseline in [true, false] {
            let refused = encode(&picture(width, height, model), 80, is_baseline);
            assert!(matches!(refused, Err(Problem::Encoding(_))), "{width}x{height} {model:?}");
        }
    }
    let longest = encode(&picture(65_535, 1, Model::Gray), 80, false).expect("encodes");
    assert_eq!(readings(&longest)[0].size.width, 65_535);
}

#[test]
fn a_profile_that_is_too_long_is_refused_and_a_long_one_kept() {
    let mut icc = vec![7; 3 * 65_519 + 1];
    icc[16..20].copy_from_slice(b"RGB ");
    let with = picture(9, 9, Model::Rgb).with_icc(Some(icc.clone()));
    for reading in readings(&encode(&with, 80, false).expect("encodes")) {
        assert_eq!(reading.icc.as_ref(), Some(&icc));
    }
    let too_long = Picture { icc: Some(vec![0; 256 * 65_519]), ..picture(9, 9, Model::Rgb) };
    assert!(matches!(encode(&too_long, 80, false), Err(Problem::Encoding(_))));
}

#[test]
fn every_size_in_every_kind_is_read_back() {
    // Both samplings of colors, and gray.
    let kinds = [(Model::Rgb, 92), (Model::Rgb, FULL_CHROMA_QUALITY), (Model::Gray, 92)];
    for (model, quality) in kinds {
        for (width, height) in
            (1..=40).flat_map(|width| (1..=40).map(move |height| (width, height)))
        {
            // All of them in both kinds of files would take long; every other one does.
            let is_baseline = (width + height) % 2 == 0;
            let level = |at: u32| (120 + (at % 97)) as u8;
            let data = (0..width * height).flat_map(|at| {
                let (x, y) = (at % width, at / width);
                let pixel = [level(x + y), level(x / 2 + 3), level(y / 2 + 9)];
                pixel.into_iter().take(model.channels())
            });
            let smooth = Picture { data: data.collect(), ..picture(width, height, model) };
            let bytes = encode(&smooth, quality, is_baseline).expect("encodes");
            for reading in readings(&bytes) {
                let psnr = psnr(&reading, &smooth);
                assert!(psnr > 32.0, "{model:?} {width}x{height} {is_baseline}: {psnr}");
            }
        }
    }
}

#[test]
fn at_the_highest_quality_hardly_anything_is_lost() {
    for model in [Model::Rgb, Model::Gray] {
        let noise = noise(61, 43, model, 5);
        let contrast = Picture {
            data: noise.data.iter().map(|sample| if *sample > 127 { 255 } else { 0 }).collect(),
            ..noise.clone()
        };
        for sample in [noise, contrast] {
            for is_baseline in [true, false] {
                for reading in readings(&encode(&sample, 100, is_baseline).expect("encodes")) {
                    let psnr = psnr(&reading, &sample);
                    assert!(psnr > 40.0, "{model:?} {is_baseline}: {psnr}");
                }
            }
        }
    }
}

#[test]
fn files_of_both_kinds_have_the_same_pixels() {
    let sample = picture(150, 110, Model::Rgb);
    let [baseline, progressive] =
        [true, false].map(|kind| encode(&sample, 80, kind).expect("encodes"));
    let frame = |bytes: &[u8], marker| bytes.windows(2).any(|pair| pair == [0xff, marker]);
    assert!(frame(&baseline, 0xc0) && frame(&progressive, 0xc2));
    assert_eq!(readings(&baseline)[1], readings(&progressive)[1]);
}

#[test]
fn lower_quality_is_fewer_bytes() {
    let sample = picture(200, 150, Model::Rgb);
    let sizes: Vec<usize> = [1, 20, 40, 60, 80, 94, 100]
        .map(|quality| encode(&sample, quality, false).expect("encodes").len())
        .to_vec();
    assert!(sizes.is_sorted(), "{sizes:?}");
}

#[test]
fn what_is_too_much_to_keep_is_written_as_it_comes() {
    // Full of noise: several times as many symbols as are kept.
    let mut large = noise(1600, 1000, Model::Rgb, 9);
    // What comes late is unlike what was counted.
    large.data[..1_000_000].fill(99);
    for is_baseline in [true, false] {
        for reading in readings(&encode(&large, 100, is_baseline).expect("encodes")) {
            let psnr = psnr(&reading, &large);
            assert!(psnr > 40.0, "{is_baseline}: {psnr}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_there_is_can_be_read_by_both(
        (width, height) in (1u32..70, 1u32..70),
        quality in 0u8..=255,
        seed in any::<u32>(),
        (mask, is_gray, is_baseline) in any::<(u8, bool, bool)>(),
        flat in prop::option::of(0usize..2000),
    ) {
        let model = if is_gray { Model::Gray } else { Model::Rgb };
        let mut sample = noise(width, height, model, seed);
        sample.data.iter_mut().for_each(|sample| *sample &= mask);
        let from = flat.map_or(0, |flat| flat.min(sample.data.len()));
        sample.data[..from].fill(seed as u8);
        let bytes = encode(&sample, quality, is_baseline).expect("encodes");
        let [ours, theirs] = readings(&bytes);
        prop_assert_eq!((ours.size, ours.model), (sample.size, model));
        // Colors are made whole in different ways by the two; brightness is not.
        if is_gray {
            let furthest = ours.data.iter().zip(&theirs.data).map(|(a, b)| a.abs_diff(*b)).max();
            prop_assert!(furthest <= Some(2), "{:?}", furthest);
        }
    }
}
