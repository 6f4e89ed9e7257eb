//! What the browser saw, and what of it differs between two modes.

use crate::json;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is counted apart; all else is `other`.
pub(super) const KINDS: [&str; 6] = ["document", "style", "script", "image", "font", "other"];

/// A page in one viewport and one mode.
pub(super) struct Seen {
    pub(super) page: String,
    pub(super) viewport: String,
    pub(super) mode: String,
    look: Look,
    /// The whole page as files, and where each begins, in CSS pixels from the top.
    pub(super) tiles: Vec<(PathBuf, f64)>,
    /// What was clicked: its name, the page before and after.
    uses: Vec<(String, Look, Look)>,
    errors: Vec<String>,
    /// Requests of the first visitor that failed, and pictures that he got as they were,
    /// because they were not made in time.
    pub(super) first_failed: Vec<String>,
    pub(super) first_meanwhile: f64,
    /// How many early hints came.
    pub(super) hints: f64,
    /// Of the whole page, also of what is loaded when it comes near.
    pub(super) whole: Weight,
    /// Until the page had loaded, over the slow line.
    pub(super) loaded: Weight,
    /// Milliseconds to the load event and to the largest paint over the slow line: medians.
    pub(super) load_ms: f64,
    pub(super) largest_ms: f64,
}

/// What a page looks like to a script.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Look {
    text: String,
    /// Of every element: its name, and left, top, width and height.
    boxes: Vec<(String, Vec<f64>)>,
    /// Source and box of every picture.
    pictures: Vec<(String, Vec<f64>)>,
}

/// Requests, and their bytes by kind: heads and bodies, as they came over the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Weight {
    pub(super) requests: f64,
    pub(super) bytes: BTreeMap<&'static str, f64>,
    /// Paths that failed.
    pub(super) failed: Vec<String>,
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Difference {
    /// Elements whose box is another; all, if there are others.
    pub(super) moved: usize,
    /// 1, if the text is another.
    pub(super) texts: usize,
    /// Clicks after which the page is another than it was, or that did nothing.
    pub(super) uses: Vec<String>,
    /// Errors that were not there.
    pub(super) errors: Vec<String>,
}

impl Seen {
    /// All visits.
    pub(super) fn all(seen: &Value) -> Result<Vec<Self>> {
        json::list(seen, "visits")?.iter().map(Self::read).collect()
    }

    fn read(one: &Value) -> Result<Self> {
        let text = |key| json::text(one, key).map(str::to_owned);
        let timed = json::list(one, "timed")?;
        let times = |key| -> Result<f64> {
            let times = timed.iter().map(|visit| json::number(&visit["times"], key));
            Ok(median(times.collect::<Result<_>>()?))
        };
        let tiles = json::list(one, "tiles")?
            .iter()
            .map(|tile| Ok((PathBuf::from(json::text(tile, "file")?), json::number(tile, "top")?)));
        let uses = json::list(one, "uses")?.iter().map(|one| {
            let name = json::text(one, "name")?.to_owned();
            Ok((name, Look::read(&one["before"])?, Look::read(&one["after"])?))
        });
        let errors = json::list(one, "errors")?.iter().filter_map(Value::as_str);
        Ok(Seen {
            page: text("page")?,
            viewport: text("viewport")?,
            mode: text("mode")?,
            look: Look::read(&one["look"])?,
            tiles: tiles.collect::<Result<_>>()?,
            uses: uses.collect::<Result<_>>()?,
            errors: errors.map(str::to_owned).collect(),
            first_failed: json::list(&one["first"], "failed")?
                .iter()
                .filter_map(|url| url.as_str().map(path))
                .collect(),
            first_meanwhile: json::number(&one["first"], "meanwhile")?,
            hints: json::number(one, "hints")?,
            whole: Weight::read(json::list(one, "requests")?)?,
            loaded: timed.first().map_or_else(
                || Ok(Weight::default()),
                |visit| Weight::read(json::list(visit, "requests")?),
            )?,
            load_ms: times("load")?,
            largest_ms: times("largest")?,
        })
    }

    /// What differs from either of two visits.
    pub(super) fn difference(&self, before: [&Seen; 2]) -> Difference {
        let uses = self.uses.iter().enumerate().filter_map(|(at, (name, start, end))| {
            let then = before.map(|one| one.uses.get(at).map(|(_, _, end)| end));
            let [Some(then), Some(again)] = then else { return Some(name.clone()) };
            let did_nothing = start == end;
            let is_other = end.moved([then, again]) > 0 || end.has_other_text([then, again]);
            (did_nothing || is_other).then(|| name.clone())
        });
        let looks = before.map(|one| &one.look);
        let [first, again] = before.map(|one| &one.errors);
        let known = [first.clone(), without(again, first)].concat();
        Difference {
            moved: self.look.moved(looks),
            texts: usize::from(self.look.has_other_text(looks)),
            uses: uses.collect(),
            errors: without(&self.errors, &known),
        }
    }

    /// How many clicks were made.
    pub(super) fn uses(&self) -> usize {
        self.uses.len()
    }

    /// How many elements the page has.
    pub(super) fn elements(&self) -> usize {
        self.look.boxes.len()
    }

    /// The boxes of pictures that can be seen and have another source than in `before`, in
    /// CSS pixels of the page: left, top, right, bottom.
    pub(super) fn pictures(&self, before: &Seen) -> Vec<[f64; 4]> {
        let both = self.look.pictures.iter().zip(&before.look.pictures);
        let other = both.filter(|(now, then)| now.0 != then.0);
        let boxes = other.filter_map(|((_, at), _)| match at[..] {
            [left, top, width, height] if width > 0.0 && height > 0.0 => {
                Some([left, top, left + width, top + height])
            }
            _ => None,
        });
        boxes.collect()
    }
}

impl Look {
    fn read(look: &Value) -> Result<Self> {
        let numbers = |values: &[Value]| -> Result<Vec<f64>> {
            let numbers = values.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
            numbers.filter(|numbers| numbers.len() == 4).context("reading a box: no four numbers")
        };
        let boxes = json::list(look, "boxes")?.iter().map(|one| {
            let parts = one.as_array().context("reading a box: no list")?;
            let (name, place) = parts.split_first().context("reading a box: it is empty")?;
            Ok((name.as_str().unwrap_or_default().to_owned(), numbers(place)?))
        });
        let pictures = json::list(look, "pictures")?.iter().map(|one| {
            Ok((json::text(one, "source")?.to_owned(), numbers(json::list(one, "box")?)?))
        });
        Ok(Look {
            text: json::text(look, "text")?.to_owned(),
            boxes: boxes.collect::<Result<_>>()?,
            pictures: pictures.collect::<Result<_>>()?,
        })
    }

    fn has_other_text(&self, before: [&Look; 2]) -> bool {
        before.iter().all(|one| one.text != self.text)
    }

    /// How many elements are where they were in neither; all, if there are others.
    fn moved(&self, before: [&Look; 2]) -> usize {
        let has_same_elements = |one: &&Look| {
            let names =
                |look: &Look| look.boxes.iter().map(|one| one.0.clone()).collect::<Vec<_>>();
            names(self) == names(one)
        };
        let same: Vec<&Look> = before.into_iter().filter(has_same_elements).collect();
        if same.is_empty() {
            return self.boxes.len().max(before[0].boxes.len());
        }
        let boxes = self.boxes.iter().enumerate();
        boxes.filter(|(at, now)| same.iter().all(|then| then.boxes[*at] != **now)).count()
    }
}

impl Weight {
    fn read(requests: &[Value]) -> Result<Self> {
        let mut weight = Weight::default();
        for request in requests {
            weight.requests += 1.0;
            let kind = kind(json::text(request, "kind")?);
            *weight.bytes.entry(kind).or_default() += json::number(request, "bytes")?;
            let status = request["status"].as_f64().unwrap_or(0.0);
            if request["failed"].is_string() || !(200.0..400.0).contains(&status) {
                weight.failed.push(path(json::text(request, "url")?));
            }
        }
        Ok(weight)
    }

    /// Bytes of all kinds.
    pub(super) fn total(&self) -> f64 {
        self.bytes.values().sum()
    }
}

/// What follows the origin in an address.
fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..]).to_owned()
}

/// Those that are not among the known ones, each of which is there once.
pub(super) fn without(all: &[String], known: &[String]) -> Vec<String> {
    let mut known = known.to_vec();
    let is_new = |one: &&String| match known.iter().position(|other| other == *one) {
        Some(at) => {
            known.swap_remove(at);
            false
        }
        None => true,
    };
    all.iter().filter(is_new).cloned().collect()
}

/// A resource type of the DevTools Protocol as a word of ours.
fn kind(kind: &str) -> &'static str {
    match kind {
        "Document" => "document",
        "Stylesheet" => "style",
        "Script" => "script",
        "Image" => "image",
        "Font" => "font",
        _ => "other",
    }
}

/// The middle one of what is not empty; of none, 0.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
