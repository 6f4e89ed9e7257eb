//! Passing over many coefficients at once, where only the lowest ones are wanted.

use super::bits::Bits;
use super::huffman::{QUICK, Table};

/// So many bits are looked up.
const BITS: u32 = 11;

/// What the next bits say, all symbols with their values that lie within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Many(u32);

impl Many {
    /// How many bits they have; 0 if the first one is not whole, or no code.
    #[inline(always)]
    pub(super) const fn bits(self) -> u32 {
        self.0 & 0xff
    }

    /// By how many places they go on.
    #[inline(always)]
    pub(super) const fn places(self) -> usize {
        (self.0 >> 8 & 0xff) as usize
    }

    /// Whether the last one says that there are no more.
    #[inline(always)]
    pub(super) const fn is_end(self) -> bool {
        self.0 >> 16 != 0
    }
}

/// For all that the next bits may be.
pub(super) struct Skips(Box<[Many; 1 << BITS]>);

impl Skips {
    pub(super) fn new(codes: &Table) -> Self {
        let mut all = Box::new([Many::default(); 1 << BITS]);
        for (next, many) in (0u32..).zip(all.iter_mut()) {
            let (mut taken, mut places, mut is_end) = (0, 0, false);
            while taken < BITS && !is_end {
                // Filled up with zeros.
                let left = next << taken & ((1 << BITS) - 1);
                let symbol = codes.quick(left >> (BITS - QUICK));
                let bits = symbol.bits() + symbol.size();
                if symbol.bits() == 0 || taken + bits > BITS {
                    break;
                }
                taken += bits;
                is_end = symbol.is_end();
                if !is_end {
                    places += symbol.run() as u32 + 1;
                }
            }
            // Each symbol has a bit at least, and goes on by sixteen places at most.
            *many = Many(u32::from(is_end) << 16 | places << 8 | taken);
        }
        Self(all)
    }

    #[inline(always)]
    pub(super) fn next(&self, bits: &Bits) -> Many {
        self.0[bits.peek(BITS) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_taken_together_as_far_as_they_are_whole() {
        // 0: the end; 10: a coefficient of two bits behind one zero; 110: sixteen zeros;
        // then one code of eleven bits.
        let mut table = vec![1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0];
        table.extend([0, 0x12, 0xf0, 0x01]);
        let skips = Skips::new(&Table::new(&table).expect("a table"));
        let check = |data: [u8; 2], expected: (u32, usize, bool)| {
            let mut bits = Bits::new(&data);
            bits.fill();
            let many = skips.next(&bits);
            assert_eq!((many.bits(), many.places(), many.is_end()), expected, "{data:?}");
        };
        check([0, 0], (1, 0, true));
        check([0b1011_0000, 0], (5, 2, true));
        check([0b1011_1011, 0b1011_0000], (8, 4, false));
        check([0b1101_0111, 0b1010_0000], (10, 34, false));
        // Of eleven bits, and one that follows.
        check([0b1110_0000, 0], (0, 0, false));
        check([0b1111_1110, 0], (0, 0, false));
    }
}
