//! How often each of many clients comes, per minute, in bounded room.
//!
//! Each client has two counts: of the minute that runs and of the one before, which counts for
//! the part of it that a window of 60 s ending now still covers. For a client that comes evenly
//! that is exact; the most that it can be wrong is what came within the minute before, had it
//! come all at its beginning or end.
//!
//! There are at most [`Rates::new`]'s clients: when one more comes, those that have not come in
//! this minute or the one before are forgotten, and if all have, the one with the fewest is. A
//! flood of new clients therefore pushes out none that comes often.

use alloc::collections::BTreeMap;

/// The most clients.
pub const CLIENTS_MAX: usize = 1 << 16;
const WINDOW_MS: i64 = 60_000;

/// The counts of all clients.
#[derive(Clone, Debug)]
pub struct Rates {
    clients: BTreeMap<u64, Counts>,
    clients_max: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Which minute runs, since 1970.
    window: i64,
    now: u32,
    before: u32,
}

impl Counts {
    /// Moves on to a window. A clock that was set back stays in the window that it was in, so
    /// that nobody gets a new one.
    fn advance(&mut self, window: i64) {
        match window.saturating_sub(self.window) {
            ..=0 => {}
            1 => *self = Counts { window, now: 0, before: self.now },
            _ => *self = Counts { window, now: 0, before: 0 },
        }
    }

    fn per_minute(&self, now_ms: i64) -> f64 {
        let gone = now_ms.saturating_sub(self.window.saturating_mul(WINDOW_MS));
        let gone = gone.clamp(0, WINDOW_MS) as f64 / WINDOW_MS as f64;
        f64::from(self.now) + f64::from(self.before) * (1.0 - gone)
    }
}

impl Rates {
    /// Of at most so many clients, 1 to [`CLIENTS_MAX`].
    pub fn new(clients_max: usize) -> Self {
        Rates { clients: BTreeMap::new(), clients_max: clients_max.clamp(1, CLIENTS_MAX) }
    }

    /// Counts a request of a client, and says how many it has made in the last minute, this
    /// one included. Times are milliseconds since 1970.
    pub fn count(&mut self, client: u64, now_ms: i64) -> f64 {
        let window = now_ms.div_euclid(WINDOW_MS);
        if self.clients.len() >= self.clients_max && !self.clients.contains_key(&client) {
            self.make_room(window);
        }
        let new = Counts { window, ..Counts::default() };
        let counts = self.clients.entry(client).or_insert(new);
        // A clock that was far ahead once must not freeze the counts for long.
        if counts.window.saturating_sub(window) > 1 {
            *counts = new;
        }
        counts.advance(window);
        counts.now = counts.now.saturating_add(1);
        counts.per_minute(now_ms)
    }

    /// Takes back one request of a client that was counted just now, because it will be counted
    /// again. Nothing happens if the client was forgotten meanwhile.
    pub fn take_back(&mut self, client: u64) {
        if let Some(counts) = self.clients.get_mut(&client) {
            counts.now = counts.now.saturating_sub(1);
        }
    }

    fn make_room(&mut self, window: i64) {
        let is_near = |counts: &Counts| window.abs_diff(counts.window) <= 1;
        self.clients.retain(|_, counts| is_near(counts));
        if self.clients.len() >= self.clients_max {
            let least = self.clients.iter().min_by_key(|(_, it)| it.now.saturating_add(it.before));
            if let Some(least) = least.map(|(client, _)| *client) {
                self.clients.remove(&least);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn an_even_client_is_counted_exactly() {
        let mut rates = Rates::new(10);
        let last = (0..600).map(|step| rates.count(1, step * 500)).last().expect("some");
        assert!((119.0..=121.0).contains(&last), "{last}");
        assert_eq!(rates.count(1, 600_000_000), 1.0, "after a long pause");
    }

    #[test]
    fn a_clock_that_is_set_back_gives_no_new_minute() {
        let mut rates = Rates::new(10);
        for _ in 0..50 {
            rates.count(1, 120_000);
        }
        assert_eq!(rates.count(1, 119_000), 51.0);
        // One that was a year ahead is forgotten.
        assert_eq!(rates.count(1, 0), 1.0);
        for extreme in [i64::MIN, i64::MAX, 0] {
            assert!(rates.count(2, extreme) >= 1.0);
        }
    }

    #[test]
    fn what_is_taken_back_was_never_counted() {
        let mut rates = Rates::new(2);
        rates.take_back(1);
        assert_eq!(rates.count(1, 0), 1.0, "nobody is owed anything");
        rates.take_back(1);
        assert_eq!(rates.count(1, 0), 1.0);
        rates.take_back(1);
        rates.take_back(1);
        assert_eq!(rates.count(1, 0), 1.0);
        assert_eq!(rates.count(1, 0), 2.0);
    }

    #[test]
    fn a_flood_of_names_pushes_out_nobody_who_comes_often() {
        let mut rates = Rates::new(4);
        for _ in 0..100 {
            rates.count(1, 1_000);
        }
        for client in 2..1_000 {
            rates.count(client, 1_000);
        }
        assert_eq!(rates.count(1, 1_000), 101.0);
        assert!(rates.clients.len() <= 4);
    }

    proptest! {
        #[test]
        fn rates_are_bounded(steps: Vec<(u8, i64)>) {
            let mut rates = Rates::new(8);
            for (at, (client, now_ms)) in steps.into_iter().enumerate() {
                let rate = rates.count(client.into(), now_ms);
                prop_assert!(rate >= 1.0 && rate <= (at + 1) as f64);
                prop_assert!(rates.clients.len() <= 8);
            }
        }
    }
}
