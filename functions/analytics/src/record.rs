//! What one request, one event or one minute is in the node's log: a few bytes that say nothing
//! of a person but a name of the day.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version, 1 |
//! | 1 | what it is: 0 a request, 1 an event, 2 a minute |
//! | LEB128 | the node's clock when it was said, milliseconds since 1970 |
//! | 1 | what is there: 1 a user, 2 a page, 4 a size, 8 a failure |
//! | 8, if there | the user's name of the day |
//! | 8, if there | the page's name of the day |
//! | LEB128, LEB128, LEB128 if there | of a request: status, latency in µs, size in bytes |
//! | LEB128 | of an event: how many milliseconds before the clock it was |
//! | LEB128 and as many bytes | of a request: the route; of an event: its name |
//!
//! Anybody who may write to the topic can write anything: what is not exactly such a record is
//! none.

/// Bytes of a record; longer ones are none.
pub const RECORD_BYTES_MAX: usize = 160;
/// Bytes of the name of a route or an event, as [`sedge_kit::sketch::frequent`] keeps them.
pub const NAME_BYTES_MAX: usize = sedge_kit::sketch::frequent::NAME_BYTES_MAX;
/// The media type of a record.
pub const MEDIA_TYPE: &str = "application/vnd.sedge.analytics-record";
/// Clocks before 1970 or after the year 2286 are none.
const CLOCK_MS_MAX: u64 = 10_000_000_000_000;

const VERSION: u8 = 1;
const USER: u8 = 1;
const PAGE: u8 = 2;
const SIZE: u8 = 4;
const FAILED: u8 = 8;

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The node's clock then, milliseconds since 1970.
    pub clock_ms: i64,
    /// What it is.
    pub what: What<'a>,
}

/// What a record is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// A request that was answered.
    Request(Request<'a>),
    /// Something that somebody did.
    Event(Event<'a>),
    /// A minute has passed.
    Minute,
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who asked, by the name of the day.
    pub user: Option<u64>,
    /// The page that was viewed, by a name of the day; `None`: it was no view.
    pub page: Option<u64>,
    /// The status code.
    pub status: u16,
    /// Microseconds to the head of the answer.
    pub latency_us: u64,
    /// Bytes of the answer's body, if its head says so.
    pub size_bytes: Option<u64>,
    /// The class of paths.
    pub route: &'a str,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Who, by the name of the day.
    pub user: Option<u64>,
    /// The page that was viewed; `None`: it was no view.
    pub page: Option<u64>,
    /// Whether it failed.
    pub failed: bool,
    /// How long before it was said it was, in milliseconds; less than zero: its clock is ahead.
    pub ago_ms: i64,
    /// What it is called.
    pub name: &'a str,
}

impl Record<'_> {
    /// As it lies in the log. Names that are too long are cut.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let kind = match self.what {
            What::Request(_) => 0,
            What::Event(_) => 1,
            What::Minute => 2,
        };
        out.extend([VERSION, kind]);
        varint(&mut out, self.clock_ms.max(0).cast_unsigned());
        match &self.what {
            What::Request(request) => {
                known(&mut out, request.user, request.page, flag(request.size_bytes, SIZE));
                varint(&mut out, request.status.into());
                varint(&mut out, request.latency_us);
                request.size_bytes.iter().for_each(|bytes| varint(&mut out, *bytes));
                name(&mut out, request.route);
            }
            What::Event(event) => {
                known(&mut out, event.user, event.page, if event.failed { FAILED } else { 0 });
                varint(&mut out, zigzag(event.ago_ms));
                name(&mut out, event.name);
            }
            What::Minute => out.push(0),
        }
        out
    }

    /// Reads what [`Record::to_bytes`] wrote; `None`: it is no such record.
    pub fn read(bytes: &[u8]) -> Option<Record<'_>> {
        if bytes.len() > RECORD_BYTES_MAX {
            return None;
        }
        let mut input = Reader(bytes);
        if input.byte()? != VERSION {
            return None;
        }
        let kind = input.byte()?;
        let clock_ms = input.varint().filter(|clock_ms| *clock_ms < CLOCK_MS_MAX)?.cast_signed();
        let flags = input.byte()?;
        let user = input.word(flags & USER != 0)?;
        let page = input.word(flags & PAGE != 0)?;
        let what = match kind {
            0 if flags & !(USER | PAGE | SIZE) == 0 => What::Request(Request {
                user,
                page,
                status: input.varint()?.try_into().ok()?,
                latency_us: input.varint()?,
                size_bytes: if flags & SIZE != 0 { Some(input.varint()?) } else { None },
                route: input.name()?,
            }),
            1 if flags & !(USER | PAGE | FAILED) == 0 => What::Event(Event {
                user,
                page,
                failed: flags & FAILED != 0,
                ago_ms: unzigzag(input.varint()?),
                name: input.name()?,
            }),
            2 if flags == 0 => What::Minute,
            _ => return None,
        };
        input.0.is_empty().then_some(Record { clock_ms, what })
    }
}

fn flag<T>(value: Option<T>, flag: u8) -> u8 {
    value.map_or(0, |_| flag)
}

fn known(out: &mut Vec<u8>, user: Option<u64>, page: Option<u64>, more: u8) {
    out.push(flag(user, USER) | flag(page, PAGE) | more);
    user.iter().chain(&page).for_each(|word| out.extend(word.to_le_bytes()));
}

pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

fn name(out: &mut Vec<u8>, name: &str) {
    let name = sedge_kit::sketch::frequent::cut(name);
    varint(out, name.len() as u64);
    out.extend(name.as_bytes());
}

/// Bytes that are being read.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// At most ten bytes, in the shortest form.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7F);
            if part << shift >> shift != part || (byte == 0 && shift > 0) {
                return None;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A word if it is there; `None` only if it is missing.
    fn word(&mut self, is_there: bool) -> Option<Option<u64>> {
        if !is_there {
            return Some(None);
        }
        self.fixed().map(|bytes| Some(u64::from_le_bytes(bytes)))
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn name(&mut self) -> Option<&'a str> {
        let count = usize::try_from(self.varint()?).ok()?;
        if count > NAME_BYTES_MAX {
            return None;
        }
        std::str::from_utf8(self.bytes(count)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request() -> Record<'static> {
        let what = What::Request(Request {
            user: Some(7),
            page: None,
            status: 200,
            latency_us: 1_500,
            size_bytes: Some(900),
            route: "shop",
        });
        Record { clock_ms: 1_700_000_000_000, what }
    }

    #[test]
    fn what_is_not_exactly_a_record_is_none() {
        let good = request().to_bytes();
        assert!(good.len() < 40, "{}", good.len());
        assert_eq!(Record::read(&good), Some(request()));
        for length in 0..good.len() {
            assert_eq!(Record::read(&good[..length]), None, "{length} bytes");
        }
        assert_eq!(Record::read(&[&good[..], &[0]].concat()), None);
        assert_eq!(Record::read(&[1; RECORD_BYTES_MAX + 1]), None);
        for (at, byte) in [(0, 2), (1, 3), (8, 0x80), (8, FAILED), (good.len() - 1, 0xFF)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert_eq!(Record::read(&bad), None, "{at}: {byte}");
        }
        // A number in a longer form than it needs, one that is too large, and a clock of the
        // year 2286.
        let mut far = Vec::new();
        varint(&mut far, CLOCK_MS_MAX);
        for clock in [&[0x80, 0][..], &[0xFF; 10], &far] {
            assert_eq!(Record::read(&[&[1, 2][..], clock, &[0]].concat()), None, "{clock:?}");
        }
        assert!(Record::read(&[1, 2, 5, 0]).is_some());
        assert_eq!(Record::read(&[1, 2, 5, 1]), None);
    }

    #[test]
    fn names_are_cut() {
        let name = "é".repeat(100);
        let event = Event { user: None, page: None, failed: true, ago_ms: -3, name: &name };
        let bytes = Record { clock_ms: 5, what: What::Event(event) }.to_bytes();
        let Some(Record { what: What::Event(event), .. }) = Record::read(&bytes) else {
            panic!("an event")
        };
        assert!(event.name.len() <= NAME_BYTES_MAX && name.starts_with(event.name));
        assert!(event.failed && event.ago_ms == -3);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            clock_ms in 0..CLOCK_MS_MAX.cast_signed(), user: Option<u64>, page: Option<u64>,
            status: u16, latency_us: u64, size_bytes: Option<u64>, name in "[a-zé]{0,20}",
            failed: bool, ago_ms: i64,
        ) {
            let route = &*name;
            for what in [
                What::Request(Request { user, page, status, latency_us, size_bytes, route }),
                What::Event(Event { user, page, failed, ago_ms, name: &name }),
                What::Minute,
            ] {
                let record = Record { clock_ms, what };
                let bytes = record.to_bytes();
                prop_assert!(bytes.len() <= RECORD_BYTES_MAX);
                prop_assert_eq!(Record::read(&bytes), Some(record));
            }
        }

        #[test]
        fn what_is_read_is_written_as_it_was(bytes: Vec<u8>) {
            if let Some(record) = Record::read(&bytes) {
                prop_assert_eq!(record.to_bytes(), bytes);
            }
        }
    }
}
