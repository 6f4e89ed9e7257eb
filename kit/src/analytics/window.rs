//! What happened in a span of time, and the last spans of a length.

use alloc::vec::Vec;

use crate::sketch::distinct::Distinct;
use crate::sketch::moments::Moments;
use crate::sketch::quantiles::Quantiles;
use crate::state::{Reader, StateError, Writer, seal, unseal};

/// Registers of the users' sketch are 2 to this power: a standard error of 3.2 %.
const USERS_PRECISION: u8 = 10;
/// The accuracy of latencies and sizes, and the bins of each: a factor of 28,000 between those
/// of which it holds.
const ACCURACY: f64 = 0.02;
const BINS: usize = 256;

/// What a written ring begins with, and its version.
const KIND: [u8; 4] = *b"ring";
const VERSION: u8 = 1;

/// Classes of status codes: none of them, and 1xx to 5xx.
pub const CLASSES: usize = 6;

/// One request, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// When it came, in milliseconds since any epoch.
    pub time_ms: i64,
    /// Who asked, as [`crate::privacy::Pseudonyms::name`] gives it.
    pub user: Option<u64>,
    /// The status code of the answer.
    pub status: u16,
    /// How long it took, in milliseconds.
    pub latency_ms: f64,
    /// How many bytes the answer had, if that is known.
    pub body_bytes: Option<u64>,
}

impl Observed {
    /// 1 to 5 for 1xx to 5xx, 0 for what is no status code.
    pub fn class(&self) -> usize {
        match self.status / 100 {
            class @ 1..=5 => class.into(),
            _ => 0,
        }
    }
}

/// A span of time: 300 bytes when empty and 6 kB at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// How many requests had a status of each class.
    pub classes: [u64; CLASSES],
    /// Latencies in milliseconds; what is no number is not among them.
    pub latencies_ms: Quantiles,
    /// Sizes of answers in bytes.
    pub sizes_bytes: Quantiles,
    /// Sum and mean of latencies.
    pub latency_ms: Moments,
    /// Sum and mean of sizes.
    pub size_bytes: Moments,
    /// Different users.
    pub users: Distinct,
}

impl Default for Window {
    fn default() -> Self {
        Window {
            classes: [0; CLASSES],
            latencies_ms: Quantiles::new(ACCURACY, BINS),
            sizes_bytes: Quantiles::new(ACCURACY, BINS),
            latency_ms: Moments::default(),
            size_bytes: Moments::default(),
            users: Distinct::new(USERS_PRECISION),
        }
    }
}

impl Window {
    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.classes.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Takes one more request.
    pub fn add(&mut self, request: &Observed) {
        let count = &mut self.classes[request.class()];
        *count = count.saturating_add(1);
        if request.latency_ms >= 0.0 && self.latency_ms.insert(request.time_ms, request.latency_ms)
        {
            self.latencies_ms.insert(request.latency_ms);
        }
        if let Some(size_bytes) = request.body_bytes.map(|bytes| bytes as f64) {
            self.size_bytes.insert(request.time_ms, size_bytes);
            self.sizes_bytes.insert(size_bytes);
        }
        if let Some(user) = request.user {
            self.users.insert_hash(user);
        }
    }

    /// Adds another window: of another time, route or node. Users are joined only where both
    /// were named with the same salt.
    pub fn merge(&mut self, other: &Window) {
        for (count, more) in self.classes.iter_mut().zip(other.classes) {
            *count = count.saturating_add(more);
        }
        self.latencies_ms.merge(&other.latencies_ms);
        self.sizes_bytes.merge(&other.sizes_bytes);
        self.latency_ms.merge(&other.latency_ms);
        self.size_bytes.merge(&other.size_bytes);
        self.users.merge(&other.users);
    }

    pub(super) fn write(&self, out: &mut Writer) {
        self.classes.iter().for_each(|count| out.varint(*count));
        self.latencies_ms.write(out);
        self.sizes_bytes.write(out);
        self.latency_ms.write(out);
        self.size_bytes.write(out);
        self.users.write(out);
    }

    pub(super) fn read(input: &mut Reader) -> Result<Self, StateError> {
        let mut window = Window::default();
        for count in &mut window.classes {
            *count = input.varint()?;
        }
        window.latencies_ms = Quantiles::read(input)?;
        window.sizes_bytes = Quantiles::read(input)?;
        window.latency_ms = Moments::read(input)?;
        window.size_bytes = Moments::read(input)?;
        window.users = Distinct::read(input)?;
        // Others could not be merged.
        let fits = [&window.latencies_ms, &window.sizes_bytes]
            .iter()
            .all(|sketch| sketch.accuracy() == ACCURACY);
        if fits { Ok(window) } else { Err(StateError::Value) }
    }
}

/// The last windows of a length, beginning at whole multiples of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring {
    length_ms: i64,
    count: usize,
    /// In the order of time, with the number of each: its beginning divided by the length.
    windows: Vec<(i64, Window)>,
}

impl Ring {
    /// Room for the last `count` windows of `length_ms`; both at least 1.
    pub fn new(length_ms: i64, count: usize) -> Self {
        Ring { length_ms: length_ms.max(1), count: count.max(1), windows: Vec::new() }
    }

    /// How long a window is.
    pub fn length_ms(&self) -> i64 {
        self.length_ms
    }

    /// Takes a request, unless its window is too old to be here any more; whether it was taken.
    pub fn add(&mut self, request: &Observed) -> bool {
        let number = request.time_ms.div_euclid(self.length_ms);
        let newest = self.windows.last().map_or(number, |(newest, _)| *newest).max(number);
        let oldest = self.oldest(newest);
        if number < oldest {
            return false;
        }
        self.forget(oldest);
        let at = self.windows.partition_point(|(one, _)| *one < number);
        if self.windows.get(at).is_none_or(|(one, _)| *one != number) {
            self.windows.insert(at, (number, Window::default()));
        }
        self.windows[at].1.add(request);
        true
    }

    fn oldest(&self, newest: i64) -> i64 {
        newest.saturating_sub(self.count as i64 - 1)
    }

    fn forget(&mut self, oldest: i64) {
        let kept = self.windows.partition_point(|(one, _)| *one < oldest);
        self.windows.drain(..kept);
    }

    /// Forgets what is too old by the clock, and what a clock that was set back has left in the
    /// future by more than a window.
    pub fn advance(&mut self, now_ms: i64) {
        let now = now_ms.div_euclid(self.length_ms);
        self.windows.retain(|(number, _)| *number <= now.saturating_add(1));
        self.forget(self.oldest(now));
    }

    /// The windows with anything in them, and when each began, in the order of time.
    pub fn windows(&self) -> impl DoubleEndedIterator<Item = (i64, &Window)> {
        self.windows.iter().map(|(number, window)| (number.saturating_mul(self.length_ms), window))
    }

    /// All windows that began at `from_ms` or later and before `to_ms`, as one.
    pub fn span(&self, from_ms: i64, to_ms: i64) -> Window {
        let mut all = Window::default();
        let within = self.windows().filter(|(began, _)| (from_ms..to_ms).contains(began));
        within.for_each(|(_, window)| all.merge(window));
        all
    }

    /// The ring as bytes, for [`Ring::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(KIND, VERSION, |out| self.write(out))
    }

    /// What [`Ring::to_bytes`] gave, of `count` windows of `length_ms` at most.
    ///
    /// # Errors
    ///
    /// If the bytes are not such a ring, or have more windows.
    pub fn from_bytes(bytes: &[u8], length_ms: i64, count: usize) -> Result<Self, StateError> {
        unseal(bytes, KIND, VERSION, |input| {
            let mut ring = Ring::new(length_ms, count);
            ring.read(input)?;
            Ok(ring)
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.varint(self.windows.len() as u64);
        for (number, window) in &self.windows {
            out.signed(*number);
            window.write(out);
        }
    }

    /// The windows into an empty ring.
    pub(super) fn read(&mut self, input: &mut Reader) -> Result<(), StateError> {
        for _ in 0..input.varcount(self.count)? {
            let number = input.signed()?;
            if self.windows.last().is_some_and(|(last, _)| *last >= number) {
                return Err(StateError::Value);
            }
            self.windows.push((number, Window::read(input)?));
        }
        let ends = self.windows.first().zip(self.windows.last());
        let fits = ends.is_none_or(|((first, _), (last, _))| *first >= self.oldest(*last));
        if fits { Ok(()) } else { Err(StateError::Value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    pub(super) fn request(time_ms: i64) -> Observed {
        Observed { time_ms, user: Some(7), status: 200, latency_ms: 5.0, body_bytes: Some(100) }
    }

    #[test]
    fn odd_requests_are_counted() {
        let mut window = Window::default();
        for (status, latency_ms) in
            [(0, f64::NAN), (u16::MAX, -1.0), (599, f64::INFINITY), (404, 1.0)]
        {
            window.add(&Observed { status, latency_ms, body_bytes: Some(u64::MAX), ..request(0) });
        }
        window.add(&Observed { body_bytes: None, ..request(0) });
        assert_eq!(window.classes, [2, 0, 1, 0, 1, 1]);
        assert_eq!((window.latencies_ms.count(), window.sizes_bytes.count()), (2, 4));
    }

    #[test]
    fn a_ring_keeps_the_last_windows_and_takes_late_ones() {
        let mut ring = Ring::new(60_000, 3);
        for (time_ms, taken) in
            [(600_000, true), (480_000, true), (479_999, false), (720_000, true), (540_000, false)]
        {
            assert_eq!(ring.add(&request(time_ms)), taken, "{time_ms}");
        }
        let began: Vec<i64> = ring.windows().map(|(began, _)| began).collect();
        assert_eq!(began, vec![600_000, 720_000]);
        assert_eq!(ring.span(0, 720_000).requests(), 1);
        assert_eq!(ring.span(i64::MIN, i64::MAX).requests(), 2);
        let bytes = ring.to_bytes();
        assert_eq!(Ring::from_bytes(&bytes, 60_000, 3), Ok(ring.clone()));
        assert_eq!(Ring::from_bytes(&bytes, 60_000, 1), Err(StateError::Length));
        assert_eq!(Ring::from_bytes(&bytes[1..], 60_000, 3), Err(StateError::Version));
        ring.advance(800_000);
        assert_eq!(ring.windows().count(), 1);
        ring.advance(0);
        assert_eq!(ring.windows().count(), 0);
        for time_ms in [i64::MIN, i64::MAX, 0] {
            ring.add(&request(time_ms));
            ring.advance(time_ms);
        }
    }
}
