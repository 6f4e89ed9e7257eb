use super::*;

#[test]
fn what_nests_or_is_broken_is_given_up() {
    for open in ["(", "[", "{", "a{", "@media(", "a:is(", "calc(", "calc(1px+", "1 * ", "a{b:c(d"] {
        assert_eq!(scan(&open.repeat(100_000), 32), None, "{open}");
    }
    for text in
        ["a{b:c(1 + 2 + 3", "a}", "(]", "/* a", "\"a\n\"", "url(a\"b)", "url(a(b))", "url(a", "a\\"]
    {
        assert_eq!(scan(text, 32), None, "{text:?}");
    }
    let sum = format!("a{{b:calc({}1px)}}", "1px + ".repeat(100));
    assert_eq!(scan(&sum, 32), None);
}

#[test]
fn names_of_rules_with_escapes_are_given_up() {
    for text in ["@\\}ont-face{a:b}", "@x\\{y z{a:b}", "@é-1\\61{a:b}", "@\\"] {
        assert_eq!(scan(text, 32), None, "{text:?}");
    }
    assert!(scan("@media x{a\\:b{c:d}}", 32).is_some());
}

#[test]
fn steps_are_no_sums() {
    assert!(scan("a:nth-child(2n+1)+b,h1+c{d:calc(1px + 2px)}", 32).is_some());
}

#[test]
fn numbers_that_would_be_joined_are_given_up() {
    for text in ["a{b:1px+2px}", "a{b:c+.5}", "a{b:50%+1px}", "a{b:xu+1}"] {
        assert_eq!(scan(text, 32), None, "{text:?}");
    }
    // Neighbors, and ranges of characters.
    for text in ["a+.b{c:d}", "a{unicode-range:U+0000-00FF,u+131, U+2??}"] {
        assert!(scan(text, 32).is_some(), "{text:?}");
    }
}

#[test]
fn what_is_told_of_it() {
    let text = "/*! a */@media (min-width:1px){a>b{c:url( 'd)' )url(e*f):\"é\\\"\"}}/* @license */";
    let seen = scan(text, 32).expect("plain");
    assert_eq!(seen.legal, ["/*! a */", "/* @license */"]);
    assert_eq!((seen.wide, seen.has_ranges, seen.has_prefixes), (1, false, true));
    assert!(scan("@media (width>=1px){a{b:c}}", 32).expect("plain").has_ranges);
    assert!(scan(&"a > b, * + c { d: e }\n".repeat(9_000), 32).is_some());
}

#[test]
fn numbers_are_found_where_they_stand() {
    let cases = [
        ("a{b:1 -2.5px +.5%}", vec!["1", "2.5", ".5"]),
        ("a{b:calc(1px+2e3)}", vec![]),
        ("a{b:1e3 1e-3x 1em 1.5.5}", vec!["1", "1e3", "1e-3", "1.5", ".5"]),
        ("h1.a2>#b3,a:nth-child(2n+1){b-4:#123 --c5 url(6) '7' /* 8 */}", vec!["2", "1"]),
        ("a{b:rgba(1,2,3,.4) hsl(from var(--c,5) 6) 7}", vec!["7"]),
        ("a{b:x(rgb(1)2)}", vec!["2"]),
    ];
    for (text, mut wanted) in cases {
        let seen = scan(text, 32).map(|seen| seen.numbers).unwrap_or_default();
        let mut numbers: Vec<&str> = seen.into_iter().map(|at| &text[at]).collect();
        numbers.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(numbers, wanted, "{text}");
    }
}
