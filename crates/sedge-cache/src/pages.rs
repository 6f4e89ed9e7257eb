//! Memory for bodies out of which the kernel can send them without a copy.
//!
//! It is a file without a name that lies in memory (memfd_create(2)), mapped once, for
//! reading; bodies are written by pwrite(2). The file is much larger than what is ever
//! stored, which costs nothing, because only pages that were written take memory.
//!
//! A socket that was lent pages holds them until the client has them. So a page is never
//! written twice: when a body is dropped, its pages are taken out of the file
//! (fallocate(2), a hole), and what comes in their place are other pages. Whoever still
//! sends the earlier ones keeps them alive. What that is worth is in
//! `docs/adr/0011-bodies-sent-as-they-lie.md`.

use bytes::Bytes;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// From here on a body is worth a place: sending it from there takes two system calls
/// more than copying it.
pub const PAGED_BYTES_MIN: u64 = 32 << 10;

/// Places are as large as a power of two, from here on.
const PLACE_BYTES_MIN: u64 = 16 << 10;

/// The powers of two that there are places for: up to 8 MiB.
const CLASSES: usize = 10;

/// A file in memory, mapped.
pub struct Pages {
    file: File,
    /// Where its first byte lies.
    base: NonNull<u8>,
    bytes: usize,
    places: Mutex<Places>,
}

// SAFETY: the pointer is to a mapping that is only read, that lives until `Pages` is
// dropped, and that belongs to no thread.
unsafe impl Send for Pages {}
// SAFETY: as above; what changes is behind the lock, or in the kernel.
unsafe impl Sync for Pages {}

/// Which places are taken.
#[derive(Default)]
struct Places {
    /// Where the part begins that was never used.
    end: u64,
    /// Places that are free again, by the power of two.
    free: [Vec<u64>; CLASSES],
}

/// A part of the file that one body has for itself.
#[derive(Clone, Copy)]
struct Place {
    class: usize,
    offset: u64,
}

/// A body in its place.
struct Laid {
    pages: Arc<Pages>,
    place: Place,
    bytes: usize,
}

impl Pages {
    /// A file that has places for at least `bytes` of bodies at a time, of whatever sizes.
    ///
    /// # Errors
    ///
    /// Where the platform has no such files, or not so much of address space.
    pub fn new(bytes: u64) -> io::Result<Arc<Self>> {
        // Each body may lie in a place of twice its size, and bodies of each size may at
        // some time have been all that there was.
        let bytes = bytes.max(PLACE_BYTES_MIN << CLASSES).saturating_mul(2 * CLASSES as u64);
        let length = usize::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        let file = in_memory()?;
        file.set_len(bytes)?;
        let base = map(&file, length)?;
        Ok(Arc::new(Pages { file, base, bytes: length, places: Mutex::default() }))
    }

    /// Where bodies lie.
    pub fn addresses(&self) -> Range<usize> {
        let begin = self.base.as_ptr().addr();
        begin..begin + self.bytes
    }

    /// Copies parts, one behind the other, into a place of their own. `None` if they are
    /// too few or too many bytes, or if there is no room.
    pub fn lay(self: &Arc<Self>, parts: &[Bytes]) -> Option<Bytes> {
        let bytes = parts.iter().map(Bytes::len).sum::<usize>();
        let class = class(bytes as u64)?;
        let place = self.take(class)?;
        // From here on the place is given back whatever happens.
        let laid = Laid { pages: Arc::clone(self), place, bytes };
        let mut at = place.offset;
        for part in parts {
            if let Err(error) = self.file.write_all_at(part, at) {
                tracing::warn!(%error, "no memory for a body in a file");
                return None;
            }
            at += part.len() as u64;
        }
        Some(Bytes::from_owner(laid))
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, class: usize) -> Option<Place> {
        let mut places = self.lock();
        if let Some(offset) = places.free[class].pop() {
            return Some(Place { class, offset });
        }
        let offset = places.end;
        let end = offset + (PLACE_BYTES_MIN << class);
        if end > self.bytes as u64 {
            return None;
        }
        places.end = end;
        Some(Place { class, offset })
    }

    /// Takes the pages of a place out of the file.
    fn clear(&self, place: Place) {
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        let (offset, length) = (place.offset.cast_signed(), PLACE_BYTES_MIN << place.class);
        // SAFETY: takes a descriptor that is open and numbers. What it takes away is
        // mapped, but nobody has a reference to it any more: `Laid`, which had the place
        // for itself, is being dropped.
        let cleared =
            unsafe { libc::fallocate(self.file.as_raw_fd(), mode, offset, length.cast_signed()) };
        // A place whose pages may still be on their way to a client is not used again.
        if cleared == 0 {
            self.lock().free[place.class].push(place.offset);
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length, and whoever had a
        // reference into it had one to `Pages`, too.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

impl AsRef<[u8]> for Laid {
    fn as_ref(&self) -> &[u8] {
        // The place ends before the file does, which is as long as a `usize` can tell.
        let offset = self.place.offset as usize;
        // SAFETY: the place is within the mapping, of at least this many bytes, all
        // written before `Laid` was given away. Nobody writes there until it is dropped,
        // and the file cannot be made shorter: it is sealed.
        unsafe { std::slice::from_raw_parts(self.pages.base.as_ptr().add(offset), self.bytes) }
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        self.pages.clear(self.place);
    }
}

/// The power of two of a place for a body.
fn class(bytes: u64) -> Option<usize> {
    if bytes == 0 {
        return None;
    }
    let blocks = bytes.div_ceil(PLACE_BYTES_MIN).next_power_of_two();
    let class = blocks.trailing_zeros() as usize;
    (class < CLASSES).then_some(class)
}

fn in_memory() -> io::Result<File> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a C string, and the flags are numbers.
    let descriptor = unsafe { libc::memfd_create(c"sedge bodies".as_ptr(), flags) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has made it, and nobody else knows it.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

fn map(file: &File, bytes: usize) -> io::Result<NonNull<u8>> {
    // Shorter than it is mapped, it would be a trap for whoever reads.
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: takes a descriptor that is open and numbers.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let (protection, flags) = (libc::PROT_READ, libc::MAP_SHARED | libc::MAP_NORESERVE);
    let anywhere = std::ptr::null_mut();
    // SAFETY: a new mapping at an address that the kernel chooses.
    let base = unsafe { libc::mmap(anywhere, bytes, protection, flags, file.as_raw_fd(), 0) };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(base.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests;
