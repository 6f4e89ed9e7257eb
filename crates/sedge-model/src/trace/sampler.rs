//! Which traces are recorded.

use super::TraceContext;

/// Parts of a ratio: a sampler is told how many traces of a million it keeps.
pub const MILLION: u32 = 1_000_000;

/// Decides whether a request is recorded, once, where it enters the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Of a million traces that begin here, so many are recorded.
    pub per_million: u32,
    /// Whether a client that sends `traceparent` has decided already
    /// (OpenTelemetry's `parentbased` samplers).
    pub parent_based: bool,
}

impl Default for Sampler {
    fn default() -> Self {
        Sampler { per_million: MILLION, parent_based: true }
    }
}

impl Sampler {
    /// Whether the trace of a request is recorded. The answer depends on
    /// nothing but the trace's identity, so that nodes with the same ratio keep
    /// the same traces: its right-most 56 bits, which W3C Trace Context level 2
    /// wants to be random, are compared with a threshold (OpenTelemetry,
    /// "TraceState: Probability Sampling").
    pub fn decide(&self, parent: Option<TraceContext>, trace_id: u128) -> bool {
        const RANDOM_BITS: u32 = 56;
        match parent {
            Some(parent) if self.parent_based => parent.is_sampled(),
            _ => {
                let random = trace_id & ((1 << RANDOM_BITS) - 1);
                let kept = u128::from(self.per_million.min(MILLION));
                // random / 2^56 ≥ 1 - kept / 10^6, in whole numbers.
                random * u128::from(MILLION) >= (u128::from(MILLION) - kept) << RANDOM_BITS
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(flags: u8) -> Option<TraceContext> {
        Some(TraceContext { trace_id: 7, span_id: 8, flags })
    }

    #[test]
    fn a_parent_decides_only_where_it_is_asked() {
        for (per_million, parent_based, flags, expected) in [
            (0, true, 1, true),
            (MILLION, true, 0, false),
            (MILLION, true, 2, false),
            (0, false, 1, false),
            (MILLION, false, 0, true),
        ] {
            let sampler = Sampler { per_million, parent_based };
            assert_eq!(sampler.decide(parent(flags), 7), expected, "{sampler:?} {flags}");
        }
    }

    #[test]
    fn the_ratio_is_kept_and_its_ends_are_exact() {
        let kept = |per_million| {
            let sampler = Sampler { per_million, parent_based: true };
            let begun = (0..10_000).map(|_| TraceContext::begin().trace_id);
            begun.filter(|&trace_id| sampler.decide(None, trace_id)).count()
        };
        assert_eq!(kept(0), 0);
        assert_eq!(kept(MILLION), 10_000);
        // Seven standard deviations: fails once in 10^11 runs.
        assert!((2_190..2_810).contains(&kept(MILLION / 4)), "{}", kept(MILLION / 4));
    }

    #[test]
    fn what_a_small_ratio_keeps_a_larger_one_keeps_too() {
        let sampler = |per_million| Sampler { per_million, parent_based: true };
        for _ in 0..1_000 {
            let trace_id = TraceContext::begin().trace_id;
            if sampler(100_000).decide(None, trace_id) {
                assert!(sampler(500_000).decide(None, trace_id));
            }
        }
    }
}
