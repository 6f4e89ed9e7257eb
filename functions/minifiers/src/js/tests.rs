use super::*;
use proptest::prelude::*;

const KEEP: Task = Task { kind: Kind::Either, charset_is_open: false, shortens_names: false };
const SHORTEN: Task = Task { shortens_names: true, ..KEEP };

fn keep(text: &str) -> Option<String> {
    shorter(text, KEEP)
}

fn shorten(text: &str) -> Option<String> {
    shorter(text, SHORTEN)
}

#[test]
fn what_is_no_script_stays() {
    for text in [
        "",
        "var a = ;",
        "let a; let a;  export { b",
        "<div> a </div>",
        "const a: number = 1;",
        "{ \"a\": 1 }",
        "a b  c",
        "  return",
    ] {
        assert_eq!(keep(text), None, "{text:?}");
        assert_eq!(shorten(text), None, "{text:?}");
    }
    for open in
        ["(", "[", "{", "`${", "!", "if(a)", "a=>", "a.", "/(", "\"(", "a?", "<", "class extends "]
    {
        assert_eq!(keep(&open.repeat(100_000)), None, "{open}");
    }
}

#[test]
fn comments_and_blanks_go_and_nothing_else() {
    let cases = [
        ("// a\nvar first = 1 ;  /* b */", "var first=1;"),
        ("'use strict'; f ( )", "\"use strict\";f();"),
        ("if (a) { b ( ) } else c ( )", "if(a){b()}else c();"),
        ("a = b + +c - -d + ++ e", "a=b+ +c- -d+ ++e;"),
        ("x = /[/ ]\"/ . test ( y ) / 2", "x=/[/ ]\"/.test(y)/2;"),
        ("f ( ) //# sourceMappingURL=f.js.map", "f();"),
        ("import a from  'b' ; export { a }", "import a from\"b\";export{a};"),
        ("debugger ;  ; 1 + 1", "debugger;;1+1;"),
        ("f ( 'a' ) ; ( 'use strict' )", "f(`a`);`use strict`;"),
        ("a = { b : b , c : function ( ) { } }", "a={b,c:function(){}};"),
        ("/* @__PURE__ */ f ( )", "f();"),
    ];
    let written = cases.map(|(text, _)| keep(text).unwrap_or_default().trim_end().to_owned());
    assert_eq!(written, cases.map(|(_, wanted)| wanted));
}

#[test]
fn what_a_license_asks_for_stays() {
    let text = "/*! MIT */\nvar a  =  1;\nf ( /* @preserve x */ 1 );\n// plain\n//! last\ng( )";
    let short = keep(text).expect("shorter");
    for comment in ["/*! MIT */", "/* @preserve x */", "//! last"] {
        assert_eq!(short.matches(comment).count(), 1, "{short}");
    }
    assert!(!short.contains("plain"));
}

#[test]
fn only_names_that_nothing_else_can_see_become_shorter() {
    let text = "var shared = 1; function visible(first, second) { var inner = first; return inner + second }";
    let short = shorten(text).expect("shorter");
    assert!(short.contains("shared") && short.contains("visible"), "{short}");
    assert!(!short.contains("first") && !short.contains("inner"), "{short}");
    // They can be reached by their names.
    for reach in ["eval(code)", "with (first) second"] {
        let text = format!("function visible(first, second) {{ {reach} ; }}");
        let short = shorten(&text).expect("shorter");
        assert!(short.contains("(first,second)"), "{short}");
    }
    // What a function is called can be asked for.
    let named = shorten("(function () { function helper() {}  return helper.name })()");
    assert!(named.expect("shorter").contains("function helper"));
    let module =
        shorten("const local = 1 ; export const shown = local + local ;").expect("shorter");
    assert!(module.contains("shown") && !module.contains("local"), "{module}");
}

#[test]
fn where_the_charset_is_open_no_character_comes_in() {
    let open = Task { charset_is_open: true, ..KEEP };
    let escaped = |text| shorter(text, open).map(|short| short.trim_end().to_owned());
    assert_eq!(escaped("f  ( '\\u00e9' )").as_deref(), Some("f(`\\u00e9`);"));
    let wide = escaped("f ( '\\u{1f600}' )    ");
    assert_eq!(wide.as_deref(), Some("f(`\\ud83d\\ude00`);"));
    assert_eq!(escaped("f  ( '\\xe9é' )"), None);
    assert_eq!(escaped("a\\u0062  ( '\\xe9' )"), None);
    assert_eq!(shorter("f ( '\\u00e9' )", KEEP).as_deref().map(str::trim_end), Some("f(`é`);"));
    assert!(shorter("f ( 'é' )", open).is_some());
    assert_eq!(escaped("f ( '\\xe9' ) // é").as_deref(), Some("f(`\\u00e9`);"));
    assert!(
        shorter("\u{feff}f ( '\\xe9' )", open).is_some_and(|short| short.starts_with('\u{feff}'))
    );
}

proptest! {
    #[test]
    fn it_is_never_longer_and_the_same_again(text in "[(){}a;,.=+/'`! \n0-9]{0,60}") {
        for task in [KEEP, SHORTEN] {
            if let Some(short) = shorter(&text, task) {
                prop_assert!(short.len() < text.len());
                let again = shorter(&short, task).unwrap_or_else(|| short.clone());
                prop_assert_eq!(again.trim_end(), short.trim_end());
            }
        }
    }
}
