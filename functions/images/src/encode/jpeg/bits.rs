//! Bits of a scan, and the zeros that are stuffed behind bytes of ones (T.81 §F.1.2.3).

use crate::problem::Problem;

/// Writes bits, the most significant first.
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// The bits that are not written yet, from the lowest on.
    buffer: u64,
    /// How many they are, less than 32.
    count: u32,
}

/// Bytes that a call of [`Bits::put`] writes at most.
const STEP: usize = 8;

impl Bits {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), buffer: 0, count: 0 }
    }

    /// Makes room for so many calls of [`Bits::put`] at most, and these bits in all.
    pub(super) fn reserve(&mut self, bits: u64) -> Result<(), Problem> {
        // Some bytes are stuffed; if they are many, the room grows.
        let bytes = usize::try_from(bits / 8 + bits / 512).map_err(|_| Problem::OutOfMemory)?;
        self.bytes.try_reserve(bytes + 2 * STEP).map_err(|_| Problem::OutOfMemory)
    }

    /// Writes the lowest `count` bits, 0 to 32; the others are 0.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u32, count: u32) {
        self.buffer = self.buffer << count | u64::from(bits);
        self.count += count;
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.buffer >> self.count) as u32;
            // Of each byte the highest bit, if the byte is 255.
            if word & (!word).wrapping_sub(0x0101_0101) & 0x8080_8080 == 0 {
                self.bytes.extend_from_slice(&word.to_be_bytes());
            } else {
                self.put_stuffed(word);
            }
        }
    }

    #[cold]
    fn put_stuffed(&mut self, word: u32) {
        for byte in word.to_be_bytes() {
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }

    /// The bytes, the last one filled up with ones.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let missing = self.count.next_multiple_of(8) - self.count;
        self.put((1 << missing) - 1, missing);
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.buffer >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_ones_are_stuffed_wherever_they_are() {
        for before in 0..9 {
            let mut bits = Bits::new();
            for _ in 0..before {
                bits.put(0x12, 8);
            }
            bits.put(0xffff, 16);
            bits.put(0x34, 8);
            let mut expected = vec![0x12; before];
            expected.extend([0xff, 0, 0xff, 0, 0x34]);
            assert_eq!(bits.finish(), expected);
        }
    }

    #[test]
    fn the_last_byte_is_filled_up_with_ones() {
        assert!(Bits::new().finish().is_empty());
        for (bits, count, expected) in [
            (0, 1, &[0x7f][..]),
            (0b1010, 4, &[0xaf]),
            (1, 1, &[0xff, 0]),
            (0x1ff, 9, &[0xff, 0, 0xff, 0]),
        ] {
            let mut writer = Bits::new();
            writer.put(bits, count);
            assert_eq!(writer.finish(), expected, "{bits:b}");
        }
    }

    #[test]
    fn any_steps_give_the_same_bytes() {
        for step in [1, 3, 7, 13, 27, 32] {
            let mut bits = Bits::new();
            let source = |at: u32| at.wrapping_mul(2_654_435_761) >> 31;
            let total = 32 * 27 * 7;
            let mut at = 0;
            while at < total {
                let count = step.min(total - at);
                let value = (at..at + count).fold(0, |value, at| value << 1 | source(at));
                bits.put(value, count);
                at += count;
            }
            let mut expected = Bits::new();
            (0..total).for_each(|at| expected.put(source(at), 1));
            assert_eq!(bits.finish(), expected.finish(), "{step}");
        }
    }
}
