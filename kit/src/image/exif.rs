//! The one thing that is read from EXIF: the orientation. The rest is not
//! looked at and never copied to an answer.

use super::orientation::Orientation;

/// TIFF tag of the orientation (TIFF 6.0 §8).
const ORIENTATION: u16 = 0x0112;

/// TIFF field type of a 16-bit unsigned integer.
const SHORT: u16 = 3;

/// The orientation in an EXIF block (a TIFF structure, EXIF 2.32 §4.5.2).
///
/// `block` starts at the TIFF byte-order mark; the `Exif\0\0` prefix of a JPEG
/// APP1 segment is skipped when it is there. Only the first directory is read,
/// as the standard places the tag there. Anything malformed, absent or out of
/// range means upright: a wrong tag must not make a picture unusable.
pub fn orientation(block: &[u8]) -> Orientation {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    find(block).and_then(Orientation::from_exif).unwrap_or(Orientation::UPRIGHT)
}

fn find(block: &[u8]) -> Option<u16> {
    let tiff = Tiff { block, little_endian: byte_order(block)? };
    if tiff.u16(2)? != 42 {
        return None;
    }
    let directory = usize::try_from(tiff.u32(4)?).ok()?;
    let entries = usize::from(tiff.u16(directory)?);
    let first = directory.checked_add(2)?;
    for index in 0..entries {
        let entry = first.checked_add(index * 12)?;
        if tiff.u16(entry)? == ORIENTATION {
            let is_one_short =
                tiff.u16(entry.checked_add(2)?)? == SHORT && tiff.u32(entry.checked_add(4)?)? == 1;
            return if is_one_short { tiff.u16(entry.checked_add(8)?) } else { None };
        }
    }
    None
}

fn byte_order(block: &[u8]) -> Option<bool> {
    match block.get(..2)? {
        b"II" => Some(true),
        b"MM" => Some(false),
        _ => None,
    }
}

/// Bounds-checked reads in the byte order of the block.
struct Tiff<'a> {
    block: &'a [u8],
    little_endian: bool,
}

impl Tiff<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let bytes: [u8; 2] = self.block.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes: [u8; 4] = self.block.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn block(little_endian: bool, tag: u16, kind: u16, count: u32, value: u16) -> Vec<u8> {
        let short = |v: u16| if little_endian { v.to_le_bytes() } else { v.to_be_bytes() };
        let long = |v: u32| if little_endian { v.to_le_bytes() } else { v.to_be_bytes() };
        let mut out = Vec::from(if little_endian { *b"II" } else { *b"MM" });
        out.extend(short(42));
        out.extend(long(8));
        out.extend(short(1));
        out.extend(short(tag));
        out.extend(short(kind));
        out.extend(long(count));
        out.extend(short(value));
        out.extend([0, 0]);
        out.extend(long(0));
        out
    }

    #[test]
    fn malformed_blocks_mean_upright() {
        let good = block(true, ORIENTATION, SHORT, 1, 6);
        let mut no_magic = good.clone();
        no_magic[2] = 43;
        let mut far = good.clone();
        far[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        let cases: [&[u8]; 9] = [
            b"",
            b"I",
            b"XX\0\0",
            &good[..good.len() - 10],
            &no_magic,
            &far,
            &block(true, 0x0100, SHORT, 1, 6),
            &block(true, ORIENTATION, 4, 1, 6),
            &block(false, ORIENTATION, SHORT, 1, 9),
        ];
        for (index, case) in cases.into_iter().enumerate() {
            assert_eq!(orientation(case), Orientation::UPRIGHT, "case {index}");
        }
    }

    #[test]
    fn both_byte_orders_and_the_jpeg_prefix_are_read() {
        for value in 1..=8 {
            let expected = Orientation::from_exif(value).unwrap();
            for little_endian in [true, false] {
                let tiff = block(little_endian, ORIENTATION, SHORT, 1, value);
                assert_eq!(orientation(&tiff), expected);
                let mut app1 = Vec::from(*b"Exif\0\0");
                app1.extend(&tiff);
                assert_eq!(orientation(&app1), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), order in 0..3) {
            let mut bytes = bytes;
            if bytes.len() >= 4 {
                match order {
                    0 => bytes[..4].copy_from_slice(b"II\x2a\0"),
                    1 => bytes[..4].copy_from_slice(b"MM\0\x2a"),
                    _ => {}
                }
            }
            orientation(&bytes);
        }
    }
}
