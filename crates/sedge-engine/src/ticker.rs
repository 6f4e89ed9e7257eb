//! Advances the epochs of all engines of the process while guests run.
//!
//! A timer signals the process at every [`TICK`], and Linux (6.4 and later) hands the
//! signal of a timer to the thread that runs just then: whoever is looked at counts the
//! epoch itself, in about a microsecond. A thread that woke for it would cut in on a
//! request thread in the middle of an answer. When it lay down again, the scheduler
//! would find that the request thread had just had more than its share and a heavy
//! call in the background less, and would run that until the next timer interrupt: a
//! neighbor of such a call waited up to 1.1 ms, which was 0.3 ms without that thread on
//! its core. Older kernels hand the signal to the main thread, which is such a thread.
//!
//! The signal is `SIGURG`, for the reasons of Go's runtime, which uses it for the same
//! purpose: nobody else sends it, and whoever does so does no harm. System calls that
//! it interrupts are restarted (`SA_RESTART`), except those that wait for events, whose
//! callers expect that.
//!
//! The timer slows down on an idle node: a thousand wake-ups per second are three
//! percent of a small machine.

use crate::config::TICK;
use std::io;
use std::ptr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

const SIGNAL: libc::c_int = libc::SIGURG;

/// The time between two ticks when no guest runs. A guest whose first beat is missed
/// in the instant in which the timer slows down gets its first tick this late.
const REST: Duration = Duration::from_millis(50);

/// Ticks without a guest after which the timer slows down.
const QUIET_TICKS_MAX: u32 = 20;

/// Whether a guest ran since the last tick.
static BUSY: AtomicBool = AtomicBool::new(false);
/// Whether the timer is slow.
static RESTING: AtomicBool = AtomicBool::new(false);
/// Ticks since a guest ran.
static QUIET_TICKS: AtomicU32 = AtomicU32::new(0);
/// Threads that are reading [`FIRST`] and what it leads to.
static READERS: AtomicU32 = AtomicU32::new(0);
/// Places for engines, in a list that only grows.
static FIRST: AtomicPtr<Place> = AtomicPtr::new(ptr::null_mut());
static TIMER: OnceLock<Timer> = OnceLock::new();

/// Where an engine stands whose epoch advances. It is used again when its engine has
/// left, and never given back, because a signal may come while it is read.
struct Place {
    /// From `Box::into_raw`, or null.
    engine: AtomicPtr<wasmtime::Engine>,
    next: AtomicPtr<Place>,
}

/// What timer_create(2) has given: an integer or a pointer, which only the system reads.
struct Timer(libc::timer_t);

// SAFETY: a timer belongs to the process; any thread may set it (timer_settime(2)).
unsafe impl Send for Timer {}
// SAFETY: as above; the value is never changed.
unsafe impl Sync for Timer {}

/// A guest begins to run, or was found running. Mostly two reads of what nobody
/// writes.
pub(crate) fn beat() {
    if !BUSY.load(Relaxed) {
        BUSY.store(true, Relaxed);
    }
    if RESTING.load(Relaxed) {
        wake();
    }
}

#[cold]
fn wake() {
    if RESTING.swap(false, SeqCst) {
        arm(TICK);
    }
}

/// An engine whose epoch advances until this is dropped.
pub(crate) struct Ticking {
    place: &'static Place,
}

impl Ticking {
    /// Starts the timer with the first engine of the process.
    ///
    /// # Errors
    ///
    /// When the system has no timer left for this user.
    pub(crate) fn new(engine: wasmtime::Engine) -> io::Result<Self> {
        start()?;
        let engine = Box::into_raw(Box::new(engine));
        for place in places() {
            let free = ptr::null_mut();
            if place.engine.compare_exchange(free, engine, SeqCst, Relaxed).is_ok() {
                return Ok(Ticking { place });
            }
        }
        let (engine, next) = (AtomicPtr::new(engine), AtomicPtr::new(FIRST.load(SeqCst)));
        let place: &'static Place = Box::leak(Box::new(Place { engine, next }));
        let as_pointer = ptr::from_ref(place).cast_mut();
        while let Err(first) =
            FIRST.compare_exchange(place.next.load(SeqCst), as_pointer, SeqCst, SeqCst)
        {
            place.next.store(first, SeqCst);
        }
        Ok(Ticking { place })
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        let engine = self.place.engine.swap(ptr::null_mut(), SeqCst);
        // All accesses are in one order: who reads the place after the swap finds
        // nothing, and who read it before was counted before, and is waited for.
        while READERS.load(SeqCst) > 0 {
            std::thread::yield_now();
        }
        // SAFETY: the pointer is from `Box::into_raw` in `Ticking::new`, only one
        // `Ticking` has the place, and nobody reads it any more (see above).
        drop(unsafe { Box::from_raw(engine) });
    }
}

fn places() -> impl Iterator<Item = &'static Place> {
    // SAFETY: null, or from `Box::leak` in `Ticking::new`; all of a place is atomic.
    let at = |place: &AtomicPtr<Place>| unsafe { place.load(SeqCst).as_ref() };
    std::iter::successors(at(&FIRST), move |place| at(&place.next))
}

/// The handler of the signal: allocates nothing, takes no lock, and calls nothing that
/// may not be called in a handler (signal-safety(7)). `increment_epoch` is one atomic
/// addition, and documented as safe here.
extern "C" fn tick(_signal: libc::c_int) {
    READERS.fetch_add(1, SeqCst);
    for place in places() {
        // SAFETY: null, or an engine that lives until `READERS` has been zero after
        // it left its place (see `Ticking::drop`).
        if let Some(engine) = unsafe { place.engine.load(SeqCst).as_ref() } {
            engine.increment_epoch();
        }
    }
    READERS.fetch_sub(1, SeqCst);
    if BUSY.swap(false, Relaxed) {
        QUIET_TICKS.store(0, Relaxed);
        wake_if_missed();
    } else if QUIET_TICKS.fetch_add(1, Relaxed) == QUIET_TICKS_MAX {
        RESTING.store(true, SeqCst);
        arm(REST);
        wake_if_missed_since();
    }
}

/// A beat that came before [`RESTING`] was seen woke nobody.
fn wake_if_missed() {
    if RESTING.load(Relaxed) {
        wake();
    }
}

/// Somebody may have woken the timer between the two lines that lay it down, and it
/// was slowed down after that.
fn wake_if_missed_since() {
    if !RESTING.load(SeqCst) {
        arm(TICK);
    }
}

fn start() -> io::Result<()> {
    static STARTING: Mutex<()> = Mutex::new(());
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if TIMER.get().is_some() {
        return Ok(());
    }
    handle()?;
    let _ = TIMER.set(Timer::new()?);
    arm(TICK);
    Ok(())
}

/// Handles the signal, on the stack that threads have for signals: guests have small
/// ones. Whoever started the process may have blocked it.
fn handle() -> io::Result<()> {
    // SAFETY: all zeros are a valid value of both structs; sigemptyset, sigaddset,
    // sigaction and pthread_sigmask get pointers to live values, and the handler keeps
    // to what a handler may do (see `tick`).
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = tick as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        if libc::sigaction(SIGNAL, &raw const action, ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, SIGNAL);
        match libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const signals, ptr::null_mut()) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

impl Timer {
    fn new() -> io::Result<Self> {
        let mut timer: libc::timer_t = ptr::null_mut();
        // SAFETY: all zeros are a valid `sigevent`; timer_create(2) reads it and writes
        // the timer.
        let failed = unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = SIGNAL;
            libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer)
        };
        match failed {
            0 => Ok(Timer(timer)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Lets the timer go off every `interval` from now on. Safe in a handler of signals.
fn arm(interval: Duration) {
    let Some(timer) = TIMER.get() else { return };
    let interval = libc::timespec { tv_sec: 0, tv_nsec: interval.subsec_nanos().into() };
    let times = libc::itimerspec { it_interval: interval, it_value: interval };
    // SAFETY: the timer is never deleted, and `times` lives through the call, which
    // fails only for a bad timer or bad times.
    let failed = unsafe { libc::timer_settime(timer.0, 0, &raw const times, ptr::null_mut()) };
    debug_assert_eq!(failed, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use wasmtime::{Config, Instance, Module, Store};

    fn engine() -> wasmtime::Engine {
        wasmtime::Engine::new(Config::new().epoch_interruption(true)).expect("an engine")
    }

    /// Whether a tick ends a loop that beats once.
    fn is_looked_at(engine: &wasmtime::Engine) -> bool {
        let text = "(module (func (export \"run\") (local i64) (loop
            (local.set 0 (i64.add (local.get 0) (i64.const 1)))
            (br_if 0 (i64.lt_u (local.get 0) (i64.const 20000000000))))))";
        let module = Module::new(engine, wat::parse_str(text).expect("text")).expect("a module");
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("exported");
        store.set_epoch_deadline(1);
        beat();
        run.call(&mut store, ()).is_err()
    }

    #[test]
    fn a_guest_that_loops_is_found_after_the_timer_has_rested_too() {
        let engine = engine();
        let _ticking = Ticking::new(engine.clone()).expect("a timer");
        for _ in 0..3 {
            assert!(is_looked_at(&engine), "the loop ran to its end");
            let patience = Instant::now() + Duration::from_secs(20);
            // Other tests of this process may keep it awake.
            while !RESTING.load(SeqCst) && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    #[test]
    fn engines_come_and_go_under_ticks() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    let engine = engine();
                    for _ in 0..500 {
                        beat();
                        let ticking = Ticking::new(engine.clone()).expect("a timer");
                        std::hint::black_box(&ticking);
                    }
                    engine.weak()
                })
            })
            .collect();
        for thread in threads {
            let engine = thread.join().expect("no panic");
            assert!(engine.upgrade().is_none(), "nobody holds it");
        }
    }

    #[test]
    fn places_are_used_again() {
        let engine = engine();
        let ticking = Ticking::new(engine.clone()).expect("a timer");
        let before = places().count();
        drop(ticking);
        for _ in 0..100 {
            drop(Ticking::new(engine.clone()).expect("a timer"));
        }
        // Other tests may take places meanwhile, though not a hundred.
        assert!(places().count() < before + 50);
    }

    #[test]
    fn a_call_that_waits_is_restarted() {
        let _ticking = Ticking::new(engine()).expect("a timer");
        let (read, write) = io::pipe().expect("a pipe");
        let reader = std::thread::spawn(move || {
            let mut byte = [0];
            // Not `read_exact`, which would try again by itself.
            io::Read::read(&mut &read, &mut byte).map(|count| (count, byte[0]))
        });
        for _ in 0..30 {
            // SAFETY: kill(2) without pointers, to this process, which handles it.
            unsafe { libc::kill(libc::getpid(), SIGNAL) };
            std::thread::sleep(Duration::from_millis(1));
        }
        io::Write::write_all(&mut &write, b"x").expect("written");
        assert_eq!(reader.join().expect("no panic").expect("read"), (1, b'x'));
    }
}
