//! XXH64, a hash of 64 bits that is the same on every node, machine and version (Collet, *xxHash
//! fast digest algorithm*, version 0.1.1).
//!
//! It has no secret: who chooses the inputs can choose them so that they collide. What strangers
//! send is hashed with a secret, by [`crate::privacy`].

const PRIMES: [u64; 5] = [
    0x9E37_79B1_85EB_CA87,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

/// XXH64 of `bytes` with a seed.
pub fn xxh64(bytes: &[u8], seed: u64) -> u64 {
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut hash = match stripes {
        [] => seed.wrapping_add(PRIMES[4]),
        _ => converge(stripes, seed),
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        hash ^= round(0, u64::from_le_bytes(*word));
        hash = hash.rotate_left(27).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        hash ^= u64::from(u32::from_le_bytes(*half)).wrapping_mul(PRIMES[0]);
        hash = hash.rotate_left(23).wrapping_mul(PRIMES[1]).wrapping_add(PRIMES[2]);
    }
    for byte in rest {
        hash ^= u64::from(*byte).wrapping_mul(PRIMES[4]);
        hash = hash.rotate_left(11).wrapping_mul(PRIMES[0]);
    }
    avalanche(hash)
}

/// Four accumulators, one for each eight bytes of a stripe, joined.
fn converge(stripes: &[[u8; 32]], seed: u64) -> u64 {
    let mut lanes = [
        seed.wrapping_add(PRIMES[0]).wrapping_add(PRIMES[1]),
        seed.wrapping_add(PRIMES[1]),
        seed,
        seed.wrapping_sub(PRIMES[0]),
    ];
    for stripe in stripes {
        for (lane, word) in lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
            *lane = round(*lane, u64::from_le_bytes(*word));
        }
    }
    let turns = [1, 7, 12, 18];
    let sum = lanes
        .iter()
        .zip(turns)
        .fold(0_u64, |sum, (lane, turn)| sum.wrapping_add(lane.rotate_left(turn)));
    lanes.iter().fold(sum, |hash, lane| {
        (hash ^ round(0, *lane)).wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3])
    })
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0])
}

fn avalanche(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(PRIMES[1]);
    hash = (hash ^ (hash >> 29)).wrapping_mul(PRIMES[2]);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Given by the reference implementation.
    #[test]
    fn known_values() {
        let bytes: Vec<u8> = (0..255_u32).map(|at| (at * 7 + 3) as u8).collect();
        for (length, expected) in [
            (0, 0xEF46_DB37_51D8_E999),
            (1, 0x1F25_C8D0_BC1F_4BB6),
            (3, 0x31D2_363F_52E5_64C9),
            (4, 0x9BB6_4B7D_66EE_9FDA),
            (7, 0x9A7B_1499_59CE_60D8),
            (8, 0xDAB9_9D95_C6F9_0092),
            (12, 0xD52E_4078_33AF_5133),
            (31, 0xA2AA_5F33_CC4A_6119),
            (32, 0x23C3_C17E_F790_FD97),
            (33, 0x50A7_CFC7_BA58_8784),
            (63, 0x5E3E_54B4_31C7_493C),
            (64, 0x0EB6_4B3E_F6EE_B01F),
            (100, 0xA61F_8D4C_170F_E531),
            (255, 0x39AE_55A2_9989_206F),
        ] {
            assert_eq!(xxh64(&bytes[..length], 0), expected, "{length} bytes");
        }
        let words = b"Nobody inspects the spammish repetition";
        assert_eq!(xxh64(words, 0), 0xFBCE_A83C_8A37_8BF1);
    }

    #[test]
    fn a_seed_makes_it_another_hash() {
        for length in [0, 5, 40] {
            let bytes = alloc::vec![1; length];
            assert_ne!(xxh64(&bytes, 0), xxh64(&bytes, 1), "{length} bytes");
        }
    }
}
