//! Periodograms, by the fast Fourier transform (Cooley & Tukey, Mathematics of Computation
//! 19, 1965).

use alloc::vec;
use alloc::vec::Vec;

/// The power of `values` around their mean at the frequencies `k / length`, for `k` from 0
/// to half of `length`, the next power of two from `2 n` on. In the unit of the values
/// squared, divided by their number. Also returns `length`.
pub(super) fn periodogram(values: &[f64]) -> (Vec<f64>, usize) {
    let count = values.len();
    // Zeros behind the values show the frequencies between those that fit in whole.
    let length = (2 * count).max(2).next_power_of_two();
    let mean = values.iter().sum::<f64>() / count.max(1) as f64;
    let mut real = vec![0.0; length];
    let mut imaginary = vec![0.0; length];
    for (index, (slot, value)) in real.iter_mut().zip(values).enumerate() {
        // Hann's window keeps a strong line from leaking into all others.
        let angle = core::f64::consts::TAU * (index as f64 + 0.5) / count as f64;
        *slot = (value - mean) * (1.0 - libm::cos(angle));
    }
    transform(&mut real, &mut imaginary);
    let power = |k: usize| (real[k] * real[k] + imaginary[k] * imaginary[k]) / count.max(1) as f64;
    ((0..=length / 2).map(power).collect(), length)
}

/// In place; the length of both is the same power of two.
fn transform(real: &mut [f64], imaginary: &mut [f64]) {
    let length = real.len();
    let bits = length.trailing_zeros();
    for index in 0..length {
        let other = index.reverse_bits() >> (usize::BITS - bits.max(1));
        if index < other {
            real.swap(index, other);
            imaginary.swap(index, other);
        }
    }
    let mut half = 1;
    while half < length {
        let angle = -core::f64::consts::PI / half as f64;
        for offset in 0..half {
            let turn = angle * offset as f64;
            let (sine, cosine) = (libm::sin(turn), libm::cos(turn));
            for left in (offset..length).step_by(2 * half) {
                let right = left + half;
                let re = real[right] * cosine - imaginary[right] * sine;
                let im = real[right] * sine + imaginary[right] * cosine;
                (real[right], imaginary[right]) = (real[left] - re, imaginary[left] - im);
                real[left] += re;
                imaginary[left] += im;
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_the_sum_that_defines_it() {
        let values: Vec<f64> = (0..16).map(|x| f64::from((x * 7) % 5) - 1.5).collect();
        let (mut real, mut imaginary) = (values.clone(), vec![0.0; 16]);
        transform(&mut real, &mut imaginary);
        for k in 0..16 {
            let (mut re, mut im) = (0.0, 0.0);
            for (index, value) in values.iter().enumerate() {
                let turn = -core::f64::consts::TAU * (k * index) as f64 / 16.0;
                re += value * libm::cos(turn);
                im += value * libm::sin(turn);
            }
            assert!((re - real[k]).abs() < 1e-9 && (im - imaginary[k]).abs() < 1e-9, "{k}");
        }
    }

    #[test]
    fn a_sine_is_a_peak_at_its_frequency() {
        let values: Vec<f64> = (0..300)
            .map(|x| 5.0 + libm::sin(core::f64::consts::TAU * f64::from(x) / 10.0))
            .collect();
        let (power, length) = periodogram(&values);
        let top = (0..power.len()).max_by(|one, other| power[*one].total_cmp(&power[*other]));
        let period = length as f64 / top.expect("a peak") as f64;
        assert!((period - 10.0).abs() < 0.1, "{period}");
    }

    #[test]
    fn little_has_little() {
        assert!(periodogram(&[]).0.iter().all(|power| *power == 0.0));
        assert!(periodogram(&[3.0]).0.iter().all(|power| *power == 0.0));
    }
}
