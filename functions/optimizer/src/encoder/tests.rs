use super::*;
use proptest::prelude::*;
use std::io::Read;
use std::time::Instant;

pub(crate) const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];
const LEVELS: [Level; 4] = [Level::Light, Level::Balanced, Level::Aggressive, Level::Stored];

/// Reads what was written so far; it need not have come to its end.
pub(crate) fn decode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    // An error says that there was no end.
    let _ = match coding {
        Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut read),
        Coding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut read),
        Coding::Zstd | Coding::DictionaryZstd => {
            zstd::stream::read::Decoder::new(bytes).expect("one").read_to_end(&mut read)
        }
    };
    read
}

/// Bytes without any order.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn what_cannot_be_compressed_grows_by_little() {
    let noise = noise(300_000);
    for coding in CODINGS {
        for level in LEVELS {
            let encoded = encode(coding, level, &noise).expect("encoded");
            assert_eq!(decode(coding, &encoded), noise, "{coding:?} {level:?}");
            assert!(encoded.len() < 300_400, "{coding:?} {level:?}: {}", encoded.len());
        }
    }
}

#[test]
fn nothing_is_an_end_too() {
    for coding in CODINGS {
        for level in LEVELS {
            let encoded = encode(coding, level, b"").expect("encoded");
            assert_eq!(decode(coding, &encoded), b"", "{coding:?} {level:?}");
            assert!(encoded.len() < 32);
        }
    }
}

#[test]
fn what_was_flushed_can_be_read_before_the_rest_is_there() {
    let piece = b"<p>one piece of it, and then there is a pause</p>".repeat(9);
    for coding in CODINGS {
        for level in LEVELS {
            let mut encoder = Encoder::new(coding, level, None);
            let mut sent = Vec::new();
            for count in 1..5 {
                encoder.push(&piece).expect("taken");
                encoder.flush().expect("flushed");
                sent.extend(encoder.take());
                assert_eq!(decode(coding, &sent), piece.repeat(count), "{coding:?} {level:?}");
            }
            sent.extend(encoder.finish().expect("an end"));
            assert_eq!(decode(coding, &sent), piece.repeat(4));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_of_any_size_come_out_as_they_went_in(
        pieces in prop::collection::vec((prop::collection::vec(0u8..8, 0..3000), any::<bool>()), 0..12),
        level in prop::sample::select(&LEVELS[..]),
        coding in prop::sample::select(&CODINGS[..]),
        hint in prop::option::of(0u64..100_000),
    ) {
        let mut encoder = Encoder::new(coding, level, hint);
        let mut sent = Vec::new();
        for (piece, is_flushed) in &pieces {
            encoder.push(piece).expect("taken");
            if *is_flushed {
                encoder.flush().expect("flushed");
            }
            sent.extend(encoder.take());
        }
        sent.extend(encoder.finish().expect("an end"));
        let whole: Vec<u8> = pieces.into_iter().flat_map(|(piece, _)| piece).collect();
        prop_assert_eq!(decode(coding, &sent), whole);
    }
}

/// Sizes and times of a file: `OPTIMIZER_BENCH=FILE cargo test -p optimizer --release
/// -- --ignored --nocapture bench`.
#[test]
#[ignore = "a measurement"]
fn bench() {
    let Some(path) = std::env::var_os("OPTIMIZER_BENCH") else { return };
    let bytes = std::fs::read(path).expect("a file");
    println!("{:>10} as it is", bytes.len());
    for coding in CODINGS {
        for level in LEVELS {
            let begin = Instant::now();
            let encoded = encode(coding, level, &bytes).expect("encoded");
            let took = begin.elapsed();
            println!("{:>10} {} {level:?} {took:?}", encoded.len(), coding.token());
        }
    }
}
