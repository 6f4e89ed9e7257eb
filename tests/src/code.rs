//! Compiled code that nodes of scenarios share. Each has a data folder of its own, and the
//! functions that are ready to be used take seconds to compile: what one node has compiled is
//! copied to the next, with the key that makes it authentic.

use crate::guests;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What nobody has used for so long is of guests that are no longer built.
const KEPT: Duration = Duration::from_secs(2 * 24 * 3600);
/// Last, because code without its tag counts as absent.
const LAST: &str = "tag";

fn shared() -> PathBuf {
    guests::folder().with_file_name("code-of-tests")
}

/// Puts what is shared into the data folder of a node that has not started yet.
pub(crate) fn lend(data: &Path) -> io::Result<()> {
    let shared = shared();
    fs::create_dir_all(&shared)?;
    make_key(&shared.join("key"))?;
    let own = data.join("code");
    fs::create_dir_all(&own)?;
    fs::copy(shared.join("key"), own.join("key"))?;
    for (from, name) in files(&shared)? {
        let age = SystemTime::now().duration_since(fs::metadata(&from)?.modified()?);
        if age.is_ok_and(|age| age > KEPT) {
            // Another test may have removed it.
            let _ = fs::remove_file(&from);
            continue;
        }
        let to = own.join(name);
        fs::create_dir_all(to.parent().unwrap_or(&own))?;
        fs::copy(from, to)?;
    }
    Ok(())
}

/// Takes what a node has compiled.
pub(crate) fn keep(data: &Path) -> io::Result<()> {
    let shared = shared();
    for (from, name) in files(&data.join("code"))? {
        let to = shared.join(name);
        if to.exists() {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(&shared))?;
        // In one step, and for whoever comes first: they are all the same.
        let draft = tempfile::NamedTempFile::new_in(&shared)?;
        fs::copy(from, draft.path())?;
        draft.persist(to).map_err(|error| error.error)?;
    }
    Ok(())
}

/// Code and tags below a folder, tags last, and where they are there.
fn files(folder: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    for engine in fs::read_dir(folder)?.flatten().filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(engine.path())?.flatten() {
            let path = file.path();
            let is_either = path.extension().is_some_and(|of| of == "code" || of == LAST);
            if is_either && let Ok(name) = path.strip_prefix(folder) {
                found.push((path.clone(), name.to_owned()));
            }
        }
    }
    found.sort_by_key(|(path, _)| path.extension().is_some_and(|of| of == LAST));
    Ok(found)
}

fn make_key(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut key = [0; 32];
    io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut key)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(draft.path(), key)?;
    match draft.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}
