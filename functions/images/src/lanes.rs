//! Vectors of 128 bits, whose lanes are computed with alike: SIMD128 in the component, and
//! the same on arrays elsewhere. Both give the same bits, whatever the numbers are: sums and
//! products wrap, and what is narrowed is cut to the range.

#[cfg(not(target_arch = "wasm32"))]
mod plain;
#[cfg(target_arch = "wasm32")]
mod simd;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use plain::{Bytes, Floats, Ints, Shorts};
#[cfg(target_arch = "wasm32")]
pub(crate) use simd::{Bytes, Floats, Ints, Shorts};

/// Turns a block of 8 × 8 numbers on its diagonal.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
#[inline]
pub(crate) fn transposed(rows: [Shorts; 8]) -> [Shorts; 8] {
    // Each round interleaves the first half with the second.
    let mut rows = rows;
    for _ in 0..3 {
        let [a, b, c, d, e, f, g, h] = rows;
        let pairs = [(a, e), (b, f), (c, g), (d, h)];
        let [(a, b), (c, d), (e, f), (g, h)] =
            pairs.map(|(one, other)| (one.interleaved_low(other), one.interleaved_high(other)));
        rows = [a, b, c, d, e, f, g, h];
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_turned_on_its_diagonal() {
        let rows: [[i16; 8]; 8] =
            std::array::from_fn(|y| std::array::from_fn(|x| (8 * y + x) as i16));
        let turned = transposed(rows.map(|row| Shorts::load(&row)));
        for (x, column) in turned.into_iter().enumerate() {
            let mut found = [0; 8];
            column.store(&mut found);
            assert_eq!(found, rows.map(|row| row[x]));
        }
    }

    #[test]
    fn pixels_are_split_and_put_together() {
        let pixels: [u8; 48] = std::array::from_fn(|at| at as u8);
        let vectors = || std::array::from_fn(|at| Bytes::load(&pixels.as_chunks().0[at]));
        let channels = Bytes::split_three(vectors());
        for (from, channel) in channels.into_iter().enumerate() {
            let mut found = [0; 16];
            channel.store(&mut found);
            assert_eq!(found, std::array::from_fn(|at| pixels[3 * at + from]));
        }
        let mut back = [0; 48];
        let together = Bytes::interleaved_three(channels).into_iter();
        for (vector, back) in together.zip(back.as_chunks_mut().0) {
            vector.store(back);
        }
        assert_eq!(back, pixels);
    }

    #[test]
    fn what_is_narrowed_is_cut_and_the_rest_wraps() {
        let ends = [i16::MIN, -1, 0, 1, 127, 128, 255, i16::MAX];
        let mut bytes = [0; 16];
        Shorts::load(&ends).narrowed(Shorts::splat(256)).store(&mut bytes);
        assert_eq!(bytes, [0, 0, 0, 1, 127, 128, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]);
        let mut shorts = [0; 8];
        Ints::load(&[i32::MIN, -32_769, 32_768, i32::MAX])
            .narrowed(Ints::splat(-7))
            .store(&mut shorts);
        assert_eq!(shorts, [i16::MIN, i16::MIN, i16::MAX, i16::MAX, -7, -7, -7, -7]);
        let mut ints = [0; 4];
        let most = Shorts::splat(i16::MIN).dot([i16::MIN, i16::MIN]);
        most.plus(Ints::splat(-1)).store(&mut ints);
        assert_eq!(ints, [i32::MAX; 4]);
        Shorts::splat(i16::MAX).plus(Shorts::splat(1)).store(&mut shorts);
        assert_eq!(shorts, [i16::MIN; 8]);
        Shorts::splat(300).times(&[300; 8]).store(&mut shorts);
        assert_eq!(shorts, [90_000u32 as i16; 8]);
    }
}
