//! One file in MaxMind's format (specification 2.0), mapped.

use super::Facts;
use super::record::Value;
use maxminddb::{MaxMindDbError, Reader};
use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Bytes of a database. The largest that are sold have some hundred million.
const DATABASE_BYTES_MAX: u64 = 4 << 30;

/// Why a file is no database that can be used.
#[derive(Debug, Error)]
pub enum GeoError {
    /// It cannot be opened or mapped.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its size cannot be that of a database.
    #[error("{} has {bytes} bytes; a database has 1 to {DATABASE_BYTES_MAX}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It is none, or is damaged.
    #[error("{} is no usable database: {detail}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// The file's name.
    pub name: String,
    /// Such as `GeoLite2-City`.
    pub kind: String,
    /// When it was made, seconds since 1970.
    pub built_s: u64,
    /// Nodes of its tree.
    pub nodes: u32,
    /// 4: it has no IPv6 addresses.
    pub ip_version: u16,
    /// Bytes of the file.
    pub bytes: u64,
}

pub(super) struct Database {
    reader: Reader<Mmap>,
    pub(super) info: DatabaseInfo,
}

impl Database {
    /// Maps a file, and reads what it says of itself.
    pub(super) fn open(path: &Path) -> Result<Self, GeoError> {
        let io = |source| GeoError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let bytes = file.metadata().map_err(io)?.len();
        if bytes == 0 || bytes > DATABASE_BYTES_MAX {
            return Err(GeoError::Size { path: path.to_owned(), bytes });
        }
        // SAFETY: the bytes must not change while they are mapped. The node maps files of a
        // folder of its own, which nobody else may enter (0700) and into which files are only
        // ever moved whole (`folder::put`); an old one is unlinked and stays as it was until
        // its last mapping ends. Whoever breaks into that folder as the node's own user and
        // cuts a file short ends the process by a signal. Others map files only to check
        // them, in a process that does nothing else.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let invalid = |error: MaxMindDbError| invalid(path, &error);
        let reader = Reader::from_source(map).map_err(invalid)?;
        let metadata = reader.metadata();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let info = DatabaseInfo {
            name: name.unwrap_or_default(),
            kind: metadata.database_type.chars().filter(|c| !c.is_control()).take(128).collect(),
            built_s: metadata.build_epoch,
            nodes: metadata.node_count,
            ip_version: metadata.ip_version,
            bytes,
        };
        Ok(Database { reader, info })
    }

    /// What it has of an address.
    ///
    /// # Errors
    /// What is wrong with what lies there.
    pub(super) fn locate(&self, address: IpAddr) -> Result<Option<Facts>, String> {
        if address.is_ipv6() && self.info.ip_version == 4 {
            return Ok(None);
        }
        let found = self.reader.lookup(address).map_err(|error| error.to_string())?;
        let record = found.decode::<Value>().map_err(|error| error.to_string())?;
        Ok(record.map(|record| record.facts()))
    }
}

fn invalid(path: &Path, error: &MaxMindDbError) -> GeoError {
    GeoError::Invalid { path: path.to_owned(), detail: error.to_string() }
}

/// Opens a database and looks at all of it: the tree, and each record, which must be one that
/// [`Facts`] can be read from. May take seconds.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(path: &Path) -> Result<DatabaseInfo, GeoError> {
    let database = Database::open(path)?;
    // Not `verify` of the library: it wants a description, which databases that are published
    // do not all have.
    let networks = database.reader.networks(maxminddb::WithinOptions::default());
    for network in networks.map_err(|error| invalid(path, &error))? {
        let decoded = network.and_then(|network| network.decode::<Value>());
        decoded.map_err(|error| invalid(path, &error))?;
    }
    Ok(database.info)
}
