//! Data that are cut or changed first, then what their header says.

use sedge_kit::image::geometry::Size;

use super::obu::Bits;
use super::sequence::{Layout, Siting};
use super::*;

/// The data of a sample.
fn data(file: &'static [u8]) -> Vec<u8> {
    let image = crate::heif::read(file).expect("a sample").image;
    image.tiles[0].data().into_owned()
}

fn bt709() -> Vec<u8> {
    data(include_bytes!("../../testdata/avif/bt709.avif"))
}

#[test]
fn data_without_an_end_or_a_frame_are_refused() {
    let whole = bt709();
    for end in 0..whole.len() {
        assert!(Coded::read(&whole[..end]).is_err(), "{end}");
    }
    for (units, expected) in [
        (&[0x12, 0x00][..], "hold no frame"),
        (&[0x32, 0x00], "hold no frame"),
        (&[0x0a, 0x01, 0x00], "malformed"),
        (&[0x12, 0x01], "cut off"),
        (&[0x92, 0x00], "cut off"),
        (&[0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "cut off"),
        (&[0x32, 0xff, 0xff, 0xff, 0xff, 0x7f], "cut off"),
        (&[0x36], "cut off"),
    ] {
        let problem = Coded::read(units).expect_err(expected).to_string();
        assert!(problem.contains(expected), "{problem}, not {expected}");
    }
}

#[test]
fn more_frames_than_a_picture_has_are_refused() {
    let whole = bt709();
    let frame = whole.iter().position(|byte| *byte == 0x32).expect("a frame");
    let (head, frame) = whole.split_at(frame);
    assert_eq!(Coded::read(&[head, &frame.repeat(8)].concat()).expect("8").frames, 8);
    let problem = Coded::read(&[head, &frame.repeat(9)].concat()).expect_err("9");
    assert!(matches!(problem, Problem::Unsupported(_)), "{problem}");
    // Two headers, equal or not.
    assert_eq!(Coded::read(&[head, head, frame].concat()).expect("equal").frames, 1);
    let other = data(include_bytes!("../../testdata/avif/y422d10full.avif"));
    let problem = Coded::read(&[head, &other].concat()).expect_err("two headers");
    assert!(problem.to_string().contains("differ"), "{problem}");
}

#[test]
fn headers_say_what_was_encoded() {
    let check = |file, depth, layout, matrix, is_full| {
        let coded = Coded::read(&data(file)).expect("a sample");
        let sequence = coded.sequence;
        assert_eq!((sequence.size, coded.frames), (Size { width: 64, height: 48 }, 1));
        assert_eq!((sequence.depth, sequence.layout), (depth, layout));
        assert_eq!((sequence.colors.matrix, sequence.colors.is_full), (matrix, is_full));
        sequence
    };
    check(include_bytes!("../../testdata/avif/bt709.avif"), 8, Layout::Full, 1, true);
    check(include_bytes!("../../testdata/avif/y420d8limited.avif"), 8, Layout::Quartered, 6, false);
    check(include_bytes!("../../testdata/avif/y422d10full.avif"), 10, Layout::Halved, 6, true);
    check(include_bytes!("../../testdata/avif/y444d12limited.avif"), 12, Layout::Full, 6, false);
    check(include_bytes!("../../testdata/avif/lossless.avif"), 8, Layout::Full, 0, true);
    let gray =
        check(include_bytes!("../../testdata/avif/y400d8full.avif"), 8, Layout::Gray, 6, true);
    assert_eq!((gray.siting, gray.has_grain), (Siting::Middle, false));
    let grainy = Coded::read(&data(include_bytes!("../../testdata/avif/grain.avif")));
    assert!(grainy.expect("a sample").sequence.has_grain);
}

#[test]
fn numbers_of_bits_end_where_the_bytes_end() {
    let mut bits = Bits::new(&[0b1010_0000, 0xff]);
    assert_eq!((bits.number(3), bits.flag(), bits.number(12)), (Some(5), Some(false), Some(0xff)));
    assert_eq!((bits.number(0), bits.number(1), bits.flag()), (Some(0), None, None));
    // Zeros to the end, and as many as have a number of no bits behind them.
    assert_eq!(Bits::new(&[0; 100]).skip_variable(), None);
    assert_eq!(Bits::new(&[0, 0, 0, 0, 0x80]).skip_variable(), Some(()));
}
