//! From luma and chroma to red, green and blue (ITU-T H.273 §8.3), in whole
//! numbers, so that native code and the component make the same bytes.

use crate::av1::sequence::{Colors, Layout, Sequence};
use crate::problem::Problem;

/// Bits behind the point of all factors.
pub(super) const SHIFT: u32 = 18;

/// By how much chroma is multiplied, for the sake of its interpolation.
pub(super) const CHROMA_SCALE: i32 = 16;

/// What a color is made of: each is `luma × (Y - black) + u × (U - neutral) + v ×
/// (V - neutral)`, shifted right by [`SHIFT`]; all of it is below 2^29.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matrix {
    /// The sample of black.
    pub(super) black: i32,
    /// The sample of no chroma, multiplied by [`CHROMA_SCALE`].
    pub(super) neutral: i32,
    /// Of red, green and blue, the factors of luma and of the two kinds of
    /// chroma, which are multiplied by [`CHROMA_SCALE`].
    pub(super) factors: [[i32; 3]; 3],
}

impl Matrix {
    /// The matrix for samples of these colors.
    ///
    /// # Errors
    /// [`Problem::Unsupported`] where there is none, or none of whole planes;
    /// [`Problem::Damaged`] where it is not one for this layout.
    pub(super) fn of(colors: &Colors, sequence: &Sequence) -> Result<Self, Problem> {
        // Red, blue: their part of luma.
        let (red, blue) = match (colors.matrix, colors.primaries) {
            _ if sequence.layout == Layout::Gray => (0.0, 0.0),
            (0, _) if sequence.layout != Layout::Full => {
                return Err(Problem::Damaged("its RGB is not whole".to_owned()));
            }
            (0, _) => return Ok(Self::rgb(colors, sequence)),
            (8, _) => return Ok(Self::green_and_orange(colors, sequence)),
            (1, _) | (12, 1) => (0.2126, 0.0722),
            // What is not said is as in JPEG.
            (2 | 5 | 6, _) | (12, 2 | 5 | 6) => (0.299, 0.114),
            (4, _) => (0.30, 0.11),
            (7, _) | (12, 7) => (0.212, 0.087),
            (9, _) | (12, 9) => (0.2627, 0.0593),
            // Of P3 and a white of D65, by equations 32 to 37.
            (12, 12) => (0.228_974_56, 0.079_286_91),
            _ => return Err(Problem::Unsupported("its colors are coded by an unusual matrix")),
        };
        let green: f64 = 1.0 - red - blue;
        let from_u = [0.0, -2.0 * (1.0 - blue) * blue / green, 2.0 * (1.0 - blue)];
        let from_v = [2.0 * (1.0 - red), -2.0 * (1.0 - red) * red / green, 0.0];
        Ok(Self::new(colors.is_full, sequence.depth, from_u, from_v))
    }

    /// The levels of luma alone.
    pub(super) fn gray(is_full: bool, depth: u8) -> Self {
        Self::new(is_full, depth, [0.0; 3], [0.0; 3])
    }

    /// Equations 56 to 59: chroma of green, and of orange against blue.
    fn green_and_orange(colors: &Colors, sequence: &Sequence) -> Self {
        Self::new(colors.is_full, sequence.depth, [-1.0, 1.0, -1.0], [1.0, 0.0, -1.0])
    }

    /// Luma is green, then come blue and red.
    fn rgb(colors: &Colors, sequence: &Sequence) -> Self {
        let of = Self::gray(colors.is_full, sequence.depth);
        let luma = of.factors[0][0];
        let chroma = luma / CHROMA_SCALE;
        let factors = [[0, 0, chroma], [luma, 0, 0], [0, chroma, 0]];
        Self { neutral: of.black * CHROMA_SCALE, factors, ..of }
    }

    fn new(is_full: bool, depth: u8, from_u: [f64; 3], from_v: [f64; 3]) -> Self {
        let above_8 = u32::from(depth.clamp(8, 12)) - 8;
        let largest = (256 << above_8) - 1;
        let (black, luma, chroma) = if is_full {
            (0, largest, largest)
        } else {
            (16 << above_8, 219 << above_8, 224 << above_8)
        };
        let unit = 255.0 * f64::from(1u32 << SHIFT);
        let luma = (unit / f64::from(luma)).round() as i32;
        let chroma = unit / f64::from(chroma * CHROMA_SCALE);
        let factor = |of: f64| (of * chroma).round() as i32;
        let factors = [0, 1, 2].map(|at| [luma, factor(from_u[at]), factor(from_v[at])]);
        Self { black, neutral: CHROMA_SCALE * (128 << above_8), factors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::av1::sequence::Siting;
    use sedge_kit::image::geometry::Size;

    fn sequence(depth: u8, layout: Layout) -> Sequence {
        let size = Size { width: 1, height: 1 };
        let siting = Siting::Middle;
        let colors = Colors { primaries: 2, transfer: 2, matrix: 2, is_full: true };
        Sequence { size, depth, layout, siting, colors, has_grain: false }
    }

    fn colors(primaries: u16, matrix: u16, is_full: bool) -> Colors {
        Colors { primaries, transfer: 13, matrix, is_full }
    }

    fn color(matrix: &Matrix, [y, u, v]: [i32; 3]) -> [i32; 3] {
        let (y, u) = (y - matrix.black, u * CHROMA_SCALE - matrix.neutral);
        let v = v * CHROMA_SCALE - matrix.neutral;
        matrix.factors.map(|of| (of[0] * y + of[1] * u + of[2] * v + (1 << (SHIFT - 1))) >> SHIFT)
    }

    #[test]
    fn what_has_no_matrix_is_refused() {
        let full = sequence(8, Layout::Full);
        for (primaries, matrix) in
            [(1, 3), (9, 10), (1, 11), (12, 13), (9, 14), (1, 15), (1, 99), (22, 12)]
        {
            let refused = Matrix::of(&colors(primaries, matrix, true), &full);
            assert!(matches!(refused, Err(Problem::Unsupported(_))), "{matrix}");
        }
        let quartered = sequence(8, Layout::Quartered);
        let refused = Matrix::of(&colors(1, 0, true), &quartered);
        assert!(matches!(refused, Err(Problem::Damaged(_))));
    }

    #[test]
    fn black_white_and_primaries_come_out_whole() {
        for depth in [8u8, 10, 12] {
            let scale = 1 << (depth - 8);
            let full = (256 * scale - 1, 128 * scale);
            let sequence = sequence(depth, Layout::Full);
            for code in [1, 2, 5, 6, 4, 7, 9, 8] {
                let matrix = Matrix::of(&colors(1, code, true), &sequence).expect("a matrix");
                assert_eq!(color(&matrix, [0, full.1, full.1]), [0; 3], "{code} {depth}");
                assert_eq!(color(&matrix, [full.0, full.1, full.1]), [255; 3], "{code} {depth}");
                let matrix = Matrix::of(&colors(1, code, false), &sequence).expect("a matrix");
                assert_eq!(color(&matrix, [16 * scale, full.1, full.1]), [0; 3], "{code} {depth}");
                assert_eq!(
                    color(&matrix, [235 * scale, full.1, full.1]),
                    [255; 3],
                    "{code} {depth}"
                );
            }
            let matrix = Matrix::of(&colors(1, 0, true), &sequence).expect("a matrix");
            assert_eq!(color(&matrix, [full.0, 0, full.1]), [128, 255, 0], "{depth}");
        }
        // Red by BT.709 and by BT.601, in the values of video.
        let eight = sequence(8, Layout::Full);
        let near = |code, of: [i32; 3]| {
            let matrix = Matrix::of(&colors(1, code, false), &eight).expect("a matrix");
            let got = color(&matrix, of);
            let is_near = got.iter().zip([255, 0, 0]).all(|(got, due)| (got - due).abs() <= 2);
            assert!(is_near, "{code}: {got:?}");
        };
        near(1, [63, 102, 240]);
        near(6, [82, 90, 240]);
    }

    #[test]
    fn no_sum_leaves_its_bounds() {
        for depth in [8, 10, 12] {
            for code in [1, 6, 9, 8, 0] {
                for is_full in [false, true] {
                    let sequence = sequence(depth, Layout::Full);
                    let matrix = Matrix::of(&colors(1, code, is_full), &sequence).expect("one");
                    let largest = (1i64 << depth) - 1;
                    for of in matrix.factors {
                        let luma = i64::from(of[0]) * largest;
                        let chroma = largest * i64::from(CHROMA_SCALE);
                        let sum = luma + (i64::from(of[1].abs()) + i64::from(of[2].abs())) * chroma;
                        assert!(sum < 1 << 30, "{depth} {code} {sum}");
                    }
                }
            }
        }
    }
}
