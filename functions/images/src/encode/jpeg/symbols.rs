//! Coefficients to the symbols of a scan (T.81 §F.1.2 and §G.1.2), which are kept until all
//! of them are counted.

use super::bits::Bits;
use super::huffman::{Code, Table};
use super::quantize::Block;
use super::{Component, Frame, segments};
use crate::problem::Problem;

/// Symbols that are kept at most, of all scans: 8 MiB. Where there are more, codes are made
/// for those, and the others are written as they come.
const KEPT_MAX: usize = 1 << 21;

/// Tables that symbols may be of: for means of brightness and colors, for all else of them.
const TABLES: usize = 4;

/// The symbol for sixteen zeros, and for no more coefficients in a block.
const ZEROS: u32 = 0xf0;
const END: u32 = 0;

/// Blocks without any coefficient that are told together at most (T.81 §G.1.2.2).
const BLOCKS_MAX: u32 = 0x7fff;

/// A symbol, its table, and the bits behind its code.
#[derive(Clone, Copy)]
struct Token(u32);

impl Token {
    /// `value` has `bits` bits, at most 15.
    #[inline(always)]
    const fn new(table: usize, symbol: u32, value: u32, bits: u32) -> Self {
        Self(value << 16 | bits << 12 | (table as u32) << 8 | symbol)
    }

    #[inline(always)]
    const fn table_and_symbol(self) -> usize {
        (self.0 & 0x3ff) as usize
    }

    #[inline(always)]
    const fn bits(self) -> u32 {
        self.0 >> 12 & 15
    }

    #[inline(always)]
    const fn value(self) -> u32 {
        self.0 >> 16
    }
}

/// What a scan has of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Everything.
    All,
    /// The means of the blocks of all components.
    Means,
    /// Of one component the coefficients from one to another, in zigzag order.
    Band(usize, (usize, usize)),
}

/// The tables that occur, by their number, and the codes of all.
type Settled = (Vec<(usize, Table)>, Box<[[Code; 256]; TABLES]>);

/// A scan that is being made.
pub(super) struct Scan {
    content: Content,
    predictions: [i32; 3],
    /// Blocks without coefficients that are not yet told.
    empty_blocks: u32,
    tokens: Vec<Token>,
    counts: Box<[[u32; 256]; TABLES]>,
    /// Once they are settled.
    codes: Option<Settled>,
    bits: Bits,
}

/// Settles the codes of all scans, if too much is kept.
pub(super) fn settle_if_many(scans: &mut [Scan]) -> Result<(), Problem> {
    if scans.iter().map(|scan| scan.tokens.len()).sum::<usize>() > KEPT_MAX {
        for scan in scans {
            scan.settle_early()?;
        }
    }
    Ok(())
}

impl Scan {
    fn new(content: Content) -> Self {
        Self {
            content,
            predictions: [0; 3],
            empty_blocks: 0,
            tokens: Vec::new(),
            counts: Box::new([[0; 256]; TABLES]),
            codes: None,
            bits: Bits::new(),
        }
    }

    /// The only one of a file.
    pub(super) fn sequential() -> Self {
        Self::new(Content::All)
    }

    /// The first one of a progressive file.
    pub(super) fn means() -> Self {
        Self::new(Content::Means)
    }

    /// Coefficients of a component, from one to another.
    pub(super) fn band(component: usize, range: (usize, usize)) -> Self {
        Self::new(Content::Band(component, range))
    }

    /// Takes a row of units: the blocks of each component, those of the same row side by side.
    pub(super) fn add(
        &mut self,
        frame: &Frame,
        row: usize,
        blocks: &[Vec<Block>],
    ) -> Result<(), Problem> {
        let (count, most) = match self.content {
            Content::All => (blocks.iter().map(Vec::len).sum::<usize>(), 64),
            Content::Means => (blocks.iter().map(Vec::len).sum(), 1),
            Content::Band(of, range) => (blocks[of].len(), range.1 - range.0 + 2),
        };
        // One more for blocks that were empty before.
        self.tokens.try_reserve(count * most + 1).map_err(|_| Problem::OutOfMemory)?;
        match self.content {
            Content::All | Content::Means => self.add_units(frame, row, blocks),
            Content::Band(of, range) => {
                let component = &frame.components[of];
                let (across, down) = component.sampling;
                let inside = component.blocks_down - row * down;
                for blocks in blocks[of].chunks(frame.units_across * across).take(inside) {
                    self.add_band(&blocks[..component.blocks_across], range);
                }
            }
        }
        if self.codes.is_some() { self.write() } else { Ok(()) }
    }

    /// All components side by side, unit by unit (T.81 §A.2.3).
    fn add_units(&mut self, frame: &Frame, row: usize, blocks: &[Vec<Block>]) {
        for unit in 0..frame.units_across {
            for (of, (component, blocks)) in frame.components.iter().zip(blocks).enumerate() {
                let (across, down) = component.sampling;
                for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
                    let column = unit * across + x;
                    let block = &blocks[y * frame.units_across * across + column];
                    let is_inside =
                        column < component.blocks_across && row * down + y < component.blocks_down;
                    self.add_block(of, component, block, is_inside);
                }
            }
        }
    }

    /// A block that only fills up its unit is as the last one, which costs the least.
    #[inline(always)]
    fn add_block(&mut self, of: usize, component: &Component, block: &Block, is_inside: bool) {
        let table = component.table;
        let mean = if is_inside { block.mean() } else { self.predictions[of] };
        let difference = mean - self.predictions[of];
        self.predictions[of] = mean;
        let (value, bits) = magnitude(difference);
        self.push(Token::new(table, bits, value, bits));
        if self.content == Content::All {
            let mask = if is_inside { block.mask(1, 63) } else { 0 };
            let last = self.add_coefficients(2 + table, block, mask, 1);
            if last < 64 {
                self.push(Token::new(2 + table, END, 0, 0));
            }
        }
    }

    /// The coefficients in `mask`, of which the first could be `from`; returns the place
    /// after the last one.
    #[inline(always)]
    fn add_coefficients(
        &mut self,
        table: usize,
        block: &Block,
        mut mask: u64,
        from: usize,
    ) -> usize {
        let mut next = from;
        while mask != 0 {
            let at = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let mut run = at - next;
            next = at + 1;
            while run > 15 {
                self.push(Token::new(table, ZEROS, 0, 0));
                run -= 16;
            }
            let (value, bits) = magnitude(block.at(at));
            self.push(Token::new(table, (run as u32) << 4 | bits, value, bits));
        }
        next
    }

    fn add_band(&mut self, blocks: &[Block], (from, to): (usize, usize)) {
        for block in blocks {
            let mask = block.mask(from, to);
            if mask != 0 {
                self.tell_empty_blocks();
                if self.add_coefficients(2, block, mask, from) > to {
                    continue;
                }
            }
            self.empty_blocks += 1;
            if self.empty_blocks == BLOCKS_MAX {
                self.tell_empty_blocks();
            }
        }
    }

    fn tell_empty_blocks(&mut self) {
        if self.empty_blocks > 0 {
            let bits = self.empty_blocks.ilog2();
            let value = self.empty_blocks - (1 << bits);
            self.push(Token::new(2, bits << 4, value, bits));
            self.empty_blocks = 0;
        }
    }

    #[inline(always)]
    fn push(&mut self, token: Token) {
        // Exact as long as it matters: until codes are settled there are few.
        let count = &mut self.counts.as_flattened_mut()[token.table_and_symbol()];
        *count = count.wrapping_add(1);
        self.tokens.push(token);
    }

    /// Codes for what was counted so far, and for all else that may come.
    fn settle_early(&mut self) -> Result<(), Problem> {
        if self.codes.is_none() {
            let is_band = matches!(self.content, Content::Band(..));
            for (table, counts) in self.counts.iter_mut().enumerate() {
                // Of a band there may have been nothing but empty blocks.
                let is_of_band = is_band && table == 2;
                if !is_of_band && counts.iter().all(|count| *count == 0) {
                    continue;
                }
                let may_come = |symbol: &usize| match symbol & 15 {
                    _ if table < 2 => *symbol <= 11,
                    0 => *symbol == END as usize || *symbol == ZEROS as usize || is_band,
                    bits => bits <= 10,
                };
                (0..256).filter(may_come).for_each(|symbol| counts[symbol] += 1);
            }
            self.settle();
        }
        self.write()
    }

    fn settle(&mut self) {
        let counted = self.counts.iter().enumerate();
        let counted = counted.filter(|(_, counts)| counts.iter().any(|count| *count > 0));
        let tables: Vec<_> = counted.map(|(at, counts)| (at, Table::new(counts))).collect();
        let mut codes = Box::new([[Code::default(); 256]; TABLES]);
        tables.iter().for_each(|(at, table)| codes[*at] = table.codes());
        self.codes = Some((tables, codes));
    }

    /// Writes what is kept.
    fn write(&mut self) -> Result<(), Problem> {
        let Some((_, codes)) = &self.codes else { return Ok(()) };
        let codes = codes.as_flattened();
        let length =
            |token: &Token| u64::from(codes[token.table_and_symbol()].length() + token.bits());
        self.bits.reserve(self.tokens.iter().map(length).sum())?;
        for token in self.tokens.drain(..) {
            let code = codes[token.table_and_symbol()];
            let bits = token.bits();
            self.bits.put(code.bits() << bits | token.value(), code.length() + bits);
        }
        Ok(())
    }

    /// Writes the scan with its tables.
    pub(super) fn finish(mut self, frame: &Frame, out: &mut Vec<u8>) -> Result<(), Problem> {
        self.tell_empty_blocks();
        if self.codes.is_none() {
            self.settle();
        }
        self.write()?;
        let Some((tables, _)) = self.codes else { return Ok(()) };
        let bytes = self.bits.finish();
        out.try_reserve(bytes.len() + segments::SCAN_BYTES_MAX)
            .map_err(|_| Problem::OutOfMemory)?;
        for (at, table) in &tables {
            segments::huffman(out, *at >= 2, at % 2, table);
        }
        segments::scan(out, frame, self.content);
        out.extend_from_slice(&bytes);
        Ok(())
    }
}

/// A value as it is written behind its code: what is negative less by one, and its bits
/// (T.81 §F.1.2.1).
#[inline(always)]
const fn magnitude(value: i32) -> (u32, u32) {
    let bits = 32 - value.unsigned_abs().leading_zeros();
    let written = (value + (value >> 31)) as u32 & ((1 << bits) - 1);
    (written, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_are_written_as_the_standard_has_them() {
        let expected = [
            (0, (0, 0)),
            (1, (1, 1)),
            (-1, (0, 1)),
            (2, (0b10, 2)),
            (-3, (0b00, 2)),
            (-2, (0b01, 2)),
            (1023, (1023, 10)),
            (-1023, (0, 10)),
            (-2047, (0, 11)),
        ];
        for (value, written) in expected {
            assert_eq!(magnitude(value), written, "{value}");
        }
    }

    #[test]
    fn codes_that_are_settled_early_are_there_for_all_that_may_come() {
        let mut band = Scan::band(0, (1, 63));
        // Nothing was told yet but empty blocks.
        band.empty_blocks = 9;
        band.settle_early().expect("settles");
        let (_, codes) = band.codes.expect("are settled");
        for symbol in 0..256usize {
            let may_come = symbol & 15 <= 10;
            assert_eq!(codes[2][symbol].length() > 0, may_come, "{symbol:x}");
        }
        let mut all = Scan::sequential();
        (0..4).for_each(|table| all.push(Token::new(table, 0, 0, 0)));
        all.settle_early().expect("settles");
        let (tables, codes) = all.codes.expect("are settled");
        assert_eq!(tables.len(), TABLES);
        assert!(codes[1][11].length() > 0 && codes[1][12].length() == 0);
        assert!(codes[3][0xfa].length() > 0 && codes[3][0x10].length() == 0);
    }
}
