//! Numbers as they are written.

use super::{Number, Problem};

/// What a number is made of. Its value is `digits`, read as one integer, times ten to the
/// `exponent`.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// Clamped, far beyond what matters.
    exponent: i64,
    /// Whether there is neither a point nor an exponent.
    integer: bool,
}

/// The parts of a number in JSON's grammar (RFC 8259 §6); `None` if it is none.
fn parts(text: &str) -> Option<Parts<'_>> {
    const EXPONENT_MAX: i64 = 1 << 40;
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if !are_digits(whole) || leading_zero || !fraction.is_none_or(are_digits) {
        return None;
    }
    let digits = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    if !digits.is_none_or(are_digits) {
        return None;
    }
    let size = digits.map_or(0, |digits| digits.parse().unwrap_or(EXPONENT_MAX).min(EXPONENT_MAX));
    let below_one = exponent.is_some_and(|exponent| exponent.starts_with('-'));
    Some(Parts {
        negative,
        whole,
        fraction: fraction.unwrap_or_default(),
        exponent: if below_one { -size } else { size },
        integer: fraction.is_none() && exponent.is_none(),
    })
}

/// Whether this is a number in JSON's grammar.
pub(super) fn is_number(text: &str) -> bool {
    parts(text).is_some()
}

/// The number: an integer if it is written as one, the nearest float otherwise.
///
/// # Errors
///
/// An integer of more than 64 bits is not rounded silently, and a float that is too large
/// is not made infinite: both are told.
pub(super) fn number(text: &str) -> Result<Number, Problem> {
    let parts = parts(text).ok_or_else(|| Problem::expected("a number"))?;
    // Minus zero is a float of its own.
    let minus_zero = parts.negative && parts.whole == "0";
    if parts.integer && !minus_zero {
        return text.parse().ok().and_then(Number::integer).ok_or_else(|| {
            Problem::range("the integer has more than 64 bits, so it would be rounded")
        });
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(Number::Float(float)),
        _ => Err(Problem::range("the number is too large for a float of 64 bits")),
    }
}

/// The number times ten to the `power`, rounded to an integer, halves away from zero; `None`
/// if it has more than 37 digits or is no number.
pub(super) fn scaled(text: &str, power: i64) -> Option<i128> {
    const DIGITS_MAX: i64 = 37;
    let parts = parts(text)?;
    let digits = || parts.whole.bytes().chain(parts.fraction.bytes()).skip_while(|&b| b == b'0');
    let count = digits().count() as i64;
    // How many of the digits stand before the point of the result.
    let before = count + parts.exponent - parts.fraction.len() as i64 + power;
    if count == 0 || before < 0 {
        return Some(0);
    }
    if before > DIGITS_MAX {
        return None;
    }
    let mut digits = digits().chain(std::iter::repeat(b'0'));
    let mut result = 0i128;
    for digit in digits.by_ref().take(before as usize) {
        result = result * 10 + i128::from(digit - b'0');
    }
    if digits.next().is_some_and(|digit| digit >= b'5') {
        result += 1;
    }
    Some(if parts.negative { -result } else { result })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_number_of_json_is_none() {
        for bad in [
            "", "-", "+1", "01", "-01", ".5", "1.", "1e", "1e+", "1e1.5", "0x10", "1_000", "NaN",
            "nan", "inf", "Infinity", "1,5", " 1", "1 ", "--1", "1e--1", "١", "1..2", "1e5e5",
        ] {
            assert!(!is_number(bad) && number(bad).is_err() && scaled(bad, 9).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn what_would_be_rounded_silently_is_told() {
        for bad in ["18446744073709551616", "-9223372036854775809", "1e400", "-1e309"] {
            assert!(matches!(number(bad), Err(Problem::Range(_))), "{bad}");
        }
        let huge = "9".repeat(100_000);
        assert!(number(&huge).is_err() && scaled(&huge, 9).is_none());
        assert_eq!(scaled("1e99999999999999999999999", 9), None);
        assert_eq!(scaled("1e-99999999999999999999999", 9), Some(0));
        assert_eq!(scaled("0e99999999999999999999999", 9), Some(0));
    }

    #[test]
    fn integers_stay_exact() {
        assert_eq!(number("9007199254740993"), Ok(Number::Int(9_007_199_254_740_993)));
        assert_eq!(number("-9223372036854775808"), Ok(Number::Int(i64::MIN)));
        assert_eq!(number("18446744073709551615"), Ok(Number::Uint(u64::MAX)));
        assert_eq!(number("1e2"), Ok(Number::Float(100.0)));
        assert!(matches!(number("-0"), Ok(Number::Float(zero)) if zero.is_sign_negative()));
    }

    #[test]
    fn seconds_become_nanoseconds_without_a_float_between() {
        let ns = |text| scaled(text, 9);
        assert_eq!(ns("1320067464.123456789"), Some(1_320_067_464_123_456_789));
        assert_eq!(ns("1.276020076001e+09"), Some(1_276_020_076_001_000_000));
        assert_eq!(ns("-0.0000000015"), Some(-2));
        assert_eq!(ns("0.0000000004"), Some(0));
        assert_eq!(ns("0.0000000005"), Some(1));
        assert_eq!(ns("5e-10"), Some(1));
        assert_eq!(ns("0.00"), Some(0));
        assert_eq!(ns("9e27"), Some(9 * 10i128.pow(36)));
        assert_eq!(ns("9e28"), None);
    }

    proptest! {
        #[test]
        fn a_shortest_decimal_comes_back(float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
            let Ok(number) = number(&format!("{float:e}")) else { panic!("{float:e}") };
            let back = number.as_f64();
            prop_assert!(back == float);
        }

        #[test]
        fn nanoseconds_of_an_integer_and_a_fraction(s in -9_000_000_000i64..9_000_000_000, ns in 0i64..1_000_000_000) {
            let sign = if s < 0 { -1 } else { 1 };
            let text = format!("{s}.{ns:09}");
            prop_assert_eq!(scaled(&text, 9), Some(i128::from(s) * 1_000_000_000 + i128::from(sign * ns)));
        }

        #[test]
        fn nothing_panics(text in "[-+0-9.eE]{0,40}", power in -40i64..40) {
            let _ = (number(&text), scaled(&text, power));
        }
    }
}
