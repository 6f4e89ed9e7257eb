//! Chroma of a few samples, by hand.

use sedge_kit::image::geometry::Size;

use super::*;

fn sequence(layout: Layout, siting: Siting) -> Sequence {
    let size = Size { width: 5, height: 5 };
    let colors = Colors { primaries: 2, transfer: 2, matrix: 6, is_full: true };
    Sequence { size, depth: 8, layout, siting, colors, has_grain: false }
}

fn spread_of(chroma: &[i32], layout: Layout, siting: Siting) -> Vec<i32> {
    let mut out = vec![0; 5];
    spread(chroma, &sequence(layout, siting), &mut out);
    out
}

#[test]
fn chroma_lies_where_its_siting_says() {
    let chroma = [0, 40, 80];
    let quartered = |siting| spread_of(&chroma, Layout::Quartered, siting);
    assert_eq!(quartered(Siting::Middle), [0, 40, 120, 200, 280]);
    assert_eq!(quartered(Siting::Left), [0, 80, 160, 240, 320]);
    assert_eq!(quartered(Siting::Corner), [0, 80, 160, 240, 320]);
    assert_eq!(spread_of(&chroma, Layout::Halved, Siting::Middle), [0, 40, 120, 200, 280]);
    assert_eq!(spread_of(&[1, 2, 3, 4, 5], Layout::Full, Siting::Middle), [4, 8, 12, 16, 20]);
    // The last of an odd number, and the only one, have but themselves.
    assert_eq!(spread_of(&[7, 7, 7], Layout::Quartered, Siting::Left), [28; 5]);
    assert_eq!(spread_of(&[7], Layout::Quartered, Siting::Middle), [28; 5]);
}

#[test]
fn rows_of_chroma_are_blended_by_their_distance() {
    let samples = [0u8, 40, 80];
    let plane = Plane::new(&samples, 1, Size { width: 1, height: 3 }).expect("three rows");
    let rows = |layout, siting| -> Vec<i32> {
        let row = |y| {
            let mut out = [0];
            blend_rows(&plane, &sequence(layout, siting), y, &mut out);
            out[0]
        };
        (0..5).map(row).collect()
    };
    assert_eq!(rows(Layout::Quartered, Siting::Middle), [0, 40, 120, 200, 280]);
    assert_eq!(rows(Layout::Quartered, Siting::Left), [0, 40, 120, 200, 280]);
    assert_eq!(rows(Layout::Quartered, Siting::Corner), [0, 80, 160, 240, 320]);
    // A row past the last is the last.
    assert_eq!(rows(Layout::Halved, Siting::Middle), [0, 160, 320, 320, 320]);
}

#[test]
fn gray_samples_are_stretched_to_8_bits() {
    let levels = |samples: &[u16], depth, is_full| {
        let size = Size { width: samples.len() as u32, height: 1 };
        let plane = Plane::new(samples, samples.len(), size).expect("one row");
        let none = Plane::new(&[], 0, Size { width: 0, height: 0 }).expect("nothing");
        let mut data = vec![9; samples.len() * 2];
        put_alpha(&Planes::Deep([plane, none, none]), depth, is_full, &mut data, 2);
        assert!(data.chunks(2).all(|pixel| pixel[0] == 9));
        data.chunks(2).map(|pixel| pixel[1]).collect::<Vec<_>>()
    };
    assert_eq!(levels(&[0, 512, 1023], 10, true), [0, 128, 255]);
    assert_eq!(levels(&[0, 2048, 4095], 12, true), [0, 128, 255]);
    assert_eq!(levels(&[0, 64, 503, 940, 1023], 10, false), [0, 0, 128, 255, 255]);
}
