//! Huffman codes for what was counted (T.81 annex C and §K.2), none longer than 16 bits.

/// Bits of a code at most.
const LENGTH_MAX: usize = 16;

/// A code and its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Code(u32);

impl Code {
    const fn new(bits: u32, length: u32) -> Self {
        Self(bits << 8 | length)
    }

    /// Its bits, the last one lowest.
    #[inline(always)]
    pub(super) const fn bits(self) -> u32 {
        self.0 >> 8
    }

    /// How many they are; 0 if there is none.
    #[inline(always)]
    pub(super) const fn length(self) -> u32 {
        self.0 & 0xff
    }
}

/// A table as it is written: how many codes have each length from 1 on, and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) lengths: [u8; LENGTH_MAX],
    pub(super) symbols: Vec<u8>,
}

impl Table {
    /// For symbols that occur so often; those that do not occur have no code.
    pub(super) fn new(counts: &[u32; 256]) -> Self {
        let mut symbols: Vec<u8> = (0..=255).filter(|at| counts[usize::from(*at)] > 0).collect();
        // The rarest first; of equals, the one that has the longer code comes last in the file.
        symbols.sort_by_key(|at| (counts[usize::from(*at)], std::cmp::Reverse(*at)));
        // Before them one that never occurs: the code of ones only, which is none.
        let occurs = symbols.iter().map(|at| u64::from(counts[usize::from(*at)]));
        let mut lengths = limited(&depths(std::iter::once(0).chain(occurs).collect()));
        if let Some(longest) = lengths.iter_mut().rev().find(|count| **count > 0) {
            *longest -= 1;
        }
        symbols.reverse();
        Self { lengths, symbols }
    }

    /// The code of each symbol (T.81 §C.2).
    pub(super) fn codes(&self) -> [Code; 256] {
        let mut codes = [Code::default(); 256];
        let (mut next, mut symbols) = (0, self.symbols.iter());
        for (length, count) in (1..).zip(self.lengths) {
            for symbol in symbols.by_ref().take(usize::from(count)) {
                codes[usize::from(*symbol)] = Code::new(next, length);
                next += 1;
            }
            next <<= 1;
        }
        codes
    }
}

/// How many leaves of Huffman's tree lie at each depth from 0 on, for weights that grow.
fn depths(weights: Vec<u64>) -> Vec<usize> {
    let leaves = weights.len();
    // Leaves, then what they are joined to, which grow too: the two smallest are always
    // the first of either.
    let mut nodes = weights;
    let mut parents = vec![0; 2 * leaves];
    let (mut leaf, mut joined) = (0, leaves);
    while nodes.len() + 1 < 2 * leaves {
        let mut sum = 0;
        for _ in 0..2 {
            let takes_leaf =
                leaf < leaves && nodes.get(joined).is_none_or(|inner| nodes[leaf] <= *inner);
            let smallest = if takes_leaf { &mut leaf } else { &mut joined };
            sum += nodes[*smallest];
            parents[*smallest] = nodes.len();
            *smallest += 1;
        }
        nodes.push(sum);
    }
    let mut depth = vec![0; nodes.len()];
    let mut counts = vec![0; leaves + 1];
    for node in (0..nodes.len()).rev() {
        if node + 1 < nodes.len() {
            depth[node] = depth[parents[node]] + 1;
        }
        if node < leaves {
            counts[depth[node]] += 1;
        }
    }
    counts
}

/// Leaves that are too deep are moved up, each pair beside one that is moved down for it
/// (T.81 figure K.3).
fn limited(depths: &[usize]) -> [u8; LENGTH_MAX] {
    let mut counts = depths.to_vec();
    for deep in (LENGTH_MAX + 1..counts.len()).rev() {
        while counts[deep] > 0 {
            let Some(above) = (1..deep - 1).rev().find(|depth| counts[*depth] > 0) else { break };
            counts[deep] -= 2;
            counts[deep - 1] += 1;
            counts[above + 1] += 2;
            counts[above] -= 1;
        }
    }
    // At most 257 leaves: 255 of one depth would leave two for all others.
    std::array::from_fn(|at| counts.get(at + 1).map_or(0, |count| (*count).min(255) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes are free of prefixes, leave the one of ones alone, and cost so many bits.
    fn check(counts: &[u32; 256]) -> u64 {
        let table = Table::new(counts);
        let occurring = counts.iter().filter(|count| **count > 0).count();
        assert_eq!(table.symbols.len(), occurring);
        assert_eq!(table.lengths.iter().map(|count| usize::from(*count)).sum::<usize>(), occurring);
        let codes = table.codes();
        let room: u32 = table.lengths.iter().zip(1..).map(|(n, l)| u32::from(*n) << (16 - l)).sum();
        assert!(room < 1 << 16, "a code of ones only");
        for (one, count) in codes.iter().zip(counts) {
            assert_eq!(one.length() > 0, *count > 0);
            assert!(one.length() <= 16);
            if one.length() > 0 {
                assert!(one.bits() + 1 < 1 << one.length());
            }
        }
        codes.iter().zip(counts).map(|(code, n)| u64::from(code.length()) * u64::from(*n)).sum()
    }

    #[test]
    fn one_symbol_has_a_code_of_one_bit() {
        let mut counts = [0; 256];
        counts[0xf0] = u32::MAX;
        assert_eq!(check(&counts), u64::from(u32::MAX));
        assert!(Table::new(&[0; 256]).symbols.is_empty());
    }

    #[test]
    fn codes_of_counts_that_explode_have_16_bits_at_most() {
        for base in [1.1f64, 1.3, 1.618, 2.0, 3.0] {
            for used in [2, 17, 18, 40, 255, 256] {
                let counts = std::array::from_fn(|at| {
                    let grown = base.powi(at as i32).min(f64::from(u32::MAX)) as u32;
                    if at < used { grown } else { 0 }
                });
                check(&counts);
            }
        }
    }

    #[test]
    fn all_symbols_alike_have_codes_of_eight_or_nine_bits() {
        let bits = check(&[7; 256]);
        assert!(bits <= 7 * (255 * 8 + 9 + 8), "{bits}");
    }

    #[test]
    fn bits_are_near_what_entropy_says() {
        let mut seed = 1u32;
        for _ in 0..50 {
            let counts: [u32; 256] = std::array::from_fn(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) >> (seed >> 8 & 15)
            });
            let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
            let entropy: f64 = counts
                .iter()
                .filter(|count| **count > 0)
                .map(|count| f64::from(*count) * (total / f64::from(*count)).log2())
                .sum();
            let bits = check(&counts) as f64;
            assert!(bits >= entropy && bits < entropy * 1.02 + 512.0, "{bits} for {entropy}");
        }
    }
}
