//! A function's configuration: the `config` table of its manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Immutable names and values. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config(Arc<BTreeMap<String, String>>);

impl Config {
    /// The configuration with these values.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Config(Arc::new(values))
    }

    /// One value; `None` if the manifest does not set it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All names and values, in the order of the names.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_what_is_set_and_nothing_else() {
        let values = [("b", "2"), ("a", "")].map(|(name, value)| (name.into(), value.into()));
        let config = Config::new(values.into());
        assert_eq!(config.get("A"), None);
        assert_eq!(config.get("a"), Some(""));
        assert_eq!(config.all().collect::<Vec<_>>(), [("a", ""), ("b", "2")]);
    }
}
