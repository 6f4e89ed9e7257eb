//! Threads for calls that use much CPU time.

use tokio::runtime::{Builder, Handle, Runtime};

/// How much the background yields to the request threads. Linux weighs nice 10
/// at about a tenth of nice 0: heavy calls go on under full load, slowly, and
/// have every idle cycle of every core.
const NICE: i32 = 10;

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
            .on_thread_start(lower_priority)
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

fn lower_priority() {
    // SAFETY: plain system call without pointers. On Linux the nice value
    // belongs to the thread, and 0 means the caller. Raising it needs no right;
    // should it fail all the same, the thread runs at normal priority.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}
