use super::*;
use crate::primitives::crc32::crc32;
use proptest::prelude::*;

fn of(precision: u8, hashes: impl IntoIterator<Item = u64>) -> Distinct {
    let mut sketch = Distinct::new(precision);
    hashes.into_iter().for_each(|hash| sketch.insert_hash(hash));
    sketch
}

/// Hashes that differ from run to run and are the same on every machine.
fn hashes(run: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |at| hash::xxh64(&at.to_le_bytes(), run))
}

#[test]
fn nothing_is_nothing() {
    for precision in [0, 4, 12, 18, 255] {
        let empty = Distinct::new(precision);
        assert!(empty.is_empty());
        assert_eq!(empty.estimate(), 0.0);
    }
}

/// The root of the mean square of the relative errors of `runs` sketches.
fn measured_error(precision: u8, count: u64, runs: u64) -> f64 {
    let squares = (0..runs).map(|run| {
        let estimate = of(precision, hashes(run + 1, count)).estimate();
        (estimate / count as f64 - 1.0) * (estimate / count as f64 - 1.0)
    });
    libm::sqrt(squares.sum::<f64>() / runs as f64)
}

#[test]
fn the_error_is_as_stated() {
    // The error of n measured errors is theirs divided by √(2n): a tenth for 50, a quarter for 8.
    for (precision, count, runs, factor) in [
        (10, 1_000, 100, 1.2),
        (10, 100_000, 50, 1.25),
        (12, 100_000, 50, 1.25),
        (12, 1_000_000, 8, 1.6),
        (14, 100_000, 50, 1.25),
        (14, 1_000_000, 8, 1.6),
    ] {
        let stated = Distinct::new(precision).standard_error();
        let measured = measured_error(precision, count, runs);
        assert!(measured < stated * factor, "precision {precision}, {count}: {measured}");
        // A sketch that is far better than the theory counts by other means.
        assert!(count < 100_000 || measured > stated / 2.5, "{precision} {count}: {measured}");
    }
}

#[test]
fn small_counts_are_exact_to_a_thousandth() {
    for (precision, count, runs) in [(12, 10, 100), (12, 1_000, 100), (14, 1_000, 100)] {
        let measured = measured_error(precision, count, runs);
        assert!(measured < 1e-3, "precision {precision}, {count}: {measured}");
    }
}

#[test]
fn the_change_from_sparse_to_dense_is_smooth() {
    for precision in [4, 8, 12] {
        let most = sparse_max(precision) as u64;
        let before = of(precision, hashes(3, most));
        let after = of(precision, hashes(3, most + 1));
        assert!(matches!(before.registers, Registers::Sparse(_)));
        assert!(matches!(after.registers, Registers::Dense(_)));
        let moved = (after.estimate() / before.estimate() - 1.0).abs();
        assert!(moved < 3.0 * after.standard_error() + 0.25 / most as f64, "{precision}: {moved}");
    }
}

#[test]
fn extreme_hashes_are_hashes() {
    for precision in PRECISION_MIN..=PRECISION_MAX {
        let mut sketch = of(precision, [0, u64::MAX, 1, 1 << 63]);
        assert!((sketch.estimate() - 4.0).abs() < 1.0);
        sketch.make_dense();
        assert!(sketch.estimate().is_finite());
        assert_eq!(rank(0, u32::from(precision)), rank_max(u32::from(precision)));
        // Registers that are all full: more than can be counted, and no NaN.
        let full = alloc::vec![rank_max(u32::from(precision)); 1 << precision];
        assert_eq!(dense_estimate(&full, u32::from(precision)), f64::INFINITY);
    }
}

#[test]
fn what_is_no_sketch_is_an_error() {
    let sealed = |bytes: &[u8]| [bytes, &crc32(bytes).to_le_bytes()].concat();
    let begin = b"skdi\x01";
    for (body, wrong) in [
        (&b""[..], StateError::Short),
        (b"\x03\0\0", StateError::Value),
        (b"\x13\0\0", StateError::Value),
        (b"\x04\x02\0", StateError::Value),
        (b"\x04\0\x05", StateError::Length),
        (b"\x04\0\x01", StateError::Short),
        (b"\x04\0\x01\0", StateError::Value),
        (b"\x04\0\x01\x28", StateError::Value),
        (b"\x04\0\x02\x01\x01", StateError::Value),
        (b"\x04\0\x02\x01\xFF\xFF\xFF\xFF\x0F", StateError::Value),
        (b"\x04\x01\0", StateError::Short),
        (b"\x04\x01\0\0\0\0\0\0\0\0\0\0\0\0", StateError::Value),
        (b"\x04\x01\xFF\0\0\0\0\0\0\0\0\0\0\0", StateError::Value),
        (b"\x04\0\0\0", StateError::Long),
    ] {
        let bytes = sealed(&[&begin[..], body].concat());
        assert_eq!(Distinct::from_bytes(&bytes), Err(wrong), "{body:?}");
    }
    assert_eq!(Distinct::from_bytes(b"skdi"), Err(StateError::Version));
    let good = Distinct::new(9).to_bytes();
    assert_eq!(Distinct::from_bytes(&sealed(&good[..good.len() - 4])), Ok(Distinct::new(9)));
}

#[test]
fn room_is_as_stated() {
    let sketch = of(12, hashes(1, 100_000));
    assert!(sketch.memory_bytes() < 4096 + 64, "{}", sketch.memory_bytes());
    assert!(sketch.to_bytes().len() < 3072 + 16, "{}", sketch.to_bytes().len());
    let few = of(12, hashes(1, 10));
    assert!(few.memory_bytes() < 128 && few.to_bytes().len() < 64);
}

proptest! {
    /// Order, repetition and division make no difference, whatever the precisions were.
    #[test]
    fn a_sketch_is_of_a_set(
        left in proptest::collection::vec(any::<u64>(), 0..400),
        right in proptest::collection::vec(any::<u64>(), 0..400),
        fine in 4_u8..=14, coarse in 4_u8..=14,
    ) {
        let all = left.iter().chain(&right).rev().chain(&left).copied();
        let coarser = of(fine.min(coarse), all);
        let mut merged = of(fine, left.iter().copied());
        merged.merge(&of(coarse, right.iter().copied()));
        prop_assert_eq!(&merged, &coarser);
        let mut other = of(coarse, right.iter().copied());
        other.merge(&of(fine, left.iter().copied()));
        prop_assert_eq!(&other, &coarser);
        let again = Distinct::from_bytes(&merged.to_bytes());
        prop_assert_eq!(again.as_ref(), Ok(&merged));
        merged.merge(&coarser);
        prop_assert_eq!(&merged, &coarser);
    }

    #[test]
    fn what_is_read_can_be_used(
        body in proptest::collection::vec(any::<u8>(), 0..40), precision in 4_u8..7, dense: bool,
    ) {
        let bytes = [&b"skdi\x01"[..], &[precision, u8::from(dense)], &body[..]].concat();
        let bytes = [&bytes[..], &crc32(&bytes).to_le_bytes()].concat();
        if let Ok(mut sketch) = Distinct::from_bytes(&bytes) {
            prop_assert_eq!(sketch.to_bytes(), bytes);
            prop_assert!(!sketch.estimate().is_nan());
            hashes(1, 99).for_each(|hash| sketch.insert_hash(hash));
            sketch.reduce_to(4);
            prop_assert!(!sketch.estimate().is_nan());
        }
    }
}
