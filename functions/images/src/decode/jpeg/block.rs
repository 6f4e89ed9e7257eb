//! Coefficients of a block (T.81 §F.2.2), those that are wanted.

use super::bits::Bits;
use super::huffman::{Symbol, Table, extend};
use super::segments::Component;
use super::skip::Skips;
use crate::lanes::Shorts;

/// Where the coefficients of a block lie, in the order of the file (T.81 figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The same, and the last place for what is wrongly behind it, before that is noticed.
static PLACES: [u8; 128] = {
    let mut places = [63; 128];
    let mut at = 0;
    while at < 64 {
        places[at] = ZIGZAG[at];
        at += 1;
    }
    places
};

/// The last coefficient of a block.
const LAST: usize = 63;

/// What is wanted of the blocks of a component.
pub(super) struct Wanted {
    /// The last coefficient that is, in the order of the file.
    last: usize,
    /// How to pass over the others, if there are any.
    skips: Option<Skips>,
}

impl Wanted {
    /// What `side × side` samples are made of.
    pub(super) fn new(component: &Component, side: usize) -> Self {
        let last = match side {
            1 => 0,
            2 => 4,
            4 => 24,
            _ => LAST,
        };
        Self { last, skips: (last < LAST).then(|| Skips::new(&component.ac)) }
    }
}

/// Coefficients in whole steps, row by row.
pub(super) struct Block {
    pub(super) values: [i16; 64],
}

impl Block {
    pub(super) const fn new() -> Self {
        Self { values: [0; 64] }
    }

    /// Reads a block into one that is clear; the place of its last coefficient in the
    /// order of the file, of those that are wanted, or a later one. `None` if it is none.
    ///
    /// Apart from its callers, so that what it works with lies in registers.
    #[inline(never)]
    pub(super) fn read(
        &mut self,
        from: &mut Bits,
        component: &Component,
        wanted: &Wanted,
        prediction: &mut i32,
    ) -> Option<usize> {
        let mut bits = *from;
        bits.fill();
        let first = component.dc.next(&mut bits)?;
        // The difference may have eleven bits, and the code 16.
        if first.run() > 0 || first.size() > 11 {
            return None;
        }
        let predicted = *prediction + value(&mut bits, first);
        *prediction = predicted.clamp(i16::MIN.into(), i16::MAX.into());
        self.values[0] = *prediction as i16;
        let mut at = 0;
        let mut is_ended = false;
        while at < wanted.last {
            // A code of 16 bits, and 15 of its value.
            if bits.count() < 32 {
                bits.fill();
            }
            let near = component.ac.near(&bits);
            if near.has_value() {
                bits.skip(near.bits());
                at += near.run() + 1;
                self.put(at, near.value());
                continue;
            }
            let symbol = component.ac.next(&mut bits)?;
            if symbol.is_end() {
                is_ended = true;
                break;
            }
            at += symbol.run() + 1;
            if symbol.size() > 0 {
                self.put(at, value(&mut bits, symbol));
            }
        }
        if !is_ended
            && at < LAST
            && let Some(skips) = &wanted.skips
        {
            skip(&mut bits, &component.ac, skips, at)?;
        }
        *from = bits;
        (at <= LAST).then_some(at)
    }

    #[inline(always)]
    fn put(&mut self, at: usize, value: i32) {
        // Of at most 15 bits, and a sign.
        self.values[usize::from(PLACES[at & 127] & 63)] = value as i16;
    }

    /// Makes a block clear whose last coefficient is known.
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(super) fn clear(&mut self, last: usize) {
        self.values[0] = 0;
        if last > 0 {
            for row in self.values.as_chunks_mut::<8>().0 {
                Shorts::splat(0).store(row);
            }
        }
    }
}

/// Passes over the rest of a block, whose coefficients were read up to a place before the
/// last one. `None` if that is none.
#[inline(always)]
fn skip(bits: &mut Bits, codes: &Table, skips: &Skips, mut at: usize) -> Option<()> {
    while at < LAST {
        if bits.count() < 32 {
            bits.fill();
        }
        let many = skips.next(bits);
        // Where a block may end within them they are passed over one by one.
        if many.bits() > 0 && at + many.places() < LAST {
            bits.skip(many.bits());
            at += many.places();
            if many.is_end() {
                return Some(());
            }
            continue;
        }
        let symbol = codes.next(bits)?;
        if symbol.is_end() {
            return Some(());
        }
        at += symbol.run() + 1;
        bits.skip(symbol.size());
    }
    (at == LAST).then_some(())
}

/// The value of a symbol: looked up with it, or in the next bits.
#[inline(always)]
fn value(bits: &mut Bits, symbol: Symbol) -> i32 {
    let size = symbol.size();
    if size == 0 {
        return symbol.value();
    }
    let value = extend(bits.peek(size), size);
    bits.skip(size);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of two bits: 00 for sixteen zeros, 01 for the end, 10 for a coefficient of one
    /// bit, 11 for one of one bit behind fifteen zeros. Direct current has no bits, code 0.
    fn component() -> Component {
        let table = |counts: [u8; 2], symbols: &[u8]| {
            let mut table = counts.to_vec();
            table.resize(16, 0);
            table.extend(symbols);
            Table::new(&table).expect("a table")
        };
        let (dc, ac) = (table([1, 0], &[0]), table([0, 4], &[0xf0, 0, 1, 0xf1]));
        Component { sampling: (1, 1), steps: [1; 64], dc, ac }
    }

    /// Bits as they stand in a file, filled up with ones.
    fn packed(bits: &str) -> Vec<u8> {
        let bits = format!("{bits}1111111");
        let bytes = bits.as_bytes().chunks_exact(8);
        let bytes = bytes.map(|bits| bits.iter().fold(0, |value, bit| value << 1 | (bit & 1)));
        // A zero is stuffed behind a byte of ones.
        bytes.flat_map(|byte| [byte, 0].into_iter().take(1 + usize::from(byte == 255))).collect()
    }

    /// Reads a block of these bits, and an empty one behind it; the coefficients of the first.
    fn read(bits: &str, side: usize) -> Option<Vec<(usize, i16)>> {
        let data = packed(&format!("0{bits}001"));
        let (component, mut from) = (component(), Bits::new(&data));
        let wanted = Wanted::new(&component, side);
        let mut block = Block::new();
        block.read(&mut from, &component, &wanted, &mut 0)?;
        let found = (0..64).map(|at| (at, block.values[at])).filter(|(_, value)| *value != 0);
        let found = found.collect();
        let next = Block::new().read(&mut from, &component, &wanted, &mut 0);
        assert_eq!(next, Some(0), "{side}: {bits}");
        Some(found)
    }

    #[test]
    fn more_coefficients_than_there_are_places_are_refused() {
        for side in [1, 2, 4, 8] {
            assert_eq!(read("00000000", side), None, "{side}");
            assert_eq!(read("000000111101", side), None, "{side}");
            assert_eq!(read(&"110".repeat(5), side), None, "{side}");
        }
        // Zeros without end, behind the end of the data.
        let (component, mut from) = (component(), Bits::new(&[0]));
        for side in [1, 2, 4, 8] {
            let wanted = Wanted::new(&component, side);
            assert_eq!(Block::new().read(&mut from, &component, &wanted, &mut 0), None);
        }
    }

    #[test]
    fn blocks_end_where_they_say_or_with_their_last_place() {
        let check = |bits: &str, expected: &[(usize, i16)]| {
            for side in [1, 2, 4, 8] {
                let is_wanted = |(at, _): &(usize, i16)| at / 8 < side && at % 8 < side;
                let mut found = read(bits, side).expect("a block");
                found.retain(is_wanted);
                let expected: Vec<_> = expected.iter().copied().filter(is_wanted).collect();
                assert_eq!(found, expected, "{side}: {bits}");
            }
        };
        check("01", &[]);
        check("10101", &[(1, 1)]);
        check("10010101", &[(1, -1), (8, 1)]);
        check("000011110001", &[(58, 1), (59, -1)]);
        let ones: Vec<_> = (1..64).map(|at| (at, 1)).collect();
        check(&"101".repeat(63), &ones);
        // The last sixteen are zeros.
        let mut lower = ZIGZAG[33..48].iter().map(|at| (usize::from(*at), 1)).collect::<Vec<_>>();
        lower.sort_unstable();
        check(&format!("0000{}00", "101".repeat(15)), &lower);
    }
}
