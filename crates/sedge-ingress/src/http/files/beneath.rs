//! Opens files beneath a folder, and nothing else.
//!
//! The kernel is the wall: `openat2` with `RESOLVE_BENEATH` (Linux 5.6) refuses
//! every step that would leave the folder, by `..`, by a symbolic link or by a link
//! of `/proc`, at the moment in which it is made; so there is no time between a
//! check and its use. Links that stay beneath the folder are followed. Where the
//! system has no such call, each segment is opened by itself, and no link is
//! followed at all.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// What stands at a name.
pub(super) enum Found {
    /// A file, open for reading.
    File(File, Metadata),
    /// A folder.
    Folder,
}

/// Why nothing was opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// There is nothing of this name, or it may not be read.
    Missing,
    /// It leads out of the folder, or is neither a file nor a folder.
    Refused,
    /// The system failed: what it said.
    Failed(io::ErrorKind, String),
}

/// A folder whose files may be opened.
pub(super) struct Root(File);

impl Root {
    /// Opens the folder itself; links on the way to it are the operator's own.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
        OpenOptions::new().read(true).custom_flags(flags).open(folder).map(Root)
    }

    /// Opens what is called `name`: segments joined by `/`, no `.` and `..` among
    /// them; empty for the folder itself.
    ///
    /// Looked at before it is opened for reading, so that a device or a FIFO is
    /// not: that alone could do something, or wait.
    pub(super) fn find(&self, name: &[u8]) -> Result<Found, Closed> {
        if name.is_empty() {
            return Ok(Found::Folder);
        }
        let name = CString::new(name).map_err(|_| Closed::Refused)?;
        let seen = self.reach(&name, libc::O_PATH)?.metadata().map_err(failed)?;
        if seen.is_dir() {
            return Ok(Found::Folder);
        }
        if !seen.is_file() {
            return Err(Closed::Refused);
        }
        let file = self.reach(&name, libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY)?;
        // It may have been replaced in between.
        let metadata = file.metadata().map_err(failed)?;
        let kind = metadata.file_type();
        if !kind.is_file() || kind.is_fifo() {
            return Err(Closed::Refused);
        }
        Ok(Found::File(file, metadata))
    }

    fn reach(&self, name: &CStr, flags: libc::c_int) -> Result<File, Closed> {
        match at_once(&self.0, name, flags) {
            Err(error) if has_no_such_call(&error) => step_by_step(&self.0, name, flags),
            other => other,
        }
        .map_err(|error| closed(&error))
    }
}

/// A filter of system calls may answer `EPERM` for what it does not know.
fn has_no_such_call(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

/// How often a name is tried again that was renamed while it was resolved.
const RACES_MAX: usize = 8;

#[cfg(target_os = "linux")]
fn at_once(root: &File, name: &CStr, flags: libc::c_int) -> io::Result<File> {
    // SAFETY: the kernel's structure consists of three integers, of which 0 is a
    // value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from((flags | libc::O_CLOEXEC).cast_unsigned());
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
    let mut races = 0;
    loop {
        // SAFETY: the descriptor is open as long as `root` lives, the name ends
        // with NUL, and the structure has the size that is told; the kernel writes
        // to none of them.
        let opened = unsafe {
            libc::syscall(
                libc::SYS_openat2,
                root.as_raw_fd(),
                name.as_ptr(),
                &raw const how,
                size_of::<libc::open_how>(),
            )
        };
        match opened {
            0.. => {
                let descriptor = libc::c_int::try_from(opened).map_err(io::Error::other)?;
                // SAFETY: the call has just given this descriptor to us alone.
                return Ok(File::from(unsafe { OwnedFd::from_raw_fd(descriptor) }));
            }
            _ => {
                let error = io::Error::last_os_error();
                let again = matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR));
                races += 1;
                if !again || races > RACES_MAX {
                    return Err(error);
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn at_once(_: &File, _: &CStr, _: libc::c_int) -> io::Result<File> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// The same without the kernel's help. A name that is moved out of the folder
/// while it is walked is followed there; nothing else leaves it.
fn step_by_step(root: &File, name: &CStr, flags: libc::c_int) -> io::Result<File> {
    let name = name.to_bytes();
    let mut at = root.try_clone()?;
    let mut segments = name.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        if matches!(segment, b"" | b"." | b"..") {
            return Err(io::Error::from_raw_os_error(libc::EXDEV));
        }
        let segment = CString::new(segment)?;
        let flags = match segments.peek() {
            Some(_) => libc::O_PATH | libc::O_DIRECTORY,
            None => flags,
        };
        at = step(&at, &segment, flags | libc::O_NOFOLLOW)?;
    }
    // With `O_PATH`, a link is not refused but opened itself.
    if at.metadata()?.file_type().is_symlink() {
        return Err(io::Error::from_raw_os_error(libc::ELOOP));
    }
    Ok(at)
}

fn step(at: &File, segment: &CStr, flags: libc::c_int) -> io::Result<File> {
    // SAFETY: the descriptor is open as long as `at` lives, and the name ends with
    // NUL.
    let opened = unsafe { libc::openat(at.as_raw_fd(), segment.as_ptr(), flags | libc::O_CLOEXEC) };
    if opened < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just given this descriptor to us alone.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(opened) }))
}

fn closed(error: &io::Error) -> Closed {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG | libc::EACCES) => Closed::Missing,
        // Out of the folder, links in a circle, a device without a driver.
        Some(libc::EXDEV | libc::ELOOP | libc::ENXIO | libc::EPERM | libc::EAGAIN) => {
            Closed::Refused
        }
        _ => Closed::Failed(error.kind(), error.to_string()),
    }
}

fn failed(error: io::Error) -> Closed {
    Closed::Failed(error.kind(), error.to_string())
}

#[cfg(test)]
mod tests;
