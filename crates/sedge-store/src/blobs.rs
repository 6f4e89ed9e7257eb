//! Files named by the digest of their content.

use crate::error::BlobError;
use sedge_model::digest::Digest;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A folder of immutable files named by their digests, in 256 subfolders named
/// by the first byte. Several processes may use one folder at a time.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
}

/// Age after which a temporary file has been abandoned.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(3_600);

/// Distinguishes temporary files of one process.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

impl Blobs {
    /// Opens a folder, creating it if it is absent. Temporary files that a
    /// killed process left behind are removed when they are an hour old.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(failed("creating the folder", &folder))?;
        let listing = fs::read_dir(&folder).map_err(failed("listing the folder", &folder))?;
        for path in listing.flatten().map(|entry| entry.path()) {
            if path.extension().is_some_and(|extension| extension == "tmp") && is_abandoned(&path) {
                // Another process may have removed it first.
                drop(fs::remove_file(&path));
            }
        }
        Ok(Blobs { folder })
    }

    /// Stores these bytes; they are on disk, under their name, when this
    /// returns. What is already there is read and, if intact, not written.
    ///
    /// # Errors
    /// [`BlobError::Io`]; nothing is left under the name then.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        let path = self.place(&digest);
        if is_intact(&path, &digest) {
            return Ok(digest);
        }
        let folder = path.parent().unwrap_or(&self.folder);
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(failed("creating the folder", folder))?;
            sync_folder(&self.folder)?;
        }
        let number = TEMPORARY.fetch_add(1, Relaxed);
        let temporary = self.folder.join(format!("{}-{number}.tmp", std::process::id()));
        let written = write_file(&temporary, bytes)
            .and_then(|()| fs::rename(&temporary, &path).map_err(failed("renaming", &temporary)));
        if let Err(error) = written {
            // The first error is the one to tell; a temporary file that stays
            // behind is only space.
            drop(fs::remove_file(&temporary));
            return Err(error);
        }
        sync_folder(folder)?;
        Ok(digest)
    }

    /// Where the blob lies, if it is here. The content is not looked at: see
    /// [`Blobs::get`].
    pub fn path(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.place(digest);
        path.is_file().then_some(path)
    }

    /// The content, verified; `None` if it is not here.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] if the content is not what the name says, or
    /// [`BlobError::Io`].
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, BlobError> {
        let path = self.place(digest);
        match fs::read(&path) {
            Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(bytes)),
            Ok(_) => Err(BlobError::Damaged { path }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("reading", &path)(error)),
        }
    }

    /// Removes the blob; an absent one is no error.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        let path = self.place(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(failed("removing", &path)(error))
            }
            _ => Ok(()),
        }
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.join(&name[..2]).join(name)
    }
}

/// A file that is there but damaged is to be written again.
fn is_intact(path: &Path, digest: &Digest) -> bool {
    fs::read(path).is_ok_and(|bytes| Digest::of(&bytes) == *digest)
}

/// Whether nobody can still be writing this temporary file.
fn is_abandoned(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > TEMPORARY_AGE_MAX))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
    let mut file = File::create_new(path).map_err(failed("creating", path))?;
    file.write_all(bytes).map_err(failed("writing", path))?;
    file.sync_all().map_err(failed("syncing", path))
}

/// A new name is only durable when its folder is.
fn sync_folder(folder: &Path) -> Result<(), BlobError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(failed("syncing the folder", folder))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BlobError {
    let path = path.to_owned();
    move |source| BlobError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_noticed_and_healed_by_putting_again() {
        let folder = tempfile::tempdir().expect("folder");
        let blobs = Blobs::open(folder.path().join("blobs")).expect("open");
        assert_eq!(blobs.path(&Digest::of(b"a")), None);
        assert!(blobs.get(&Digest::of(b"a")).expect("absent").is_none());

        let digest = blobs.put(b"a").expect("put");
        let path = blobs.path(&digest).expect("there");
        fs::write(&path, b"b").expect("damage");
        assert!(matches!(blobs.get(&digest), Err(BlobError::Damaged { .. })));
        assert_eq!(blobs.put(b"a").expect("again"), digest);
        assert_eq!(blobs.get(&digest).expect("get").as_deref(), Some(b"a".as_slice()));
    }

    #[test]
    fn a_failed_put_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("folder");
        let blobs = Blobs::open(folder.path()).expect("open");
        let digest = Digest::of(b"a");
        // A file where the subfolder should be: the put cannot succeed.
        fs::write(folder.path().join(&digest.to_string()[..2]), b"").expect("block");
        assert!(matches!(blobs.put(b"a"), Err(BlobError::Io { .. })));
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
    }

    #[test]
    fn opening_removes_what_was_abandoned_and_nothing_else() {
        let folder = tempfile::tempdir().expect("folder");
        let digest = Blobs::open(folder.path()).expect("open").put(b"a").expect("put");
        let [old, new] = ["1-0.tmp", "1-1.tmp"].map(|name| folder.path().join(name));
        File::create(&new).expect("new");
        let hours_ago = std::time::SystemTime::now() - 2 * TEMPORARY_AGE_MAX;
        File::create(&old).and_then(|file| file.set_modified(hours_ago)).expect("old");
        let blobs = Blobs::open(folder.path()).expect("open again");
        assert!(!old.exists() && new.exists() && blobs.path(&digest).is_some());
    }

    #[test]
    fn removing_twice_is_no_error() {
        let folder = tempfile::tempdir().expect("folder");
        let blobs = Blobs::open(folder.path()).expect("open");
        let digest = blobs.put(b"a").expect("put");
        blobs.remove(&digest).expect("first");
        blobs.remove(&digest).expect("second");
        assert_eq!(blobs.path(&digest), None);
    }
}
