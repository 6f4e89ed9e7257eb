//! Threads for calls that use much CPU time.

use crate::priority;
use tokio::runtime::{Builder, Handle, Runtime};

/// A pool of threads of lower priority. Its calls take turns at every tick.
pub struct Background {
    handle: Handle,
    /// Taken when dropped.
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("sedge-background")
            .on_thread_start(priority::lower)
            .enable_all()
            .build()?;
        Ok(Background { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where to spawn.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A runtime may not be dropped where async code runs; let it end its
        // threads by itself.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
