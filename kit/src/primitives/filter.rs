//! Bytes above a threshold, found without a branch for each.

/// Writes each byte of `input` that is above `threshold` to the same place of `output`,
/// and 0 where it is not. What one of the two is longer by is left alone.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub fn zero_others(input: &[u8], output: &mut [u8], threshold: u8) {
    for (from, to) in input.iter().zip(output) {
        *to = if *from > threshold { *from } else { 0 };
    }
}

/// The same in place.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub fn zero_others_in_place(bytes: &mut [u8], threshold: u8) {
    for byte in bytes {
        *byte = if *byte > threshold { *byte } else { 0 };
    }
}

/// Moves the bytes above `threshold` to the front, in their order, and returns how many
/// there are. What lies behind them is left from before, and means nothing.
pub fn keep_above(bytes: &mut [u8], threshold: u8) -> usize {
    let mut kept = 0;
    for at in 0..bytes.len() {
        let byte = bytes[at];
        // Written in any case; the next one goes over it unless it counts.
        bytes[kept] = byte;
        kept += usize::from(byte > threshold);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn the_threshold_itself_is_not_above() {
        let all: Vec<u8> = (0..=255).collect();
        for threshold in [0, 1, 127, 128, 254, 255] {
            let mut output = vec![7; 256];
            zero_others(&all, &mut output, threshold);
            for (byte, got) in all.iter().zip(&output) {
                assert_eq!(*got, if *byte > threshold { *byte } else { 0 }, "{threshold}");
            }
            let mut kept = all.clone();
            assert_eq!(keep_above(&mut kept, threshold), 255 - usize::from(threshold));
        }
        assert_eq!(keep_above(&mut [], 0), 0);
    }

    #[test]
    fn the_shorter_side_decides() {
        let mut output = [9; 4];
        zero_others(&[5, 1], &mut output, 2);
        assert_eq!(output, [5, 0, 9, 9]);
        zero_others(&[5; 9], &mut output[..1], 2);
        assert_eq!(output, [5, 0, 9, 9]);
    }

    proptest! {
        #[test]
        fn all_ways_agree_with_the_plain_loop(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            threshold in any::<u8>(),
        ) {
            let (mut apart, mut within, mut kept) = (vec![1; bytes.len()], bytes.clone(), bytes.clone());
            zero_others(&bytes, &mut apart, threshold);
            zero_others_in_place(&mut within, threshold);
            let expected: Vec<u8> =
                bytes.iter().map(|byte| if *byte > threshold { *byte } else { 0 }).collect();
            prop_assert_eq!(&apart, &expected);
            prop_assert_eq!(&within, &expected);
            let count = keep_above(&mut kept, threshold);
            let expected: Vec<u8> = bytes.into_iter().filter(|byte| *byte > threshold).collect();
            prop_assert_eq!(&kept[..count], &expected);
        }
    }
}
