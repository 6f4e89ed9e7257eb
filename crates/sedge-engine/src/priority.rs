//! Who gives way to whom on a core: requests and messages come first, with the
//! threads that write what they wait for, and then what nobody waits for by the
//! millisecond (heavy calls, compilations, what is written for whoever reads later).
//!
//! Two values of the scheduler decide. The nice value is a thread's share under
//! full load. The slice decides when it gets its share: a thread that wakes cuts in
//! only on one whose slice is longer than its own (Linux 6.12 and later,
//! `PREEMPT_SHORT`); else it may wait for the next timer interrupt, 4 ms at 250 Hz.
//! Neither helps against a thread that is in the kernel, where a kernel without
//! preemption lets it finish.

/// How much background work yields to the request threads. Linux weighs nice 10 at
/// about a tenth of nice 0: heavy work goes on under full load, slowly, and has
/// every idle cycle of every core.
const NICE: i32 = 10;

/// The slice of background work in nanoseconds: longer than the default of any
/// kernel (0.7 ms to 6 ms, by version and cores).
const LONG_SLICE_NS: u64 = 20_000_000;

/// The slice of a thread that others wait for in nanoseconds: the shortest that
/// Linux knows.
const SHORT_SLICE_NS: u64 = 100_000;

/// Lowers the priority of the calling thread, and of those it starts from now
/// on: raises its nice value, and lengthens its slice.
pub fn lower() {
    schedule(nice().max(NICE), LONG_SLICE_NS, 0);
}

/// Lets the calling thread cut in on all others when it wakes. It gets no larger
/// share by that. Threads that it starts are scheduled as any other.
pub fn prompt() {
    schedule(nice(), SHORT_SLICE_NS, libc::SCHED_FLAG_RESET_ON_FORK as u64);
}

fn nice() -> i32 {
    // SAFETY: a system call without pointers; 0 means the calling thread. Its
    // error value, -1, is a nice value like any other here.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

fn schedule(nice: i32, slice_ns: u64, flags: u64) {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: flags,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: slice_ns,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: sched_setattr(2) reads `size` bytes of a valid struct; 0 means the
    // calling thread. A thread may always lower its own priority and choose its
    // slice. Should it fail all the same, the thread runs as before.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

#[cfg(test)]
mod tests {
    use super::{LONG_SLICE_NS, NICE, SHORT_SLICE_NS, lower, nice, prompt};

    /// What the system says of the calling thread: nice value and slice. Kernels
    /// before 6.12 know no slice and say 0.
    fn scheduled() -> (i32, u64) {
        // SAFETY: all zeros are a valid value of a struct of integers.
        let mut seen: libc::sched_attr = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::sched_attr>();
        // SAFETY: the kernel writes `size` bytes at most into a live struct of that
        // size; 0 means the calling thread.
        let failed = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut seen, size, 0) };
        assert_eq!(failed, 0, "sched_getattr");
        (seen.sched_nice, seen.sched_runtime)
    }

    #[test]
    fn a_thread_that_lowers_itself_is_nicer_and_others_are_not() {
        let before = nice();
        let lowered = std::thread::spawn(|| {
            lower();
            scheduled()
        });
        let (seen, slice) = lowered.join().expect("no panic");
        assert_eq!(seen, NICE.max(before));
        assert!([0, LONG_SLICE_NS].contains(&slice), "{slice}");
        assert_eq!(nice(), before);
    }

    #[test]
    fn a_prompt_thread_has_a_short_slice_and_the_same_share() {
        let before = nice();
        let prompted = std::thread::spawn(|| {
            prompt();
            let (nice, slice) = scheduled();
            let (_, of_child) = std::thread::spawn(scheduled).join().expect("no panic");
            (nice, slice, of_child)
        });
        let (seen, slice, of_child) = prompted.join().expect("no panic");
        assert_eq!(seen, before);
        assert!([0, SHORT_SLICE_NS].contains(&slice), "{slice}");
        assert_ne!(of_child, SHORT_SLICE_NS, "it is not handed down");
    }
}
