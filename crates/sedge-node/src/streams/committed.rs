//! One thread that waits for the log, so that readers may be tasks.

use anyhow::{Context, Result};
use sedge_store::log::Log;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// How long it waits at a time: so long a stop may take that comes at the wrong moment.
const WAIT: Duration = Duration::from_secs(1);

/// Tells the position up to which everything is durable. Dropping it ends its thread.
pub(super) struct Watcher {
    receiver: watch::Receiver<u64>,
    stopping: Arc<AtomicBool>,
    log: Arc<Log>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(super) fn start(log: Arc<Log>) -> Result<Self> {
        let (sender, receiver) = watch::channel(log.usage().end);
        let stopping = Arc::new(AtomicBool::new(false));
        let (waited, is_stopping) = (Arc::clone(&log), Arc::clone(&stopping));
        let run = move || run(&waited, &sender, &is_stopping);
        let thread = std::thread::Builder::new().name("streams".to_owned()).spawn(run);
        let thread = thread.context("start the thread that watches the log of messages")?;
        Ok(Watcher { receiver, stopping, log, thread: Some(thread) })
    }

    pub(super) fn receiver(&self) -> watch::Receiver<u64> {
        self.receiver.clone()
    }
}

fn run(log: &Log, sender: &watch::Sender<u64>, stopping: &AtomicBool) {
    // Every message waits for it on its way to a consumer.
    sedge_engine::priority::prompt();
    let mut known = *sender.borrow();
    while !stopping.load(SeqCst) {
        let end = log.wait(known, WAIT);
        if end != known {
            known = end;
            sender.send_replace(end);
        } else if log.failure().is_some() {
            // Nothing comes any more, and waiting would return at once.
            std::thread::park_timeout(WAIT);
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stopping.store(true, SeqCst);
        self.log.wake();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It may have been about to wait when it was woken; then it waits once more.
            drop(thread.join());
        }
    }
}
