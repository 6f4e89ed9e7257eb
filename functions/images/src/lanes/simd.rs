//! With SIMD128.

use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_mul, f32x4_splat, f32x4_sub, i8x16_shuffle, i16x8_add,
    i16x8_bitmask, i16x8_extend_high_u8x16, i16x8_extend_low_u8x16, i16x8_load_extend_u8x8,
    i16x8_mul, i16x8_narrow_i32x4, i16x8_ne, i16x8_shr, i16x8_shuffle, i16x8_splat, i16x8_sub,
    i32x4_add, i32x4_dot_i16x8, i32x4_extend_high_i16x8, i32x4_extend_low_i16x8, i32x4_max,
    i32x4_min, i32x4_shr, i32x4_shuffle, i32x4_splat, i32x4_sub, u8x16_narrow_i16x8, v128,
    v128_load, v128_store,
};

/// Sixteen numbers of 8 bits, without sign.
#[derive(Clone, Copy)]
pub(crate) struct Bytes(v128);

/// Eight of 16 bits, with sign.
#[derive(Clone, Copy)]
pub(crate) struct Shorts(v128);

/// Four of 32 bits, with sign.
#[derive(Clone, Copy)]
pub(crate) struct Ints(v128);

/// Four fractions of single precision.
#[derive(Clone, Copy)]
pub(crate) struct Floats(v128);

#[inline(always)]
fn load<T, const COUNT: usize>(values: &[T; COUNT]) -> v128 {
    const { assert!(size_of::<[T; COUNT]>() == 16) };
    // SAFETY: the array has 16 bytes, and a load needs no alignment.
    unsafe { v128_load(values.as_ptr().cast()) }
}

#[inline(always)]
fn store<T, const COUNT: usize>(values: &mut [T; COUNT], vector: v128) {
    const { assert!(size_of::<[T; COUNT]>() == 16) };
    // SAFETY: the array has 16 bytes, and a store needs no alignment. Callers have
    // arrays of numbers, of which all bits are values.
    unsafe { v128_store(values.as_mut_ptr().cast(), vector) }
}

impl Bytes {
    #[inline(always)]
    pub(crate) fn load(from: &[u8; 16]) -> Self {
        Self(load(from))
    }

    #[inline(always)]
    pub(crate) fn store(self, to: &mut [u8; 16]) {
        store(to, self.0);
    }

    #[inline(always)]
    pub(crate) fn low(self) -> Shorts {
        Shorts(i16x8_extend_low_u8x16(self.0))
    }

    #[inline(always)]
    pub(crate) fn high(self) -> Shorts {
        Shorts(i16x8_extend_high_u8x16(self.0))
    }

    #[inline(always)]
    pub(crate) fn transposed(self) -> Self {
        Self(i8x16_shuffle::<0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15>(self.0, self.0))
    }

    #[inline(always)]
    pub(crate) fn split_three([one, two, three]: [Self; 3]) -> [Self; 3] {
        // First what the first two have.
        let red =
            i8x16_shuffle::<0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0>(one.0, two.0);
        let green =
            i8x16_shuffle::<1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0>(one.0, two.0);
        let blue =
            i8x16_shuffle::<2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0>(one.0, two.0);
        [
            Self(i8x16_shuffle::<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29>(
                red, three.0,
            )),
            Self(i8x16_shuffle::<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30>(
                green, three.0,
            )),
            Self(i8x16_shuffle::<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31>(
                blue, three.0,
            )),
        ]
    }

    #[inline(always)]
    pub(crate) fn interleaved_three([red, green, blue]: [Self; 3]) -> [Self; 3] {
        // First red and green with gaps where blue comes.
        let one =
            i8x16_shuffle::<0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5>(red.0, green.0);
        let two =
            i8x16_shuffle::<21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26>(red.0, green.0);
        let three = i8x16_shuffle::<0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0>(
            red.0, green.0,
        );
        [
            Self(i8x16_shuffle::<0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15>(
                one, blue.0,
            )),
            Self(i8x16_shuffle::<0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15>(
                two, blue.0,
            )),
            Self(i8x16_shuffle::<26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31>(
                three, blue.0,
            )),
        ]
    }
}

impl Shorts {
    #[inline(always)]
    pub(crate) fn load(from: &[i16; 8]) -> Self {
        Self(load(from))
    }

    #[inline(always)]
    pub(crate) fn of_bytes(from: &[u8; 8]) -> Self {
        // SAFETY: the array has 8 bytes, and a load needs no alignment.
        Self(unsafe { i16x8_load_extend_u8x8(from.as_ptr()) })
    }

    #[inline(always)]
    pub(crate) fn store(self, to: &mut [i16; 8]) {
        store(to, self.0);
    }

    #[inline(always)]
    pub(crate) fn splat(value: i16) -> Self {
        Self(i16x8_splat(value))
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(i16x8_add(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn minus(self, other: Self) -> Self {
        Self(i16x8_sub(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn times(self, factors: &[i16; 8]) -> Self {
        Self(i16x8_mul(self.0, load(factors)))
    }

    #[inline(always)]
    pub(crate) fn without(self, digits: u32) -> Self {
        Self(i16x8_shr(self.0, digits))
    }

    #[inline(always)]
    pub(crate) fn dot(self, weights: [i16; 2]) -> Ints {
        let both = i32::from(weights[0] as u16) | i32::from(weights[1]) << 16;
        Ints(i32x4_dot_i16x8(self.0, i32x4_splat(both)))
    }

    #[inline(always)]
    pub(crate) fn interleaved_low(self, other: Self) -> Self {
        Self(i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn interleaved_high(self, other: Self) -> Self {
        Self(i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn evens(self, other: Self) -> Self {
        Self(i16x8_shuffle::<0, 2, 4, 6, 8, 10, 12, 14>(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn odds(self, other: Self) -> Self {
        Self(i16x8_shuffle::<1, 3, 5, 7, 9, 11, 13, 15>(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn pairs_of_three([one, two, three]: [Self; 3]) -> [Self; 4] {
        [
            Self(i16x8_shuffle::<0, 3, 1, 4, 2, 5, 0, 3>(one.0, one.0)),
            Self(i16x8_shuffle::<6, 9, 7, 10, 8, 11, 6, 9>(one.0, two.0)),
            Self(i16x8_shuffle::<4, 7, 5, 8, 6, 9, 4, 7>(two.0, three.0)),
            Self(i16x8_shuffle::<2, 5, 3, 6, 4, 7, 2, 5>(three.0, three.0)),
        ]
    }

    #[inline(always)]
    pub(crate) fn halves_interleaved(self) -> Self {
        Self(i16x8_shuffle::<0, 4, 1, 5, 2, 6, 3, 7>(self.0, self.0))
    }

    #[inline(always)]
    pub(crate) fn floats(self) -> [Floats; 2] {
        [i32x4_extend_low_i16x8(self.0), i32x4_extend_high_i16x8(self.0)]
            .map(|whole| Floats(f32x4_convert_i32x4(whole)))
    }

    #[inline(always)]
    pub(crate) fn nonzero(self) -> usize {
        i16x8_bitmask(i16x8_ne(self.0, i16x8_splat(0))).into()
    }

    #[inline(always)]
    pub(crate) fn narrowed(self, other: Self) -> Bytes {
        Bytes(u8x16_narrow_i16x8(self.0, other.0))
    }
}

impl Ints {
    #[inline(always)]
    pub(crate) fn load(from: &[i32; 4]) -> Self {
        Self(load(from))
    }

    #[inline(always)]
    pub(crate) fn store(self, to: &mut [i32; 4]) {
        store(to, self.0);
    }

    #[inline(always)]
    pub(crate) fn splat(value: i32) -> Self {
        Self(i32x4_splat(value))
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(i32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn minus(self, other: Self) -> Self {
        Self(i32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn without(self, digits: u32) -> Self {
        Self(i32x4_shr(self.0, digits))
    }

    #[inline(always)]
    pub(crate) fn floats(self) -> Floats {
        Floats(f32x4_convert_i32x4(self.0))
    }

    #[inline(always)]
    pub(crate) fn within(self, least: i32, most: i32) -> Self {
        Self(i32x4_min(i32x4_max(self.0, i32x4_splat(least)), i32x4_splat(most)))
    }

    #[inline(always)]
    pub(crate) fn narrowed(self, other: Self) -> Shorts {
        Shorts(i16x8_narrow_i32x4(self.0, other.0))
    }
}

impl Floats {
    #[inline(always)]
    pub(crate) fn load(from: &[f32; 4]) -> Self {
        Self(load(from))
    }

    #[inline(always)]
    pub(crate) fn store(self, to: &mut [f32; 4]) {
        store(to, self.0);
    }

    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Self {
        Self(f32x4_splat(value))
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn minus(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> Self {
        Self(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> Ints {
        Ints(self.0)
    }

    #[inline(always)]
    pub(crate) fn transposed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let low = |one: v128, other| i32x4_shuffle::<0, 4, 1, 5>(one, other);
        let high = |one: v128, other| i32x4_shuffle::<2, 6, 3, 7>(one, other);
        let (ac, bd) = (low(a.0, c.0), low(b.0, d.0));
        let (ac_high, bd_high) = (high(a.0, c.0), high(b.0, d.0));
        [low(ac, bd), high(ac, bd), low(ac_high, bd_high), high(ac_high, bd_high)].map(Self)
    }
}
