//! Requests in time, for each key, by the generic cell rate algorithm (ITU-T
//! I.371, virtual scheduling): a bucket is one number, the time at which it will
//! be full again.
//!
//! Buckets lie in a table of fixed size, in sets of eight; a key has its set by
//! its hash. All threads share it by atomics alone. If a set is full, the bucket
//! that is longest full, or will be full first, makes room: a client that has
//! used up its tokens keeps its bucket when others send thousands of keys.

use http::HeaderValue;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Context, Request};
use sedge_model::routing::policy::{RateKey, RateLimit};
use sedge_model::trace::random;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::time::Instant;

/// Buckets of a set.
const WAYS: usize = 8;

/// The buckets of one rule.
pub(super) struct Rates {
    key: RateKey,
    /// Nanoseconds in which one token is filled in.
    interval: u64,
    /// How far ahead of now a bucket's time may be, so that `burst` requests at
    /// once pass.
    tolerance: u64,
    begin: Instant,
    hasher: RandomState,
    sets: Box<[[Bucket; WAYS]]>,
    ways: usize,
}

/// Times are nanoseconds since the rule began, from 1.
#[derive(Default)]
struct Bucket {
    /// A hash; 0: free.
    key: AtomicU64,
    full_at: AtomicU64,
}

impl Rates {
    pub(super) fn new(limit: &RateLimit) -> Self {
        let per = u64::try_from(limit.per.as_nanos()).unwrap_or(u64::MAX);
        let interval = (per / u64::from(limit.requests.max(1))).max(1);
        let keys = match limit.key {
            RateKey::Rule => 1,
            _ => limit.keys_max.max(1) as usize,
        };
        let sets = (0..keys.div_ceil(WAYS)).map(|_| Default::default()).collect();
        Rates {
            key: limit.key.clone(),
            interval,
            tolerance: interval.saturating_mul(u64::from(limit.burst.max(1)) - 1),
            begin: Instant::now(),
            hasher: RandomState::new(),
            sets,
            ways: keys.min(WAYS),
        }
    }

    /// Takes a token of the request's key.
    pub(super) fn admit(&self, request: &Request, context: &Context) -> Result<(), Failure> {
        let key = match &self.key {
            RateKey::Rule => self.hasher.hash_one(0u8),
            RateKey::Client => self.hasher.hash_one(network(context.client)),
            RateKey::Header(name) => {
                self.hasher.hash_one(request.headers().get(name).map(HeaderValue::as_bytes))
            }
        };
        let now = u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX / 2) + 1;
        self.take(key.max(1), now).map_err(|wait_ns| {
            let seconds = u32::try_from(wait_ns.div_ceil(1_000_000_000)).unwrap_or(u32::MAX);
            Failure::new(Kind::RateLimited, "rate of the rule is used up").retry_after(seconds)
        })
    }

    /// Nanoseconds until there is a token again, if there is none.
    fn take(&self, key: u64, now: u64) -> Result<(), u64> {
        let mut wait = 0;
        let taken = self.bucket(key).full_at.fetch_update(Relaxed, Relaxed, |full_at| {
            let from = full_at.max(now);
            wait = from.saturating_sub(now.saturating_add(self.tolerance));
            (wait == 0).then(|| from.saturating_add(self.interval))
        });
        taken.map(drop).map_err(|_| wait)
    }

    /// The bucket of a key, made if there is none. Two threads that make one
    /// for the same new key at once may make two, of which one is forgotten.
    fn bucket(&self, key: u64) -> &Bucket {
        let set = &self.sets[(key % self.sets.len() as u64) as usize][..self.ways];
        if let Some(found) = set.iter().find(|bucket| bucket.key.load(Relaxed) == key) {
            return found;
        }
        let first = random::nonzero() as usize % set.len();
        let (later, before) = set.split_at(first);
        let oldest = before.iter().chain(later).min_by_key(|bucket| bucket.full_at.load(Relaxed));
        let bucket = oldest.unwrap_or(&set[0]);
        bucket.full_at.store(0, Relaxed);
        bucket.key.store(key, Relaxed);
        bucket
    }
}

/// An IPv6 client has its whole /64 (RFC 4291 §2.5.1), so that is one key.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rates(requests: u32, per_s: u64, burst: u32, keys_max: u32) -> Rates {
        let key = RateKey::Client;
        let per = Duration::from_secs(per_s);
        Rates::new(&RateLimit { requests, per, burst, key, keys_max })
    }

    fn taken(rates: &Rates, key: u64, now_ms: u64) -> usize {
        (0..10_000).take_while(|_| rates.take(key, now_ms * 1_000_000).is_ok()).count()
    }

    #[test]
    fn a_bucket_holds_its_burst_and_is_filled_in_time() {
        let rates = rates(10, 1, 5, 100);
        assert_eq!(taken(&rates, 7, 1), 5);
        assert_eq!(rates.take(7, 1_000_000), Err(100_000_000));
        assert_eq!(taken(&rates, 7, 100), 0);
        assert_eq!(taken(&rates, 7, 101), 1);
        assert_eq!(taken(&rates, 7, 60_000), 5);
    }

    #[test]
    fn a_key_that_is_used_up_stays_so_when_thousands_come() {
        let rates = rates(1, 1, 3, 64);
        assert_eq!(taken(&rates, 7, 1), 3);
        for key in 1_000..100_000 {
            assert!(rates.take(key, 1_000_000).is_ok());
        }
        assert_eq!(taken(&rates, 7, 1), 0);
    }

    #[test]
    fn a_client_of_ipv6_is_its_network() {
        let one = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(one("2001:db8::1"), one("2001:db8::ffff:1"));
        assert_ne!(one("2001:db8::1"), one("2001:db8:0:1::1"));
        assert_eq!(one("::ffff:192.0.2.1"), one("192.0.2.1"));
        assert_ne!(one("192.0.2.1"), one("192.0.2.2"));
    }
}
