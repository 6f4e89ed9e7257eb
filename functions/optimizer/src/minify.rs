//! What makes content of one kind shorter, where it is held whole.

use crate::json;
use minifiers::{css, js};
use sedge_kit::content::media::{Charset, Kind, Media};

/// How content is made shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minifier {
    /// JSON without blanks.
    Json,
    /// A style sheet; `charset_is_open`: nothing says that it is UTF-8.
    Css {
        /// As [`css::shorter`] has it.
        charset_is_open: bool,
    },
    /// A script.
    Script(js::Task),
}

/// Which kinds are made shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minified {
    /// HTML.
    pub html: bool,
    /// Style sheets.
    pub css: bool,
    /// Scripts.
    pub js: bool,
    /// JSON.
    pub json: bool,
}

impl Minifier {
    /// The one for this kind of content, if it is wished. `target` is the request's path
    /// and query.
    pub fn of(media: Media, target: &str, wished: Minified, shortens_names: bool) -> Option<Self> {
        let charset_is_open = match media.charset {
            Charset::Unnamed => true,
            Charset::Utf8 => false,
            Charset::SingleByte | Charset::Other => return None,
        };
        let path = target.split(['?', '#']).next().unwrap_or_default();
        match media.kind {
            Kind::Json if wished.json => Some(Minifier::Json),
            Kind::Css if wished.css => Some(Minifier::Css { charset_is_open }),
            Kind::Script if wished.js => {
                let is_module = path.ends_with(".mjs");
                let kind = if is_module { js::Kind::Module } else { js::Kind::Either };
                Some(Minifier::Script(js::Task { kind, charset_is_open, shortens_names }))
            }
            _ => None,
        }
    }

    /// What it is called in `Server-Timing`.
    pub const fn name(self) -> &'static str {
        match self {
            Minifier::Json => "json_minification",
            Minifier::Css { .. } => "css_minification",
            Minifier::Script(_) => "js_minification",
        }
    }

    /// The content in fewer bytes; `None`: it stays as it is.
    pub fn shorter(self, content: &[u8]) -> Option<Vec<u8>> {
        let text = str::from_utf8(content).ok()?;
        let short = match self {
            Minifier::Json => json::without_blanks(text),
            Minifier::Css { charset_is_open } => css::shorter(text, charset_is_open),
            Minifier::Script(task) => js::shorter(text, task),
        };
        short.map(String::into_bytes)
    }
}
