//! From folders of files as written to those as meant.

use super::raw_files::{RawFiles, RawFilesTable};
use super::resolve::Resolver;
use crate::document::{Invalid, child};
use crate::routing::rule::Files;
use http::HeaderValue;

impl Resolver<'_> {
    pub(super) fn files(&mut self, at: &str, raw: RawFiles) -> Option<Files> {
        let (folder_at, raw) = match raw {
            RawFiles::Text(folder) => {
                (at.to_owned(), RawFilesTable { folder, ..Default::default() })
            }
            RawFiles::Table(table) => (child(at, "folder"), table),
        };
        if raw.index.contains('/') || !raw.index.is_empty() && !is_below(&raw.index) {
            self.bad_file(at, "index");
        }
        for (key, name) in [("fallback", &raw.fallback), ("not_found", &raw.not_found)] {
            if name.as_ref().is_some_and(|name| !is_below(name)) {
                self.bad_file(at, key);
            }
        }
        if raw.fallback.is_some() && raw.not_found.is_some() {
            let message = "with `fallback`, nothing is not found";
            let hint = "keep one: `fallback` answers 200, `not_found` 404";
            self.draft.reject_key(&child(at, "not_found"), Invalid::new(message, hint));
        }
        let cache_control = raw.cache_control.and_then(|value| {
            let parsed = HeaderValue::from_str(&value);
            parsed.map_err(|_| self.bad_value(&child(at, "cache_control"), &value)).ok()
        });
        let files = Files {
            folder: self.folder.join(raw.folder),
            index: Some(raw.index).filter(|index| !index.is_empty()),
            fallback: raw.fallback,
            not_found: raw.not_found,
            cache_control,
            precompressed: raw.precompressed,
            hidden: raw.hidden,
        };
        self.folders.push((folder_at, files.clone()));
        Some(files)
    }

    fn bad_file(&mut self, at: &str, key: &str) {
        let message = format!("`{key}` is not a file below the folder");
        let hint = "write a name without dots at its beginning, such as \"index.html\"";
        self.draft.reject(&child(at, key), Invalid::new(message, hint));
    }
}

/// Whether a path has nothing that would be refused of a client.
fn is_below(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}
