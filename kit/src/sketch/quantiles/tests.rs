use super::*;
use crate::online::noise::Noise;
use crate::primitives::crc32::crc32;
use alloc::vec;
use proptest::prelude::*;

const SHARES: [f64; 9] = [0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0];

fn of(accuracy: f64, bins_max: usize, values: &[f64]) -> Quantiles {
    let mut sketch = Quantiles::new(accuracy, bins_max);
    values.iter().for_each(|value| assert!(sketch.insert(*value), "{value}"));
    sketch
}

fn exact(sorted: &[f64], share: f64) -> f64 {
    sorted[libm::floor(share * (sorted.len() - 1) as f64) as usize]
}

/// Whether every quantile is as near as the accuracy says.
fn check(sketch: &Quantiles, values: &[f64]) -> Result<(), TestCaseError> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    for share in SHARES {
        let (got, want) = (sketch.quantile(share).unwrap(), exact(&sorted, share));
        let error = sketch.accuracy() * want.abs() * (1.0 + 1e-9) + f64::MIN_POSITIVE;
        prop_assert!((got - want).abs() <= error, "{share}: {got} for {want}");
    }
    prop_assert_eq!(sketch.count(), values.len() as u64);
    Ok(())
}

#[test]
fn what_is_no_number_is_refused_and_nothing_has_no_quantile() {
    let mut sketch = Quantiles::new(0.01, 100);
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(!sketch.insert(odd), "{odd}");
    }
    assert_eq!((sketch.count(), sketch.quantile(0.5), sketch.min()), (0, None, None));
    for (accuracy, bins_max) in [(f64::NAN, 0), (-1.0, 1), (9.0, usize::MAX)] {
        let mut odd = Quantiles::new(accuracy, bins_max);
        assert!((ACCURACY_MIN..=ACCURACY_MAX).contains(&odd.accuracy()));
        assert!(odd.insert(1.0) && odd.insert(f64::MAX) && odd.insert(-f64::MAX));
        assert_eq!(odd.quantile(f64::NAN), Some(-f64::MAX));
    }
}

#[test]
fn zeros_and_signs_are_kept_apart() {
    let values = [-5.0, -1e-310, 0.0, -0.0, 5e-324, 7.0, -0.001];
    let sketch = of(0.01, 2048, &values);
    check(&sketch, &values).unwrap();
    assert_eq!(sketch.quantile(0.5), Some(0.0));
    assert_eq!((sketch.min(), sketch.max()), (Some(-5.0), Some(7.0)));
    assert_eq!(sketch.guaranteed_from(), None);
}

#[test]
fn when_bins_run_out_the_large_ones_stay_exact() {
    let mut noise = Noise::new(5);
    let values: Vec<f64> = (0..10_000).map(|_| libm::exp(3.0 * noise.normal())).collect();
    let sketch = of(0.01, 300, &values);
    let from = sketch.guaranteed_from().unwrap();
    assert!(from > 1.0 && sketch.memory_bytes() <= (300 + 16) * 8 + 256, "{from}");
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let mut checked = 0;
    for share in SHARES {
        let (got, want) = (sketch.quantile(share).unwrap(), exact(&sorted, share));
        if want >= from {
            assert!((got - want).abs() <= 0.01 * want * (1.0 + 1e-9), "{share}: {got} for {want}");
            checked += 1;
        } else {
            assert!(got <= from * 1.02, "{share}: {got} for {want}");
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn a_huge_value_costs_no_more_room() {
    let mut sketch = Quantiles::new(0.001, 512);
    for value in [1.0, 1e300, -1e300, 1e-300, f64::MAX, -1e-300, f64::MIN_POSITIVE] {
        assert!(sketch.insert(value));
        assert!(sketch.memory_bytes() < 2 * (512 + 16) * 8 + 256, "{}", sketch.memory_bytes());
    }
    assert_eq!((sketch.count(), sketch.max()), (7, Some(f64::MAX)));
}

#[test]
fn sketches_of_another_accuracy_are_not_merged() {
    let mut one = of(0.01, 100, &[1.0]);
    assert!(!one.merge(&of(0.02, 100, &[2.0])));
    assert_eq!(one, of(0.01, 100, &[1.0]));
    assert!(one.merge(&of(0.01, 50, &[2.0])));
    assert_eq!(one, of(0.01, 50, &[1.0, 2.0]));
}

#[test]
fn what_is_no_sketch_is_an_error() {
    let good = of(0.5, 4, &[1.0, 2.0, -3.0, 0.0]).to_bytes();
    assert!(Quantiles::from_bytes(&good).is_ok());
    for length in 0..good.len() {
        assert!(Quantiles::from_bytes(&good[..length]).is_err(), "{length} bytes");
    }
    let body = &good[5..good.len() - 4];
    // Accuracy, limit, zeros; then length, first, counts and whether bins were joined, twice.
    let (head, tail) = (&body[..10], &body[body.len() - 16..]);
    let build = |bins: &[u8], tail: &[u8]| {
        let bytes = [b"skqu\x01", head, bins, tail].concat();
        Quantiles::from_bytes(&[&bytes[..], &crc32(&bytes).to_le_bytes()].concat())
    };
    let of_one = |value: f64| [value.to_le_bytes(), value.to_le_bytes()].concat();
    for (bins, tail, wrong) in [
        (&[5, 0, 1, 1, 1, 1, 1, 0, 0][..], tail, StateError::Length),
        (&[2, 0, 0, 1, 0, 0], tail, StateError::Value),
        (&[2, 0, 1, 0, 0, 0], tail, StateError::Value),
        (&[1, 0, 1, 1, 0], tail, StateError::Value),
        (&[1, 0, 1, 2, 0], tail, StateError::Value),
        (&[1, 0xFE, 0xFF, 0xFF, 0xFF, 0x1F, 1, 0, 0], tail, StateError::Value),
        // There is a zero, but one is the least.
        (&[1, 0, 1, 0, 0], &of_one(1.0)[..], StateError::Value),
        (&[1, 0, 1, 0, 0], &of_one(9.0)[..], StateError::Value),
        (&[1, 0, 1, 0, 0], &of_one(f64::NAN)[..], StateError::Value),
        (&[0, 0], &of_one(-1.0)[..], StateError::Value),
    ] {
        assert_eq!(build(bins, tail).err(), Some(wrong), "{bins:?}");
    }
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3.0_f64..5.0).prop_map(|exponent| libm::pow(10.0, exponent)),
        2 => -1e3_f64..1e3,
        1 => Just(0.0),
        1 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
    ]
}

proptest! {
    #[test]
    fn quantiles_are_as_near_as_stated(
        values in proptest::collection::vec(any_value(), 1..300), accuracy in 0.002_f64..0.3,
    ) {
        // As many bins as there can be: nothing is joined.
        let sketch = of(accuracy, BINS_MAX * 4, &values);
        prop_assume!(sketch.guaranteed_from().is_none());
        check(&sketch, &values)?;
    }

    /// Equal in every bin, and so in every answer, also when bins run out.
    #[test]
    fn merging_is_inserting_all(
        parts in proptest::collection::vec(proptest::collection::vec(any_value(), 0..60), 3),
        bins_max in 2_usize..200,
    ) {
        let all = of(0.02, bins_max, &parts.concat());
        let [one, two, three] = [0, 1, 2].map(|at: usize| of(0.02, bins_max, &parts[at]));
        for order in [[&one, &two, &three], [&three, &one, &two], [&two, &three, &one]] {
            let mut left = order[0].clone();
            prop_assert!(left.merge(order[1]) && left.merge(order[2]));
            prop_assert_eq!(&left, &all);
            let mut right = order[1].clone();
            prop_assert!(right.merge(order[2]));
            let mut nested = order[0].clone();
            prop_assert!(nested.merge(&right));
            prop_assert_eq!(&nested, &all);
            prop_assert_eq!(nested.to_bytes(), all.to_bytes());
        }
        let again = Quantiles::from_bytes(&all.to_bytes());
        prop_assert_eq!(again, Ok(all));
    }

    #[test]
    fn what_is_read_can_be_used(body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let head = [vec![0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 4], body].concat();
        let bytes = [b"skqu\x01", &head[..]].concat();
        let bytes = [&bytes[..], &crc32(&bytes).to_le_bytes()].concat();
        if let Ok(mut sketch) = Quantiles::from_bytes(&bytes) {
            prop_assert_eq!(sketch.to_bytes(), bytes);
            prop_assert!(sketch.count() == 0 || sketch.quantile(0.5).unwrap().is_finite());
            prop_assert!(sketch.insert(1e9) && sketch.insert(-1e-9));
            prop_assert!(SHARES.iter().all(|share| sketch.quantile(*share).unwrap().is_finite()));
        }
    }
}
