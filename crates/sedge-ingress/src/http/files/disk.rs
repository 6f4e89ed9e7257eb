//! What a node does with its disk for clients: how much at one time, and how often.
//!
//! A system call on a file may wait for a disk, or for a server that is gone. So
//! none is made on a request thread: each goes to a thread of its runtime's blocking
//! pool, and there are never more of them at one time than the node's limit says,
//! over all cores.

use super::super::metrics::{family, reasons};
use sedge_model::failure::{Failure, Kind};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::Semaphore;

reasons! {
    /// How a request for a file was answered.
    pub(crate) enum Outcome;
    /// The whole file.
    Whole: "whole";
    /// One part or more.
    Partial: "partial";
    /// The file for what is not there, with 200 or with 404.
    Fallback: "fallback";
    /// 301, to the same path with a slash at its end.
    Redirected: "redirected";
    /// 304.
    NotModified: "not_modified";
    /// 412.
    PreconditionFailed: "precondition_failed";
    /// 416.
    Unsatisfiable: "unsatisfiable";
    /// 405.
    OtherMethod: "other_method";
    /// 404: there is nothing.
    Missing: "missing";
    /// 404: a path that can be no file, a hidden one, one that leads out of the
    /// folder, a device.
    Refused: "refused";
    /// 500: the disk.
    Failed: "failed";
}

/// The node's disk, as its clients see it. One for a node.
pub struct Disk {
    turns: Arc<Semaphore>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Files that are being sent.
    open: AtomicU64,
    bytes: AtomicU64,
    /// Answers that broke off because their file was changed.
    changed: AtomicU64,
}

impl Disk {
    /// `reads_max`: how many threads may wait for the disk at one time.
    pub fn new(reads_max: usize) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(reads_max.max(1)));
        Arc::new(Disk { turns, counts: Counts::default() })
    }

    /// Does work that may wait for the disk, when it is its turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| Failure::new(Kind::Draining, "the disk is closed"))?;
        // The turn ends with the work, not with the request: who has left may have
        // left a thread that waits.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| Failure::new(Kind::Internal, "a thread that reads files broke"))
    }

    pub(super) fn count(&self, outcome: Outcome) {
        self.counts.outcomes[outcome as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn count_bytes(&self, bytes: u64) {
        self.counts.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn count_changed(&self) {
        self.counts.changed.fetch_add(1, Relaxed);
    }

    /// Appends the counters in Prometheus' text format.
    pub fn render_prometheus(&self, out: &mut String) {
        let outcomes = Outcome::ALL.iter().map(|&outcome| {
            let count = self.counts.outcomes[outcome as usize].load(Relaxed);
            (format!("{{outcome=\"{}\"}}", outcome.label()), count)
        });
        let help = "Requests for files, by how they were answered.";
        family(out, "sedge_files_requests_total", "counter", help, outcomes);
        let open = [("", self.counts.open.load(Relaxed))];
        family(out, "sedge_files_open", "gauge", "Files that are being sent.", open);
        let bytes = [("", self.counts.bytes.load(Relaxed))];
        family(out, "sedge_files_read_bytes_total", "counter", "Bytes read from files.", bytes);
        let changed = [("", self.counts.changed.load(Relaxed))];
        let help = "Answers that broke off because their file was changed.";
        family(out, "sedge_files_changed_total", "counter", help, changed);
    }
}

/// A file that is being sent; counted as long as it is open.
pub(super) struct OpenFile {
    pub(super) file: File,
    disk: Arc<Disk>,
}

impl OpenFile {
    pub(super) fn new(file: File, disk: &Arc<Disk>) -> Arc<Self> {
        disk.counts.open.fetch_add(1, Relaxed);
        Arc::new(OpenFile { file, disk: Arc::clone(disk) })
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.disk.counts.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test]
    async fn work_that_breaks_is_a_failure_and_gives_its_turn_back() {
        let disk = Disk::new(1);
        for _ in 0..3 {
            let broken = disk.run(|| panic!("on purpose")).await;
            assert_eq!(broken.map_err(|failure| failure.kind), Err(Kind::Internal));
        }
        assert_eq!(disk.run(|| 7).await.ok(), Some(7));
    }

    #[tokio::test]
    async fn no_more_threads_wait_than_may() {
        let disk = Disk::new(2);
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let stuck = |disk: Arc<Disk>| {
            let wait = Arc::clone(&wait);
            tokio::spawn(async move {
                let work = move || wait.lock().map(|wait| wait.recv().is_ok()).unwrap_or(false);
                disk.run(work).await.unwrap_or(false)
            })
        };
        let both = [stuck(Arc::clone(&disk)), stuck(Arc::clone(&disk))];
        // Who leaves while a thread waits for the disk frees no turn.
        tokio::task::yield_now().await;
        while disk.turns.available_permits() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let third = tokio::time::timeout(Duration::from_millis(50), disk.run(|| ())).await;
        assert!(third.is_err(), "it waits for its turn");
        both.iter().for_each(tokio::task::JoinHandle::abort);
        let third = tokio::time::timeout(Duration::from_millis(50), disk.run(|| ())).await;
        assert!(third.is_err(), "the threads are still there");
        for _ in 0..2 {
            release.send(()).expect("somebody waits");
        }
        assert!(disk.run(|| ()).await.is_ok());
    }
}
