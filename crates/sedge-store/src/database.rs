//! The database file: opening it, reading it, opening it again after the disk
//! failed, and turning its errors into [`StoreError`].

use crate::error::StoreError;
use crate::options::Options;
use crate::record::{ENTRIES, EXPIRIES, FORMAT, META, META_FORMAT, META_VERSION, USAGE, split_u64};
use redb::{ReadTransaction, ReadableDatabase, WriteTransaction};
use std::fs::File;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

/// The open file. redb refuses all work after an IO error until it is opened
/// again, so the handle can be replaced.
pub(crate) struct Database {
    path: PathBuf,
    options: Options,
    /// `None` after a failed reopening.
    handle: RwLock<Option<redb::Database>>,
}

impl Database {
    /// Opens the file, creating it and its folder if they are absent.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let database =
            Database { path: path.into(), options: options.clone(), handle: RwLock::new(None) };
        database.reopen()?;
        Ok(database)
    }

    /// Runs a read on a snapshot.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failed>,
    ) -> Result<T, StoreError> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        let Some(handle) = handle.as_ref() else {
            return Err(self.unavailable());
        };
        self.guard(|| work(&handle.begin_read()?))
    }

    /// Runs a write in one transaction, on disk when this returns `Ok`.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Failed>,
    ) -> Result<T, StoreError> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        let Some(handle) = handle.as_ref() else {
            return Err(self.unavailable());
        };
        self.guard(|| {
            let mut transaction = handle.begin_write()?;
            // With one phase, the state after a crash rests on a hash that is
            // not cryptographic, over values that guests choose.
            transaction.set_two_phase_commit(true);
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    /// Closes the file, waiting for reads to end, and opens it again.
    pub(crate) fn reopen(&self) -> Result<(), StoreError> {
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        *handle = None;
        *handle = Some(self.guard(|| open_file(&self.path, &self.options))?);
        Ok(())
    }

    /// Calls into redb, which answers most damage with an error, but some with
    /// a panic.
    fn guard<T>(&self, work: impl FnOnce() -> Result<T, Failed>) -> Result<T, StoreError> {
        // The database's own state may be broken after a panic; its locks are
        // poisoned then and every later call fails, until it is opened again.
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(result) => result.map_err(|failed| self.error(failed)),
            Err(panic) => {
                let detail = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    .unwrap_or_else(|| "unexpected content".to_owned());
                Err(StoreError::Corrupt { path: self.path.clone(), detail })
            }
        }
    }

    fn unavailable(&self) -> StoreError {
        let detail = "it could not be opened again after an earlier failure".to_owned();
        StoreError::Io { path: self.path.clone(), detail }
    }

    fn error(&self, failed: Failed) -> StoreError {
        let path = self.path.clone();
        match failed {
            Failed::Store(error) => error,
            Failed::Corrupt(detail) => StoreError::Corrupt { path, detail: detail.to_owned() },
            Failed::Format(found) => {
                let detail = format!("its format is {found}, but {FORMAT} is needed");
                StoreError::NotAStore { path, detail }
            }
            Failed::Database(error) => match *error {
                redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                    StoreError::InUse { path }
                }
                redb::Error::Corrupted(detail) => StoreError::Corrupt { path, detail },
                redb::Error::RepairAborted => {
                    StoreError::Corrupt { path, detail: "it cannot be repaired".to_owned() }
                }
                redb::Error::UpgradeRequired(version) => {
                    let detail = format!("its file format is redb {version}");
                    StoreError::NotAStore { path, detail }
                }
                redb::Error::Io(error) => match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                        StoreError::DiskFull { path }
                    }
                    ErrorKind::InvalidData => {
                        StoreError::NotAStore { path, detail: error.to_string() }
                    }
                    ErrorKind::UnexpectedEof => {
                        StoreError::Corrupt { path, detail: "it is too short".to_owned() }
                    }
                    _ => StoreError::Io { path, detail: error.to_string() },
                },
                other => StoreError::Io { path, detail: other.to_string() },
            },
        }
    }
}

/// Why work on the database failed, before the file's path is added.
pub(crate) enum Failed {
    /// One of ours, to be passed on as it is.
    Store(StoreError),
    /// A row cannot be decoded.
    Corrupt(&'static str),
    /// The store was written in another format.
    Format(u64),
    /// redb's word.
    Database(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed::Database(Box::new(error.into()))
    }
}

fn open_file(path: &Path, options: &Options) -> Result<redb::Database, Failed> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)?;
    }
    let is_new = !path.try_exists()?;
    let mut builder = redb::Builder::new();
    builder.set_cache_size(options.cache_bytes_max);
    builder.set_check_integrity_on_open(options.verify_on_open && !is_new);
    let database = builder.create(path)?;
    if is_new {
        // Without this, a power cut could take the whole file's name away.
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    check_format(&database)?;
    Ok(database)
}

/// Creates the tables in a new file; refuses a file of another format.
fn check_format(database: &redb::Database) -> Result<(), Failed> {
    let reading = database.begin_read()?;
    let tables = reading.list_tables()?.count();
    if tables > 0 {
        let meta = reading.open_table(META)?;
        let format = meta.get(META_FORMAT)?;
        let format = format.as_ref().and_then(|value| split_u64(value.value()));
        return match format {
            Some((FORMAT, _)) => Ok(()),
            Some((other, _)) => Err(Failed::Format(other)),
            None => Err(Failed::Corrupt("it has no format number")),
        };
    }
    let writing = database.begin_write()?;
    {
        writing.open_table(ENTRIES)?;
        writing.open_table(EXPIRIES)?;
        writing.open_table(USAGE)?;
        let mut meta = writing.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT.to_be_bytes().as_slice())?;
        meta.insert(META_VERSION, 0u64.to_be_bytes().as_slice())?;
    }
    writing.commit()?;
    Ok(())
}
