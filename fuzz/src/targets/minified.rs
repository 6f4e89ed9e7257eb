//! Style sheets and scripts that become shorter.

use super::texts;
use minifiers::css;
use minifiers::js::{self, Kind, Task};

/// Words of style sheets.
pub(super) const CSS: &[&str] =
    &["@media", "calc(", ":is(", "{", "}", "!important", "url(", "/*", "\"", "\\", "var(--"];
/// Words of scripts.
pub(super) const JS: &[&str] = &[
    "function", "=>", "`${", "}", "(", "/", "else", "if(", "class", "async ", "await ", "\n", "\"",
    "/*", "//", "?.", "...", "yield", "eval", "do ", "while(",
];

pub(super) fn style_sheets() -> Vec<Vec<u8>> {
    texts(&[
        "/*! a */ a > b , c:not( .d ) { color : #ff0000 ; color : lab( 1 2 3 ) }",
        "@media ( min-width : 1px ) { a { width : calc( 1px + 2% * 3 ) } }",
        "@font-face { font-family : \"a b\" ; src : url( a.woff ) } @x y { z }",
        "@charset \"utf-8\"; a::before { content : '\\e900' } b { --c : { d } }",
    ])
}

/// A sheet becomes shorter or stays; what comes out has been read again.
pub(super) fn style_sheet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for charset_is_open in [false, true] {
        if let Some(short) = css::shorter(text, charset_is_open) {
            assert!(short.len() < text.len());
        }
    }
}

pub(super) fn scripts() -> Vec<Vec<u8>> {
    texts(&[
        "'use strict' ; function f ( a , b ) { return a / b + /[/]\"/ . c }",
        "import a from 'b' ; export default class extends a { #b = 1 ; static c ( ) { } }",
        "if ( a ) b ; else for ( const c of d ) e ( `f ${ g } h` ) // i\n",
        "x = async ( ) => { await y ?. z [ 0 ] ( ...a ) } ; do a ++ ; while ( b )",
    ])
}

/// A script becomes shorter or stays, whatever it is taken for.
pub(super) fn script(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in [Kind::Classic, Kind::Module, Kind::Either] {
        for shortens_names in [false, true] {
            let task = Task { kind, charset_is_open: shortens_names, shortens_names };
            if let Some(short) = js::shorter(text, task) {
                assert!(short.len() < text.len());
            }
        }
    }
}
