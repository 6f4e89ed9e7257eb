use super::*;
use proptest::prelude::*;

fn pictures() -> pictures::Settings {
    pictures::Settings {
        prefix: "/cdn-cgi/image".into(),
        widths: vec![320, 640],
        quality: "auto".into(),
        eager: 1,
    }
}

fn run(tasks: &Tasks, pieces: &[&[u8]]) -> Vec<u8> {
    let mut document = Document::new(tasks, "/shop/index.html");
    let mut out: Vec<u8> = pieces.iter().flat_map(|piece| document.push(piece)).collect();
    out.extend(document.finish());
    out
}

fn minified(whitespace: Whitespace, html: &str) -> String {
    let tasks = Tasks { minify: Some(whitespace), inline: None, pictures: None };
    let whole = run(&tasks, &[html.as_bytes()]);
    // However it comes, it is the same.
    let single: Vec<&[u8]> = html.as_bytes().chunks(1).collect();
    let same = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(same(&run(&tasks, &single)), same(&whole));
    same(&whole)
}

fn rewritten(html: &str) -> String {
    let tasks = Tasks { minify: None, inline: None, pictures: Some(pictures()) };
    String::from_utf8(run(&tasks, &[html.as_bytes()])).expect("UTF-8")
}

#[test]
fn what_is_broken_comes_out_as_it_went_in() {
    let tasks =
        Tasks { minify: Some(Whitespace::Always), inline: None, pictures: Some(pictures()) };
    let all: Vec<u8> = (0..=255).filter(|byte| !b" \t\n\r\x0c<".contains(byte)).collect();
    let cases: [&[u8]; 9] = [
        b"",
        b"<",
        b"<p",
        b"<p class=\"",
        b"<!--",
        b"<!-- not closed",
        b"</",
        b"<script>a  b",
        &all,
    ];
    for case in cases {
        assert_eq!(run(&tasks, &[case]), case, "{:?}", String::from_utf8_lossy(case));
    }
    let mut in_attribute = b"<p title=\"".to_vec();
    in_attribute.extend(all.iter().filter(|byte| **byte != b'"'));
    in_attribute.extend_from_slice(b"\">");
    assert_eq!(run(&tasks, &[&in_attribute]), in_attribute);
}

#[test]
fn a_tag_that_does_not_end_is_not_held_for_ever() {
    let tasks =
        Tasks { minify: Some(Whitespace::Always), inline: None, pictures: Some(pictures()) };
    let mut html = b"<p>a</p><p class=\"".to_vec();
    html.extend(std::iter::repeat_n(b'x', 3 * PARSER_BYTES_MAX));
    html.extend_from_slice(b"\"><!-- it stays --><p>  b");
    let pieces: Vec<&[u8]> = html.chunks(60_000).collect();
    assert_eq!(run(&tasks, &pieces), html);
}

#[test]
fn blanks_go_where_they_cannot_show() {
    let cases = [
        ("<p>a  b \n\n c</p>\n\n<p>d</p>", "<p>a b c</p>\n<p>d</p>"),
        ("<pre>a  b</pre>  c  d", "<pre>a  b</pre> c d"),
        (
            "<textarea>a  b</textarea><code> a  b </code>",
            "<textarea>a  b</textarea><code> a  b </code>",
        ),
        ("<p style='white-space: pre'>a  b</p>c  d", "<p style='white-space: pre'>a  b</p>c d"),
        ("<script>a  b</script><style>a  b</style>", "<script>a  b</script><style>a  b</style>"),
        ("<title>a  b</title>", "<title>a  b</title>"),
        ("<p title='a  b'  id=x >a\u{a0}\u{a0} b", "<p title='a  b'  id=x >a\u{a0}\u{a0} b"),
        ("a  <!-- two words -->b<!--$-->  c", "a b<!--$--> c"),
        ("<input style='white-space:pre'>a  b", "<input style='white-space:pre'>a b"),
    ];
    for (html, wanted) in cases {
        assert_eq!(minified(Whitespace::Always, html), wanted, "{html}");
        assert_eq!(minified(Whitespace::Auto, html), wanted, "{html}");
    }
    assert_eq!(minified(Whitespace::Never, "a  <!-- b c --> d"), "a   d");
}

#[test]
fn a_style_sheet_may_give_blanks_a_meaning() {
    let cases = [
        ("<link rel='preload stylesheet' href=a.css><p>a  b", "a  b"),
        ("<style>.x { White-Space: pre }</style><p>a  b", "a  b"),
        ("<style>@import 'x.css'</style><p>a  b", "a  b"),
        ("<style>.x { color: red }</style><p>a  b", "a b"),
        ("<link rel=icon href=a.ico><p>a  b", "a b"),
    ];
    for (html, end) in cases {
        assert!(minified(Whitespace::Auto, html).ends_with(end), "{html}");
        assert!(minified(Whitespace::Always, html).ends_with("a b"), "{html}");
    }
    let head = "<head><link rel=stylesheet href=a>\n  <meta name=b>\n  </head><body>a  b";
    let wanted = "<head><link rel=stylesheet href=a>\n<meta name=b>\n</head><body>a  b";
    assert_eq!(minified(Whitespace::Auto, head), wanted);
}

#[test]
fn data_loses_its_blanks_if_it_is_json() {
    let json = "<script type=application/ld+json>\n{ \"a\": [1, 2] }\n</script>";
    let short = "<script type=application/ld+json>{\"a\":[1,2]}</script>";
    assert_eq!(minified(Whitespace::Auto, json), short);
    let broken = "<script type='application/json'>{ a: 1 }</script>";
    assert_eq!(minified(Whitespace::Auto, broken), broken);
    let script = "<script>var a = { \"a\": [1, 2] }</script>";
    assert_eq!(minified(Whitespace::Auto, script), script);
}

#[test]
fn pictures_with_a_width_are_offered_in_several() {
    let html = rewritten(
        "<img src=a.jpg width=400 height=300 alt='é'><img src=/b.png width=20 height=20>",
    );
    let address = |width: u16, path: &str| {
        format!("/cdn-cgi/image/width={width},format=auto,quality=auto,onerror=redirect{path}")
    };
    let a = |width| format!("{} {width}w", address(width, "/shop/a.jpg"));
    let first = format!(
        "<img src=\"{}\" width=400 height=300 alt='é' srcset=\"{}, {}, {}, {}\" \
         sizes=\"(max-width: 400px) 100vw, 400px\">",
        address(400, "/shop/a.jpg"),
        a(320),
        a(400),
        a(640),
        a(800)
    );
    assert!(html.starts_with(&first), "{html}");
    // The second is not among the first.
    assert!(html[first.len()..].contains("loading=\"lazy\""), "{html}");
    assert!(!first.contains("lazy"));
    let plain = rewritten("<img src=\"a.jpg?v=1\">");
    assert_eq!(
        plain,
        "<img src=\"/cdn-cgi/image/format=auto,quality=auto,onerror=redirect/shop/a.jpg?v=1\">"
    );
}

#[test]
fn pictures_that_choose_for_themselves_stay() {
    for html in [
        "<img src=a.jpg srcset='a.jpg 1x'>",
        "<img src=a.jpg crossorigin>",
        "<picture><source srcset=b.webp><img src=a.jpg></picture>",
        "<base href='https://cdn.example/'><img src=a.jpg width=400>",
        "<img src=https://cdn.example/a.jpg>",
        "<img src='data:image/png;base64,AAAA'>",
        "<img src=/cdn-cgi/image/width=3/a.jpg width=400>",
        "<img src=a.gif width=9><img alt=x>",
        "<!-- <img src=a.jpg> --><textarea><img src=a.jpg></textarea>",
    ] {
        assert_eq!(rewritten(html), html);
    }
}

proptest! {
    #[test]
    fn no_text_is_lost(html in "[ab \n<>/!\"'=-]{0,60}", cut in 0usize..60) {
        let tasks = Tasks { minify: Some(Whitespace::Always), inline: None, pictures: Some(pictures()) };
        let bytes = html.as_bytes();
        let (one, two) = bytes.split_at(cut.min(bytes.len()));
        let out = run(&tasks, &[one, two]);
        prop_assert_eq!(&out, &run(&tasks, &[bytes]));
        prop_assert!(out.len() <= bytes.len(), "{:?}", String::from_utf8_lossy(&out));
    }
}

fn inline(html: &str) -> String {
    let wished = inline::Settings { css: true, js: true, shortens_names: false };
    let tasks = Tasks { minify: None, inline: Some(wished), pictures: None };
    let whole = run(&tasks, &[html.as_bytes()]);
    let single: Vec<&[u8]> = html.as_bytes().chunks(1).collect();
    assert_eq!(run(&tasks, &single), whole);
    String::from_utf8(whole).expect("UTF-8")
}

#[test]
fn style_sheets_and_scripts_in_a_document_become_shorter() {
    let cases = [
        ("<style>a { b : c }</style>", "<style>a{b:c}</style>"),
        ("<script>f ( 1 )</script>", "<script>f(1);</script>"),
        (
            "<SCRIPT TYPE=Module>import 'a' ; b ( )</SCRIPT>",
            "<SCRIPT TYPE=Module>import\"a\";b();</SCRIPT>",
        ),
    ];
    for (html, wanted) in cases {
        assert_eq!(inline(html).replace(";\n<", ";<"), wanted);
    }
}

#[test]
fn what_stands_in_a_document_for_others_stays() {
    for html in [
        "<script>f ( ",
        "<script>f ( 1 ) g</script>",
        "<script>f ( 'é' )</script>",
        "<script>f ( '\\x3c!--' )</script>",
        "<script type=text/x-template>f ( 1 )</script>",
        "<script src=a>f ( 1 )</script>",
        "<script language=vbscript>f ( 1 )</script>",
        "<style>a { *b : c }</style>",
        "<style>a { b : '\\3c/style' }</style>",
        "<style type=text/less>a { b : c }</style>",
        "<svg><style>a { b : c }</style></svg>",
        "<p style='a : b'>f ( 1 )</p>",
        "<meta http-equiv=Content-Security-Policy content=\"x\"><script>f ( 1 )</script>",
    ] {
        assert_eq!(inline(html), html);
    }
}
