//! Makes artifacts that are broken or huge.

/// A LEB128 number.
fn number(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        out.push(if value == 0 { byte } else { byte | 0x80 });
        if value == 0 {
            return;
        }
    }
}

fn section(id: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    number(content.len(), out);
    out.extend_from_slice(content);
}

/// A component around a core module whose functions take `bytes` bytes.
pub fn huge_component(bytes: usize) -> Vec<u8> {
    const BODY_BYTES: usize = 1_000;
    let count = bytes / BODY_BYTES;
    // No locals, then `i32.const 0; drop` over and over.
    let mut body = vec![0];
    body.extend([0x41, 0x00, 0x1a].repeat((BODY_BYTES - 2) / 3));
    body.push(0x0b);
    let mut functions = Vec::new();
    number(count, &mut functions);
    functions.resize(functions.len() + count, 0);
    let mut code = Vec::new();
    number(count, &mut code);
    for _ in 0..count {
        number(body.len(), &mut code);
        code.extend_from_slice(&body);
    }
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(1, &[1, 0x60, 0, 0], &mut module);
    section(3, &functions, &mut module);
    section(10, &code, &mut module);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section(1, &module, &mut component);
    component
}

/// Flips bytes of `original` at places that `seed` decides.
pub fn fuzzed(original: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes = original.to_vec();
    for _ in 0..1 + next() % 64 {
        let at = (next() % bytes.len() as u64) as usize;
        bytes[at] = next() as u8;
    }
    bytes
}

/// The beginning of a PNG of this size: its header is right, its data ends
/// after a few bytes.
pub fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    // One bit per pixel, gray, no interlacing.
    header.extend_from_slice(&[1, 0, 0, 0, 0]);
    png_chunk(b"IHDR", &header, &mut png);
    png_chunk(b"IDAT", &[0x78, 0x9c, 0xed, 0xc1], &mut png);
    png
}

/// The marker that begins the frame of a JPEG: 0xc0 baseline, 0xc2 progressive. `None` if
/// there is none.
pub fn jpeg_frame(jpeg: &[u8]) -> Option<u8> {
    let mut at = 2;
    loop {
        let &[0xff, marker, high, low] = jpeg.get(at..at + 4)? else { return None };
        // Start of frame: 0xc0 to 0xcf, but for three tables.
        if matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) {
            return Some(marker);
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
}

/// The size that the first property `ispe` of an AVIF says; `None` if it is none.
pub fn avif_size(avif: &[u8]) -> Option<(u32, u32)> {
    if avif.get(4..12)? != b"ftypavif" {
        return None;
    }
    let at = avif.windows(4).position(|kind| kind == b"ispe")?;
    // Version and flags, then both sides.
    let side = |from: usize| avif.get(from..from + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some((side(at + 8)?, side(at + 12)?))
}

fn png_chunk(kind: &[u8; 4], content: &[u8], png: &mut Vec<u8>) {
    png.extend_from_slice(&(content.len() as u32).to_be_bytes());
    let start = png.len();
    png.extend_from_slice(kind);
    png.extend_from_slice(content);
    // CRC-32 as of ISO 3309, over kind and content.
    let crc = png[start..].iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    });
    png.extend_from_slice(&(!crc).to_be_bytes());
}
