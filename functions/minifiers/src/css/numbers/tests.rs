use super::super::shorter;
use super::*;
use proptest::prelude::*;

fn short(text: &str) -> String {
    shorter(text, false).unwrap_or_default().trim_end().to_owned()
}

#[test]
fn what_would_be_calculated_or_rounded_stays() {
    let kept = [
        // A third has no end.
        "a { width : calc( 100% / 3 ) }",
        "a { width : calc( 100% - 33.33333333% ) }",
        // Written in another unit, or as another number.
        "a { transition : color 1234.5678ms }",
        "a { opacity : 33.33333333% }",
        "a { z-index : 99999999999 }",
        // One is written as it was, the other one is not.
        "a { width : 33.33333333% ; opacity : 33.33333333% }",
    ];
    assert_eq!(kept.map(|text| shorter(text, false)), kept.map(|_| None));
    // As many that are alike that none is free.
    let alike = |number: u32| format!("a {{ width : 33.3333{number:05}px }}");
    assert_eq!(shorter(&(0..1000).map(alike).collect::<String>(), false), None);
    assert!(shorter(&(0..100).map(alike).collect::<String>(), false).is_some());
}

#[test]
fn numbers_keep_their_digits() {
    let cases = [
        ("a { width : 33.33333333% }", "a{width:33.33333333%}"),
        ("a { width : 033.333333330PX }", "a{width:33.33333333px}"),
        ("a { margin : -0.0012345678em +8.33333333% }", "a{margin:-.0012345678em 8.33333333%}"),
        ("a { margin : 8.33333333% 8.33333333% }", "a{margin:8.33333333%}"),
        (
            "a { width : 33.33333333% ; left : 33.33333333px }",
            "a{width:33.33333333%;left:33.33333333px}",
        ),
        ("a { width : 33.333333% ; left : 33.3333% }", "a{width:33.333333%;left:33.3333%}"),
        ("a { width : calc( 33.33333333% - 10px ) }", "a{width:calc(33.33333333% - 10px)}"),
        ("a { z-index : 2147483647 }", "a{z-index:2147483647}"),
        ("a { left : -9999999px }", "a{left:-9999999px}"),
        ("a { --b : 0.123456789 ; x : 1.23456789e3q }", "a{--b:.123456789;x:1.23456789e3q}"),
        ("@keyframes a { 33.33333333% { left : 0 } }", "@keyframes a{33.33333333%{left:0}}"),
        (
            "@media ( min-width : 61.9999999em ) { a { b : c } }",
            "@media (min-width:61.9999999em){a{b:c}}",
        ),
        // No numbers at all.
        ("a { color : #123456 ; b : \"1.23456789\" }", "a{color:#123456;b:\"1.23456789\"}"),
        (
            "a { b : url( 1.23456789 ) } /*! 1.23456789 */",
            "a{b:url(1.23456789)}\n/*! 1.23456789 */",
        ),
        (".a1234567 , .b-1234567 { b : c }", ".a1234567,.b-1234567{b:c}"),
        // Of eight bits each.
        ("a { color : rgb( 33.33333333% 0% 0% ) }", "a{color:#500}"),
        ("a { color : rgba( 0 , 0 , 0 , 0.333333333 ) }", "a{color:rgba(0,0,0,.333)}"),
    ];
    assert_eq!(cases.map(|(text, _)| short(text)), cases.map(|(_, wanted)| wanted));
}

#[test]
fn values_are_the_same_however_they_are_spelled() {
    let same = [
        ("0", "0.000"),
        ("10", "1e1"),
        ("0.5", ".50"),
        ("1234.5", "1.2345E+3"),
        ("00100.100", "1001e-1"),
    ];
    for (one, other) in same {
        assert_eq!(Value::of(one), Value::of(other), "{one} {other}");
    }
    assert_ne!(Value::of("1e999999999999999999"), Value::of("1"));
    assert_ne!(Value::of("10"), Value::of("100"));
}

proptest! {
    /// Whatever the numbers are, those that come out are those that went in.
    #[test]
    fn no_number_is_another_one(
        numbers in proptest::collection::vec("[0-9]{0,3}\\.[0-9]{1,10}|[0-9]{1,9}", 1..20),
    ) {
        let rules = numbers.iter().map(|number| format!("a {{ left : {number}px }}\n"));
        let text: String = rules.collect();
        if let Some(short) = shorter(&text, false) {
            let read = |text: &str| {
                let numbers = scan(text, 32).expect("scanned").numbers;
                numbers.into_iter().map(|at| Value::of(&text[at])).collect::<Vec<_>>()
            };
            prop_assert_eq!(read(&short), read(&text));
        }
    }
}
