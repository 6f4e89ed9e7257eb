//! The order of versions: numbers as numbers, a release after its candidates, without build
//! metadata and without a leading `v`.
//!
//! It is the order of GrowthBook's specification (`paddedVersionString`), which agrees with
//! Semantic Versioning 2.0.0, section 11, for versions of three numbers below 100,000, and
//! orders everything else somehow. Parts are separated by `.` or `-`. What has three parts gets
//! a fourth, `~`, behind which no ASCII letter lies. Parts of digits only are padded with
//! blanks to five characters. The whole is then compared character by character.

use super::value::{NULL, text};
use alloc::borrow::Cow;
use core::cmp::Ordering;
use serde_json::Value;

/// Parts of digits are padded to this length.
const DIGITS_MIN: usize = 5;

/// A value as the text of a version: what is no text and no number is "0".
pub(super) fn version_text(value: &Value) -> Cow<'_, str> {
    let value = if matches!(value, Value::Bool(_)) { &NULL } else { value };
    match text(value) {
        Some(version) if !version.is_empty() => version,
        _ => Cow::Borrowed("0"),
    }
}

/// Compares two versions. Nothing is allocated.
pub fn cmp(one: &str, other: &str) -> Ordering {
    padded(one).cmp(padded(other))
}

fn padded(version: &str) -> impl Iterator<Item = char> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let version = version.split('+').next().unwrap_or_default();
    let parts = || version.split(['-', '.']);
    let last = (parts().count() == 3).then_some("~");
    parts().chain(last).enumerate().flat_map(|(index, part)| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let blanks = if is_number { DIGITS_MIN.saturating_sub(part.len()) } else { 0 };
        let joint = (index > 0).then_some('-');
        joint.into_iter().chain(core::iter::repeat_n(' ', blanks)).chain(part.chars())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_order_of_semantic_versioning() {
        // Section 11 of the specification has this row as its example.
        let row = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.2.0",
            "1.10.0",
            "2.0.0",
            "10.0.0",
        ];
        for (index, one) in row.iter().enumerate() {
            for (later, other) in row.iter().enumerate() {
                assert_eq!(cmp(one, other), index.cmp(&later), "{one} {other}");
            }
        }
    }

    #[test]
    fn build_metadata_and_the_letter_say_nothing() {
        for (one, other) in
            [("v1.2.3", "1.2.3"), ("1.2.3+abc.5", "1.2.3+x"), ("1-2-3", "1.2.3"), ("", "+1.2.3")]
        {
            assert_eq!(cmp(one, other), Ordering::Equal, "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_version_is_zero() {
        for value in [json!(null), json!(true), json!([1]), json!({}), json!("")] {
            assert_eq!(version_text(&value), "0");
        }
        assert_eq!(version_text(&json!(1.5)), "1.5");
    }

    proptest! {
        #[test]
        fn it_is_an_order(a: String, b: String, c: String) {
            prop_assert_eq!(cmp(&a, &b), cmp(&b, &a).reverse());
            if cmp(&a, &b).is_le() && cmp(&b, &c).is_le() {
                prop_assert!(cmp(&a, &c).is_le());
            }
        }

        #[test]
        fn numbers_are_numbers(a: (u16, u16, u16), b: (u16, u16, u16)) {
            let text = |v: (u16, u16, u16)| format!("{}.{}.{}", v.0, v.1, v.2);
            prop_assert_eq!(cmp(&text(a), &text(b)), a.cmp(&b));
        }
    }
}
