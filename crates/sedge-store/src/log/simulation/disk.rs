//! A disk in memory. What is written is in its cache at once, and on the platter when it
//! is synced; when power is lost, any sectors of what was not may be there, and any names.

use crate::log::media::{Media, MediaFile, SyncPoint};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What is written or not when power is lost.
const SECTOR: usize = 512;

/// A generator of numbers by seed (SplitMix64, Steele et al. 2014).
#[derive(Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below another.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What is wrong with the disk, as if it were with the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// Syncs at this point do nothing.
    Without(SyncPoint),
    /// Syncs at this point do what they should some operations later.
    Late(SyncPoint),
}

enum Write {
    Bytes(u64, Vec<u8>),
    Length(u64),
}

#[derive(Default)]
struct Inode {
    cache: Vec<u8>,
    platter: Vec<u8>,
    pending: Vec<Write>,
    /// What cannot be read.
    broken: Option<Range<u64>>,
}

impl Inode {
    fn apply(content: &mut Vec<u8>, at: u64, bytes: &[u8]) {
        let (at, end) = (at as usize, at as usize + bytes.len());
        if content.len() < end {
            content.resize(end, 0);
        }
        content[at..end].copy_from_slice(bytes);
    }

    fn sync(&mut self) {
        for write in self.pending.drain(..) {
            match write {
                Write::Bytes(at, bytes) => Inode::apply(&mut self.platter, at, &bytes),
                Write::Length(length) => self.platter.resize(length as usize, 0),
            }
        }
    }

    /// Some of what was written reaches the platter.
    fn tear(&mut self, dice: &mut Dice) {
        let percent = [0, 20, 50, 80, 100][dice.below(5) as usize];
        for write in std::mem::take(&mut self.pending) {
            match write {
                Write::Length(length) => {
                    if dice.percent(percent) {
                        self.platter.resize(length as usize, 0);
                    }
                }
                Write::Bytes(at, bytes) => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let end = (at as usize + from + 1).next_multiple_of(SECTOR) - at as usize;
                        let end = end.min(bytes.len());
                        if dice.percent(percent) {
                            let piece = &bytes[from..end];
                            Inode::apply(&mut self.platter, at + from as u64, piece);
                        }
                        from = end;
                    }
                }
            }
        }
    }
}

enum Naming {
    Link(String, usize),
    Unlink(String),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Naming::Link(name, inode) => drop(names.insert(name.clone(), *inode)),
            Naming::Unlink(name) => drop(names.remove(name)),
        }
    }
}

struct Inner {
    dice: Dice,
    flaw: Flaw,
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    names_on_platter: BTreeMap<String, usize>,
    namings: Vec<Naming>,
    /// Operations until the end; `None`: it does not come.
    fuse: Option<u64>,
    is_dead: bool,
    /// Operations so far.
    operations: u64,
    bytes_max: u64,
    /// Syncs until one fails.
    syncs_until_failure: Option<u64>,
    /// Syncs that are late: operations until then, and the file, or the folder.
    late: Vec<(u64, Option<usize>)>,
}

/// The disk; clones are the same one.
#[derive(Clone)]
pub(super) struct Disk {
    inner: Arc<Mutex<Inner>>,
}

impl Disk {
    pub(super) fn new(seed: u64, bytes_max: u64, flaw: Flaw) -> Self {
        let inner = Inner {
            dice: Dice(seed ^ 0xD15C),
            flaw,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            names_on_platter: BTreeMap::new(),
            namings: Vec::new(),
            fuse: None,
            is_dead: false,
            operations: 0,
            bytes_max,
            syncs_until_failure: None,
            late: Vec::new(),
        };
        Disk { inner: Arc::new(Mutex::new(inner)) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().expect("no holder panics"))
    }

    /// Everything ends after so many operations; `None`: it does not.
    pub(super) fn set_fuse(&self, fuse: Option<u64>) {
        self.with(|inner| inner.fuse = fuse);
    }

    pub(super) fn fail_sync_after(&self, syncs: Option<u64>) {
        self.with(|inner| inner.syncs_until_failure = syncs);
    }

    pub(super) fn set_bytes_max(&self, bytes_max: u64) {
        self.with(|inner| inner.bytes_max = bytes_max);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.with(|inner| inner.is_dead)
    }

    pub(super) fn operations(&self) -> u64 {
        self.with(|inner| inner.operations)
    }

    /// The process is gone; the cache stays.
    pub(super) fn restart(&self) {
        self.with(|inner| (inner.is_dead, inner.fuse) = (false, None));
    }

    /// Power is lost, and comes back.
    pub(super) fn lose_power(&self) {
        self.with(|inner| {
            (inner.is_dead, inner.fuse) = (false, None);
            inner.late.clear();
            let Inner { dice, inodes, .. } = inner;
            for inode in inodes {
                inode.tear(dice);
                inode.cache.clone_from(&inode.platter);
            }
            let percent = [0, 50, 100][inner.dice.below(3) as usize];
            for naming in std::mem::take(&mut inner.namings) {
                if inner.dice.percent(percent) {
                    naming.apply(&mut inner.names_on_platter);
                }
            }
            inner.names.clone_from(&inner.names_on_platter);
        });
    }

    /// Another disk with the same content.
    pub(super) fn copy(&self) -> Self {
        self.with(|inner| {
            let copy = Disk::new(inner.dice.0, inner.bytes_max, inner.flaw);
            copy.with(|other| {
                for (name, inode) in &inner.names {
                    let content = &inner.inodes[*inode].cache;
                    let (cache, platter) = (content.clone(), content.clone());
                    other.inodes.push(Inode { cache, platter, ..Inode::default() });
                    other.names.insert(name.clone(), other.inodes.len() - 1);
                }
                other.names_on_platter.clone_from(&other.names);
            });
            copy
        })
    }

    /// Names and lengths.
    pub(super) fn files(&self) -> Vec<(String, usize)> {
        self.with(|inner| {
            let length = |inode: &usize| inner.inodes[*inode].cache.len();
            inner.names.iter().map(|(name, inode)| (name.clone(), length(inode))).collect()
        })
    }

    /// Behind the last byte of a file that is not zero.
    pub(super) fn content_end(&self, name: &str) -> usize {
        self.with(|inner| {
            let content = &inner.inodes[inner.names[name]].cache;
            content.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1)
        })
    }

    /// Reading any of these bytes fails from now on.
    pub(super) fn break_sectors(&self, name: &str, bytes: Range<u64>) {
        self.with(|inner| {
            let inode = inner.names[name];
            inner.inodes[inode].broken = Some(bytes);
        });
    }

    /// Changes a file as nobody should.
    pub(super) fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        self.with(|inner| {
            let inode = inner.names[name];
            let inode = &mut inner.inodes[inode];
            inode.sync();
            change(&mut inode.cache);
            inode.platter.clone_from(&inode.cache);
        });
    }
}

fn dead() -> io::Error {
    io::Error::other("the machine is gone")
}

impl Inner {
    /// Counts an operation. `Err`: it is the last one; how much of it happens is left to
    /// the dice.
    fn begin(&mut self) -> io::Result<()> {
        if self.is_dead {
            return Err(dead());
        }
        if self.fuse == Some(0) {
            self.is_dead = true;
            return Err(dead());
        }
        self.operations += 1;
        self.fuse = self.fuse.map(|fuse| fuse - 1);
        self.late.iter_mut().for_each(|(left, _)| *left = left.saturating_sub(1));
        let due: Vec<_> = self.late.iter().filter(|(left, _)| *left == 0).copied().collect();
        self.late.retain(|(left, _)| *left > 0);
        due.into_iter().for_each(|(_, what)| self.sync(what));
        Ok(())
    }

    fn sync(&mut self, what: Option<usize>) {
        match what {
            Some(inode) => self.inodes[inode].sync(),
            None => {
                for naming in std::mem::take(&mut self.namings) {
                    naming.apply(&mut self.names_on_platter);
                }
            }
        }
    }

    fn sync_at(&mut self, point: SyncPoint, what: Option<usize>) -> io::Result<()> {
        self.begin()?;
        if let Some(left) = self.syncs_until_failure {
            self.syncs_until_failure = left.checked_sub(1);
            if left == 0 {
                // Some of it reached the platter; the rest is taken for clean from now on.
                if let Some(inode) = what {
                    self.inodes[inode].tear(&mut self.dice);
                }
                return Err(io::Error::other("the disk has failed"));
            }
        }
        match self.flaw {
            Flaw::Without(flawed) if flawed == point => {}
            Flaw::Late(flawed) if flawed == point => {
                let left = 1 + self.dice.below(8);
                self.late.push((left, what));
            }
            _ => self.sync(what),
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[*inode].cache.len() as u64).sum()
    }

    /// Whether a file may have so many bytes.
    fn check_room(&self, inode: usize, bytes: u64) -> io::Result<()> {
        let grows = bytes.saturating_sub(self.inodes[inode].cache.len() as u64);
        if grows > 0 && self.used() + grows > self.bytes_max {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn set_length(&mut self, inode: usize, bytes: u64) {
        let inode = &mut self.inodes[inode];
        inode.cache.resize(bytes as usize, 0);
        inode.pending.push(Write::Length(bytes));
    }
}

impl Media for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.with(|inner| match inner.is_dead {
            true => Err(dead()),
            false => Ok(inner.names.keys().cloned().collect()),
        })
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        self.with(|inner| {
            inner.begin()?;
            inner.inodes.push(Inode::default());
            let inode = inner.inodes.len() - 1;
            let naming = Naming::Link(name.to_owned(), inode);
            naming.apply(&mut inner.names);
            inner.namings.push(naming);
            Ok(Arc::new(Open { disk: self.clone(), inode }) as Arc<dyn MediaFile>)
        })
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn MediaFile>> {
        self.with(|inner| {
            if inner.is_dead {
                return Err(dead());
            }
            let inode = *inner.names.get(name).ok_or(ErrorKind::NotFound)?;
            Ok(Arc::new(Open { disk: self.clone(), inode }) as Arc<dyn MediaFile>)
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.with(|inner| {
            inner.begin()?;
            let naming = Naming::Unlink(name.to_owned());
            naming.apply(&mut inner.names);
            inner.namings.push(naming);
            Ok(())
        })
    }

    fn sync_folder(&self, point: SyncPoint) -> io::Result<()> {
        self.with(|inner| inner.sync_at(point, None))
    }
}

struct Open {
    disk: Disk,
    inode: usize,
}

impl MediaFile for Open {
    fn bytes(&self) -> io::Result<u64> {
        self.disk.with(|inner| Ok(inner.inodes[self.inode].cache.len() as u64))
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.with(|inner| {
            if inner.is_dead {
                return Err(dead());
            }
            let end = at as usize + buffer.len();
            let inode = &inner.inodes[self.inode];
            if inode
                .broken
                .as_ref()
                .is_some_and(|broken| at < broken.end && broken.start < end as u64)
            {
                return Err(io::Error::other("a sector cannot be read"));
            }
            let bytes = inode.cache.get(at as usize..end);
            buffer.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.with(|inner| {
            let was_dead = inner.is_dead;
            let begun = inner.begin();
            let length = match &begun {
                Ok(()) => bytes.len(),
                Err(_) if was_dead => 0,
                Err(_) => inner.dice.below(bytes.len() as u64 + 1) as usize,
            };
            inner.check_room(self.inode, at + length as u64)?;
            let inode = &mut inner.inodes[self.inode];
            Inode::apply(&mut inode.cache, at, &bytes[..length]);
            inode.pending.push(Write::Bytes(at, bytes[..length].to_vec()));
            begun
        })
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.with(|inner| {
            inner.begin()?;
            inner.check_room(self.inode, bytes)?;
            inner.set_length(self.inode, bytes);
            Ok(())
        })
    }

    fn set_bytes(&self, bytes: u64) -> io::Result<()> {
        self.disk.with(|inner| {
            inner.begin()?;
            inner.check_room(self.inode, bytes)?;
            inner.set_length(self.inode, bytes);
            Ok(())
        })
    }

    fn sync(&self, point: SyncPoint) -> io::Result<()> {
        self.disk.with(|inner| inner.sync_at(point, Some(self.inode)))
    }
}
