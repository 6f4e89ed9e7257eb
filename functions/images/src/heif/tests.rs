//! Files that lie first, then what is read from good ones.

mod hostile;
mod made;

use proptest::prelude::*;

use super::*;
use made::{Item, Made, alpha, boxed, coded, coding, grid, size};

fn check(made: &Made, expected: &str) {
    check_file(&made.file(), expected);
}

fn check_file(file: &[u8], expected: &str) {
    let problem = read(file).map(|_| ()).expect_err(expected).to_string();
    assert!(problem.contains(expected), "{problem}, not {expected}");
}

/// A change to a good file, and what is wrong with it then.
fn changed(start: &Made, change: impl Fn(&mut Made), expected: &str) {
    let mut made = start.clone();
    change(&mut made);
    check(&made, expected);
}

#[test]
fn other_brands_and_codings_are_refused() {
    let still = Made::still();
    changed(&still, |made| made.brands = b"heic\0\0\0\0heix".to_vec(), "HEIF or a video");
    changed(&still, |made| made.brands = Vec::new(), "HEIF or a video");
    changed(&still, |made| made.items[0].kind = *b"hvc1", "not AV1");
    changed(&still, |made| made.items[0].kind = *b"iovl", "not AV1");
    check_file(&boxed(b"ftyp", &[b"avis\0\0\0\0avis"]), "without a still picture");
}

#[test]
fn boxes_that_lie_are_refused() {
    let file = Made::still().file();
    let at = file.windows(4).position(|name| name == b"meta").expect("meta") - 4;
    for size in [2u32, 7, 9, 12, u32::MAX] {
        let mut lying = file.clone();
        lying[at..at + 4].copy_from_slice(&size.to_be_bytes());
        assert!(read(&lying).is_err(), "{size}");
    }
    // 64 bits, far too many.
    let huge = [&file[..at], &[0, 0, 0, 1], b"meta", &[0xff; 8], &file[at + 8..]].concat();
    check_file(&huge, "cut off");
    // 64 bits and to the end are both fine.
    let length = (file.len() - at + 8) as u64;
    let long = [&file[..at], &[0, 0, 0, 1], b"meta", &length.to_be_bytes(), &file[at + 8..]];
    assert!(read(&long.concat()).is_ok());
    let mut open = file.clone();
    open[at..at + 4].fill(0);
    assert!(read(&open).is_ok());
    check_file(&[&file[..], &file[at..]].concat(), "meta is malformed");
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    for file in [Made::still().file(), Made::grid().file()] {
        for end in 0..file.len() {
            assert!(read(&file[..end]).is_err(), "{end} of {} bytes", file.len());
        }
    }
}

#[test]
fn tables_that_are_malformed_are_refused() {
    let still = Made::still();
    for name in [b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat"] {
        let twice = |made: &mut Made| made.more = boxed(name, &[&[0; 4]]);
        changed(&still, twice, "malformed");
    }
    let mut file = still.file();
    let at = file.windows(4).position(|name| name == b"pict").expect("a handler");
    file[at..at + 4].copy_from_slice(b"vide");
    check_file(&file, "hdlr is malformed");
    changed(&still, |made| made.items[0].properties.push(9), "ipma is malformed");
    changed(&still, |made| made.items.clear(), "malformed");
    changed(&still, |made| made.properties[0] = boxed(b"ispe", &[&[0; 7]]), "ispe is malformed");
    changed(&still, |made| made.properties[0] = size(0, 48), "ispe is malformed");
    changed(&still, |made| made.properties[1] = boxed(b"av1C", &[&[1, 0, 0]]), "av1C is malformed");
    changed(&still, |made| made.items[0].properties.push(1), "ispe is malformed");
}

#[test]
fn sizes_and_kinds_that_contradict_the_data_are_refused() {
    let still = Made::still();
    changed(&still, |made| made.properties[0] = size(65_536, 65_536), "contradict its boxes");
    changed(&still, |made| made.properties[0] = size(64, 47), "contradict its boxes");
    let other =
        |flags| move |made: &mut Made| made.properties[1] = boxed(b"av1C", &[&[0x81, 0, flags, 0]]);
    changed(&still, other(0x40), "contradict its boxes");
    changed(&still, other(0x1c), "contradict its boxes");
    changed(&still, |made| made.items[0].properties = vec![0x82], "contradict its boxes");
    changed(&still, |made| made.items[0].data.clear(), "no frame");
    changed(&still, |made| made.items[0].data.truncate(30), "cut off");
    changed(&still, |made| made.items[0].data.splice(0..0, [0x80]).for_each(drop), "cut off");
}

#[test]
fn what_is_essential_must_be_known() {
    let still = Made::still();
    let property = |essential: u8| {
        move |made: &mut Made| {
            made.properties.push(boxed(b"abcd", &[b"what is this"]));
            made.items[0].properties.push(3 | essential);
        }
    };
    changed(&still, property(0x80), "property that is not known");
    let mut made = still;
    property(0)(&mut made);
    assert!(read(&made.file()).is_ok());
}

#[test]
fn data_lie_within_the_file() {
    let made = Made::still();
    let extents = |extents: &[(u32, u32)], method: u8| {
        let mut out = vec![1, 0, 0, 0, 0x44, 0, 0, 1, 0, 1, 0, method, 0, 0];
        out.extend((extents.len() as u16).to_be_bytes());
        out.extend(
            extents
                .iter()
                .flat_map(|(from, length)| [from.to_be_bytes(), length.to_be_bytes()].concat()),
        );
        made.file_with(&out)
    };
    let length = made.items[0].data.len() as u32;
    check_file(&extents(&[(0, length + 1)], 1), "past its end");
    check_file(&extents(&[(u32::MAX, 1)], 0), "past its end");
    check_file(&extents(&[(u32::MAX, 0)], 0), "past its end");
    check_file(&extents(&[(1, u32::MAX)], 0), "past its end");
    check_file(&extents(&[], 1), "no frame");
    // Another file, and a method that refers to other items.
    check_file(&extents(&[(0, length)], 2), "iloc is malformed");
    // The same bytes again and again.
    check_file(&extents(&[(0, length); 100], 1), "longer than all of it");
    check_file(&extents(&[(0, length); 9_000], 1), "iloc is malformed");
    let whole = extents(&[(0, 0)], 1);
    let whole = read(&whole).expect("all of it").image;
    let parts = extents(&[(0, 40), (40, 1), (41, length - 41)], 1);
    let parts = read(&parts).expect("three parts").image;
    assert_eq!(
        (parts.tiles[0].data(), whole.tiles[0].data()),
        (coded().0.into(), coded().0.into())
    );
}

#[test]
fn offsets_that_overflow_are_refused() {
    // A base and an offset of 64 bits.
    let mut out = vec![1, 0, 0, 0, 0x88, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    out.extend([0xff; 8]);
    out.extend([0, 1]);
    out.extend([0xff; 16]);
    check_file(&Made::still().file_with(&out), "iloc is malformed");
    // So many items, of no bytes each.
    let many = [2, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    check_file(&Made::still().file_with(&many), "iloc is malformed");
}

#[test]
fn grids_must_fit_and_never_lead_in_circles() {
    let start = Made::grid();
    let file = start.file();
    let image = read(&file).expect("a grid").image;
    assert_eq!((image.columns, image.tiles.len(), image.tile.width), (2, 4, 64));
    changed(&start, |made| made.references[0].2 = vec![2, 3, 4], "dimg is malformed");
    changed(&start, |made| made.references.clear(), "dimg is malformed");
    changed(&start, |made| made.references[0].2 = vec![1, 1, 1, 1], "not AV1");
    changed(&start, |made| made.items[2] = made.items[0].clone(), "not AV1");
    changed(&start, |made| made.references[0].2[3] = 77, "not AV1");
    changed(&start, |made| made.items[0].data.truncate(7), "grid is malformed");
    changed(&start, |made| made.items[0].properties = vec![1], "ispe is malformed");
    for (width, height) in [(129, 90), (100, 97), (64, 90), (100, 48), (1, 1)] {
        let resized = |made: &mut Made| {
            made.items[0].data = grid(2, 2, width, height);
            made.items[0].properties.clear();
        };
        changed(&start, resized, "contradict each other");
    }
    // One tile, of which next to nothing is shown.
    let hidden = |made: &mut Made| {
        made.items[0].data = grid(1, 1, 64, 20);
        made.items[0].properties.clear();
        made.references[0].2 = vec![2];
    };
    changed(&start, hidden, "contradict each other");
    let turned = |made: &mut Made| {
        made.properties.push(boxed(b"irot", &[&[1]]));
        made.items[3].properties.push(0x84);
    };
    changed(&start, turned, "cut or turned");
    let many = |made: &mut Made| {
        made.items[0].data = grid(64, 64, 4096, 3072);
        made.items[0].properties.clear();
        made.references[0].2 = vec![2; 4096];
    };
    changed(&start, many, "too many tiles");
    let shared = |made: &mut Made| {
        made.items[0].data = grid(32, 32, 2048, 1536);
        made.items[0].properties.clear();
        made.references[0].2 = vec![2; 1024];
    };
    changed(&start, shared, "share their data");
}

#[test]
fn thousands_of_items_and_properties_are_refused() {
    let mut made = Made::still();
    made.properties.resize(5_000, boxed(b"free", &[]));
    check(&made, "too many properties");
    let mut made = Made::still();
    made.items.resize(5_000, Item { kind: *b"mime", data: Vec::new(), properties: Vec::new() });
    check(&made, "malformed");
    let mut made = Made::still();
    made.references = vec![(*b"cdsc", 1, vec![1; 100]); 100];
    check(&made, "cdsc is malformed");
}

#[test]
fn alpha_is_found_and_must_be_of_the_same_size() {
    let mut made = Made::still();
    made.items.push(Item { properties: vec![1, 0x82, 3], ..made.items[0].clone() });
    made.properties.push(alpha());
    made.references.push((*b"auxl", 2, vec![1]));
    let file = made.file();
    let avif = read(&file).expect("with alpha");
    assert!(avif.alpha.is_some() && !avif.is_premultiplied);
    let mut multiplied = made.clone();
    multiplied.references.push((*b"prem", 1, vec![2]));
    assert!(read(&multiplied.file()).expect("with alpha").is_premultiplied);
    changed(&made, |made| made.items[1].kind = *b"mime", "not AV1");
    // Some other picture that goes with it.
    let mut depth = made.clone();
    depth.properties[2] = boxed(b"auxC", &[&[0; 4], b"urn:mpeg:depth\0"]);
    assert!(read(&depth.file()).expect("with depth").alpha.is_none());
    let mut other = Made::grid();
    other.items.push(Item { properties: vec![1, 0x82, 4], ..other.items[1].clone() });
    other.properties.push(alpha());
    other.references.push((*b"auxl", 6, vec![1]));
    check(&other, "another size");
    // Each tile has its own.
    other.references.pop();
    other.references.extend((2..=5).map(|tile| (*b"auxl", 6, vec![tile])));
    let file = other.file();
    let avif = read(&file).expect("tiles with alpha");
    assert_eq!(avif.alpha.map(|alpha| alpha.tiles.len()), Some(4));
    other.references.pop();
    check(&other, "auxl is malformed");
}

#[test]
fn a_cut_is_of_whole_pixels_within_the_picture() {
    let cut = |numbers: [i32; 8]| {
        let mut made = Made::still();
        let body: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        made.properties.push(boxed(b"clap", &[&body]));
        made.items[0].properties.push(0x83);
        read(&made.file()).map(|avif| avif.cut)
    };
    for wrong in [
        [65, 1, 48, 1, 0, 1, 0, 1],
        [60, 1, 40, 1, 3, 1, 0, 1],
        [60, 1, 40, 1, -3, 1, 0, 1],
        [60, 1, 40, 1, 1, 2, 0, 1],
        [61, 1, 40, 1, 0, 1, 0, 1],
        [60, 0, 40, 1, 0, 1, 0, 1],
        [60, -1, 40, 1, 0, 1, 0, 1],
        [-60, 1, 40, 1, 0, 1, 0, 1],
        [0, 1, 40, 1, 0, 1, 0, 1],
        [121, 2, 40, 1, 0, 1, 0, 1],
        [i32::MAX, 1, i32::MIN, 1, i32::MIN, 1, i32::MAX, i32::MAX],
    ] {
        assert!(matches!(cut(wrong), Err(Problem::Damaged(_))), "{wrong:?}");
    }
    assert!(matches!(cut([10, 1, 10, 1, 0, 1, 0, 1]), Err(Problem::Unsupported(_))));
    let whole = cut([60, 1, 40, 1, -2, 1, 0, 1]).expect("a cut");
    assert_eq!((whole.left, whole.top), (0, 4));
    // Half a pixel off the middle, as an odd number of columns has it.
    let half = cut([61, 1, 39, 1, 1, 2, -1, 2]).expect("a cut");
    assert_eq!((half.left, half.top, half.size), (2, 4, Size { width: 61, height: 39 }));
}

#[test]
fn turns_and_mirrors_are_those_of_exif() {
    let turned = |properties: &[(&[u8; 4], u8)]| {
        let mut made = Made::still();
        for (name, value) in properties {
            made.properties.push(boxed(name, &[&[*value]]));
            made.items[0].properties.push(0x80 | made.properties.len() as u8);
        }
        read(&made.file()).expect("turned").orientation
    };
    let exif = |value| Orientation::from_exif(value).expect("1 to 8");
    // Against the clock, in quarters.
    for (angle, value) in [(0, 1), (1, 8), (2, 3), (3, 6)] {
        assert_eq!(turned(&[(b"irot", angle)]), exif(value), "{angle}");
    }
    assert_eq!(turned(&[(b"imir", 0)]), exif(4));
    assert_eq!(turned(&[(b"imir", 1)]), exif(2));
    assert_eq!(turned(&[(b"irot", 1), (b"imir", 0)]), exif(8).then(exif(4)));
    assert_ne!(turned(&[(b"imir", 0), (b"irot", 1)]), turned(&[(b"irot", 1), (b"imir", 0)]));
}

#[test]
fn colors_of_the_container_go_before_those_of_the_data() {
    let mut made = Made::still();
    assert_eq!(read(&made.file()).expect("still").colors, coded().1.colors);
    made.properties.push(boxed(b"colr", &[b"nclx", &[0, 9, 0, 16, 0, 9, 0x80]]));
    made.properties.push(boxed(b"colr", &[b"prof", b"a profile"]));
    made.items[0].properties.extend([3, 4]);
    let file = made.file();
    let avif = read(&file).expect("still");
    let expected = Colors { primaries: 9, transfer: 16, matrix: 9, is_full: true };
    assert_eq!((avif.colors, avif.icc), (expected, Some(&b"a profile"[..])));
    made.properties[2] = boxed(b"colr", &[b"nclx", &[0, 9, 0]]);
    check(&made, "colr is malformed");
    // The coding of each tile, and the colors of the first.
    let mut grid = Made::grid();
    grid.properties.push(boxed(b"colr", &[b"nclx", &[0, 12, 0, 13, 0, 6, 0]]));
    grid.items[1].properties.push(4);
    assert_eq!(read(&grid.file()).expect("a grid").colors.primaries, 12);
    assert!(coding().len() == 12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_change_and_no_cut_makes_it_panic(
        is_grid in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = if is_grid { Made::grid() } else { Made::still() }.file();
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let _ = crate::header::read(&file);
    }
}
