//! The file that says which log a folder holds, and up to which record it reached the
//! disk.
//!
//! A log that ends before that record has lost some, and among them may be removals: see
//! [`recovery`](super::recovery). The file is written in place, 48 bytes with a check:
//! one that is torn says nothing, and an older one says less. Neither is wrong.

use super::format::{Check, check, u64_at};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: [u8; 16] = *b"sedge segments 1";
const BYTES: usize = 48;

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    /// The log's random number.
    pub(crate) log: u64,
    /// The last record that reached the disk; 0: none.
    pub(crate) sequence: u64,
}

impl Floor {
    /// Reads the file; `None`: it is not there, no file, or damaged.
    pub(crate) fn read(path: &Path) -> Option<Floor> {
        if !is_file(path) {
            return None;
        }
        let mut bytes = [0; BYTES];
        File::open(path).and_then(|file| file.read_exact_at(&mut bytes, 0)).ok()?;
        Floor::decode(&bytes)
    }

    /// Writes the file, creating it if it is absent, or in the place of a pipe or a link.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path).is_ok() && !is_file(path) {
            fs::remove_file(path)?;
        }
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        file.write_all_at(&self.encode(), 0)
    }

    fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(&MAGIC);
        bytes[16..24].copy_from_slice(&self.log.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        let check: Check = check(&[&bytes[..32]]);
        bytes[32..].copy_from_slice(&check);
        bytes
    }

    fn decode(bytes: &[u8; BYTES]) -> Option<Floor> {
        let is_intact = bytes[..16] == MAGIC && check(&[&bytes[..32]]) == bytes[32..];
        is_intact.then(|| Floor { log: u64_at(bytes, 16), sequence: u64_at(bytes, 24) })
    }
}

/// Whether it is a file, and neither a link nor what could be waited for without end.
pub(crate) fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let floor = Floor { log: 1, sequence: 2 };
        assert_eq!(Floor::decode(&floor.encode()), Some(floor));
        for bit in 0..BYTES * 8 {
            let mut bytes = floor.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Floor::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_file_that_is_absent_or_too_short_says_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("floor");
        assert_eq!(Floor::read(&path), None);
        std::fs::write(&path, b"sedge segments 1").expect("write");
        assert_eq!(Floor::read(&path), None);
        let floor = Floor { log: 1, sequence: 2 };
        floor.write(&path).expect("write");
        assert_eq!(Floor::read(&path), Some(floor));
    }

    #[test]
    fn neither_a_pipe_is_waited_for_nor_a_link_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("floor"), folder.path().join("other"));
        let floor = Floor { log: 1, sequence: 2 };
        floor.write(&other).expect("written");
        std::os::unix::fs::symlink(&other, &path).expect("a link");
        assert_eq!(Floor::read(&path), None);
        let newer = Floor { sequence: 3, ..floor };
        newer.write(&path).expect("in its place");
        assert_eq!((Floor::read(&path), Floor::read(&other)), (Some(newer), Some(floor)));
        fs::remove_file(&path).expect("was there");
        let status = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(status.success());
        assert_eq!(Floor::read(&path), None);
        newer.write(&path).expect("in its place");
        assert_eq!(Floor::read(&path), Some(newer));
        fs::remove_file(&path).expect("was there");
        fs::create_dir(&path).expect("made");
        assert_eq!(Floor::read(&path), None);
        assert!(newer.write(&path).is_err());
    }
}
