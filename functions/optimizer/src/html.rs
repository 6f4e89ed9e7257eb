//! HTML while it streams: comments and blanks that show nothing are left out, and
//! pictures are asked for in the size that they are shown in.
//!
//! The parser works on bytes that it takes for `windows-1252`, whatever the document
//! says: every byte is one character there and comes out as it was, so that UTF-8 and
//! the other charsets that have ASCII in its place pass whole, even when they are
//! broken. What is added is ASCII.

pub mod blanks;
pub mod comments;
pub mod data;
pub mod inline;
pub mod pictures;

use crate::html::blanks::Blanks;
use crate::html::pictures::Pictures;
use lol_html::{AsciiCompatibleEncoding, HtmlRewriter, MemorySettings, Settings};
use std::cell::RefCell;
use std::rc::Rc;

/// What is done to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tasks {
    /// Comments and blanks are left out, JSON in it is written without blanks.
    pub minify: Option<Whitespace>,
    /// Style sheets and scripts in it become shorter.
    pub inline: Option<inline::Settings>,
    /// Pictures are asked for of a function.
    pub pictures: Option<pictures::Settings>,
}

/// Where runs of blanks in text become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whitespace {
    /// Where no style sheet can give them a meaning, as far as was seen.
    Auto,
    /// Wherever the elements of HTML give them none.
    Always,
    /// Nowhere.
    Never,
}

/// Bytes that the parser may hold, such as of a tag that does not end. What is
/// beyond passes as it is from there on.
const PARSER_BYTES_MAX: usize = 2 << 20;

/// Takes what has come out.
type Sink = Box<dyn FnMut(&[u8])>;

/// A document on its way.
pub struct Document {
    rewriter: Option<HtmlRewriter<'static, Sink>>,
    out: Rc<RefCell<Vec<u8>>>,
}

impl Document {
    /// Begins one. `path` is the target of its request.
    pub fn new(tasks: &Tasks, path: &str) -> Self {
        let out = Rc::new(RefCell::new(Vec::new()));
        // It is one that is compatible with ASCII.
        let encoding = AsciiCompatibleEncoding::new(encoding_rs::WINDOWS_1252);
        let encoding = encoding.unwrap_or_else(AsciiCompatibleEncoding::utf_8);
        let mut settings = Settings::new()
            .with_encoding(encoding)
            .with_memory_settings(
                MemorySettings::new()
                    .with_max_allowed_memory_usage(PARSER_BYTES_MAX)
                    .with_graceful_bail_out_on_memory_limit_exceeded(true),
            )
            .with_graceful_bail_out_on_content_handler_error(true)
            .with_strict(false);
        if let Some(whitespace) = tasks.minify {
            settings = comments::leave_out(settings);
            settings = Blanks::leave_out(settings, whitespace);
            settings = data::shorten(settings);
        }
        if let Some(inline) = tasks.inline {
            settings = inline::shorten(settings, inline);
        }
        if let Some(pictures) = &tasks.pictures {
            settings = Pictures::rewrite(settings, pictures.clone(), path);
        }
        let sink = Rc::clone(&out);
        let sink: Sink = Box::new(move |bytes: &[u8]| sink.borrow_mut().extend_from_slice(bytes));
        Document { rewriter: Some(HtmlRewriter::new(settings, sink)), out }
    }

    /// Takes bytes, and gives what has come out.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        match &mut self.rewriter {
            Some(rewriter) => {
                // It has given all that it held, as it was.
                if rewriter.write(bytes).is_err() {
                    self.rewriter = None;
                }
            }
            None => self.out.borrow_mut().extend_from_slice(bytes),
        }
        self.out.take()
    }

    /// The end.
    pub fn finish(&mut self) -> Vec<u8> {
        if let Some(rewriter) = self.rewriter.take() {
            // As above.
            let _ = rewriter.end();
        }
        self.out.take()
    }
}

#[cfg(test)]
mod tests;
