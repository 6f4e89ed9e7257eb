use super::*;
use proptest::prelude::*;

fn short(text: &str) -> Option<String> {
    shorter(text, false)
}

#[test]
fn what_is_not_understood_as_a_whole_stays() {
    let kept = [
        "",
        "a { *zoom : 1 }",
        "a { color : red ; b }",
        "a { color : red",
        "a { } }",
        "a, , b { color : red }",
        "@charset \"iso-8859-1\"; a { color : red }",
        "<!-- a { color : red } -->)",
        "@media (width >= 1px) and (min-height : 1px) { a { color : red } }",
    ];
    let written = kept.map(short);
    assert_eq!(written, kept.map(|_| None));
    for open in ["a{", "(", "[", ":not(", "@media (", "calc(1 + ", "a{b:c(", "@supports not ("] {
        assert_eq!(short(&open.repeat(100_000)), None, "{open}");
    }
}

#[test]
fn values_become_shorter_and_every_declaration_stays() {
    let cases = [
        ("/* a */ a , b > c { color : #ff0000 ; }", "a,b>c{color:red}"),
        // For browsers that know less.
        ("a { width: 90px ; width: calc( 1vw - 1px ) }", "a{width:90px;width:calc(1vw - 1px)}"),
        (
            "a { color : #123456 ; color : oklch(40% .1 20) }",
            "a{color:#123456;color:oklch(40% .1 20)}",
        ),
        ("a { display : -webkit-box ; display : flex }", "a{display:-webkit-box;display:flex}"),
        ("a { background : rgba( 0 , 0 , 0 , 0.5 ) }", "a{background:rgba(0,0,0,.5)}"),
        (
            "@media (min-width : 40em) { a { margin : 0px 0px } }",
            "@media (min-width:40em){a{margin:0}}",
        ),
        (
            "a { filter : progid:X.Y(a='#b', c=1) ; x : 1 }",
            "a{filter:progid:X.Y(a=\"#b\", c=1);x:1}",
        ),
        ("a { _height : 1px ; height : auto }", "a{_height:1px;height:auto}"),
        ("a { } a { color : red } a { color : red }", "a{}a{color:red}a{color:red}"),
        ("a { --b : { c } ; color : var( --b ) }", "a{--b:{ c };color:var(--b)}"),
        ("@unknown x { y : z }   a { b : c }", "@unknown x{y : z}a{b:c}"),
        ("@charset \"UTF-8\"; a { b : 'é' }", "@charset \"utf-8\";a{b:\"é\"}"),
    ];
    let written = cases.map(|(text, _)| short(text).unwrap_or_default().trim_end().to_owned());
    assert_eq!(written, cases.map(|(_, wanted)| wanted));
}

#[test]
fn what_a_license_asks_for_stays() {
    let text = "/*! MIT */ a { b : c } /* plain */ d { e : f } /* @preserve me */";
    let short = short(text).expect("shorter");
    for comment in ["/*! MIT */", "/* @preserve me */"] {
        assert_eq!(short.matches(comment).count(), 1, "{short}");
    }
    assert!(!short.contains("plain"));
}

#[test]
fn where_the_charset_is_open_it_is_told_or_nothing_comes_in() {
    let icons = "a::before { content : \"\\e900\" }            ".repeat(3);
    let short = shorter(&icons, true).expect("shorter");
    assert!(short.starts_with("@charset \"utf-8\";"), "{short}");
    assert!(shorter("a { b : 'é' }", true).is_some());
    assert_eq!(shorter("a { b : 'é' ; c : '\\e900' }", true), None);
}

proptest! {
    #[test]
    fn it_is_never_longer_and_the_same_again(
        rules in "([a-c]{1,2} ?[>,]? ?[d-f] ?\\{ ?(color|margin|width|x) ?: ?(red|#00ff00|1px|0.50em|calc\\(1px \\+ 2%\\)) ?;? ?\\} ?){0,6}"
    ) {
        if let Some(once) = short(&rules) {
            prop_assert!(once.len() < rules.len());
            let again = short(&once).unwrap_or_else(|| once.clone());
            prop_assert_eq!(again.trim_end(), once.trim_end());
        }
    }

    #[test]
    fn nothing_panics(text in "[a-c{}():;@*/\"'\\\\ \n0-9.%#!-]{0,80}") {
        let _ = short(&text);
    }
}
