//! Reads the size of a JPEG from its frame header: the demo must not trust the
//! program that it shows.

/// Width and height in pixels of a JPEG that has a frame header, a scan, and
/// an end-of-image marker (ITU-T T.81, annex B.2); `None` for anything else.
pub(crate) fn size(bytes: &[u8]) -> Option<(u16, u16)> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    if !bytes.ends_with(&[0xff, 0xd9]) {
        return None;
    }
    let mut size = None;
    loop {
        let (marker, after) = marker(rest)?;
        // Lengths count their own two bytes.
        let length = usize::from(u16::from_be_bytes(after.first_chunk().copied()?));
        let segment = after.get(2..length)?;
        rest = &after[length..];
        match marker {
            // SOF0 to SOF15 without DHT, JPG and DAC, which share the range.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let height = u16::from_be_bytes([*segment.get(1)?, *segment.get(2)?]);
                let width = u16::from_be_bytes([*segment.get(3)?, *segment.get(4)?]);
                size = (width > 0 && height > 0).then_some((width, height));
            }
            // The first scan: entropy-coded data follow.
            0xda => return size.filter(|_| rest.len() > 2),
            _ => {}
        }
    }
}

/// The next marker, after any number of fill bytes.
fn marker(mut rest: &[u8]) -> Option<(u8, &[u8])> {
    rest = rest.strip_prefix(&[0xff])?;
    while let Some(after) = rest.strip_prefix(&[0xff]) {
        rest = after;
    }
    let (&marker, rest) = rest.split_first()?;
    (marker != 0).then_some((marker, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(segments: &[&[u8]], end: &[u8]) -> Vec<u8> {
        [&[0xff, 0xd8][..], &segments.concat(), end].concat()
    }

    const APP0: &[u8] = &[0xff, 0xe0, 0, 4, 1, 2];
    const HUFFMAN: &[u8] = &[0xff, 0xc4, 0, 3, 9];
    const FRAME: &[u8] = &[0xff, 0xc2, 0, 8, 8, 0, 213, 1, 64, 3];
    const SCAN: &[u8] = &[0xff, 0xda, 0, 3, 0, 17, 18, 19];
    const END: &[u8] = &[0xff, 0xd9];

    #[test]
    fn refuses_what_is_no_whole_picture() {
        let empty_frame: &[u8] = &[0xff, 0xc0, 0, 8, 8, 0, 0, 1, 64, 3];
        for (name, bytes) in [
            ("nothing", vec![]),
            ("text", b"not a picture".to_vec()),
            ("png", b"\x89PNG\r\n\x1a\n".to_vec()),
            ("only the ends", picture(&[], END)),
            ("no frame", picture(&[APP0, SCAN], END)),
            ("no scan", picture(&[APP0, FRAME], END)),
            ("a height of zero", picture(&[empty_frame, SCAN], END)),
            ("a cut end", picture(&[APP0, FRAME, SCAN], &[])),
            ("a frame after its scan", picture(&[SCAN, FRAME], END)),
            ("a segment longer than the file", picture(&[&[0xff, 0xe0, 0xff, 0xff]], END)),
            ("a length below two", picture(&[&[0xff, 0xe0, 0, 1], FRAME, SCAN], END)),
        ] {
            assert_eq!(size(&bytes), None, "{name}");
        }
    }

    #[test]
    fn reads_width_before_height_from_any_frame() {
        let fill: &[u8] = &[0xff, 0xff];
        for segments in [vec![FRAME, SCAN], vec![APP0, HUFFMAN, fill, FRAME, SCAN]] {
            assert_eq!(size(&picture(&segments, END)), Some((320, 213)));
        }
    }
}
