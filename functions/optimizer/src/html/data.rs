//! What stands in an element as text of its own: data for scripts and search engines,
//! without blanks.

use crate::json;
use lol_html::html_content::{ContentType, TextChunk, TextType};
use lol_html::{ElementContentHandlers, Settings};
use std::borrow::Cow;

const JSON: &str = "script[type=\"application/json\" i], script[type=\"application/ld+json\" i], \
                    script[type=importmap i], script[type=speculationrules i]";
/// Bytes of such a text that are held.
const BYTES_MAX: usize = 256 << 10;

pub(super) fn shorten<'h>(settings: Settings<'h, 'static>) -> Settings<'h, 'static> {
    replace(settings, JSON, json::without_blanks)
}

/// Replaces the text of elements by what `shorter` makes of it.
pub(super) fn replace<'h>(
    settings: Settings<'h, 'static>,
    selector: &str,
    mut shorter: impl FnMut(&str) -> Option<String> + 'h,
) -> Settings<'h, 'static> {
    let Ok(selector) = selector.parse::<lol_html::Selector>() else { return settings };
    let mut held = String::new();
    let mut is_too_large = false;
    let handlers = ElementContentHandlers::default().text(move |chunk: &mut TextChunk<'_>| {
        // Within SVG it is markup like any other.
        let is_raw = matches!(chunk.text_type(), TextType::RawText | TextType::ScriptData);
        if is_too_large || !is_raw {
            is_too_large &= !chunk.last_in_text_node();
            return Ok(());
        }
        held.push_str(chunk.as_str());
        if chunk.last_in_text_node() {
            let text = std::mem::take(&mut held);
            let short = shorter(&text);
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
