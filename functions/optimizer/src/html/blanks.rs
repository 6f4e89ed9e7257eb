//! Runs of blanks in text, of which one is left where no more can show.

use super::Whitespace;
use lol_html::html_content::{ContentType, Element, EndTag, TextChunk, TextType};
use lol_html::{DocumentContentHandlers, ElementContentHandlers, Settings};
use std::cell::RefCell;
use std::rc::Rc;

/// Where the document is, as far as blanks matter.
#[derive(Debug)]
pub(super) struct Blanks {
    whitespace: Whitespace,
    /// Elements around here in which blanks show.
    kept: usize,
    /// Within the head nothing shows.
    is_in_head: bool,
    /// A style sheet may say anything of blanks from here on.
    is_styled: bool,
    /// The text so far ends with a blank.
    ends_with_blank: bool,
    /// The end of the style sheet's text so far, for a word that is cut in two.
    style_tail: String,
}

/// Elements that show blanks, or that style sheets like to have show them.
const KEPT: &str = "pre, textarea, listing, xmp, plaintext, code, samp, kbd, svg, math, \
                    [contenteditable], [style*=white-space], [xml\\:space]";
/// What a style sheet says if blanks matter to it, or if it goes on elsewhere.
const WORDS: [&str; 4] = ["white-space", "@import", "tab-size", "text-wrap"];

impl Blanks {
    pub(super) fn leave_out<'h>(
        settings: Settings<'h, 'static>,
        whitespace: Whitespace,
    ) -> Settings<'h, 'static> {
        let state = Rc::new(RefCell::new(Blanks {
            whitespace,
            kept: 0,
            is_in_head: false,
            is_styled: false,
            ends_with_blank: false,
            style_tail: String::new(),
        }));
        let mut settings = settings;
        for (selector, enter, leave) in ELEMENTS {
            let Ok(selector) = selector.parse() else { continue };
            let own = Rc::clone(&state);
            let handlers =
                ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
                    enter(&mut own.borrow_mut());
                    let own = Rc::clone(&own);
                    match element.end_tag_handlers() {
                        Some(ends) => ends.push(Box::new(move |_: &mut EndTag<'_>| {
                            leave(&mut own.borrow_mut());
                            Ok(())
                        })),
                        // It has no content.
                        None => leave(&mut own.borrow_mut()),
                    }
                    Ok(())
                });
            settings = settings.append_element_content_handler((
                std::borrow::Cow::<lol_html::Selector>::Owned(selector),
                handlers,
            ));
        }
        let handlers = DocumentContentHandlers::default().text(move |chunk: &mut TextChunk<'_>| {
            state.borrow_mut().text(chunk);
            Ok(())
        });
        settings.append_document_content_handler(handlers)
    }

    fn text(&mut self, chunk: &mut TextChunk<'_>) {
        match chunk.text_type() {
            TextType::Data => {
                if self.leaves_out() {
                    let text = self.collapse(chunk.as_str());
                    if text.len() < chunk.as_str().len() {
                        chunk.replace(&text, ContentType::Html);
                    }
                } else {
                    self.ends_with_blank = false;
                }
                if chunk.last_in_text_node() {
                    self.ends_with_blank = false;
                }
            }
            // Of styles, scripts and `noscript`; only the first says such words.
            TextType::RawText => self.style(chunk),
            _ => {}
        }
    }

    fn leaves_out(&self) -> bool {
        let may = match self.whitespace {
            Whitespace::Never => false,
            Whitespace::Auto => self.is_in_head || !self.is_styled,
            Whitespace::Always => true,
        };
        may && self.kept == 0
    }

    /// One blank for each run: the first, where that is a space or a line's end.
    fn collapse(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for letter in text.chars() {
            let is_blank = matches!(letter, ' ' | '\n' | '\t' | '\r' | '\x0c');
            if !is_blank {
                out.push(letter);
            } else if !self.ends_with_blank {
                out.push(if letter == '\n' { '\n' } else { ' ' });
            }
            self.ends_with_blank = is_blank;
        }
        out
    }

    fn style(&mut self, chunk: &TextChunk<'_>) {
        self.style_tail.push_str(&chunk.as_str().to_ascii_lowercase());
        self.is_styled |= WORDS.iter().any(|word| self.style_tail.contains(word));
        // As much as the longest word, in characters of at most three bytes.
        let keep = self.style_tail.char_indices().rev().nth(16).map_or(0, |(at, _)| at);
        self.style_tail.drain(..keep);
    }
}

type Change = fn(&mut Blanks);

/// What an element changes where it begins, and where it ends. One that does not end
/// keeps what it keeps to the end of the document.
const ELEMENTS: [(&str, Change, Change); 4] = [
    (KEPT, |state| state.kept += 1, |state| state.kept = state.kept.saturating_sub(1)),
    ("head", |state| state.is_in_head = true, |state| state.is_in_head = false),
    ("body", |state| state.is_in_head = false, |_| ()),
    ("link[rel~=stylesheet i]", |state| state.is_styled = true, |_| ()),
];
