//! The threads that encode, and how pictures wait for them.
//!
//! What bounds it: threads, pictures that wait, bytes of pixels that are held, and a
//! deadline for each. A function has at most half of the places and of the bytes, and of
//! those who wait it is first the turn of whose function has the fewest pictures on
//! threads, so that none keeps the others from encoding. AVIF cannot be ended midway; of
//! it a function has at most all threads but one.

use super::metrics::{CodecMetrics, Outcome};
use super::picture::Picture;
use super::work::{self, Ended};
use super::{CodecError, Encoded, Format, Wanted};
use futures_channel::oneshot;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The stack of a thread: encoders divide blocks by recursion, with tables on it.
const STACK_BYTES: usize = 8 << 20;

/// How a pool works.
#[derive(Clone, Debug)]
pub struct CodecOptions {
    /// Threads; at least one. They are started with the first picture.
    pub threads: usize,
    /// Pictures that wait for one; at least one.
    pub queue_max: usize,
    /// Bytes of pixels that are held at a time. What encoders take besides is bounded by
    /// the threads and the pixels.
    pub memory_bytes_max: u64,
    /// Pixels of a picture.
    pub pixels_max: u64,
    /// Pixels of one that becomes AVIF, which takes the longest by far.
    pub avif_pixels_max: u64,
    /// From when it is handed over to when it is done.
    pub deadline: Duration,
    /// Called first in each thread, such as to lower its priority.
    pub on_thread_start: fn(),
}

/// What one function has in the pool.
#[derive(Default)]
pub(super) struct Owner {
    bytes: AtomicU64,
    // Changed under the lock of the queue.
    waiting: AtomicU64,
    running: AtomicU64,
    running_avif: AtomicU64,
}

impl Owner {
    fn begin(&self, format: Format) {
        self.running.fetch_add(1, Relaxed);
        self.running_avif.fetch_add(u64::from(format == Format::Avif), Relaxed);
    }

    fn end(&self, format: Format) {
        self.running.fetch_sub(1, Relaxed);
        self.running_avif.fetch_sub(u64::from(format == Format::Avif), Relaxed);
    }
}

/// A share of the bytes of pixels; dropping gives it back.
pub(super) struct Held {
    pool: Arc<Shared>,
    owner: Arc<Owner>,
    bytes: u64,
}

impl Held {
    /// `None` if the pool, or the function's half of it, is full.
    pub(super) fn take(pool: &CodecPool, owner: &Arc<Owner>, bytes: u64) -> Option<Self> {
        let all = pool.shared.options.memory_bytes_max;
        add(&owner.bytes, bytes, all / 2)?;
        if add(&pool.shared.metrics.bytes_held, bytes, all).is_none() {
            owner.bytes.fetch_sub(bytes, Relaxed);
            return None;
        }
        Some(Held { pool: pool.shared.clone(), owner: owner.clone(), bytes })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.owner.bytes.fetch_sub(self.bytes, Relaxed);
        self.pool.metrics.bytes_held.fetch_sub(self.bytes, Relaxed);
    }
}

/// Adds to a sum unless it would exceed `max`.
fn add(sum: &AtomicU64, more: u64, max: u64) -> Option<()> {
    let added = |sum: u64| sum.checked_add(more).filter(|sum| *sum <= max);
    sum.fetch_update(Relaxed, Relaxed, added).ok().map(drop)
}

/// The pool of a node. Dropping it ends its threads after what they are at.
pub struct CodecPool {
    shared: Arc<Shared>,
}

struct Shared {
    options: CodecOptions,
    metrics: Arc<CodecMetrics>,
    queue: Mutex<Queue>,
    /// Somebody waits, or the pool closes.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    threads: usize,
    is_closing: bool,
}

/// One picture that waits.
struct Job {
    owner: Arc<Owner>,
    picture: Picture,
    wanted: Wanted,
    deadline: Instant,
    answer: oneshot::Sender<Result<Encoded, CodecError>>,
    _held: Held,
}

impl Job {
    /// Whether it is worth going on.
    fn go_on(&self) -> Result<(), Ended> {
        go_on(&self.answer, self.deadline)
    }
}

fn go_on<T>(answer: &oneshot::Sender<T>, deadline: Instant) -> Result<(), Ended> {
    if answer.is_canceled() {
        return Err(Ended::Canceled);
    }
    if Instant::now() >= deadline {
        return Err(CodecError::TimedOut.into());
    }
    Ok(())
}

impl CodecPool {
    /// A pool without threads yet.
    pub fn new(options: CodecOptions) -> Arc<Self> {
        let (metrics, queue) = (Arc::default(), Mutex::default());
        let shared = Shared { options, metrics, queue, changed: Condvar::new() };
        Arc::new(CodecPool { shared: Arc::new(shared) })
    }

    /// How it works.
    pub fn options(&self) -> &CodecOptions {
        &self.shared.options
    }

    /// What was counted.
    pub fn metrics(&self) -> &Arc<CodecMetrics> {
        &self.shared.metrics
    }

    /// Puts a picture into the queue; the receiver gets what becomes of it.
    pub(super) fn submit(
        &self,
        owner: Arc<Owner>,
        picture: Picture,
        wanted: Wanted,
        held: Held,
    ) -> Result<oneshot::Receiver<Result<Encoded, CodecError>>, CodecError> {
        let shared = &self.shared;
        let (answer, answered) = oneshot::channel();
        let deadline = Instant::now() + shared.options.deadline;
        let job = Job { owner, picture, wanted, deadline, answer, _held: held };
        let mut queue = shared.lock();
        queue.sweep(&shared.metrics);
        let queue_max = shared.options.queue_max.max(1) as u64;
        let owned = job.owner.waiting.load(Relaxed);
        if queue.waiting.len() as u64 >= queue_max || owned >= queue_max.div_ceil(2) {
            shared.metrics.count(wanted.format, Outcome::Busy);
            return Err(CodecError::Busy);
        }
        if queue.threads < shared.options.threads.max(1) && !shared.spawn(&mut queue) {
            shared.metrics.count(wanted.format, Outcome::Failed);
            return Err(CodecError::Failed("no thread can be started".to_owned()));
        }
        job.owner.waiting.fetch_add(1, Relaxed);
        shared.metrics.waiting.fetch_add(1, Relaxed);
        queue.waiting.push_back(job);
        drop(queue);
        shared.changed.notify_one();
        Ok(answered)
    }
}

impl Drop for CodecPool {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.is_closing = true;
        // Whoever waits is told by the end of its channel.
        while queue.take(0, &self.shared.metrics).is_some() {}
        drop(queue);
        self.shared.changed.notify_all();
    }
}

impl Queue {
    /// Takes out a job that waits.
    fn take(&mut self, index: usize, metrics: &CodecMetrics) -> Option<Job> {
        let job = self.waiting.remove(index)?;
        job.owner.waiting.fetch_sub(1, Relaxed);
        metrics.waiting.fetch_sub(1, Relaxed);
        Some(job)
    }

    /// Ends what nobody waits for any more, and what has waited for too long.
    fn sweep(&mut self, metrics: &CodecMetrics) {
        while let Some(at) = self.waiting.iter().position(|job| job.go_on().is_err()) {
            let Some(job) = self.take(at, metrics) else { return };
            if let Err(ended) = job.go_on() {
                settle(job.answer, &job.wanted, Err(ended), metrics);
            }
        }
    }

    /// The job whose turn it is, of those that may be.
    fn next(&mut self, avif_max: u64, metrics: &CodecMetrics) -> Option<Job> {
        self.sweep(metrics);
        let may_be = |job: &Job| {
            job.wanted.format != Format::Avif || job.owner.running_avif.load(Relaxed) < avif_max
        };
        let running = |job: &Job| job.owner.running.load(Relaxed);
        let jobs = self.waiting.iter().enumerate().filter(|(_, job)| may_be(job));
        let (index, _) = jobs.min_by_key(|(_, job)| running(job))?;
        let job = self.take(index, metrics)?;
        job.owner.begin(job.wanted.format);
        Some(job)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // What the lock guards is changed by single steps that cannot panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread; says whether there is any.
    fn spawn(self: &Arc<Self>, queue: &mut Queue) -> bool {
        let shared = self.clone();
        let name = format!("codec-{}", queue.threads);
        let builder = thread::Builder::new().name(name).stack_size(STACK_BYTES);
        match builder.spawn(move || shared.serve()) {
            Ok(_) => queue.threads += 1,
            Err(error) => tracing::warn!(%error, "no thread for encoders could be started"),
        }
        queue.threads > 0
    }

    /// The life of a thread.
    fn serve(&self) {
        (self.options.on_thread_start)();
        let avif_max = self.options.threads.saturating_sub(1).max(1) as u64;
        let mut queue = self.lock();
        while !queue.is_closing {
            match queue.next(avif_max, &self.metrics) {
                Some(job) => {
                    drop(queue);
                    self.work(job);
                    queue = self.lock();
                }
                None => {
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn work(&self, job: Job) {
        let Job { owner, picture, wanted, deadline, answer, _held } = job;
        self.metrics.running.fetch_add(1, Relaxed);
        let begin = Instant::now();
        let result = work::encode(picture, &wanted, &|| go_on(&answer, deadline));
        self.metrics.running.fetch_sub(1, Relaxed);
        owner.end(wanted.format);
        if let Ok(encoded) = &result {
            self.metrics.encoded(wanted.format, encoded.encodings, begin.elapsed());
        }
        settle(answer, &wanted, result, &self.metrics);
    }
}

/// Counts what has come of a picture, and tells who waits.
fn settle(
    answer: oneshot::Sender<Result<Encoded, CodecError>>,
    wanted: &Wanted,
    result: Result<Encoded, Ended>,
    metrics: &CodecMetrics,
) {
    let outcome = match &result {
        _ if answer.is_canceled() => Outcome::Canceled,
        Ok(_) => Outcome::Done,
        Err(Ended::Canceled) => Outcome::Canceled,
        Err(Ended::Error(CodecError::TimedOut)) => Outcome::TimedOut,
        Err(Ended::Error(CodecError::Options(_))) => Outcome::Refused,
        Err(Ended::Error(_)) => Outcome::Failed,
    };
    metrics.count(wanted.format, outcome);
    let result = match result {
        Ok(encoded) => Ok(encoded),
        Err(Ended::Error(error)) => Err(error),
        Err(Ended::Canceled) => return,
    };
    // Whoever has left does not read it.
    let _ = answer.send(result);
}
