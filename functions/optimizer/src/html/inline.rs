//! Style sheets and scripts that stand in a document.
//!
//! Attributes stay: what a `style` says can be selected by its very text.

use super::data::replace;
use lol_html::html_content::Element;
use lol_html::{ElementContentHandlers, Settings as HtmlSettings};
use minifiers::{css, js};
use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

/// What is made shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Style sheets.
    pub css: bool,
    /// Scripts.
    pub js: bool,
    /// Local names in scripts, too.
    pub shortens_names: bool,
}

const POLICY: &str = "meta[http-equiv^=\"content-security-policy\" i]";
const STYLE: &str = "style:not([type]), style[type=\"text/css\" i]";
const CLASSIC: &str = "script:not([type]):not([src]):not([language]), \
                       script[type=\"text/javascript\" i]:not([src]), \
                       script[type=\"application/javascript\" i]:not([src])";
const MODULE: &str = "script[type=module i]:not([src])";

pub(super) fn shorten<'h>(
    settings: HtmlSettings<'h, 'static>,
    wished: Settings,
) -> HtmlSettings<'h, 'static> {
    let is_fixed = Rc::new(Cell::new(false));
    let mut settings = policy(settings, Rc::clone(&is_fixed));
    if wished.css {
        let is_fixed = Rc::clone(&is_fixed);
        settings = replace(settings, STYLE, move |text| {
            let may = !is_fixed.get() && text.is_ascii();
            may.then(|| css::shorter(text, true)).flatten().filter(|short| is_safe(short))
        });
    }
    let kinds = [(CLASSIC, js::Kind::Classic), (MODULE, js::Kind::Module)];
    for (selector, kind) in kinds.into_iter().filter(|_| wished.js) {
        let is_fixed = Rc::clone(&is_fixed);
        let task = js::Task { kind, charset_is_open: true, shortens_names: wished.shortens_names };
        settings = replace(settings, selector, move |text| {
            let may = !is_fixed.get() && text.is_ascii();
            may.then(|| js::shorter(text, task)).flatten().filter(|short| is_safe(short))
        });
    }
    settings
}

/// A policy in the document may name scripts and styles by their very bytes.
fn policy<'h>(
    settings: HtmlSettings<'h, 'static>,
    is_fixed: Rc<Cell<bool>>,
) -> HtmlSettings<'h, 'static> {
    let Ok(selector) = POLICY.parse::<lol_html::Selector>() else { return settings };
    let handlers = ElementContentHandlers::default().element(move |_: &mut Element<'_, '_>| {
        is_fixed.set(true);
        Ok(())
    });
    settings.append_element_content_handler((Cow::Owned(selector), handlers))
}

/// Nothing in it ends the element that it stands in, and bytes mean the same in whatever
/// charset the document has.
fn is_safe(short: &str) -> bool {
    let ends = |mark: &str| short.to_ascii_lowercase().contains(mark);
    short.is_ascii() && !short.contains("<!--") && !ends("</s") && !short.starts_with('@')
}
