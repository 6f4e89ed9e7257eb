//! Style sheets and scripts, minified over the wire.

use super::{ask, gunzip, manifest, script};
use crate::origin::{Answering, Scripted};
use sedge_tests::Node;

const STYLES: &str = "/*! a license */\n/* the colors of the shop, in one place */\n\
    a > b ,\n.c { color : #ff0000 ; width : 90px ; width : calc( 1vw + 2px ) }\n\
    @media (min-width : 40em) { a { margin : 0px 0px 0px 0px } }\n\
    .icon::before { content : 'x' ; background : rgba( 0 , 0 , 0 , 0.50 ) }\n";
const SCRIPT: &str = "// What the shop counts.\nvar counted = 0;\n\
    function count ( amount , times ) {\n  const product = amount * times ;\n  \
    counted += product / 2 ;\n  return /[\"/]/.test ( `${ product }` ) ;\n}\n\
    //# sourceMappingURL=app.js.map\n";

fn inline() -> String {
    format!(
        "<!doctype html><title>inline</title><style>{STYLES}</style><p style='a : b'>text</p>\
         <script>{SCRIPT}</script><script type=text/template>{SCRIPT}</script>"
    )
}

/// What nests deep, by what is opened and how often: `js/9/(`.
fn deep(path: &str) -> (String, &'static str) {
    let mut parts = path.splitn(3, '/');
    let mut next = || parts.next().unwrap_or_default();
    let (kind, times, number) = (next(), next(), next());
    let times = times.parse().unwrap_or(1);
    let number: usize = number.parse().unwrap_or(0);
    match kind {
        "js" => {
            let (open, close) = DEEP_JS[number];
            (format!("x = {}1{} ;  \n", open.repeat(times), close.repeat(times)), "text/javascript")
        }
        _ => {
            let (begin, open, close, end) = DEEP_CSS[number];
            let body = open.repeat(times) + "1px" + &close.repeat(times);
            (format!("{begin}{body}{end}\n"), "text/css")
        }
    }
}

const DEEP_JS: [(&str, &str); 14] = [
    ("(", ")"),
    ("[", "]"),
    ("{a:", "}"),
    ("`${", "}`"),
    ("!", ""),
    ("y=>", ""),
    ("y?1:", ""),
    ("y+", ""),
    ("y**", ""),
    ("f(1,function(){return ", "})"),
    ("class extends (", "){}"),
    ("({a=", "}={})=>0"),
    ("async()=>await ", ""),
    ("new ", ""),
];
const DEEP_CSS: [(&str, &str, &str, &str); 5] = [
    ("a { width : ", "calc(1px + ", ")", " }  "),
    ("a { width : ", "min(1px,", ")", " }  "),
    ("a { --b : ", "(", ")", " }  "),
    ("a { width : calc(1px + ", "1px + ", "", ") }  "),
    ("", "a { b : ", "}", "  "),
];

/// What the origin answers below `/minified/`.
pub(super) fn answer(path: &str, answering: &mut Answering) -> std::io::Result<()> {
    let path = &path["/minified".len()..];
    match path {
        "/app.css" => answering.whole("200 OK", "content-type: text/css\r\n", STYLES.as_bytes()),
        "/hacks.css" => {
            let sheet = STYLES.to_owned() + "i { *zoom : 1 }";
            answering.whole("200 OK", "content-type: text/css\r\n", sheet.as_bytes())
        }
        "/app.js" => {
            let fields = "content-type: text/javascript\r\netag: \"j1\"\r\n";
            answering.whole("200 OK", fields, SCRIPT.repeat(9).as_bytes())
        }
        "/inline" | "/inline-fixed" => {
            let fields = match path {
                "/inline" => "content-type: text/html\r\n",
                _ => {
                    "content-type: text/html\r\ncontent-security-policy: script-src 'sha256-AA=='\r\n"
                }
            };
            answering.whole("200 OK", fields, inline().as_bytes())
        }
        _ if path.starts_with("/deep/") => {
            let (body, media) = deep(&path["/deep/".len()..]);
            answering.whole("200 OK", &format!("content-type: {media}\r\n"), body.as_bytes())
        }
        _ => answering.whole("404 Not Found", "content-type: text/plain\r\n", b"none"),
    }
}

#[test]
fn style_sheets_and_scripts_are_written_shorter_and_hostile_ones_pass() {
    let origin = Scripted::start(script);
    let more = "environment = { OPTIMIZER_MINIFY = \"html, css, js\", OPTIMIZER_NAMES = \"shorten\", \
                OPTIMIZER_BYTES_MIN = \"1\" }";
    let node = Node::start_sharing(&manifest(&origin, "\"optimizer\"", more));
    let sheet = ask(&node, "GET", "/minified/app.css", &[]);
    assert_eq!(sheet.header("server-timing"), Some("css_minification"));
    let wanted = "/*! a license */\na>b,.c{color:red;width:90px;width:calc(1vw + 2px)}\
                  @media (min-width:40em){a{margin:0}}\
                  .icon:before{content:\"x\";background:rgba(0,0,0,.5)}";
    assert_eq!(sheet.text().trim_end(), wanted);
    // What is not understood as a whole stays.
    let hacks = ask(&node, "GET", "/minified/hacks.css", &[]);
    assert_eq!(hacks.header("server-timing"), None);
    assert!(hacks.text().ends_with("i { *zoom : 1 }"));
    let script = ask(&node, "GET", "/minified/app.js", &[("accept-encoding", "gzip")]);
    let timing = "js_minification, aggressive_compression;desc=gzip";
    assert_eq!(script.header("server-timing"), Some(timing));
    let text = String::from_utf8(gunzip(&script.body)).expect("UTF-8");
    assert!(text.starts_with("var counted=0;function count("), "{text}");
    assert!(!text.contains("product") && !text.contains("amount"), "{text}");
    assert!(text.contains("/[\"/]/.test("), "{text}");
    inline_ones_follow_the_policy_of_their_document(&node);
    who_takes_a_coding_is_not_told_that_what_is_in_none_is_still_good(&node);
    // Far too deep, and as deep as may be: neither takes the answer with it.
    for (kind, count) in [("js", DEEP_JS.len()), ("css", DEEP_CSS.len())] {
        for (number, times) in (0..count)
            .flat_map(|at| [100_000, 300, 199, 99, 66, 49, 39, 31].map(|times| (at, times)))
        {
            let path = format!("/minified/deep/{kind}/{times}/{number}");
            let answer = ask(&node, "GET", &path, &[]);
            let sent = deep(&path["/minified/deep/".len()..]).0;
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.whole && answer.body.len() <= sent.len(), "{path}");
            let is_kept = answer.header("server-timing").is_none();
            assert!(!is_kept || answer.text() == sent, "{path}");
            assert!(is_kept || times < 100_000, "{path}");
        }
    }
    for (path, name) in [
        ("/minified/deep/js/199/0", "js_minification"),
        ("/minified/deep/css/29/0", "css_minification"),
    ] {
        assert_eq!(ask(&node, "GET", path, &[]).header("server-timing"), Some(name), "{path}");
    }
}

fn inline_ones_follow_the_policy_of_their_document(node: &Node) {
    let page = ask(node, "GET", "/minified/inline", &[]).text();
    assert!(page.contains("a>b,.c{color:red;") && page.contains("style='a : b'"), "{page}");
    assert!(page.contains("<script>var counted=0;function count("), "{page}");
    assert!(page.ends_with(&format!("<script type=text/template>{SCRIPT}</script>")), "{page}");
    // Scripts are named by their bytes there.
    assert_eq!(ask(node, "GET", "/minified/inline-fixed", &[]).text(), inline());
}

fn who_takes_a_coding_is_not_told_that_what_is_in_none_is_still_good(node: &Node) {
    for path in ["/style.css", "/minified/app.js"] {
        let plain = ask(node, "GET", path, &[]);
        let tag = plain.header("etag").expect("a tag").to_owned();
        assert!(tag.starts_with("W/"), "{tag}");
        let same = ask(node, "GET", path, &[("if-none-match", &tag)]);
        let wanted = if path == "/style.css" { 304 } else { 200 };
        assert_eq!(same.status, wanted, "{path}");
        let coded = [("accept-encoding", "br, gzip"), ("if-none-match", tag.as_str())];
        let coded = ask(node, "GET", path, &coded);
        assert_eq!((coded.status, coded.header("content-encoding")), (200, Some("br")), "{path}");
    }
}
