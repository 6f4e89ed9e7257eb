use super::*;

fn deep(open: &str, close: &str, times: usize) -> String {
    open.repeat(times) + "x" + &close.repeat(times)
}

#[test]
fn what_nests_is_bounded_whatever_nests() {
    let hidden = "if(1)x,y;else a:b:c:d:".repeat(100) + "x";
    let texts = [
        deep("(", ")", 300),
        deep("[", "]", 300),
        deep("{", "}", 300),
        deep("`${", "}`", 300),
        deep("!", "", 300),
        deep("- ", "", 300),
        deep("x=>", "", 300),
        deep("x=", "", 300),
        deep("x.", "", 300),
        deep("x?.", "", 300),
        deep("x?x:", "", 300),
        deep("x+", "", 300),
        deep("x /", "", 300),
        deep("x**", "", 300),
        deep("typeof ", "", 300),
        deep("new ", "", 300),
        deep("await ", "", 300),
        deep("if(1)", "", 300),
        deep("if(1)\n", "", 300),
        deep("if(1)x;else ", "", 300),
        deep("if(1)x\nelse ", "", 300),
        deep("if(1){}else ", "", 300),
        deep("if(1)do x;while(1);else ", "", 300),
        deep("if(1)do x;while(1)else ", "", 300),
        deep("while(1)", "", 300),
        deep("do ", " while(1)", 300),
        deep("a:", "", 300),
        deep("for(;;)", "", 300),
        deep("with(a)", "", 300),
        deep("class A extends ", "", 300),
        deep("async x=>", "", 300),
        "x".to_owned() + &"()".repeat(300),
        "x".to_owned() + &"[0]".repeat(300),
        "x".to_owned() + &"``".repeat(300),
        hidden,
    ];
    for text in texts {
        assert_eq!(scan(&text, 200), None, "{}", &text[..40.min(text.len())]);
    }
}

#[test]
fn what_only_goes_on_is_not_deep() {
    let texts = [
        "f();".repeat(9_000),
        "f()\n".repeat(9_000),
        "function f(a){return a.b}".repeat(9_000),
        "if(a){b()}else{c()}\n".repeat(9_000),
        "class A{a(){}get b(){}static c=1;#d;*e(){}}\n".repeat(100),
        format!("x=[{}]", "{a:1,b:2},".repeat(9_000)),
        format!("x={{{}}}", "a:1,b(){},".repeat(9_000)),
        "var a=1,b=/\"[/(]/g,c=a/b/c;".repeat(9_000),
        "switch(a){case 1:b();break;default:c()}\n".repeat(900),
        "try{a()}catch(e){b()}finally{c()}\n".repeat(9_000),
        "for(const a of b)c(`${a}${`${b}`}`)\n".repeat(900),
        "for await(const a of b);".repeat(900),
    ];
    for text in texts {
        assert!(scan(&text, 200).is_some(), "{}", &text[..50.min(text.len())]);
    }
}

#[test]
fn where_anything_could_hide_it_gives_up() {
    for text in [
        "a++/\"/;((((\"",
        "}/\"/",
        "{}/\"/g",
        "var x\n/\"/;",
        "break a\n/\"/",
        "yield /\"/",
        "let /\"/",
        "<!-- x",
        "a=<!-- /*",
        "\n--> x",
        "#!/bin/node",
        "/* x",
        "'a\n'",
        "`a",
        "`${a",
        "/a\n/",
        "/[/",
        "(]",
        ")",
        "(",
        "@a class B{}",
        "/*@cc_on x*/",
    ] {
        assert_eq!(scan(text, 200), None, "{text:?}");
    }
}

#[test]
fn what_is_told_of_it() {
    let text = "/*! a */ // @license é\n'é\\\né'; /* no */ a.eval; \"\\\"\"; /\\//.b";
    let seen = scan(text, 200).expect("plain");
    assert_eq!(seen.legal, ["/*! a */", "// @license é"]);
    assert_eq!((seen.wide, seen.reaches_names), (2, false));
    for text in ["eval(a)", "with(a)b", "\\u0061"] {
        assert!(scan(text, 200).expect("plain").reaches_names, "{text}");
    }
}
