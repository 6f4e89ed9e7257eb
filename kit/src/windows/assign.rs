//! Which windows a time belongs to, of those whose beginnings are fixed.
//!
//! Time is cut into *panes* (Li, Maier, Tufte, Papadimos & Tucker, *No Pane, No Gain*, SIGMOD
//! Record 34, 2005): the longest pieces of which every window has all or nothing. An event is
//! added to one pane; a window is the panes that it has when it closes.

use super::plan::{Kind, gcd};

/// Windows whose beginnings are fixed, in milliseconds. Times are within
/// [`super::plan::TIME_MS_MAX`] and lengths within a year, so that nothing overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aligned {
    size: i64,
    /// How far the ends of windows lie apart.
    slide: i64,
    pane: i64,
    offset: i64,
    /// Whether windows that end at different times begin at one.
    cumulative: bool,
}

impl Aligned {
    /// `None`: the windows of this kind are not aligned, or no windows.
    pub(super) fn of(kind: Kind) -> Option<Self> {
        let (size, slide, offset, cumulative) = match kind {
            Kind::Sliding { size_ms, slide_ms, offset_ms } => (size_ms, slide_ms, offset_ms, false),
            Kind::Cumulative { size_ms, step_ms, offset_ms } => (size_ms, step_ms, offset_ms, true),
            Kind::Session { .. } | Kind::Count { .. } => return None,
        };
        let holds = size > 0 && slide > 0 && slide <= size;
        holds.then(|| Aligned { size, slide, pane: gcd(size, slide), offset, cumulative })
    }

    /// How many panes a window has, at most.
    pub(super) fn panes(&self) -> i64 {
        self.size / self.pane
    }

    /// How many panes are merged for one late event, at most.
    pub(super) fn late_merges(&self, lateness_ms: i64) -> i64 {
        let windows = self.size.min(lateness_ms.max(0)) / self.slide + 1;
        if lateness_ms > 0 && self.panes() > 1 { windows.saturating_mul(self.panes()) } else { 0 }
    }

    fn floor(&self, time: i64, step: i64) -> i64 {
        (time - self.offset).div_euclid(step) * step + self.offset
    }

    /// The beginning of the pane of a time.
    pub(super) fn pane_of(&self, time: i64) -> i64 {
        self.floor(time, self.pane)
    }

    /// Whether a pane can begin there.
    pub(super) fn is_pane(&self, start: i64) -> bool {
        self.pane_of(start) == start
    }

    /// The end of the last window that has this pane.
    pub(super) fn last_end(&self, pane: i64) -> i64 {
        let step = if self.cumulative { self.size } else { self.slide };
        self.floor(pane, step) + self.size
    }

    /// The end of the first window that has this pane and ends after `after`.
    pub(super) fn next_end(&self, pane: i64, after: i64) -> Option<i64> {
        // Ends are `slide` apart; those of windows that slide lie `size` behind beginnings.
        let shift = if self.cumulative { 0 } else { self.size.rem_euclid(self.slide) };
        let after = after.max(pane);
        let end = self.floor(after - shift, self.slide) + shift + self.slide;
        (end <= self.last_end(pane)).then_some(end)
    }

    /// The beginning of the window with this end.
    pub(super) fn start_of(&self, end: i64) -> i64 {
        if self.cumulative { self.floor(end - 1, self.size) } else { end - self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn ends(aligned: &Aligned, time: i64) -> Vec<(i64, i64)> {
        let (pane, mut after, mut all) = (aligned.pane_of(time), i64::MIN / 2, Vec::new());
        while let Some(end) = aligned.next_end(pane, after) {
            all.push((aligned.start_of(end), end));
            after = end;
        }
        assert_eq!(all.last().map(|(_, end)| *end), Some(aligned.last_end(pane)));
        all
    }

    fn all(kind: Kind, time: i64) -> Vec<(i64, i64)> {
        ends(&Aligned::of(kind).unwrap(), time)
    }

    #[test]
    fn windows_are_those_that_the_documentation_of_flink_draws() {
        let sliding = |size_ms, slide_ms| Kind::Sliding { size_ms, slide_ms, offset_ms: 0 };
        assert_eq!(all(sliding(10, 10), 10), [(10, 20)]);
        assert_eq!(all(sliding(10, 10), -1), [(-10, 0)], "before 1970, too");
        assert_eq!(all(sliding(10, 5), 12), [(5, 15), (10, 20)]);
        assert_eq!(all(sliding(10, 4), 9), [(0, 10), (4, 14), (8, 18)]);
        assert_eq!(all(sliding(10, 4), 11), [(4, 14), (8, 18)]);
        let shifted = Kind::Sliding { size_ms: 10, slide_ms: 10, offset_ms: -3 };
        assert_eq!(all(shifted, 6), [(-3, 7)]);
        let steps = Kind::Cumulative { size_ms: 12, step_ms: 4, offset_ms: 0 };
        assert_eq!(all(steps, 5), [(0, 8), (0, 12)]);
        assert_eq!(all(steps, 12), [(12, 16), (12, 20), (12, 24)]);
    }

    #[test]
    fn what_is_not_aligned_has_no_panes() {
        assert_eq!(Aligned::of(Kind::Session { gap_ms: 1 }), None);
        assert_eq!(Aligned::of(Kind::tumbling(0)), None);
        assert_eq!(Aligned::of(Kind::Sliding { size_ms: 1, slide_ms: 2, offset_ms: 0 }), None);
    }

    proptest! {
        #[test]
        fn a_pane_is_in_each_window_that_has_its_times(
            one in 1_i64..60, two in 1_i64..60, offset in -59_i64..60, time in -500_i64..500,
        ) {
            let (size_ms, slide_ms) = (one.max(two), one.min(two));
            let offset = offset % slide_ms;
            let kind = Kind::Sliding { size_ms, slide_ms, offset_ms: offset };
            let want: Vec<(i64, i64)> = (time - size_ms + 1..=time)
                .filter(|start| (start - offset).rem_euclid(slide_ms) == 0)
                .map(|start| (start, start + size_ms))
                .collect();
            prop_assert_eq!(all(kind, time), want);
        }

        #[test]
        fn cumulative_windows_begin_together(
            steps in 1_i64..9, step_ms in 1_i64..9, offset in -8_i64..9, time in -500_i64..500,
        ) {
            let size_ms = steps * step_ms;
            let offset = offset % size_ms;
            let start = (time - offset).div_euclid(size_ms) * size_ms + offset;
            let ends = (1..=steps).map(|step| start + step * step_ms).filter(|end| *end > time);
            let want: Vec<(i64, i64)> = ends.map(|end| (start, end)).collect();
            prop_assert_eq!(all(Kind::Cumulative { size_ms, step_ms, offset_ms: offset }, time), want);
        }
    }
}
