//! Against `jpeg-decoder`, which knows every kind; and what is damaged.

use proptest::prelude::{prop, prop_assert_eq, proptest};

use super::*;
use crate::header;
use crate::samples::{jpeg_sampled, picture, psnr};

const SAMPLINGS: [jpeg_encoder::SamplingFactor; 4] = [
    jpeg_encoder::SamplingFactor::R_4_4_4,
    jpeg_encoder::SamplingFactor::R_4_2_2,
    jpeg_encoder::SamplingFactor::R_4_4_0,
    jpeg_encoder::SamplingFactor::R_4_2_0,
];

#[test]
fn both_decoders_see_the_same() {
    for sampling in SAMPLINGS {
        for (width, height) in [(1, 1), (7, 9), (16, 16), (17, 33), (100, 75), (130, 3)] {
            for restart in [None, Some(1), Some(3)] {
                let sample = picture(width, height, Model::Rgb);
                let source = jpeg_sampled(&sample, sampling, restart);
                let header = header::read(&source).expect("a jpeg");
                let file = segments::read(&source).expect("a jpeg").expect("sequential");
                for reduction in [1, 2, 4, 8] {
                    let ours = sequential(&file, &header, reduction).expect("decodes");
                    assert_eq!(ours.size, header.reduced(reduction));
                    // The other one does not reduce pictures of a few pixels by as much as
                    // asked, and they are mostly edge.
                    if reduction > 1 && width.min(height) / reduction < 8 {
                        continue;
                    }
                    let theirs = of_any_kind(&source, &header, reduction).expect("decodes");
                    let psnr = psnr(&ours, &theirs);
                    // Where it is reduced, ours has more of the colors.
                    let least = if reduction == 1 { 40.0 } else { 20.0 };
                    assert!(psnr > least, "{sampling:?} {width}x{height} {reduction}: {psnr}");
                }
            }
        }
    }
}

#[test]
fn what_is_cut_off_or_lacks_a_marker_is_damaged() {
    let sample = picture(64, 64, Model::Rgb);
    let source = jpeg_sampled(&sample, jpeg_encoder::SamplingFactor::R_4_2_0, Some(2));
    let header = header::read(&source).expect("a jpeg");
    let scan = source.windows(2).position(|marker| marker == [0xff, 0xda]).expect("a scan");
    for kept in scan + 14..source.len() - 8 {
        let problem = decode(&source[..kept], &header, 1).map(|_| ()).expect_err("is cut off");
        assert!(matches!(problem, Problem::Damaged(_)), "{kept}: {problem}");
    }
    let restart = source.windows(2).position(|marker| marker == [0xff, 0xd1]).expect("a restart");
    let mut other = source.clone();
    other[restart + 1] = 0xd2;
    assert!(matches!(decode(&other, &header, 1), Err(Problem::Damaged(_))));
}

proptest! {
    #[test]
    fn damage_is_an_error_or_another_picture(
        at in 0usize..4000,
        value: u8,
        reduction in prop::sample::select(vec![1u32, 2, 4, 8]),
    ) {
        let sample = picture(61, 47, Model::Rgb);
        let mut source = jpeg_sampled(&sample, jpeg_encoder::SamplingFactor::R_4_2_0, Some(3));
        let at = at % source.len();
        source[at] = value;
        if let Ok(header) = header::read(&source)
            && header.size.pixels() < 1_000_000
            && let Ok(picture) = decode(&source, &header, reduction)
        {
            prop_assert_eq!(picture.size, header.reduced(reduction));
        }
    }
}
