//! What a log asks of a disk: named files in one folder, and to be told when bytes and
//! names have reached it.
//!
//! [`Files`] is the one of a node. The simulation has another, which forgets what was not
//! synced, tears and reorders writes, is full, and fails.

mod files;

use std::io;
use std::sync::Arc;

pub use files::Files;

/// Why something is brought to the disk. Each is a place in the code without which
/// something acknowledged could be lost, or opening take longer than is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SyncPoint {
    /// A batch, before it is acknowledged.
    Commit,
    /// The record of what will be removed, before it is.
    Removal,
    /// The name of a new segment, before something is written to it that will be
    /// acknowledged.
    BeginFolder,
    /// The footer of a segment, before the next one is used.
    Seal,
    /// What was found at the end of the last segment, before it is told to anybody.
    Recovery,
}

impl SyncPoint {
    /// All of them.
    pub const ALL: [SyncPoint; 5] = [
        SyncPoint::Commit,
        SyncPoint::Removal,
        SyncPoint::BeginFolder,
        SyncPoint::Seal,
        SyncPoint::Recovery,
    ];
}

/// A folder of files. All calls may block.
pub trait Media: Send + Sync + 'static {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes an empty file, in the place of another of this name.
    fn create(&self, name: &str) -> io::Result<Arc<dyn MediaFile>>;
    /// Opens a file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn MediaFile>>;
    /// Removes a name; who has the file open may go on reading.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Returns when the folder's names are on the disk.
    fn sync_folder(&self, point: SyncPoint) -> io::Result<()>;
}

/// An open file.
pub trait MediaFile: Send + Sync + 'static {
    /// Its length.
    fn bytes(&self) -> io::Result<u64>;
    /// Fills the buffer from this place.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Writes all of it at this place.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Sees to it that writes up to this length will find room; the file has it then.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// Cuts the file off, or makes it longer with zeros.
    fn set_bytes(&self, bytes: u64) -> io::Result<()>;
    /// Returns when all that was written is on the disk.
    fn sync(&self, point: SyncPoint) -> io::Result<()>;
}
