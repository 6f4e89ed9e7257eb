//! JSON without blanks, if it is JSON.

use sedge_kit::content::json;
use serde::de::IgnoredAny;

/// The text without blanks, or `None` if it is not JSON, or has none.
pub fn without_blanks(text: &str) -> Option<String> {
    // Nesting is bounded by the parser: 128.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let short = json::without_blanks(text);
    (short.len() < text.len()).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_json_stays() {
        for text in [
            "",
            " ",
            "{",
            "{a: 1}",
            "[1,]",
            "{} {}",
            "// x\n{}",
            "NaN",
            "'a'",
            "\"\u{1}\"",
            "{}\u{feff}",
            "01",
            "\"\\x\"",
        ] {
            assert_eq!(without_blanks(text), None, "{text:?}");
        }
        assert_eq!(without_blanks(&"[ ".repeat(100_000)), None, "too deep");
    }

    #[test]
    fn only_blanks_go() {
        let text = "\n{ \"a b\" : [ 1.50e+3 , \"\\\" c\\\\\" ] ,\t\"a b\": \"é \u{2028}\" }\r\n";
        let short = "{\"a b\":[1.50e+3,\"\\\" c\\\\\"],\"a b\":\"é \u{2028}\"}";
        assert_eq!(without_blanks(text).as_deref(), Some(short));
        assert_eq!(without_blanks(short), None);
        assert_eq!(without_blanks(" 1 ").as_deref(), Some("1"));
    }

    proptest! {
        #[test]
        fn the_value_is_the_same(text in "[ \\n]*\\{ ?\"[a-z \\\\\\\\\"]{0,4}\" ?: ?[0-9]{1,3} ?\\}[ ]*") {
            if let Some(short) = without_blanks(&text) {
                let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
                prop_assert!(value(&text).is_some());
                prop_assert_eq!(value(&text), value(&short));
            }
        }
    }
}
