//! Where consumers run: threads of their own, each with its runtime. A consumer stays on the
//! thread that it was given, as a connection does.

use anyhow::{Context, Result};
use std::future::Future;
use std::sync::mpsc;
use std::thread::JoinHandle as Thread;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) struct Threads {
    all: Vec<(Handle, oneshot::Sender<()>, Thread<()>)>,
    next: usize,
}

impl Threads {
    /// Starts so many, at least one.
    pub(super) fn start(count: usize) -> Result<Self> {
        let all = (0..count.max(1)).map(|index| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (end, ended) = oneshot::channel::<()>();
            let handle = runtime.handle().clone();
            let thread = std::thread::Builder::new()
                .name(format!("sedge-messages-{index}"))
                .spawn(move || {
                    sedge_engine::priority::prompt();
                    // Either way it is over.
                    drop(runtime.block_on(ended));
                    runtime.shutdown_background();
                })?;
            Ok((handle, end, thread))
        });
        let all: std::io::Result<Vec<_>> = all.collect();
        Ok(Threads { all: all.context("start the threads of messages")?, next: 0 })
    }

    /// Runs a task on one of them.
    pub(super) fn spawn(
        &mut self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let index = self.next % self.all.len();
        self.next += 1;
        self.all[index].0.spawn(task)
    }

    /// Waits for a task, but not for long, and ends all of them.
    pub(super) fn end(self, drain: Duration, last: impl Future<Output = ()> + Send + 'static) {
        let (done, wait) = mpsc::sync_channel(1);
        self.all[0].0.spawn(async move {
            last.await;
            let _ = done.send(());
        });
        if wait.recv_timeout(drain).is_err() {
            tracing::warn!("messages were being handled when the node stopped: they are again");
        }
        for (_, end, thread) in self.all {
            drop(end);
            drop(thread.join());
        }
    }
}
