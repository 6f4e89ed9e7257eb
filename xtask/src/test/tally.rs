//! Counting what test runners print.

/// How many tests passed and failed, and which failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub failures: Vec<String>,
}

impl Tally {
    /// Reads a line that `cargo test` printed.
    pub(super) fn see_cargo(&mut self, line: &str) {
        if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.failures.push(name.to_owned());
        }
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        // "ok. 3 passed; 1 failed; 0 ignored; …"
        let counts = counts.split_once(". ").map_or("", |(_, counts)| counts);
        for part in counts.split("; ") {
            match part.split_once(' ') {
                Some((count, "passed")) => self.passed += count.parse().unwrap_or(0),
                Some((count, "failed")) => self.failed += count.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Reads a line in the Test Anything Protocol, as `node --test` prints it.
    pub(super) fn see_tap(&mut self, line: &str) {
        if let Some(count) = line.strip_prefix("# pass ") {
            self.passed += count.trim().parse().unwrap_or(0);
        } else if let Some(count) = line.strip_prefix("# fail ") {
            self.failed += count.trim().parse().unwrap_or(0);
        } else if let Some(name) = line.trim_start().strip_prefix("not ok ") {
            self.failures.push(name.to_owned());
        }
    }

    /// Counts a failure that no runner counted.
    pub(super) fn fail(&mut self, what: String) {
        self.failed += 1;
        self.failures.push(what);
    }

    /// Adds what another runner counted.
    pub(super) fn add(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cargo(lines: &str) -> Tally {
        let mut tally = Tally::default();
        lines.lines().for_each(|line| tally.see_cargo(line));
        tally
    }

    #[test]
    fn lines_that_are_no_result_count_nothing() {
        for line in ["", "running 3 tests", "test result:", "test a ... ok", "3 passed; 1 failed"] {
            assert_eq!(cargo(line), Tally::default(), "{line}");
        }
    }

    #[test]
    fn results_of_several_programs_add_up() {
        let tally = cargo(
            "test limits::a ... ok\n\
             test limits::b ... FAILED\n\
             test result: FAILED. 11 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.10s\n\
             test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        );
        let failures = vec!["limits::b".to_owned()];
        assert_eq!(tally, Tally { passed: 15, failed: 1, failures });
    }

    #[test]
    fn reads_what_node_prints() {
        let mut tally = Tally::default();
        for line in
            ["TAP version 13", "ok 1 - a", "not ok 2 - b", "# tests 3", "# pass 2", "# fail 1"]
        {
            tally.see_tap(line);
        }
        let failures = vec!["2 - b".to_owned()];
        assert_eq!(tally, Tally { passed: 2, failed: 1, failures });
    }
}
