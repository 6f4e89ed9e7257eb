//! CRC-32 as in Ethernet, gzip and PNG (IEEE 802.3 §3.2.9, RFC 1952 §8): reflected, with
//! the polynomial 0xEDB88320.
//!
//! Sixteen bytes are taken at a time, each looked up in a table of its own (Kounavis and
//! Berry, "A Systematic Approach to Building High Performance, Software-based, CRC
//! Generators", 2005). The lookups do not wait for each other, as they do in the loop
//! that takes a byte at a time. The tables have 16 KiB, half of a usual first-level cache.
//! WebAssembly has no carry-less multiplication, by which processors are faster still.

/// The polynomial, its bits reflected.
const POLYNOMIAL: u32 = 0xEDB8_8320;
/// Bytes that are taken at a time.
const SLICES: usize = 16;

/// `TABLES[n][byte]` is what `byte` comes to when `n` bytes of zero follow it.
static TABLES: [[u32; 256]; SLICES] = tables();

const fn tables() -> [[u32; 256]; SLICES] {
    let mut tables = [[0; 256]; SLICES];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut slice = 1;
    while slice < SLICES {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[slice - 1][byte];
            tables[slice][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        slice += 1;
    }
    tables
}

/// The CRC-32 of bytes. Of none it is 0, of `123456789` 0xCBF43926.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32_continue(0, bytes)
}

/// The CRC-32 of what `crc` is of, followed by `bytes`: for what comes in pieces, with 0
/// before the first.
pub fn crc32_continue(crc: u32, bytes: &[u8]) -> u32 {
    let (chunks, rest) = bytes.as_chunks::<SLICES>();
    let mut crc = !crc;
    for chunk in chunks {
        let word = |at: usize| {
            u32::from_le_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]])
        };
        let looked_up = |word: u32, last: usize| {
            let [a, b, c, d] = word.to_le_bytes().map(usize::from);
            TABLES[last + 3][a] ^ TABLES[last + 2][b] ^ TABLES[last + 1][c] ^ TABLES[last][d]
        };
        crc = looked_up(word(0) ^ crc, 12)
            ^ looked_up(word(4), 8)
            ^ looked_up(word(8), 4)
            ^ looked_up(word(12), 0);
    }
    for byte in rest {
        crc = (crc >> 8) ^ TABLES[0][((crc ^ u32::from(*byte)) & 0xFF) as usize];
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// A bit at a time, as the definition has it.
    fn by_bits(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc: u32, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 }
            })
        })
    }

    #[test]
    fn known_values() {
        for (text, expected) in [
            ("", 0),
            ("a", 0xE8B7_BE43),
            ("123456789", 0xCBF4_3926),
            ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
        ] {
            assert_eq!(crc32(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(crc32(&[0; 32]), 0x190A_55AD);
        assert_eq!(crc32(&[0xFF; 32]), 0xFF6C_AB0B);
    }

    #[test]
    fn every_length_around_the_slices() {
        let bytes: Vec<u8> = (0..100u8).map(|byte| byte.wrapping_mul(181)).collect();
        for from in 0..20 {
            for to in from..bytes.len() {
                assert_eq!(crc32(&bytes[from..to]), by_bits(&bytes[from..to]), "{from}..{to}");
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_give_the_same_as_the_whole(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            cut in 0usize..300,
        ) {
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(crc32_continue(crc32(first), second), by_bits(&bytes));
        }
    }
}
