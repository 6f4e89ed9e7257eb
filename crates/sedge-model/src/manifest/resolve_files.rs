//! From folders of files as written to those as meant.

use super::raw_files::{RawFiles, RawFilesTable};
use super::resolve::Resolver;
use crate::document::{Invalid, child};
use crate::routing::rule::Files;
use http::HeaderValue;

impl Resolver<'_> {
    pub(super) fn files(&mut self, at: &str, raw: RawFiles) -> Option<Files> {
        let raw = match raw {
            RawFiles::Text(folder) => RawFilesTable { folder, ..Default::default() },
            RawFiles::Table(table) => table,
        };
        for (key, name) in
            [("index", Some(raw.index.as_str())), ("fallback", raw.fallback.as_deref())]
        {
            let below = name.is_none_or(|name| {
                key == "index" && name.is_empty()
                    || name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
            });
            if !below || key == "index" && raw.index.contains('/') {
                let message = format!("`{key}` is not a file below the folder");
                let hint = "write a name without dots at its beginning, such as \"index.html\"";
                self.draft.reject(&child(at, key), Invalid::new(message, hint));
            }
        }
        if let Some(value) = &raw.cache_control
            && HeaderValue::from_str(value).is_err()
        {
            self.bad_value(&child(at, "cache_control"), value);
        }
        Some(Files {
            folder: self.folder.join(raw.folder),
            index: Some(raw.index).filter(|index| !index.is_empty()),
            fallback: raw.fallback,
            cache_control: raw.cache_control,
        })
    }
}
