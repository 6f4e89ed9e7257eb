//! Makes inputs out of other inputs, the same for the same seed.

/// Inputs do not grow beyond this.
const INPUT_BYTES_MAX: usize = 16 << 10;

/// Bytes that parsers stumble over.
const BYTES: &[u8] = b"\0\x01\x7f\x80\xff\r\n\t \"'\\/.,:;=&?%#[]{}()<>+-*_09azAZ";

/// Numbers at the edges of integers and floats.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "127",
    "255",
    "256",
    "32768",
    "65535",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e309",
    "-1e-320",
    "NaN",
    "inf",
    "0.1",
    "00",
    "0x7f",
];

/// A xorshift generator: no more is needed to pick mutations.
pub struct Random(u64);

impl Random {
    /// A generator that gives the same sequence for the same seed.
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        if end == 0 { 0 } else { ((self.0 >> 11) % end as u64) as usize }
    }

    fn of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

/// An input made from one of `seeds`, with one to eight mutations, some with
/// `words` that mean something to the target. `seeds` is not empty.
pub fn input(random: &mut Random, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(8) {
        mutate(random, &mut input, seeds, words);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn mutate(random: &mut Random, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str]) {
    let at = random.below(input.len() + 1);
    let length = random.below(1 + (input.len() - at).min(64));
    match random.below(9) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = BYTES[random.below(BYTES.len())],
        2 => input.insert(at, BYTES[random.below(BYTES.len())]),
        3 => drop(input.drain(at..at + length)),
        4 => {
            let copy = input[at..at + length].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, copy.repeat(1 + random.below(4)));
        }
        5 => drop(input.splice(at..at + length, random.of(NUMBERS).bytes())),
        6 if !words.is_empty() => drop(input.splice(at..at + length, random.of(words).bytes())),
        7 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => input.truncate(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_seeds_can_be_mutated() {
        let mut random = Random::new(0);
        for _ in 0..10_000 {
            assert!(input(&mut random, &[vec![]], &[]).len() <= INPUT_BYTES_MAX);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_gives_others() {
        let seeds = [b"GET / HTTP/1.1".to_vec(), b"[app]".to_vec()];
        let make = |seed| {
            let mut random = Random::new(seed);
            (0..100).map(|_| input(&mut random, &seeds, &["name"])).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
    }
}
