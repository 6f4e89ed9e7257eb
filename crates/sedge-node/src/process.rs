//! What the kernel says of this process: read from `/proc` when asked, so that
//! it costs nothing in between.

use std::fs;

/// Figures of the running process; `None` where the platform does not tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ProcessFigures {
    /// Memory in RAM, bytes.
    pub(crate) resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub(crate) open_files: Option<u64>,
    /// Threads.
    pub(crate) threads: Option<u64>,
    /// Time on the CPU in user and system mode, seconds.
    pub(crate) cpu_s: Option<f64>,
}

/// Reads the figures of this process.
pub(crate) fn figures() -> ProcessFigures {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    ProcessFigures {
        resident_bytes: field(&status, "VmRSS:").map(|kib| kib * 1024),
        open_files: fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64),
        threads: field(&status, "Threads:"),
        cpu_s: cpu_s(&stat),
    }
}

/// The number after a name in `/proc/self/status` (proc(5)).
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15 of `/proc/self/stat`, in ticks of 1/100 s: the kernel
/// reports this unit to programs on every architecture (`USER_HZ`).
fn cpu_s(stat: &str) -> Option<f64> {
    // The program's name, field 2, may contain spaces; it ends at the last ')'.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let status = "Name:\tsedge\nVmRSS:\t   2048 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(2048));
        assert_eq!(field(status, "Threads:"), Some(7));
        assert_eq!(field(status, "VmSwap:"), None);
        let stat = "1 (a ) b) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 7 0 1 1 1";
        assert_eq!(cpu_s(stat), Some(2.0));
        assert_eq!(cpu_s(""), None);
    }
}
