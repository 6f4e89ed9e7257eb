//! A function's secrets, read from the node's environment or files when the
//! function is deployed.

use sedge_model::capability::{Secret, SecretSource};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Largest secret, bytes: enough for a certificate chain with its key.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// The secrets of one function, by the name under which it asks. Cheap to
/// clone; prints redacted.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<BTreeMap<String, Secret>>);

/// Why a secret cannot be had on this node. Never contains a value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("secret `{name}`: environment variable `{variable}` is not set on this node")]
    NotSet {
        /// The secret.
        name: String,
        /// The variable.
        variable: String,
    },
    /// The file cannot be read.
    #[error("secret `{name}`: reading {} failed: {detail}", path.display())]
    Unreadable {
        /// The secret.
        name: String,
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        detail: String,
    },
    /// The value is not text.
    #[error("secret `{name}`: its value is not UTF-8")]
    NotText {
        /// The secret.
        name: String,
    },
    /// The value is empty, which is more often a mistake than a secret.
    #[error("secret `{name}`: its value is empty")]
    Empty {
        /// The secret.
        name: String,
    },
    /// The value is too large.
    #[error("secret `{name}`: its value has more than {SECRET_BYTES_MAX} bytes")]
    TooLarge {
        /// The secret.
        name: String,
    },
}

impl Secrets {
    /// Reads all secrets from this process's environment and files.
    ///
    /// # Errors
    /// A [`SecretError`] for each that cannot be had.
    pub fn resolve(sources: &BTreeMap<String, SecretSource>) -> Result<Self, Vec<SecretError>> {
        Self::resolve_with(sources, |variable| std::env::var_os(variable))
    }

    /// As [`Secrets::resolve`], with another environment.
    ///
    /// # Errors
    /// A [`SecretError`] for each that cannot be had.
    pub fn resolve_with(
        sources: &BTreeMap<String, SecretSource>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Vec<SecretError>> {
        let (mut secrets, mut errors) = (BTreeMap::new(), Vec::new());
        for (name, source) in sources {
            let value = match source {
                SecretSource::Environment(variable) => {
                    from_environment(name, variable, &environment)
                }
                SecretSource::File(path) => from_file(name, path),
            };
            match value.and_then(|value| check(name, value)) {
                Ok(secret) => drop(secrets.insert(name.clone(), secret)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(Secrets(Arc::new(secrets))) } else { Err(errors) }
    }

    /// The secret of this name; `None` if it was not granted.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }
}

fn from_environment(
    name: &str,
    variable: &str,
    environment: &impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<u8>, SecretError> {
    // `var_os` panics on names that no variable can have.
    let possible = !variable.is_empty() && !variable.contains(['=', '\0']);
    let value = possible.then(|| environment(variable)).flatten();
    value
        .map(OsString::into_encoded_bytes)
        .ok_or_else(|| SecretError::NotSet { name: name.to_owned(), variable: variable.to_owned() })
}

fn from_file(name: &str, path: &Path) -> Result<Vec<u8>, SecretError> {
    let mut bytes = Vec::new();
    // Two bytes more than allowed: the line's end does not count, and a file
    // without end is not read to its end.
    File::open(path)
        .and_then(|file| file.take(SECRET_BYTES_MAX as u64 + 3).read_to_end(&mut bytes))
        .map_err(|error| SecretError::Unreadable {
            name: name.to_owned(),
            path: path.to_owned(),
            detail: error.to_string(),
        })?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    Ok(bytes)
}

fn check(name: &str, value: Vec<u8>) -> Result<Secret, SecretError> {
    let name = name.to_owned();
    if value.is_empty() {
        return Err(SecretError::Empty { name });
    }
    if value.len() > SECRET_BYTES_MAX {
        return Err(SecretError::TooLarge { name });
    }
    String::from_utf8(value).map(Secret::new).map_err(|_| SecretError::NotText { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(source: SecretSource) -> Result<String, Vec<SecretError>> {
        let sources = BTreeMap::from([("key".to_owned(), source)]);
        let environment = |variable: &str| match variable {
            "SET" => Some("from the environment".into()),
            "EMPTY" => Some(OsString::new()),
            _ => None,
        };
        let secrets = Secrets::resolve_with(&sources, environment)?;
        assert_eq!(format!("{secrets:?}"), r#"Secrets({"key": [redacted]})"#);
        Ok(secrets.get("key").expect("resolved").reveal().to_owned())
    }

    #[test]
    fn says_what_is_wrong_with_a_variable() {
        for variable in ["UNSET", "", "A=B", "A\0"] {
            let errors = resolve(SecretSource::Environment(variable.into())).expect_err(variable);
            assert!(matches!(errors[..], [SecretError::NotSet { .. }]), "{errors:?}");
        }
        let errors = resolve(SecretSource::Environment("EMPTY".into())).expect_err("empty");
        assert!(matches!(errors[..], [SecretError::Empty { .. }]), "{errors:?}");
        assert_eq!(
            resolve(SecretSource::Environment("SET".into())).as_deref(),
            Ok("from the environment")
        );
    }

    #[test]
    fn reads_a_file_without_its_last_line_feed() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("secret");
        let file = || SecretSource::File(path.clone());
        assert!(matches!(
            resolve(file()).expect_err("absent")[..],
            [SecretError::Unreadable { .. }]
        ));
        let long = "x".repeat(SECRET_BYTES_MAX);
        for bad in [b"".as_slice(), b"\n", b"\xff", format!("{long}yy").as_bytes()] {
            std::fs::write(&path, bad).expect("write");
            let errors = resolve(file()).expect_err("bad");
            let message = errors[0].to_string();
            assert!(!message.contains("xxx"), "{message}");
        }
        for (content, secret) in
            [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (&long, &long)]
        {
            std::fs::write(&path, content).expect("write");
            assert_eq!(resolve(file()).as_deref(), Ok(secret));
        }
    }

    #[test]
    fn reports_all_problems_at_once() {
        let unset = |name: &str| (name.to_owned(), SecretSource::Environment(name.to_owned()));
        let sources = BTreeMap::from([unset("A"), unset("B")]);
        let errors = Secrets::resolve_with(&sources, |_| None).expect_err("both");
        assert_eq!(errors.len(), 2);
    }
}
