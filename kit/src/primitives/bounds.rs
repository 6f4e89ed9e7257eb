//! Maximum and clamp of whole numbers without a branch, right for all of them: nothing is
//! subtracted, so that nothing overflows at the ends.

/// The greater of two. The comparison becomes a mask of all ones or none, which picks the
/// bits.
pub const fn max(a: i32, b: i32) -> i32 {
    let is_less = ((a < b) as i32).wrapping_neg();
    a ^ ((a ^ b) & is_less)
}

/// The lesser of two.
pub const fn min(a: i32, b: i32) -> i32 {
    let is_less = ((b < a) as i32).wrapping_neg();
    a ^ ((a ^ b) & is_less)
}

/// `value`, but not above `most`, and then not below `least`. Where `least` is above
/// `most`, `least` wins, as in `clamp()` of CSS (CSS Values and Units 4 §10.4).
pub const fn clamp(value: i32, least: i32, most: i32) -> i32 {
    max(least, min(value, most))
}

/// The greatest of `values`; `None` if there is none.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub fn max_of(values: &[i32]) -> Option<i32> {
    const LANES: usize = 16;
    let first = values.first()?;
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [*first; LANES];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = (*lane).max(*value);
        }
    }
    let greatest = lanes.into_iter().fold(*first, max);
    Some(rest.iter().copied().fold(greatest, max))
}

/// [`clamp`] of each value, in place.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
pub fn clamp_all(values: &mut [i32], least: i32, most: i32) {
    for value in values {
        // What a vector has an instruction for; the same as `clamp`.
        *value = (*value).min(most).max(least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    const ENDS: [i32; 9] = [i32::MIN, i32::MIN + 1, -2, -1, 0, 1, 2, i32::MAX - 1, i32::MAX];

    #[test]
    fn the_ends_and_all_between_them() {
        for a in ENDS {
            for b in ENDS {
                assert_eq!(max(a, b), if a > b { a } else { b }, "{a} {b}");
                assert_eq!(min(a, b), if a < b { a } else { b }, "{a} {b}");
                for value in ENDS {
                    let got = clamp(value, a, b);
                    let expected = if a > b { a } else { value.clamp(a, b) };
                    assert_eq!(got, expected, "{value} between {a} and {b}");
                }
            }
        }
    }

    #[test]
    fn the_greatest_of_nothing_is_none() {
        assert_eq!(max_of(&[]), None);
        assert_eq!(max_of(&[i32::MIN]), Some(i32::MIN));
        assert_eq!(max_of(&[i32::MIN; 33]), Some(i32::MIN));
    }

    proptest! {
        #[test]
        fn slices_agree_with_the_plain_loop(
            values in proptest::collection::vec(any::<i32>(), 0..100),
            least in any::<i32>(),
            most in any::<i32>(),
        ) {
            prop_assert_eq!(max_of(&values), values.iter().copied().max());
            let expected: Vec<i32> = values.iter().map(|value| clamp(*value, least, most)).collect();
            let mut clamped = values;
            clamp_all(&mut clamped, least, most);
            prop_assert_eq!(clamped, expected);
        }
    }
}
