//! On arrays; the compiler makes vectors of some.

use std::array::from_fn;

/// Sixteen numbers of 8 bits, without sign.
#[derive(Clone, Copy)]
pub(crate) struct Bytes([u8; 16]);

/// Eight of 16 bits, with sign.
#[derive(Clone, Copy)]
pub(crate) struct Shorts([i16; 8]);

/// Four of 32 bits, with sign.
#[derive(Clone, Copy)]
pub(crate) struct Ints([i32; 4]);

/// Four fractions of single precision.
#[derive(Clone, Copy)]
pub(crate) struct Floats([f32; 4]);

impl Bytes {
    pub(crate) fn load(from: &[u8; 16]) -> Self {
        Self(*from)
    }

    pub(crate) fn store(self, to: &mut [u8; 16]) {
        *to = self.0;
    }

    /// The first eight, widened.
    pub(crate) fn low(self) -> Shorts {
        Shorts(from_fn(|at| self.0[at].into()))
    }

    /// The last eight, widened.
    pub(crate) fn high(self) -> Shorts {
        Shorts(from_fn(|at| self.0[at + 8].into()))
    }

    /// A block of 4 × 4, turned on its diagonal.
    pub(crate) fn transposed(self) -> Self {
        Self(from_fn(|at| self.0[at % 4 * 4 + at / 4]))
    }

    /// Every third one of three vectors, from the first, the second and the third on.
    pub(crate) fn split_three(all: [Self; 3]) -> [Self; 3] {
        from_fn(|from| {
            Self(from_fn(|at| {
                let at = 3 * at + from;
                all[at / 16].0[at % 16]
            }))
        })
    }

    /// Three vectors in turn, one number of each: red, green and blue to pixels.
    pub(crate) fn interleaved_three(all: [Self; 3]) -> [Self; 3] {
        from_fn(|part| {
            Self(from_fn(|at| {
                let at = 16 * part + at;
                all[at % 3].0[at / 3]
            }))
        })
    }
}

impl Shorts {
    pub(crate) fn load(from: &[i16; 8]) -> Self {
        Self(*from)
    }

    /// Eight bytes, widened.
    pub(crate) fn of_bytes(from: &[u8; 8]) -> Self {
        Self(from.map(i16::from))
    }

    pub(crate) fn store(self, to: &mut [i16; 8]) {
        *to = self.0;
    }

    pub(crate) fn splat(value: i16) -> Self {
        Self([value; 8])
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(from_fn(|at| self.0[at].wrapping_add(other.0[at])))
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(from_fn(|at| self.0[at].wrapping_sub(other.0[at])))
    }

    pub(crate) fn times(self, factors: &[i16; 8]) -> Self {
        Self(from_fn(|at| self.0[at].wrapping_mul(factors[at])))
    }

    /// Rounds down, and leaves out binary digits.
    pub(crate) fn without(self, digits: u32) -> Self {
        Self(self.0.map(|value| value >> digits))
    }

    /// The sums of pairs, each multiplied by a weight of its own.
    pub(crate) fn dot(self, weights: [i16; 2]) -> Ints {
        let [first, second] = weights.map(i32::from);
        Ints(from_fn(|at| {
            (i32::from(self.0[2 * at]) * first).wrapping_add(i32::from(self.0[2 * at + 1]) * second)
        }))
    }

    /// In turn one of each, of the first four.
    pub(crate) fn interleaved_low(self, other: Self) -> Self {
        Self(from_fn(|at| if at % 2 == 0 { self.0[at / 2] } else { other.0[at / 2] }))
    }

    /// In turn one of each, of the last four.
    pub(crate) fn interleaved_high(self, other: Self) -> Self {
        Self(from_fn(|at| if at % 2 == 0 { self.0[4 + at / 2] } else { other.0[4 + at / 2] }))
    }

    /// Every second one, from the first on; of this, then of the other.
    pub(crate) fn evens(self, other: Self) -> Self {
        Self(from_fn(|at| if at < 4 { self.0[2 * at] } else { other.0[2 * at - 8] }))
    }

    /// Every second one, from the second on.
    pub(crate) fn odds(self, other: Self) -> Self {
        Self(from_fn(|at| if at < 4 { self.0[2 * at + 1] } else { other.0[2 * at - 7] }))
    }

    /// Pixels of three numbers, two and two, the same number of both side by side; what is
    /// behind them is any.
    pub(crate) fn pairs_of_three(all: [Self; 3]) -> [Self; 4] {
        let number = |at: usize| all[at / 8].0[at % 8];
        from_fn(|pair| Self(from_fn(|at| number(6 * pair + at / 2 % 3 + at % 2 * 3))))
    }

    /// In turn one of the first four, and one of the last four.
    pub(crate) fn halves_interleaved(self) -> Self {
        Self(from_fn(|at| self.0[at / 2 + at % 2 * 4]))
    }

    /// As fractions, the first four and the last four.
    pub(crate) fn floats(self) -> [Floats; 2] {
        [0, 4].map(|from| Floats(from_fn(|at| self.0[from + at].into())))
    }

    /// The bits of those that are not 0, the first one lowest.
    pub(crate) fn nonzero(self) -> usize {
        self.0.iter().enumerate().fold(0, |bits, (at, value)| bits | usize::from(*value != 0) << at)
    }

    /// As bytes, this and then the other.
    pub(crate) fn narrowed(self, other: Self) -> Bytes {
        let value = |at: usize| if at < 8 { self.0[at] } else { other.0[at - 8] };
        Bytes(from_fn(|at| value(at).clamp(0, 255) as u8))
    }
}

impl Ints {
    pub(crate) fn load(from: &[i32; 4]) -> Self {
        Self(*from)
    }

    pub(crate) fn store(self, to: &mut [i32; 4]) {
        *to = self.0;
    }

    pub(crate) fn splat(value: i32) -> Self {
        Self([value; 4])
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(from_fn(|at| self.0[at].wrapping_add(other.0[at])))
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(from_fn(|at| self.0[at].wrapping_sub(other.0[at])))
    }

    /// Rounds down, and leaves out binary digits.
    pub(crate) fn without(self, digits: u32) -> Self {
        Self(self.0.map(|value| value >> digits))
    }

    /// As fractions; of large numbers the nearest ones.
    pub(crate) fn floats(self) -> Floats {
        Floats(self.0.map(|value| value as f32))
    }

    /// Cut to a range.
    pub(crate) fn within(self, least: i32, most: i32) -> Self {
        Self(self.0.map(|value| value.clamp(least, most)))
    }

    /// With 16 bits, this and then the other.
    pub(crate) fn narrowed(self, other: Self) -> Shorts {
        let value = |at: usize| if at < 4 { self.0[at] } else { other.0[at - 4] };
        let (least, most) = (i32::from(i16::MIN), i32::from(i16::MAX));
        Shorts(from_fn(|at| value(at).clamp(least, most) as i16))
    }
}

impl Floats {
    pub(crate) fn load(from: &[f32; 4]) -> Self {
        Self(*from)
    }

    pub(crate) fn store(self, to: &mut [f32; 4]) {
        *to = self.0;
    }

    pub(crate) fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self(from_fn(|at| self.0[at] + other.0[at]))
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(from_fn(|at| self.0[at] - other.0[at]))
    }

    pub(crate) fn times(self, other: Self) -> Self {
        Self(from_fn(|at| self.0[at] * other.0[at]))
    }

    /// The bits that they consist of.
    pub(crate) fn bits(self) -> Ints {
        Ints(self.0.map(|value| value.to_bits() as i32))
    }

    /// A block of 4 × 4, turned on its diagonal.
    pub(crate) fn transposed(rows: [Self; 4]) -> [Self; 4] {
        from_fn(|x| Self(from_fn(|y| rows[y].0[x])))
    }
}
