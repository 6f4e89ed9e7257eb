//! A function's configuration: the `config` table of its manifest.

use sedge_model::capability::ConfigSource;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Bytes of a file with a value.
pub const CONFIG_FILE_BYTES_MAX: u64 = 4 << 20;

/// Immutable names and values. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config(Arc<BTreeMap<String, String>>);

/// Why a value of a configuration cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the config value `{name}` in {}: {detail}", path.display())]
pub struct ConfigError {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// What is wrong.
    pub detail: String,
}

impl Config {
    /// The configuration with these values.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Config(Arc::new(values))
    }

    /// The configuration of a manifest; files are read.
    ///
    /// # Errors
    /// Every file that cannot be read, is too large, or is not UTF-8.
    pub fn resolve(declared: &BTreeMap<String, ConfigSource>) -> Result<Self, Vec<ConfigError>> {
        let mut problems = Vec::new();
        let mut values = BTreeMap::new();
        for (name, source) in declared {
            let value = match source {
                ConfigSource::Text(text) => text.clone(),
                ConfigSource::File(path) => match read(path) {
                    Ok(text) => text,
                    Err(detail) => {
                        let (name, path) = (name.clone(), path.clone());
                        problems.push(ConfigError { name, path, detail });
                        continue;
                    }
                },
            };
            values.insert(name.clone(), value);
        }
        if problems.is_empty() { Ok(Config::new(values)) } else { Err(problems) }
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

/// The text of a file.
///
/// # Errors
/// What is wrong with it.
pub fn read(path: &Path) -> Result<String, String> {
    let open = || {
        let file = File::open(path)?;
        let mut bytes = Vec::new();
        file.take(CONFIG_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    let bytes = open().map_err(|error| error.to_string())?;
    if bytes.len() as u64 > CONFIG_FILE_BYTES_MAX {
        return Err(format!("more than {CONFIG_FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| format!("no UTF-8 text: {}", error.utf8_error()))
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

    #[test]
    fn files_are_read_and_all_that_is_wrong_with_them_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            ConfigSource::File(path)
        };
        let right = BTreeMap::from([
            ("text".to_owned(), ConfigSource::Text("a".into())),
            ("file".to_owned(), file("right", "gr\u{fc}n\n".as_bytes())),
            ("full".to_owned(), file("full", &vec![b'x'; CONFIG_FILE_BYTES_MAX as usize])),
        ]);
        let config = Config::resolve(&right).expect("all is right");
        assert_eq!(config.get("file"), Some("gr\u{fc}n\n"));
        assert_eq!(config.get("full").map(str::len), Some(CONFIG_FILE_BYTES_MAX as usize));
        let wrong = BTreeMap::from([
            ("absent".to_owned(), ConfigSource::File(folder.path().join("absent"))),
            ("folder".to_owned(), ConfigSource::File(folder.path().to_owned())),
            ("bytes".to_owned(), file("bytes", &[0xff])),
            ("large".to_owned(), file("large", &vec![b'x'; CONFIG_FILE_BYTES_MAX as usize + 1])),
            ("right".to_owned(), file("right", b"")),
        ]);
        let problems = Config::resolve(&wrong).expect_err("four are wrong");
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        for part in ["`absent`", "`folder`", "no UTF-8", "more than"] {
            assert!(told.iter().any(|one| one.contains(part)), "{part}: {told:?}");
        }
    }
}
