//! How much a client may send that asks for nothing.
//!
//! Every such frame costs this node about as much as a frame that is worth something,
//! and most of them cost the client less. So they are spent from budgets which answers,
//! or time, fill again: a client that uses the connection never notices them.

use super::heads::{ACK, END_HEADERS, END_STREAM, Head, Heads, PREFACE_BYTES, kind};
use crate::http::GatewayOptions;
use crate::http::metrics::Counter;
use crate::http::metrics::reasons;
use std::time::Instant;

/// The names of error codes (RFC 9113 §7), by number; what is not known comes last.
pub(super) const CODES: [&str; 15] = [
    "no_error",
    "protocol_error",
    "internal_error",
    "flow_control_error",
    "settings_timeout",
    "stream_closed",
    "frame_size_error",
    "refused_stream",
    "cancel",
    "compression_error",
    "connect_error",
    "enhance_your_calm",
    "inadequate_security",
    "http_1_1_required",
    "unknown",
];
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

/// How many control frames one frame that is worth something pays for: a client
/// that downloads sends two `WINDOW_UPDATE` for each DATA frame at most.
const CONTROL_PER_ANSWER: u32 = 4;

reasons! {
    /// What a client has sent too much of.
    pub(crate) enum Flood;
    /// DATA without bytes that does not end its stream.
    EmptyData: "data";
    Priority: "priority";
    /// Streams that the client resets, or makes this node reset.
    Reset: "rst_stream";
    Settings: "settings";
    Ping: "ping";
    GoAway: "goaway";
    WindowUpdate: "window_update";
    /// CONTINUATION without bytes that does not end its head.
    Continuation: "continuation";
    /// Of a type that no standard names.
    Unknown: "unknown";
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Flood(Flood),
    /// A frame whose size its type does not allow. hyper says `PROTOCOL_ERROR` of it
    /// where RFC 9113 names another code.
    Size,
}

impl Fault {
    pub(super) fn code(self) -> u32 {
        match self {
            Fault::Flood(_) => ENHANCE_YOUR_CALM,
            Fault::Size => FRAME_SIZE_ERROR,
        }
    }

    /// For the access log.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Fault::Flood(_) => "HTTP/2: too many frames that ask for nothing",
            Fault::Size => "HTTP/2: a frame has a size that its type does not allow",
        }
    }
}

/// Whether a frame has a size that its type does not allow (RFC 9113 §6). Those whose
/// payload is larger than any may be, hyper refuses.
fn is_wrong_size(head: Head) -> bool {
    match head.kind {
        kind::RST_STREAM | kind::WINDOW_UPDATE => head.length != 4,
        kind::SETTINGS if head.flags & ACK != 0 => head.length != 0,
        kind::SETTINGS => !head.length.is_multiple_of(6),
        kind::PING => head.length != 8,
        kind::GOAWAY => head.length < 8,
        _ => false,
    }
}

/// What one thread counts.
#[derive(Default)]
pub(crate) struct Counters {
    /// In the order of [`Flood::ALL`].
    pub(super) floods: [Counter; Flood::ALL.len()],
    /// In the order of [`CODES`].
    pub(super) goaways: [Counter; CODES.len()],
    pub(super) resets_read: Counter,
    pub(super) resets_written: Counter,
}

/// Something that may be spent up to `max`, and comes back: what is earned, and a
/// tenth of it each second.
struct Budget {
    spent: u32,
    max: u32,
    since: Instant,
}

impl Budget {
    fn new(max: u32) -> Self {
        Budget { spent: 0, max, since: Instant::now() }
    }

    /// Whether there was one left. The clock is asked only when all is spent.
    fn spend(&mut self) -> bool {
        if self.spent >= self.max {
            let tenths = self.since.elapsed().as_millis() * u128::from(self.max) / 10_000;
            let back = u32::try_from(tenths).unwrap_or(u32::MAX);
            if back == 0 {
                return false;
            }
            self.since = Instant::now();
            self.earn(back);
        }
        self.spent += 1;
        true
    }

    fn earn(&mut self, amount: u32) {
        self.spent = self.spent.saturating_sub(amount);
    }
}

/// What has passed on a connection, in both directions.
pub(super) struct Traffic {
    incoming: Heads,
    outgoing: Heads,
    control: Budget,
    resets: Budget,
    /// The latest stream that the client has opened.
    pub(super) last_stream: u32,
    /// Whether a head has begun that has not ended.
    pub(super) is_mid_head: bool,
    fault: Option<Fault>,
    /// Whether this node has told the client of an error.
    pub(super) has_error: bool,
}

impl Traffic {
    pub(super) fn new(options: &GatewayOptions) -> Self {
        Traffic {
            incoming: Heads::new(PREFACE_BYTES),
            outgoing: Heads::new(0),
            control: Budget::new(options.h2_control_frames_max),
            resets: Budget::new(options.h2_resets_max),
            last_stream: 0,
            is_mid_head: false,
            fault: None,
            has_error: false,
        }
    }

    /// Takes what the client has sent, and says what ends the connection, if anything.
    pub(super) fn read(&mut self, bytes: &[u8], counters: &Counters) -> Option<Fault> {
        let mut incoming = std::mem::replace(&mut self.incoming, Heads::new(0));
        incoming.feed(bytes, |head| self.note_read(head, counters));
        self.incoming = incoming;
        self.fault
    }

    /// Takes what was sent to the client.
    pub(super) fn written(&mut self, bytes: &[u8], counters: &Counters) {
        let mut outgoing = std::mem::replace(&mut self.outgoing, Heads::new(0));
        outgoing.feed(bytes, |head| self.note_written(head, counters));
        self.outgoing = outgoing;
    }

    /// Whether another frame may be written.
    pub(super) fn is_between(&self) -> bool {
        self.outgoing.is_between()
    }

    fn note_read(&mut self, head: Head, counters: &Counters) {
        if is_wrong_size(head) {
            self.fault.get_or_insert(Fault::Size);
        }
        let control = match head.kind {
            kind::DATA if head.length == 0 && head.flags & END_STREAM == 0 => Flood::EmptyData,
            kind::DATA => return self.control.earn(1),
            kind::HEADERS => {
                self.last_stream = self.last_stream.max(head.stream);
                self.is_mid_head = head.flags & END_HEADERS == 0;
                return;
            }
            kind::CONTINUATION => {
                self.is_mid_head = head.flags & END_HEADERS == 0;
                match head.length {
                    0 if self.is_mid_head => Flood::Continuation,
                    _ => return,
                }
            }
            kind::RST_STREAM => {
                counters.resets_read.add(1);
                return self.reset();
            }
            kind::PRIORITY => Flood::Priority,
            kind::SETTINGS => Flood::Settings,
            kind::PING => Flood::Ping,
            kind::GOAWAY => Flood::GoAway,
            kind::WINDOW_UPDATE => Flood::WindowUpdate,
            _ => Flood::Unknown,
        };
        if !self.control.spend() {
            self.fault.get_or_insert(Fault::Flood(control));
        }
    }

    fn note_written(&mut self, head: Head, counters: &Counters) {
        match head.kind {
            kind::DATA | kind::HEADERS => {
                if head.length > 0 {
                    self.control.earn(CONTROL_PER_ANSWER);
                }
                if head.flags & END_STREAM != 0 {
                    self.resets.earn(1);
                }
            }
            kind::RST_STREAM => {
                counters.resets_written.add(1);
                if is_clients_fault(head.code) {
                    self.reset();
                }
            }
            kind::GOAWAY => {
                let code = head.code.unwrap_or(u32::MAX) as usize;
                counters.goaways[code.min(CODES.len() - 1)].add(1);
                self.has_error |= code != 0;
            }
            _ => {}
        }
    }

    fn reset(&mut self) {
        if !self.resets.spend() {
            self.fault.get_or_insert(Fault::Flood(Flood::Reset));
        }
    }
}

/// Whether a stream was reset because of what the client did: errors of protocol, of
/// flow control, of a stream's state or of a frame's size, and a stream too many.
fn is_clients_fault(code: Option<u32>) -> bool {
    matches!(code, Some(1 | 3 | 5 | 6 | 7 | 11))
}

#[cfg(test)]
mod tests;
