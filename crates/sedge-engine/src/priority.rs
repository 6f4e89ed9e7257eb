//! The priority of work that nobody waits for by the millisecond: heavy calls
//! and compilations.

/// How much it yields to the request threads. Linux weighs nice 10 at about a
/// tenth of nice 0: heavy work goes on under full load, slowly, and has every
/// idle cycle of every core.
const NICE: i32 = 10;

/// What the scheduler may give it in one go, nanoseconds.
const SLICE_NS: u64 = 20_000_000;

/// Lowers the priority of the calling thread, and of those it starts from now
/// on: raises its nice value, and lengthens its slice. The scheduler lets a
/// waking request thread cut in only on a thread whose slice is longer than its
/// own (Linux 6.12 and later, `PREEMPT_SHORT`); else it may wait for the next
/// timer interrupt, 4 ms at 250 Hz.
pub(crate) fn lower() {
    // SAFETY: a system call without pointers; 0 means the calling thread. Its
    // error value, -1, is a nice value like any other here.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: nice.max(NICE),
        sched_priority: 0,
        sched_runtime: SLICE_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: sched_setattr(2) reads `size` bytes of a valid struct; 0 means the
    // calling thread. A thread may always lower its own priority. Should it fail
    // all the same, the thread runs at normal priority.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thread_that_lowers_itself_is_nicer_and_others_are_not() {
        // SAFETY: system call without pointers; 0 means the calling thread.
        let nice = || unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
        let before = nice();
        let lowered = std::thread::spawn(move || {
            super::lower();
            nice()
        });
        assert_eq!(lowered.join().expect("no panic"), super::NICE.max(before));
        assert_eq!(nice(), before);
    }
}
