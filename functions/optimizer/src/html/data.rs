//! Data in a document: JSON for scripts and search engines, without blanks.

use crate::json;
use lol_html::html_content::{ContentType, TextChunk};
use lol_html::{ElementContentHandlers, Settings};
use std::borrow::Cow;

const JSON: &str = "script[type=\"application/json\" i], script[type=\"application/ld+json\" i], \
                    script[type=importmap i], script[type=speculationrules i]";
/// Bytes of such data that are held.
const BYTES_MAX: usize = 256 << 10;

pub(super) fn shorten<'h>(settings: Settings<'h, 'static>) -> Settings<'h, 'static> {
    let Ok(selector) = JSON.parse::<lol_html::Selector>() else { return settings };
    let mut held = String::new();
    let mut is_too_large = false;
    let handlers = ElementContentHandlers::default().text(move |chunk: &mut TextChunk<'_>| {
        if is_too_large {
            is_too_large = !chunk.last_in_text_node();
            return Ok(());
        }
        held.push_str(chunk.as_str());
        if chunk.last_in_text_node() {
            let text = std::mem::take(&mut held);
            let short = json::without_blanks(&text);
            chunk.replace(short.as_deref().unwrap_or(&text), ContentType::Html);
        } else if held.len() > BYTES_MAX {
            is_too_large = true;
            chunk.replace(&std::mem::take(&mut held), ContentType::Html);
        } else {
            chunk.remove();
        }
        Ok(())
    });
    settings.append_element_content_handler((Cow::Owned(selector), handlers))
}
