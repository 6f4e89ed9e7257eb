//! What a request was, step by step: traces in the sense of W3C Trace Context,
//! level 1 (<https://www.w3.org/TR/trace-context/>), and of OpenTelemetry.
//!
//! In the order in which a request meets them: a [`TraceContext`] is read from
//! its head, or begun with [`random`] identities; a [`sampler`] decides whether
//! its spans are kept; each step begins a [`span`] below the one that it was
//! given; what has ended waits in a [`queue`] for whoever sends it away.

pub mod queue;
pub mod random;
pub mod sampler;
pub mod span;

pub use span::{ActiveSpan, SpanKind, Spans};

use std::fmt;

/// The flag that asks everyone on the way to record their spans.
pub const SAMPLED: u8 = 1;

/// Identity of a span: what `traceparent` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// 16 bytes shared by all spans of a trace; never all zero.
    pub trace_id: u128,
    /// 8 bytes of this span; never zero.
    pub span_id: u64,
    /// Bit 0: sampled.
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` value of version 00, or the 00 prefix of a later
    /// version (§4.3 "Versioning"). Malformed values, all-zero ids and the
    /// forbidden version `ff` give `None`, so that a new trace is begun.
    pub fn parse(value: &str) -> Option<Self> {
        let bytes = value.as_bytes();
        if bytes.len() < 55 || !value.is_ascii() {
            return None;
        }
        let version = hex(&value[0..2])?;
        if version == 0xff || (version == 0 && bytes.len() != 55) {
            return None;
        }
        if bytes.len() > 55 && bytes[55] != b'-' {
            return None;
        }
        if bytes[2] != b'-' || bytes[35] != b'-' || bytes[52] != b'-' {
            return None;
        }
        let trace_id = hex(&value[3..35])?;
        let span_id = u64::try_from(hex(&value[36..52])?).ok()?;
        let flags = u8::try_from(hex(&value[53..55])?).ok()?;
        (trace_id != 0 && span_id != 0).then_some(TraceContext { trace_id, span_id, flags })
    }

    /// A trace that begins here, not sampled.
    pub fn begin() -> Self {
        let trace_id = u128::from(random::nonzero()) << 64 | u128::from(random::nonzero());
        TraceContext { trace_id, span_id: random::nonzero(), flags: 0 }
    }

    /// Whether the spans of the trace are recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The same with the flag as it was decided here.
    pub fn sampled(self, sampled: bool) -> Self {
        let flags = if sampled { self.flags | SAMPLED } else { self.flags & !SAMPLED };
        TraceContext { flags, ..self }
    }

    /// A span of the same trace, with another id.
    pub fn child(self, span_id: u64) -> Self {
        TraceContext { span_id: span_id.max(1), ..self }
    }
}

impl TraceContext {
    /// The value of `traceparent`. It is written for every request, so without
    /// the formatting machinery.
    pub fn encode(self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(self.trace_id, &mut text[3..35]);
        write_hex(u128::from(self.span_id), &mut text[36..52]);
        write_hex(u128::from(self.flags), &mut text[53..55]);
        text
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.encode().iter().try_for_each(|&byte| fmt::Write::write_char(f, char::from(byte)))
    }
}

fn write_hex(mut value: u128, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 0xf) as usize];
        value >>= 4;
    }
}

/// Lower-case hexadecimal digits only, as the specification demands.
fn hex(digits: &str) -> Option<u128> {
    digits.bytes().try_fold(0u128, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn refuses_what_the_specification_refuses() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473ö-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn round_trips_and_accepts_later_versions() {
        let trace = TraceContext::parse(VALID).expect("valid");
        assert_eq!(trace.to_string(), VALID);
        let later = VALID.replacen("00", "cc", 1) + "-what-the-future-brings";
        assert_eq!(TraceContext::parse(&later), Some(trace));
    }
}
