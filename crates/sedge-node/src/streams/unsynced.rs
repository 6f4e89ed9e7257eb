//! Files whose syncs do nothing: what was written survives the process, as the system has it,
//! but not a power cut.

use sedge_store::log::{Files, Media, MediaFile, SyncPoint};
use std::io;
use std::sync::Arc;

/// A folder that is never synced.
pub(super) struct Unsynced(pub(super) Files);

struct UnsyncedFile(Arc<dyn MediaFile>);

impl Media for Unsynced {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        Ok(Arc::new(UnsyncedFile(self.0.create(name)?)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        Ok(Arc::new(UnsyncedFile(self.0.open(name)?)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_folder(&self, _: SyncPoint) -> io::Result<()> {
        Ok(())
    }
}

impl MediaFile for UnsyncedFile {
    fn bytes(&self) -> io::Result<u64> {
        self.0.bytes()
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(at, buffer)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(at, bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.0.allocate(bytes)
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.0.set_bytes(bytes)
    }

    fn sync(&self, _: SyncPoint) -> io::Result<()> {
        Ok(())
    }
}
