//! Reads a configuration file so that *all* mistakes are found at once, each
//! with its line, a snippet and a hint.
//!
//! Serde alone stops at the first mistake and forgets where it was. So the JSON
//! Schema that schemars derives from the raw structs is the single source of
//! truth: `walk` compares the spanned TOML document with it, keeps what is
//! right and remembers where everything stands; serde then fills the raw struct
//! from what was kept; the checks of meaning that follow report by pointer
//! (`Draft::reject`). The reference pages are printed from the same schema.

pub(crate) mod page;
mod problem;
pub(crate) mod quantity;
pub(crate) mod schema;
pub(crate) mod suggest;
mod walk;

pub use problem::{Problem, Problems};

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use toml::de::DeTable;

/// A configuration file is not longer than this.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// Where a key and its value stand in the text, in bytes.
#[derive(Clone, Debug)]
struct Place {
    key: Range<usize>,
    value: Range<usize>,
}

/// A document while it is checked: what was found wrong, and where each value
/// that was kept stands, by JSON pointer (RFC 6901).
#[derive(Debug, Default)]
pub(crate) struct Draft {
    found: Vec<Found>,
    places: HashMap<String, Place>,
    /// Tables that have lost an entry, because it was refused or unknown.
    incomplete: HashSet<String>,
}

/// A mistake before lines and columns are counted.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// A mistake in the text of one value, found by the parser of that value, which
/// does not know where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Invalid {
    /// A mistake with advice.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Invalid { message: message.into(), hint: Some(hint.into()) }
    }
}

impl Draft {
    /// Reports the value at `pointer`. What the schema already refused has no
    /// place any more, so that one mistake is never reported twice.
    pub(crate) fn reject(&mut self, pointer: &str, invalid: Invalid) {
        if let Some(place) = self.places.get(pointer) {
            let span = place.value.clone();
            self.found.push(Found { span, message: invalid.message, hint: invalid.hint });
        }
    }

    /// Reports the key at `pointer`.
    pub(crate) fn reject_key(&mut self, pointer: &str, invalid: Invalid) {
        if let Some(place) = self.places.get(pointer) {
            let span = place.key.clone();
            self.found.push(Found { span, message: invalid.message, hint: invalid.hint });
        }
    }

    /// Reports what the file as a whole lacks.
    pub(crate) fn miss(&mut self, invalid: Invalid) {
        self.found.push(Found { span: 0..0, message: invalid.message, hint: invalid.hint });
    }

    /// Whether the value at `pointer` was written and kept.
    pub(crate) fn has(&self, pointer: &str) -> bool {
        self.places.contains_key(pointer)
    }

    /// Whether everything in the table at `pointer` was kept.
    pub(crate) fn is_complete(&self, pointer: &str) -> bool {
        !self.incomplete.contains(pointer)
    }

    /// The line of the value at `pointer`, from 1; for hints that name the other
    /// of two places.
    pub(crate) fn line(&self, text: &str, pointer: &str) -> usize {
        self.places.get(pointer).map_or(1, |place| problem::line_column(text, place.value.start).0)
    }

    /// All mistakes in the order of the text, or none.
    pub(crate) fn finish(self, text: &str, file: &Path) -> Result<(), Problems> {
        if self.found.is_empty() { Ok(()) } else { Err(Problems::new(text, file, self.found)) }
    }
}

/// Appends a key to a JSON pointer.
pub(crate) fn child(pointer: &str, key: impl std::fmt::Display) -> String {
    let key = key.to_string();
    if key.contains(['~', '/']) {
        format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("{pointer}/{key}")
    }
}

/// Compares a generated file below the repository's `docs/reference` with what
/// is generated now; `UPDATE_EXPECT=1` writes it.
#[cfg(test)]
pub(crate) fn check_generated(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("create docs/reference");
        std::fs::write(&path, expected).expect("write the generated file");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/reference/{name} is stale: run `UPDATE_EXPECT=1 cargo test -p sedge-model` and \
         commit what it writes"
    );
}

/// Another kind of file, which a person may have given instead.
pub(crate) struct Other<'s> {
    /// What it has.
    pub(crate) schema: &'s Value,
    /// Where it belongs.
    pub(crate) hint: &'static str,
}

impl Other<'_> {
    /// The first key that only the other kind of file has, in a text that has
    /// nothing of the kind that was asked for.
    fn mistaken(&self, schema: &Value, table: &DeTable<'_>) -> Option<Found> {
        let knows = |schema: &Value, name: &str| {
            schema::properties(schema).any(|(property, _)| property == name)
        };
        if table.keys().any(|key| knows(schema, key.get_ref())) {
            return None;
        }
        let theirs = table.keys().filter(|key| knows(self.schema, key.get_ref()));
        let first = theirs.min_by_key(|key| key.span().start)?;
        let message = format!("unknown key `{}`", first.get_ref());
        Some(Found { span: first.span(), message, hint: Some(self.hint.to_owned()) })
    }
}

/// Reads `text` as far as possible: a raw struct with every value that its
/// `schema`, which must be that of `T`, allows, and the draft with the rest.
/// Fails at once only if the text is not TOML or is an `other` kind of file,
/// because everything after would be guesswork.
pub(crate) fn decode<T>(
    schema: &Value,
    other: Option<&Other<'_>>,
    text: &str,
    file: &Path,
) -> Result<(T, Draft), Problems>
where
    T: DeserializeOwned,
{
    let whole = |message: String| Found { span: 0..0, message, hint: None };
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the file is larger than {TEXT_BYTES_MAX} bytes");
        return Err(Problems::new("", file, vec![whole(message)]));
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let found = errors.iter().map(|error| Found {
            span: error.span().unwrap_or(0..0),
            message: error.message().to_owned(),
            hint: suggest::for_syntax(error.message()),
        });
        return Err(Problems::new(text, file, found.collect()));
    }
    if let Some(found) = other.and_then(|other| other.mistaken(schema, document.get_ref())) {
        return Err(Problems::new(text, file, vec![found]));
    }
    let (kept, mut draft) = walk::document(schema, document.get_ref());
    match serde_json::from_value(kept) {
        Ok(raw) => Ok((raw, draft)),
        Err(error) => {
            draft.found.push(whole(format!("the file cannot be read: {error}")));
            Err(Problems::new(text, file, draft.found))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_escape_what_json_pointer_reserves() {
        assert_eq!(child("", "a"), "/a");
        assert_eq!(child("/a", 3), "/a/3");
        assert_eq!(child("/a", "b/c~d"), "/a/b~1c~0d");
    }

    #[test]
    fn a_text_beyond_the_cap_is_refused_without_being_parsed() {
        let text = " ".repeat(TEXT_BYTES_MAX + 1);
        let problems =
            decode::<Value>(&Value::Null, None, &text, Path::new("x")).expect_err("refused");
        assert_eq!(problems.list.len(), 1);
    }

    #[test]
    fn the_deepest_and_the_most_wrong_texts_are_refused_in_bounded_work() {
        let many = (0..20_000).map(|index| format!("k{index} = 1\n"));
        for text in [
            format!("a = {}", "[".repeat(50_000)),
            format!("a = {}", "{a=".repeat(50_000)),
            format!("{}a = 1", "a.".repeat(50_000)),
            format!("[{}a]", "a.".repeat(50_000)),
            many.collect(),
        ] {
            let schema = serde_json::json!({ "type": "object", "properties": {} });
            let read = decode::<Value>(&schema, None, &text, Path::new("x"));
            let problems = read.and_then(|(_, draft)| draft.finish(&text, Path::new("x")));
            let problems = problems.expect_err("refused");
            assert!(problems.list.len() <= 100 && problems.to_string().len() < 100_000);
        }
    }
}
