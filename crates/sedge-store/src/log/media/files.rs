//! Files of the operating system.

use super::{Media, MediaFile, SyncPoint};
use crate::folder_lock;
use crate::log::error::{LogError, failed};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder that this process has for itself.
pub struct Files {
    path: PathBuf,
    folder: File,
    /// Locked as long as this is open.
    _lock: File,
}

impl Files {
    /// Makes the folder if it is absent, and takes it for this process.
    ///
    /// # Errors
    /// [`LogError::InUse`], [`LogError::Full`] or [`LogError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        let path = path.as_ref().to_owned();
        create_folder(&path).map_err(failed("making the folder"))?;
        let folder = File::open(&path).map_err(failed("opening the folder"))?;
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(failed("opening the lock"))?;
        match folder_lock::take(&lock) {
            Ok(()) => Ok(Files { path, folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(LogError::InUse { path }),
            Err(TryLockError::Error(error)) => Err(failed("locking the folder")(error)),
        }
    }
}

/// Makes a folder and those above it, whose names are on the disk then: power loss could
/// take all the log's files away with the name of a folder.
fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    create_folder(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

impl Media for Files {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is no text is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Arc::new(OpenFile { file }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        let path = self.path.join(name);
        // A pipe could be waited for without end.
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
        }
        let file = File::options().read(true).write(true).open(&path)?;
        Ok(Arc::new(OpenFile { file }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_folder(&self, _: SyncPoint) -> io::Result<()> {
        self.folder.sync_all()
    }
}

struct OpenFile {
    file: File,
}

impl MediaFile for OpenFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let allocated =
            rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, bytes);
        match allocated {
            // Not every file system can; then a full disk shows when something is written.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                self.file.set_len(bytes)
            }
            allocated => Ok(allocated?),
        }
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn sync(&self, _: SyncPoint) -> io::Result<()> {
        self.file.sync_data()
    }
}
