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
fn what_is_told_of_it() {
    let text = "/*! a */@media (min-width:1px){a>b{c:url( 'd)' )url(e*f):\"é\\\"\"}}/* @license */";
    let seen = scan(text, 32).expect("plain");
    assert_eq!(seen.legal, ["/*! a */", "/* @license */"]);
    assert_eq!((seen.wide, seen.has_ranges, seen.has_prefixes), (1, false, true));
    assert!(scan("@media (width>=1px){a{b:c}}", 32).expect("plain").has_ranges);
    assert!(scan(&"a > b, * + c { d: e }\n".repeat(9_000), 32).is_some());
}
