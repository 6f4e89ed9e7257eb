//! Comments: those that say something to people are left out. What frameworks mark
//! places in the document with, and what servers and old browsers read, stays.

use lol_html::{DocumentContentHandlers, Settings};

pub(super) fn leave_out<'h>(settings: Settings<'h, 'static>) -> Settings<'h, 'static> {
    let handlers = DocumentContentHandlers::default().comments(
        |comment: &mut lol_html::html_content::Comment<'_>| {
            if is_prose(&comment.text()) {
                comment.remove();
            }
            Ok(())
        },
    );
    settings.append_document_content_handler(handlers)
}

/// Two words or more between blanks, none of which is a mark that is known: `<!-- ko
/// foreach: x -->` of Knockout, `<!--teleport start-->` of Vue, `<!--lit-part x-->`,
/// `<!--$-->` of React, `<!--#include` of servers, `<!--[if IE]>`.
fn is_prose(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(first), Some(_)) = (words.next(), words.next()) else { return false };
    let begins_with_letter = first.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let is_mark = matches!(first, "ko" | "esi" | "htmlmin:ignore" | "noindex" | "googleoff:");
    text.starts_with([' ', '\n', '\t', '\r'])
        && text.ends_with([' ', '\n', '\t', '\r'])
        && begins_with_letter
        && !is_mark
        && !first.contains([':', '=', '{', '-'])
}

#[cfg(test)]
mod tests {
    use super::is_prose;

    #[test]
    fn what_somebody_reads_stays() {
        for text in [
            "",
            " ",
            "$",
            "/$",
            "[",
            "]",
            "v-if",
            "teleport start",
            "lit-part abc",
            "/lit-part",
            " ko foreach: x ",
            " /ko ",
            "#include virtual=\"a\"",
            "[if IE]>a b<![endif]",
            "! MIT",
            "Blazor:{\"a\": 1}",
            " ng-container a ",
            "word",
            " word ",
            " -- a b ",
            " noindex a ",
        ] {
            assert!(!is_prose(text), "{text:?}");
        }
        for text in [" the header ", "\n  Two lines\n  of it\n", " end of .nav "] {
            assert!(is_prose(text), "{text:?}");
        }
    }
}
