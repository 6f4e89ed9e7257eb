//! Huffman codes (T.81 annex C and §F.2.2), looked up rather than walked through.

use super::bits::Bits;
use crate::decode::damaged;
use crate::problem::Problem;

/// Codes of at most so many bits are looked up at once.
pub(super) const QUICK: u32 = 10;

/// What the next bits say, in one number for the sake of one load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Symbol(u32);

impl Symbol {
    const fn new(value: i32, symbol: u8, bits: u32) -> Self {
        Self((value as u32) << 16 | (symbol as u32) << 8 | bits)
    }

    /// The value that follows the code, if it is within the bits that are looked up.
    #[inline(always)]
    pub(super) const fn value(self) -> i32 {
        self.0 as i32 >> 16
    }

    /// The high half of the symbol: coefficients that are 0.
    #[inline(always)]
    pub(super) const fn run(self) -> usize {
        (self.0 >> 12 & 15) as usize
    }

    /// The low half, bits of the value; 0 if [`Symbol::value`] has it.
    #[inline(always)]
    pub(super) const fn size(self) -> u32 {
        self.0 >> 8 & 15
    }

    /// Whether [`Symbol::value`] has a value.
    #[inline(always)]
    pub(super) const fn has_value(self) -> bool {
        self.0 >> 16 != 0
    }

    /// Whether it says that there are no more coefficients: no value, and not sixteen zeros.
    #[inline(always)]
    pub(super) const fn is_end(self) -> bool {
        self.0 & 0xffff_0f00 == 0 && self.run() < 15
    }

    /// Bits of the code, and of the value if it is there; 0 if there is no such code.
    #[inline(always)]
    pub(super) const fn bits(self) -> u32 {
        self.0 & 0xff
    }
}

/// A table of codes.
pub(super) struct Table {
    quick: Box<[Symbol; 1 << QUICK]>,
    /// By length: where codes of it end, filled up with zeros to 16 bits, and what has to
    /// be added to the code for the place of its symbol.
    ends: [u32; 17],
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// From the counts of codes of 1 to 16 bits, and the symbols in their order.
    ///
    /// # Errors
    /// [`Problem::Damaged`] if there are more codes than bits can say.
    pub(super) fn new(table: &[u8]) -> Result<Self, Problem> {
        let (counts, symbols) = table.split_at(16);
        let mut made = Self {
            quick: Box::new([Symbol::default(); 1 << QUICK]),
            ends: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0u32, 0);
        for (bits, count) in (1u32..).zip(counts) {
            code <<= 1;
            made.offsets[bits as usize] = place - code as i32;
            let end = code + u32::from(*count);
            if end > 1 << bits {
                return Err(damaged("a Huffman table has more codes than there can be"));
            }
            for code in code..end {
                if bits <= QUICK {
                    made.look_up(code, bits, symbols[place as usize]);
                }
                place += 1;
            }
            code = end;
            made.ends[bits as usize] = end << (16 - bits);
        }
        Ok(made)
    }

    /// Enters a code for all bits that may follow it.
    fn look_up(&mut self, code: u32, bits: u32, symbol: u8) {
        let left = QUICK - bits;
        let size = symbol & 15;
        for rest in 0..1u32 << left {
            let is_within = size > 0 && u32::from(size) <= left;
            let entry = if is_within {
                let value = extend(rest >> (left - u32::from(size)), u32::from(size));
                Symbol::new(value, symbol & 0xf0, bits + u32::from(size))
            } else {
                Symbol::new(0, symbol, bits)
            };
            self.quick[(code << left | rest) as usize] = entry;
        }
    }

    /// The symbol that so many bits begin with; it has no bits if it is longer or there is
    /// none.
    #[inline(always)]
    pub(super) fn quick(&self, bits: u32) -> Symbol {
        self.quick[bits as usize & ((1 << QUICK) - 1)]
    }

    /// As [`Table::quick`], of the bits that come next; nothing is taken.
    #[inline(always)]
    pub(super) fn near(&self, bits: &Bits) -> Symbol {
        self.quick(bits.peek(QUICK))
    }

    /// Takes the next symbol, and its value if it is near; needs 16 bits provided. `None`
    /// if no code begins with them.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits) -> Option<Symbol> {
        let mut symbol = self.near(bits);
        if symbol.bits() == 0 {
            symbol = self.find(bits.peek(16))?;
        }
        bits.skip(symbol.bits());
        Some(symbol)
    }

    #[cold]
    fn find(&self, next: u32) -> Option<Symbol> {
        let length = (QUICK + 1..=16).find(|length| next < self.ends[*length as usize])?;
        let place = (next >> (16 - length)) as i32 + self.offsets[length as usize];
        let symbol = *self.symbols.get(usize::try_from(place).ok()?)?;
        Some(Symbol::new(0, symbol, length))
    }
}

/// A value of `size` bits, 1 to 15, with its sign (T.81 §F.2.2.1).
#[inline(always)]
pub(super) const fn extend(bits: u32, size: u32) -> i32 {
    let value = bits as i32;
    if value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(counts: &[u8], symbols: &[u8]) -> Result<Table, Problem> {
        let mut table = [0; 16].to_vec();
        table[..counts.len()].copy_from_slice(counts);
        table.extend(symbols);
        Table::new(&table)
    }

    #[test]
    fn more_codes_than_there_can_be_are_refused() {
        assert!(table(&[3], &[0; 3]).is_err());
        assert!(table(&[1, 3], &[0; 4]).is_err());
        assert!(table(&[0, 0, 0, 0, 0, 0, 0, 255, 3], &[0; 258]).is_err());
        assert!(table(&[2], &[0; 2]).is_ok());
        assert!(table(&[], &[]).is_ok());
    }

    #[test]
    fn short_and_long_codes_are_found() {
        // 0; 10; 110; then one of sixteen bits: 1110000000000000.
        let codes =
            table(&[1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], &[0, 0x12, 0x0f, 0xab]);
        let codes = codes.expect("a table");
        let check = |data: &[u8], expected: Option<(usize, u32, i32)>| {
            let mut bits = Bits::new(data);
            bits.fill();
            let next = codes.next(&mut bits);
            assert_eq!(next.map(|symbol| (symbol.run(), symbol.size(), symbol.value())), expected);
        };
        check(&[0, 0], Some((0, 0, 0)));
        // Two bits of value: 01 is -2, 11 is 3.
        check(&[0b1001_0000, 0], Some((1, 0, -2)));
        check(&[0b1011_0000, 0], Some((1, 0, 3)));
        // Fifteen bits of value are not looked up.
        check(&[0b1101_0000, 0], Some((0, 15, 0)));
        check(&[0b1110_0000, 0], Some((10, 11, 0)));
        check(&[0b1110_0000, 1], None);
        check(&[0b1111_1111, 0, 0], None);
    }

    #[test]
    fn values_have_their_signs() {
        let all: Vec<i32> = (0..8).map(|bits| extend(bits, 3)).collect();
        assert_eq!(all, [-7, -6, -5, -4, 4, 5, 6, 7]);
        assert_eq!((extend(0, 15), extend(0x7fff, 15)), (-32_767, 32_767));
    }
}
