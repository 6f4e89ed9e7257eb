//! A segment of the durable log as it may be found on a disk.

use sedge_store::log::{
    Batch, CursorChange, Item, Log, LogOptions, Media, MediaFile, Number, Outcome, Record,
    SyncPoint,
};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

type Content = Arc<Mutex<Vec<u8>>>;

/// Files in memory.
#[derive(Clone, Default)]
struct Memory {
    files: Arc<Mutex<BTreeMap<String, Content>>>,
}

struct Open {
    content: Content,
}

impl Memory {
    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Content>) -> T) -> T {
        work(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Open {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        work(&mut self.content.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Media for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.with(|files| files.keys().cloned().collect()))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        let content = Content::default();
        self.with(|files| files.insert(name.to_owned(), content.clone()));
        Ok(Arc::new(Open { content }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        let content = self.with(|files| files.get(name).cloned());
        Ok(Arc::new(Open { content: content.ok_or(ErrorKind::NotFound)? }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.with(|files| files.remove(name));
        Ok(())
    }

    fn sync_folder(&self, _: SyncPoint) -> io::Result<()> {
        Ok(())
    }
}

impl MediaFile for Open {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.with(|content| content.len() as u64))
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.with(|content| {
            let from = usize::try_from(at).map_err(io::Error::other)?;
            let end = from.checked_add(buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
            buffer.copy_from_slice(content.get(from..end).ok_or(ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|content| {
            let (from, end) = (at as usize, at as usize + bytes.len());
            content.resize(content.len().max(end), 0);
            content[from..end].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.set_bytes(bytes)
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.with(|content| content.resize(bytes as usize, 0));
        Ok(())
    }

    fn sync(&self, _: SyncPoint) -> io::Result<()> {
        Ok(())
    }
}

/// The first segment's file.
const NAME: &str = "0000000000000001.log";

fn open(memory: &Memory) -> Result<Log, sedge_store::log::LogError> {
    let options =
        LogOptions { segment_bytes: 16 << 10, bytes_max: 1 << 20, ..LogOptions::default() };
    Log::open_on(Arc::new(memory.clone()), options)
}

/// A record that follows from its number.
fn record(sequence: u64) -> Record {
    Record {
        stream: "s".to_owned(),
        device: format!("d{}", sequence % 2),
        number: Number { epoch: 1, sequence },
        time_ms: sequence,
        key: Vec::new().into(),
        payload: vec![b'p'; sequence as usize * 5].into(),
    }
}

/// A segment that was closed, and one that was not.
pub(super) fn segments() -> Vec<Vec<u8>> {
    let memory = Memory::default();
    let Ok(log) = open(&memory) else { return Vec::new() };
    for sequence in 0..6 {
        let state = vec![7; 3].into();
        let cursor = CursorChange::Commit { name: "r".to_owned(), position: sequence, state };
        let batch = Batch { records: vec![record(sequence)], cursor: Some(cursor) };
        drop(log.append(batch));
    }
    let content = || {
        let content = memory.with(|files| files.get(NAME).cloned());
        content.map(|content| content.lock().unwrap_or_else(PoisonError::into_inner).clone())
    };
    let mut unsealed = content().unwrap_or_default();
    drop(log);
    let sealed = content().unwrap_or_default();
    unsealed.truncate(sealed.len());
    vec![sealed, unsealed]
}

/// Opens a log with this segment: what is read was written, positions have an order, what
/// is added is found, and opening it again finds the same.
pub(super) fn segment(data: &[u8]) {
    let memory = Memory::default();
    let content = Arc::new(Mutex::new(data.to_vec()));
    memory.with(|files| files.insert(NAME.to_owned(), content));
    let Ok(log) = open(&memory) else { return };
    let before = read(&log);
    // It may find fewer than a reader, which begins behind what somebody has moved.
    let verified = log.verify().expect("files are there");
    assert!(verified.lost.iter().all(|lost| lost.from < lost.to), "{verified:?}");
    let added = log.append(Batch { records: vec![record(100)], cursor: None });
    let Ok([Outcome::Stored(position)]) = added.as_deref() else { panic!("{added:?}") };
    assert!(before.iter().all(|item| item.next() <= *position), "{before:?}");
    drop(log);
    let log = open(&memory).expect("it was opened before");
    let after = read(&log);
    assert_eq!(after[..before.len()], before);
    assert!(after.len() > before.len());
}

fn read(log: &Log) -> Vec<Item> {
    let (mut reader, mut all, mut next) = (log.reader(0), Vec::new(), 0);
    loop {
        let items = reader.read(1_000).expect("files are there");
        if items.is_empty() {
            return all;
        }
        for item in items {
            assert!(item.next() > next, "{item:?} behind {next}");
            next = item.next();
            if let Item::Record { record: found, .. } = &item {
                assert_eq!(*found, record(found.number.sequence));
            }
            all.push(item);
        }
    }
}
