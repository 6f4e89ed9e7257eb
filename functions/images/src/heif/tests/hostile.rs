//! Files that want much of who reads them, from the header to the pixels.

use sedge_kit::image::geometry::Size;
use sedge_kit::image::grammar::ImageRequest;

use super::made::{Item, Made, boxed, coded};
use crate::decode::decode;
use crate::header;
use crate::limits::Limits;
use crate::picture::Picture;
use crate::problem::Problem;
use crate::service::prepare;

fn decoded(file: &[u8]) -> Result<Picture, Problem> {
    decode(file, &header::read(file)?, 1)
}

/// What the function does before it decodes.
fn prepared(file: &[u8]) -> Result<(), Problem> {
    let request = ImageRequest::parse("/img/10x10/cover", "format=png").expect("a request");
    prepare(&request, "", file, &Limits::default()).map(|_| ())
}

#[test]
fn a_bomb_is_refused_by_its_headers() {
    let file = Made::announced(65_536, 65_536, &[0; 20]).file();
    assert!(file.len() < 1_000);
    let size = header::read(&file).expect("a header").size;
    assert_eq!(size, Size { width: 65_536, height: 65_536 });
    let problem = prepared(&file).expect_err("so many pixels");
    assert!(matches!(problem, Problem::SourcePixels { .. }), "{problem}");
    // Few enough pixels, but too much memory: planes, and pixels in three channels.
    let problem = prepared(&Made::announced(7_000, 7_000, &[0; 20]).file());
    assert!(matches!(problem, Err(Problem::Memory { .. })), "{problem:?}");
    // 16 × 16 tiles, each of which is small.
    let mut tiles = Made::announced(4_096, 4_096, &[0; 20]);
    let tile = tiles.items[0].clone();
    let body = [&[0, 1, 15, 15][..], &65_536u32.to_be_bytes(), &65_536u32.to_be_bytes()].concat();
    tiles.items[0] = Item { kind: *b"grid", data: body, properties: Vec::new() };
    tiles.items.resize(257, tile);
    tiles.references.push((*b"dimg", 1, (2..=257).collect()));
    let problem = prepared(&tiles.file());
    assert!(matches!(problem, Err(Problem::SourcePixels { .. })), "{problem:?}");
}

#[test]
fn frames_of_nonsense_are_damaged() {
    for (width, height) in [(1, 1), (64, 48), (4_000, 3), (3, 4_000), (1_000, 1_000)] {
        for byte in [0, 0x55, 0xff] {
            let file = Made::announced(width, height, &[byte; 100]).file();
            match decoded(&file) {
                // There are frames of which hardly a bit matters.
                Ok(picture) => assert_eq!(picture.size, Size { width, height }),
                Err(problem) => assert!(matches!(problem, Problem::Damaged(_)), "{problem}"),
            }
        }
        let file = Made::announced(width, height, &[]).file();
        assert!(matches!(decoded(&file), Err(Problem::Damaged(_))), "{width} × {height}");
    }
}

#[test]
fn a_frame_that_ends_early_is_damaged_or_shown_wherever_it_ends() {
    let (data, _) = coded();
    let at = data.iter().position(|byte| *byte == 0x32).expect("a frame");
    let (head, frame) = data.split_at(at);
    // The length takes two bytes: this is what follows them.
    let frame = &frame[3..];
    for end in 0..frame.len() {
        let mut made = Made::still();
        let length = [0x32, end as u8 | 0x80, (end >> 7) as u8];
        made.items[0].data = [head, &length, &frame[..end]].concat();
        let result = decoded(&made.file());
        assert!(matches!(result, Ok(_) | Err(Problem::Damaged(_))), "{end}: {result:?}");
    }
}

/// Boxes and data agree about a size that is not that of what was encoded.
#[test]
fn a_size_that_all_headers_lie_about_is_damaged_or_what_they_say() {
    let (data, _) = coded();
    let frame = data.iter().position(|byte| *byte == 0x32).expect("a frame");
    for (width, height) in [(1, 1), (63, 48), (65, 49), (640, 480), (2_000, 1_000)] {
        let mut made = Made::announced(width, height, &[]);
        made.items[0].data.truncate(10);
        made.items[0].data.extend(&data[frame..]);
        match decoded(&made.file()) {
            Ok(picture) => {
                assert_eq!(picture.size, Size { width, height });
                assert_eq!(picture.data.len(), (width * height * 3) as usize);
            }
            Err(problem) => assert!(matches!(problem, Problem::Damaged(_)), "{problem}"),
        }
    }
}

#[test]
fn metadata_of_megabytes_are_passed_over() {
    let still = Made::still();
    let plain = decoded(&still.file()).expect("still");
    // Exif and XMP are items like others, and not asked for.
    let mut noted = still.clone();
    let note = |kind: &[u8; 4]| Item { kind: *kind, data: vec![7; 2 << 20], properties: vec![] };
    noted.items.extend([note(b"Exif"), note(b"mime")]);
    noted.references.extend([(*b"cdsc", 2, vec![1]), (*b"cdsc", 3, vec![1])]);
    noted.more = boxed(b"uuid", &[&[9; 1 << 20]]);
    let mut file = noted.file();
    file.extend(boxed(b"free", &[&[0; 1 << 20]]));
    assert_eq!(decoded(&file).expect("with metadata"), plain);
    // A profile that is too large is as none, one of its announced size or not.
    let mut profiled = still;
    profiled.properties.push(boxed(b"colr", &[b"prof", &[0; 5 << 20]]));
    profiled.items[0].properties.push(3);
    let picture = decoded(&profiled.file()).expect("with a profile");
    assert_eq!((picture.icc, picture.data), (None, plain.data));
}
