//! A folder's lock, by which one process at a time has it for itself.

use std::fs::{File, TryLockError};
use std::thread;
use std::time::Duration;

/// How often a lock that is held is tried again, and after how long.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// Takes the lock, for as long as the file is open.
///
/// It is tried for a moment: a program that a process is about to start has that process's
/// files until it begins, and with them a lock that was given back just now.
///
/// # Errors
/// [`TryLockError::WouldBlock`] if another process has it.
pub(crate) fn take(file: &File) -> Result<(), TryLockError> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            ended => return ended,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &tempfile::TempDir) -> File {
        File::create(folder.path().join("lock")).expect("a file")
    }

    #[test]
    fn what_another_has_is_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (open(&folder), open(&folder));
        take(&first).expect("it is free");
        assert!(matches!(take(&second), Err(TryLockError::WouldBlock)));
    }

    #[test]
    fn what_is_given_back_while_it_is_waited_for_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (open(&folder), open(&folder));
        take(&first).expect("it is free");
        let holder = thread::spawn(move || {
            thread::sleep(PAUSE);
            drop(first);
        });
        take(&second).expect("it is free in time");
        holder.join().expect("it ends");
    }
}
