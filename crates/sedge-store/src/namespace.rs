//! Names of key-value namespaces.

use crate::error::StoreError;
use std::fmt;
use std::sync::Arc;

/// Longest name, bytes.
const NAME_BYTES_MAX: usize = 255;

/// A namespace's name: one or more segments joined by `/`, each of ASCII
/// letters, digits, `-`, `_` and `.`, neither `.` nor `..`; at most 255 bytes.
///
/// The alphabet keeps names printable in logs and free of the zero byte that
/// separates them from keys on disk. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// Checks a name.
    ///
    /// # Errors
    /// [`StoreError::InvalidNamespace`] if it is not of the form above.
    pub fn new(name: &str) -> Result<Self, StoreError> {
        let segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if name.len() <= NAME_BYTES_MAX && name.split('/').all(segment) {
            return Ok(Namespace(name.into()));
        }
        let shown: String = name.chars().take(64).collect();
        Err(StoreError::InvalidNamespace { name: shown.escape_debug().to_string() })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_that_could_be_mistaken_for_others() {
        let long = "a".repeat(256);
        for bad in ["", "/", "a/", "/a", "a//b", "a/../b", ".", "a b", "a\0b", "ä", "a\n", &long] {
            assert!(Namespace::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "default", "shop/default", "A.b_c-1", "a/b/c"] {
            assert_eq!(Namespace::new(good).expect(good).as_str(), good);
        }
    }

    #[test]
    fn the_message_escapes_what_it_quotes() {
        let error = Namespace::new("a\u{1b}[2J").expect_err("escape").to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}
