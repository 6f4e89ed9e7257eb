//! BLAKE2s with a key (RFC 7693), 32 bytes of key and of hash.
//!
//! There are packages that do this; all that are well kept bring `libc` along on some machines,
//! to find out what the processor can do. For ids of a few bytes that gains nothing.

/// RFC 7693 §2.6: the first 32 bits of the fractions of square roots of primes.
const IV: [u32; 8] = [
    0x6A09_E667,
    0xBB67_AE85,
    0x3C6E_F372,
    0xA54F_F53A,
    0x510E_527F,
    0x9B05_688C,
    0x1F83_D9AB,
    0x5BE0_CD19,
];

/// RFC 7693 §2.7: which words are mixed in, in each round.
const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The four words that each step of a round mixes: columns, then diagonals.
const STEPS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

const BLOCK_BYTES: usize = 64;

/// A hash that has taken a key, and what came since.
#[derive(Clone)]
pub struct Keyed {
    state: [u32; 8],
    /// Bytes before those in `block`.
    passed: u64,
    block: [u8; BLOCK_BYTES],
    filled: usize,
}

impl Keyed {
    /// Takes the key: a block of its own, at the beginning (§2.9).
    pub fn new(key: &[u8; 32]) -> Self {
        let mut state = IV;
        // 32 bytes of hash, 32 of key, no tree (§2.5).
        state[0] ^= 0x0101_0000 ^ 32 << 8 ^ 32;
        let mut block = [0; BLOCK_BYTES];
        block[..32].copy_from_slice(key);
        Keyed { state, passed: 0, block, filled: BLOCK_BYTES }
    }

    /// Takes the step of the key at once, and not with each copy: only for who certainly adds
    /// bytes, since the last block has a step of its own.
    pub(super) fn settle(&mut self) {
        if self.filled == BLOCK_BYTES {
            self.step(false);
        }
    }

    /// Takes more bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // The last block is another step, so a full one waits until more comes.
            if self.filled == BLOCK_BYTES {
                self.step(false);
            }
            let count = bytes.len().min(BLOCK_BYTES - self.filled);
            let (now, rest) = bytes.split_at(count);
            self.block[self.filled..self.filled + count].copy_from_slice(now);
            self.filled += count;
            bytes = rest;
        }
    }

    /// The hash of all bytes under the key.
    pub fn finish(mut self) -> [u8; 32] {
        self.block[self.filled..].fill(0);
        self.step(true);
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(self.state) {
            *bytes = word.to_le_bytes();
        }
        hash
    }

    /// The compression function F (§3.2) on the block.
    fn step(&mut self, last: bool) {
        self.passed = self.passed.wrapping_add(self.filled as u64);
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(self.block.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let mut mixed = [0; 16];
        mixed[..8].copy_from_slice(&self.state);
        mixed[8..].copy_from_slice(&IV);
        mixed[12] ^= self.passed as u32;
        mixed[13] ^= (self.passed >> 32) as u32;
        if last {
            mixed[14] = !mixed[14];
        }
        for order in &SIGMA {
            for (at, step) in STEPS.iter().enumerate() {
                mix(&mut mixed, *step, words[order[2 * at]], words[order[2 * at + 1]]);
            }
        }
        for at in 0..8 {
            self.state[at] ^= mixed[at] ^ mixed[at + 8];
        }
        self.filled = 0;
    }
}

/// The mixing function G (§3.1).
fn mix(words: &mut [u32; 16], [a, b, c, d]: [usize; 4], x: u32, y: u32) {
    words[a] = words[a].wrapping_add(words[b]).wrapping_add(x);
    words[d] = (words[d] ^ words[a]).rotate_right(16);
    words[c] = words[c].wrapping_add(words[d]);
    words[b] = (words[b] ^ words[c]).rotate_right(12);
    words[a] = words[a].wrapping_add(words[b]).wrapping_add(y);
    words[d] = (words[d] ^ words[a]).rotate_right(8);
    words[c] = words[c].wrapping_add(words[d]);
    words[b] = (words[b] ^ words[c]).rotate_right(7);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn hash(pieces: &[&[u8]]) -> String {
        let mut keyed = Keyed::new(&core::array::from_fn(|at| at as u8));
        pieces.iter().for_each(|piece| keyed.update(piece));
        keyed.finish().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The published test vectors of the reference implementation.
    #[test]
    fn known_values() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (length, expected) in [
            (0, "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49"),
            (1, "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1"),
            (3, "1d220dbe2ee134661fdf6d9e74b41704710556f2f6e5a091b227697445dbea6b"),
            (64, "8975b0577fd35566d750b362b0897a26c399136df07bababbde6203ff2954ed4"),
            (65, "21fe0ceb0052be7fb0f004187cacd7de67fa6eb0938d927677f2398c132317a8"),
            (128, "0c311f38c35a4fb90d651c289d486856cd1413df9b0677f53ece2cd9e477c60a"),
            (255, "3fb735061abc519dfe979e54c1ee5bfad0a9d858b3315bad34bde999efd724dd"),
        ] {
            assert_eq!(hash(&[&bytes[..length]]), expected, "{length} bytes");
            for cut in 0..=length {
                let (first, second) = bytes[..length].split_at(cut);
                assert_eq!(hash(&[first, &[], second]), expected, "{cut} of {length} bytes");
            }
        }
    }
}
