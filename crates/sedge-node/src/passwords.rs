//! Files of names and passwords of MQTT clients, as a person changes them.

use crate::hint::WithHint;
use anyhow::{Context, Result, anyhow};
use sedge_ingress::mqtt::auth::PasswordFile;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was not there before.
    Added,
    /// It was, with another password.
    Replaced,
    /// It was, and is no more.
    Removed,
}

/// Gives a name a password, in a file that is made if it is not there. What else is in it
/// stays as it is.
///
/// # Errors
/// The file cannot be read or written or has mistakes, or the name cannot stand in it.
pub fn set(path: &Path, name: &str, password: &[u8]) -> Result<Changed> {
    let line = PasswordFile::line(name, password).map_err(|error| anyhow!("{}", error.what))?;
    let text = read(path)?.unwrap_or_default();
    let mut changed = Changed::Added;
    let mut lines: Vec<&str> = Vec::new();
    for old in text.lines() {
        if is_of(old, name) {
            changed = Changed::Replaced;
            lines.push(&line);
        } else {
            lines.push(old);
        }
    }
    if changed == Changed::Added {
        lines.push(&line);
    }
    write(path, &lines)?;
    Ok(changed)
}

/// Takes a name out of a file.
///
/// # Errors
/// It is not there, or the file cannot be read or written or has mistakes.
pub fn remove(path: &Path, name: &str) -> Result<Changed> {
    let text = read(path)?.ok_or_else(|| anyhow!("{} is not there", path.display()))?;
    let lines: Vec<&str> = text.lines().filter(|line| !is_of(line, name)).collect();
    if lines.len() == text.lines().count() {
        return Err(anyhow!("{} has no name `{}`", path.display(), name.escape_debug()));
    }
    write(path, &lines)?;
    Ok(Changed::Removed)
}

fn is_of(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(other, _)| other == name)
}

/// The text of a file that has no mistakes; `None`: there is none.
fn read(path: &Path) -> Result<Option<String>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    if let Err(wrong) = PasswordFile::parse(&text, 1) {
        let told = wrong.iter().map(|one| format!("line {}: {}", one.line, one.what));
        let told = told.collect::<Vec<_>>().join("; ");
        let error = anyhow!("{} is no file of passwords: {told}", path.display());
        return Err(WithHint::new(error, "mend it, or choose another file"));
    }
    Ok(Some(text))
}

/// Whole or not at all; only its owner may read it, unless others could before.
fn write(path: &Path, lines: &[&str]) -> Result<()> {
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        if let Ok(before) = fs::metadata(path) {
            file.as_file().set_permissions(before.permissions())?;
        }
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    written().with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn names_are_added_replaced_and_removed_and_the_rest_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("passwords");
        assert!(remove(&path, "ann").is_err(), "there is no file");
        assert!(set(&path, "a:b", b"x").is_err(), "no name");
        assert!(!path.exists());
        fs::write(&path, "# ours\n").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("is ours");
        assert_eq!(set(&path, "ann", b"1").expect("set"), Changed::Added);
        assert_eq!(set(&path, "bob", b"2").expect("set"), Changed::Added);
        let first = fs::read_to_string(&path).expect("read");
        assert_eq!(set(&path, "ann", b"3").expect("set"), Changed::Replaced);
        let text = fs::read_to_string(&path).expect("read");
        let names: Vec<_> = text.lines().map(|line| line.split(':').next()).collect();
        assert_eq!(names, [Some("# ours"), Some("ann"), Some("bob")]);
        assert_ne!(first, text);
        assert!(remove(&path, "cat").is_err(), "not there");
        assert_eq!(remove(&path, "ann").expect("removed"), Changed::Removed);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        fs::write(&path, "ann\n").expect("written");
        assert!(set(&path, "bob", b"x").is_err(), "a file with mistakes is left alone");
        assert_eq!(fs::read_to_string(&path).expect("read"), "ann\n");
    }

    #[test]
    fn a_new_file_is_its_owners() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("passwords");
        set(&path, "ann", b"secret").expect("set");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}
