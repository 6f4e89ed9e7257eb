//! Bodies whose pages the kernel can send as they are, without a copy.
//!
//! The pages are lent to a pipe (vmsplice(2)), and go from there to the socket
//! (splice(2)). That takes two system calls more than writing a copy, and looks no page
//! up in a file, which sendfile(2) does for each of them:
//! `docs/adr/0011-bodies-sent-as-they-lie.md` has the figures.

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, PipeReader, PipeWriter, Write};
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// From here on the system calls cost less than the copy.
const LENT_BYTES_MIN: usize = 32 << 10;

/// What is wanted of a pipe, one for each thread. The kernel may allow less.
const PIPE_BYTES: libc::c_int = 512 << 10;

/// The kernel's pages, each of which takes a place in a pipe.
const PAGE_BYTES: usize = 4 << 10;

/// Places that are left for what comes before a body, and for a body that begins within
/// a page.
const PLACES_LEFT: usize = 4;

thread_local! {
    /// Empty between two calls.
    static PIPE: RefCell<Option<Pipe>> = const { RefCell::new(None) };
}

/// Addresses where bodies lie. Which bytes do is seen by that, so that nothing between
/// who stores a body and the socket has to know of it.
///
/// Who makes one vouches for this: what was once lent as a body is not changed, and its
/// pages are not written again either when it has been dropped, because clients may still
/// have to get them.
pub struct StablePages {
    addresses: Range<usize>,
    /// Keeps the addresses from being those of something else.
    _mapping: Arc<dyn Send + Sync>,
}

impl fmt::Debug for StablePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StablePages").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl StablePages {
    /// Memory that can be read as long as `mapping` lives.
    pub fn new(addresses: Range<usize>, mapping: Arc<dyn Send + Sync>) -> Self {
        StablePages { addresses, _mapping: mapping }
    }

    /// Which of these parts is the first that is worth being lent, if what comes before it
    /// fits into a pipe.
    pub(crate) fn find(&self, parts: &[IoSlice<'_>]) -> Option<usize> {
        let mut before = 0;
        for (index, part) in parts.iter().enumerate() {
            let begin = part.as_ptr().addr();
            let is_here = self.addresses.start <= begin
                && begin.checked_add(part.len()).is_some_and(|end| end <= self.addresses.end);
            if is_here && part.len() >= LENT_BYTES_MIN {
                return Some(index);
            }
            before += part.len();
            if before > PAGE_BYTES {
                return None;
            }
        }
        None
    }
}

/// Sends what comes before, and then a body out of [`StablePages`]; as much of both as the
/// socket takes.
pub(crate) fn send(socket: RawFd, before: &[IoSlice<'_>], body: &IoSlice<'_>) -> io::Result<usize> {
    PIPE.with_borrow_mut(|place| {
        let mut pipe = match place.take().map_or_else(Pipe::open, Ok) {
            Ok(pipe) => pipe,
            Err(_) => return copy(socket, before, body),
        };
        // Where lending is not allowed or possible, everything arrives nevertheless.
        let Ok(filled) = pipe.fill(before, body) else { return copy(socket, before, body) };
        let sent = pipe.empty(socket, filled)?;
        // What the socket did not take must not be sent to another client. A pipe that
        // cannot be emptied is closed.
        if sent.bytes == filled || pipe.discard(filled - sent.bytes) {
            *place = Some(pipe);
        }
        match sent.error {
            Some(error) if sent.bytes == 0 => Err(error),
            _ => Ok(sent.bytes),
        }
    })
}

/// Sends both as anything else is sent.
fn copy(socket: RawFd, before: &[IoSlice<'_>], body: &IoSlice<'_>) -> io::Result<usize> {
    let mut parts = before.to_vec();
    parts.push(IoSlice::new(body));
    // SAFETY: zeroes are a message without an address, parts and control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // An `IoSlice` has the layout of an `iovec`, which the kernel only reads here.
    message.msg_iov = parts.as_mut_ptr().cast();
    // A number of another width on some platforms.
    message.msg_iovlen = parts.len() as _;
    // SAFETY: the message and its parts live until the call returns.
    let sent = unsafe { libc::sendmsg(socket, &raw const message, libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// The way from memory to a socket.
struct Pipe {
    reader: PipeReader,
    writer: PipeWriter,
    /// Bytes of a body that fit into it.
    body_bytes_max: usize,
}

/// What a socket took.
struct Sent {
    bytes: usize,
    error: Option<io::Error>,
}

impl Pipe {
    fn open() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        for end in [reader.as_raw_fd(), writer.as_raw_fd()] {
            // SAFETY: takes a descriptor that is open, and numbers.
            if unsafe { libc::fcntl(end, libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: as above. Where it is not allowed, the pipe stays as it is.
        unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES) };
        // SAFETY: as above.
        let bytes = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_GETPIPE_SZ) };
        let places = usize::try_from(bytes).unwrap_or_default() / PAGE_BYTES;
        match places.checked_sub(PLACES_LEFT) {
            None | Some(0) => Err(io::ErrorKind::OutOfMemory.into()),
            Some(places) => Ok(Pipe { reader, writer, body_bytes_max: places * PAGE_BYTES }),
        }
    }

    /// Copies what comes before into the empty pipe, and lends it the body's pages.
    fn fill(&mut self, before: &[IoSlice<'_>], body: &IoSlice<'_>) -> io::Result<usize> {
        let copied: usize = before.iter().map(|part| part.len()).sum();
        if copied > 0 && self.writer.write_vectored(before)? < copied {
            // It is at most a page, for which there are places.
            return Err(io::ErrorKind::WriteZero.into());
        }
        let mut lent = 0;
        let all = body.len().min(self.body_bytes_max);
        while lent < all {
            let part = IoSlice::new(&body[lent..all]);
            // SAFETY: an `IoSlice` has the layout of an `iovec`. The kernel reads the
            // pages even after the call, which is what `StablePages` vouches for.
            let count = unsafe {
                let part = (&raw const part).cast();
                libc::vmsplice(self.writer.as_raw_fd(), part, 1, libc::SPLICE_F_NONBLOCK)
            };
            match usize::try_from(count) {
                Ok(count) if count > 0 => lent += count,
                // There is no place left, because its pages are not whole.
                _ if lent > 0 => break,
                _ => return Err(io::Error::last_os_error()),
            }
        }
        Ok(copied + lent)
    }

    fn empty(&self, socket: RawFd, bytes: usize) -> io::Result<Sent> {
        let mut sent = Sent { bytes: 0, error: None };
        while sent.bytes < bytes {
            match self.splice(socket, bytes - sent.bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => sent.bytes += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    sent.error = Some(error);
                    break;
                }
            }
        }
        Ok(sent)
    }

    fn splice(&self, to: RawFd, bytes: usize) -> io::Result<usize> {
        let nowhere = std::ptr::null_mut();
        let from = self.reader.as_raw_fd();
        // SAFETY: descriptors that are open, no offsets, and numbers.
        let count =
            unsafe { libc::splice(from, nowhere, to, nowhere, bytes, libc::SPLICE_F_NONBLOCK) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Takes out what is left; whether the pipe is empty.
    fn discard(&self, bytes: usize) -> bool {
        let Ok(nowhere) = File::options().write(true).open("/dev/null") else { return false };
        matches!(self.splice(nowhere.as_raw_fd(), bytes), Ok(count) if count == bytes)
    }
}

#[cfg(test)]
mod tests;
