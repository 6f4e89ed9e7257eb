//! What is left of all changes, as a file.
//!
//! `snapshot-GENERATION` is a header, what `Kept` writes, and a trailer with its length and the
//! BLAKE3 hash of all that is before it. Numbers are little-endian. A file is written under
//! another name, synced, and only then gets its own; so one that has its name was whole. The two
//! newest ones are there: if the newest is damaged, the one before it and the log have it all.

use bytes::Bytes;
use sedge_ingress::mqtt::journal::Kept;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"sedgmqtt";
/// Of the file; the form of what is in it has a version of its own.
const FORM: u64 = 1;
const HEADER_BYTES: usize = 32;
const TRAILER_BYTES: usize = 40;
const PREFIX: &str = "snapshot-";
/// What is being written.
const NEW: &str = "snapshot.new";
/// A file that is larger is none of ours: its content would not fit into memory.
const BYTES_MAX: u64 = 16 << 30;

/// What a file held.
pub(super) struct Snapshot {
    /// Of the changes that come next.
    pub(super) position: u64,
    pub(super) kept: Kept,
    pub(super) bytes: u64,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// It is not what was written.
    #[error("it is damaged")]
    Damaged,
    /// It is whole, and of a form that is not known here.
    #[error("it was written by a newer version of sedge")]
    Newer,
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The files in a folder, newest first, by generation.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        if let Some(number) = number {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    Ok(found)
}

/// Reads a file and checks all of it.
pub(super) fn read(path: &Path) -> Result<Snapshot, Unusable> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > BYTES_MAX {
        return Err(Unusable::Damaged);
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.read_to_end(&mut bytes)?;
    let content = bytes.len().checked_sub(TRAILER_BYTES).filter(|content| *content >= HEADER_BYTES);
    let content = content.ok_or(Unusable::Damaged)?;
    let number = |at: usize| {
        let eight = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        eight.map(u64::from_le_bytes).ok_or(Unusable::Damaged)
    };
    let hash = blake3::hash(&bytes[..content + 8]);
    if number(content)? != content as u64
        || bytes[content + 8..] != hash.as_bytes()[..]
        || &bytes[..8] != MAGIC
    {
        return Err(Unusable::Damaged);
    }
    // The name tells the generation, too.
    let (form, position) = (number(8)?, number(24)?);
    let body = Bytes::from(bytes).slice(HEADER_BYTES..content);
    match (form, Kept::decode(&body)) {
        (FORM, Ok(kept)) => Ok(Snapshot { position, kept, bytes: length }),
        // It is what was written, and not by this version.
        _ => Err(Unusable::Newer),
    }
}

/// Writes one after the other.
pub(super) struct Writer {
    folder: PathBuf,
    next_generation: u64,
    /// Position and size of the newest one.
    newest: Option<(u64, u64)>,
    /// Position of the one before.
    older: Option<u64>,
    /// Bytes of the log that were read since the newest one.
    pub(super) replayed_bytes: u64,
}

impl Writer {
    /// `newest` is what was read; `older` whether the one before it is there, and its position.
    pub(super) fn new(folder: &Path, newest: Option<&Snapshot>, next_generation: u64) -> Self {
        let newest = newest.map(|newest| (newest.position, newest.bytes));
        let folder = folder.to_owned();
        Writer { folder, next_generation, newest, older: None, replayed_bytes: 0 }
    }

    pub(super) fn newest_position(&self) -> Option<u64> {
        self.newest.map(|(position, _)| position)
    }

    pub(super) fn newest_bytes(&self) -> u64 {
        self.newest.map_or(0, |(_, bytes)| bytes)
    }

    /// Up to where the log is needed only if the newest one is damaged *and* the one before it.
    pub(super) fn older_position(&self) -> Option<u64> {
        self.older
    }

    /// Writes one, and gives its bytes. It counts when it is on the disk with its name; those
    /// before the last two are removed then.
    pub(super) fn write(&mut self, kept: &Kept, position: u64) -> io::Result<u64> {
        let generation = self.next_generation;
        let new = self.folder.join(NEW);
        let path = self.folder.join(format!("{PREFIX}{generation:016x}"));
        let written = write_file(&new, generation, position, kept)
            .and_then(|bytes| fs::rename(&new, &path).map(|()| bytes))
            .and_then(|bytes| File::open(&self.folder)?.sync_all().map(|()| bytes));
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(error) => {
                // It may be what fills the disk.
                let _ = fs::remove_file(&new);
                return Err(error);
            }
        };
        self.next_generation += 1;
        self.older = self.newest.map(|(position, _)| position);
        self.newest = Some((position, bytes));
        self.replayed_bytes = 0;
        for (_, path) in list(&self.folder)?.into_iter().skip(2) {
            // One that stays is removed next time.
            let _ = fs::remove_file(path);
        }
        Ok(bytes)
    }

    /// Writes one that holds alone: what is there besides does not belong to this log.
    pub(super) fn write_alone(&mut self, kept: &Kept, position: u64) -> io::Result<()> {
        self.write(kept, position)?;
        self.older = None;
        for (_, path) in list(&self.folder)?.into_iter().skip(1) {
            fs::remove_file(path)?;
        }
        File::open(&self.folder)?.sync_all()
    }
}

fn write_file(path: &Path, generation: u64, position: u64, kept: &Kept) -> io::Result<u64> {
    let mut file = Hashing {
        to: BufWriter::with_capacity(256 << 10, File::create(path)?),
        hasher: blake3::Hasher::new(),
        bytes: 0,
    };
    file.write_all(MAGIC)?;
    for number in [FORM, generation, position] {
        file.write_all(&number.to_le_bytes())?;
    }
    kept.write_to(&mut file)?;
    let content = file.bytes;
    file.write_all(&content.to_le_bytes())?;
    let hash = file.hasher.finalize();
    file.write_all(hash.as_bytes())?;
    let bytes = file.bytes;
    let file = file.to.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(bytes)
}

struct Hashing {
    to: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
