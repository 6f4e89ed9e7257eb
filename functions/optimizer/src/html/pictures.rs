//! Pictures of a document, asked for of the function `images` in sizes that fit.
//!
//! A picture that says its width is offered in several, for the browser to choose from;
//! one that does not is only converted, because its layout may follow from its size.
//! Those that are not among the first are loaded when they come near.

use lol_html::html_content::{Element, EndTag};
use lol_html::{ElementContentHandlers, Selector, Settings as Rewriter};
use sedge_kit::content::picture;
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

/// How pictures are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What stands before the options in a path: `/cdn-cgi/image`.
    pub prefix: String,
    /// Widths that are offered, in pixels, ascending; besides the picture's own and
    /// its double.
    pub widths: Vec<u16>,
    /// The option `quality`: a number, or a word that the function knows.
    pub quality: String,
    /// Pictures at the beginning that are loaded at once.
    pub eager: u32,
}

/// Where the document is, as far as pictures matter.
pub(super) struct Pictures {
    settings: Settings,
    path: String,
    /// References do not lead where they seem to.
    has_base: bool,
    /// Elements `picture` around here: they choose for themselves.
    chosen: usize,
    seen: u32,
}

/// What an element changes, or has changed.
type Handle = fn(&Rc<RefCell<Pictures>>, &mut Element<'_, '_>);

/// Widths of a picture that are taken for one, in CSS pixels.
const WIDTHS: std::ops::RangeInclusive<u16> = 16..=4096;

impl Pictures {
    pub(super) fn rewrite<'h>(
        rewriter: Rewriter<'h, 'static>,
        settings: Settings,
        path: &str,
    ) -> Rewriter<'h, 'static> {
        let path = path.to_string();
        let state = Pictures { settings, path, has_base: false, chosen: 0, seen: 0 };
        let state = Rc::new(RefCell::new(state));
        let handlers: [(&str, Handle); 3] = [
            ("base[href]", |state, _| state.borrow_mut().has_base = true),
            ("picture", |state, element| {
                let own = Rc::clone(state);
                if let Some(ends) = element.end_tag_handlers() {
                    state.borrow_mut().chosen += 1;
                    ends.push(Box::new(move |_: &mut EndTag<'_>| {
                        let chosen = own.borrow().chosen.saturating_sub(1);
                        own.borrow_mut().chosen = chosen;
                        Ok(())
                    }));
                }
            }),
            ("img[src]", |state, element| state.borrow_mut().image(element)),
        ];
        let mut rewriter = rewriter;
        for (selector, handle) in handlers {
            let Ok(selector) = selector.parse::<Selector>() else { continue };
            let own = Rc::clone(&state);
            let handlers =
                ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
                    handle(&own, element);
                    Ok(())
                });
            rewriter = rewriter.append_element_content_handler((Cow::Owned(selector), handlers));
        }
        rewriter
    }

    fn image(&mut self, image: &mut Element<'_, '_>) {
        self.seen += 1;
        let width = dimension(image, "width");
        self.load_late(image, width.is_some() && dimension(image, "height").is_some());
        let is_own_choice =
            ["srcset", "sizes", "crossorigin"].iter().any(|name| image.has_attribute(name));
        if self.has_base || self.chosen > 0 || is_own_choice {
            return;
        }
        let source = image.get_attribute("src").unwrap_or_default();
        let Some(source) = picture::on_origin(&self.path, source.trim()) else { return };
        let is_done = source.strip_prefix(&self.settings.prefix);
        if is_done.is_some_and(|rest| rest.starts_with('/')) {
            return;
        }
        match width {
            Some(width) => self.offer(image, &source, width),
            None => {
                let converted = self.address(&source, None);
                set(image, "src", &converted);
            }
        }
    }

    /// A picture that has its place does not move anything when it comes late.
    fn load_late(&self, image: &mut Element<'_, '_>, has_place: bool) {
        let is_told = image.has_attribute("loading") || image.has_attribute("fetchpriority");
        if self.seen > self.settings.eager && has_place && !is_told {
            set(image, "loading", "lazy");
        }
    }

    /// Its own width, its double for dense screens, and those between.
    fn offer(&self, image: &mut Element<'_, '_>, source: &str, width: u16) {
        let most = width.saturating_mul(2);
        let between = self.settings.widths.iter().copied().filter(|offered| *offered < most);
        let mut widths: Vec<u16> = between.chain([width, most]).collect();
        widths.sort_unstable();
        widths.dedup();
        let mut set_of = String::new();
        for offered in widths {
            let separator = if set_of.is_empty() { "" } else { ", " };
            let address = self.address(source, Some(offered));
            let _ = write!(set_of, "{separator}{address} {offered}w");
        }
        set(image, "src", &self.address(source, Some(width)));
        set(image, "srcset", &set_of);
        set(image, "sizes", &format!("(max-width: {width}px) 100vw, {width}px"));
    }

    /// Where no picture can be made in time, the function sends the client to the one that
    /// stood here.
    fn address(&self, source: &str, width: Option<u16>) -> String {
        let Settings { prefix, quality, .. } = &self.settings;
        let width = width.map_or_else(String::new, |width| format!("width={width},"));
        format!("{prefix}/{width}format=auto,quality={quality},onerror=redirect{source}")
    }
}

/// The names are right, and all else is valid.
fn set(image: &mut Element<'_, '_>, name: &str, value: &str) {
    let _ = image.set_attribute(name, value);
}

/// A width or height in pixels; percentages and what is out of range are none.
fn dimension(image: &Element<'_, '_>, name: &str) -> Option<u16> {
    let value = image.get_attribute(name)?;
    let value = value.trim();
    let digits = value.strip_suffix("px").unwrap_or(value);
    digits.parse().ok().filter(|pixels| WIDTHS.contains(pixels))
}
