//! The bits of a scan, without the zeros that are stuffed behind bytes of ones
//! (T.81 §F.1.2.3).

/// Reads bits, the most significant first. Whoever reads many takes a copy, which can lie
/// in registers, and puts it back.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, from the highest on.
    buffer: u64,
    /// How many of them count.
    count: u32,
    /// Zeros that were added because there was nothing more.
    added: u32,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, buffer: 0, count: 0, added: 0 }
    }

    /// Provides at least 56 bits; zeros, where the data has come to its end or a marker.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        if let Some(bytes) = self.data.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_be_bytes(*bytes);
            // Of each byte the highest bit, if the byte is 255.
            let ones = word & (!word).wrapping_sub(0x0101_0101_0101_0101) & 0x8080_8080_8080_8080;
            if ones == 0 {
                self.buffer |= word >> self.count;
                self.at += (63 - self.count as usize) / 8;
                self.count |= 56;
                return;
            }
        }
        *self = self.filled_slowly();
    }

    #[cold]
    fn filled_slowly(mut self) -> Self {
        while self.count < 56 {
            let byte = match self.data.get(self.at..) {
                Some([0xff, 0, ..]) => {
                    self.at += 2;
                    0xff
                }
                Some([byte, ..]) if *byte != 0xff => {
                    self.at += 1;
                    *byte
                }
                _ => {
                    self.added += 8;
                    0
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// How many there are without filling.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// The next 1 to 16 bits, which stay.
    #[inline(always)]
    pub(super) const fn peek(&self, count: u32) -> u32 {
        (self.buffer >> (64 - count)) as u32
    }

    /// Passes over bits that were provided.
    #[inline(always)]
    pub(super) const fn skip(&mut self, count: u32) {
        self.buffer = self.buffer.wrapping_shl(count);
        self.count = self.count.wrapping_sub(count);
    }

    /// Whether more was read than there is.
    pub(super) const fn is_overdrawn(&self) -> bool {
        self.added > self.count
    }

    /// Passes the restart marker of this number, modulo 8; says whether it is there.
    pub(super) fn restart(&mut self, number: usize) -> bool {
        (self.buffer, self.count, self.added) = (0, 0, 0);
        let expected = [0xff, 0xd0 + (number % 8) as u8];
        let is_there = self.data.get(self.at..).is_some_and(|rest| rest.starts_with(&expected));
        self.at += 2 * usize::from(is_there);
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All bits, taken in the given steps.
    fn read(data: &[u8], step: u32, bits: u32) -> Vec<u32> {
        let mut reader = Bits::new(data);
        let take = |_| {
            reader.fill();
            let value = reader.peek(step);
            reader.skip(step);
            value
        };
        (0..bits / step).map(take).collect()
    }

    #[test]
    fn stuffed_zeros_are_left_out_wherever_they_are() {
        for start in 0..12 {
            let mut data = vec![0x12; start];
            data.extend([0xff, 0, 0xff, 0, 0x34]);
            data.extend([0x56; 9]);
            let mut plain = vec![0x12u8; start];
            plain.extend([0xff, 0xff, 0x34]);
            plain.extend([0x56; 9]);
            for step in [1, 3, 5, 8, 11, 16] {
                let bits = plain.len() as u32 * 8;
                let bit = |at: u32| u32::from((plain[at as usize / 8] >> (7 - at % 8)) & 1);
                let expected: Vec<u32> = (0..bits / step)
                    .map(|at| (0..step).fold(0, |value, next| (value << 1) | bit(at * step + next)))
                    .collect();
                assert_eq!(read(&data, step, bits), expected, "{start} {step}");
            }
        }
    }

    #[test]
    fn the_end_and_markers_give_zeros_and_are_noticed() {
        for data in [&[0xab][..], &[0xab, 0xff], &[0xab, 0xff, 0xd9, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
            let mut bits = Bits::new(data);
            bits.fill();
            assert_eq!(bits.peek(16), 0xab00);
            bits.skip(8);
            assert!(!bits.is_overdrawn());
            bits.skip(1);
            assert!(bits.is_overdrawn());
        }
    }

    #[test]
    fn restarts_are_expected_by_their_number() {
        let data = [0x12, 0xff, 0xd3, 0x34];
        let mut bits = Bits::new(&data);
        bits.fill();
        bits.skip(5);
        assert!(!bits.restart(2));
        assert!(bits.restart(11));
        bits.fill();
        assert_eq!(bits.peek(8), 0x34);
    }
}
