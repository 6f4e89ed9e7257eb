//! Which endpoint takes a request.

use super::Service;
use http::header::{COOKIE, HeaderMap};
use http::request;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::Context;
use sedge_model::routing::upstream::{Balance, Endpoint, HashKey};
use sedge_model::trace::random;
use std::sync::atomic::Ordering::Relaxed;

/// Whose turn it is, for each thread of its own.
pub(super) struct Turns {
    /// What each endpoint has saved up (nginx's smooth weighted round robin).
    saved: Vec<i64>,
}

impl Turns {
    /// Threads begin at different places, so that they do not all begin at the
    /// first endpoint.
    pub(super) fn new(endpoints: &[Endpoint]) -> Self {
        let first = random::nonzero() as usize % endpoints.len().max(1);
        let mut saved = vec![0; endpoints.len()];
        if let Some(first) = saved.get_mut(first) {
            *first = 1;
        }
        Turns { saved }
    }

    /// The next of those that may be chosen.
    fn next(&mut self, endpoints: &[Endpoint], may: impl Fn(usize) -> bool) -> Option<usize> {
        let (mut best, mut total) = (None, 0);
        for (index, endpoint) in endpoints.iter().enumerate().filter(|&(index, _)| may(index)) {
            total += i64::from(endpoint.weight);
            self.saved[index] += i64::from(endpoint.weight);
            if best.is_none_or(|best: usize| self.saved[index] > self.saved[best]) {
                best = Some(index);
            }
        }
        self.saved[best?] -= total;
        best
    }
}

impl Service {
    /// Picks an endpoint that is well and was not tried, else one that is well,
    /// else, in panic, any.
    pub(super) fn choose(&self, key: Option<u64>, tried: &[usize]) -> Result<usize, Failure> {
        let count = self.endpoints.len();
        let is_well = |index: usize| self.is_well(index);
        let may_panic = self.settings.health.is_some() || self.ejected_ever.load(Relaxed) != 0;
        let in_panic = may_panic && {
            let percent_min = self.settings.outliers.as_ref().map_or(0, |o| o.panic_percent);
            let well = (0..count).filter(|&index| is_well(index)).count();
            well * 100 < percent_min.min(100) as usize * count
        };
        if in_panic {
            self.panics.fetch_add(1, Relaxed);
        }
        let may = |index: usize| in_panic || is_well(index);
        let fresh = match tried {
            [] => None,
            _ => self.pick(key, |index| may(index) && !tried.contains(&index)),
        };
        fresh.or_else(|| self.pick(key, may)).ok_or_else(|| {
            self.unhealthy.fetch_add(1, Relaxed);
            let detail = format!("upstream {}: no endpoint is well", self.name);
            Failure::new(Kind::UpstreamUnhealthy, detail)
        })
    }

    fn pick(&self, key: Option<u64>, may: impl Fn(usize) -> bool) -> Option<usize> {
        let endpoints = &self.settings.endpoints;
        if endpoints.len() == 1 {
            return may(0).then_some(0);
        }
        match (&self.settings.balance, key) {
            (Balance::RoundRobin, _) => self.lane().turns(|turns| turns.next(endpoints, may)),
            (Balance::Hash(_), Some(key)) => rendezvous(key, endpoints, may),
            (Balance::Random | Balance::Hash(_), _) => {
                rendezvous(random::nonzero(), endpoints, may)
            }
            (Balance::LeastRequests, _) => {
                let one = rendezvous(random::nonzero(), endpoints, &may)?;
                let other = rendezvous(random::nonzero(), endpoints, |i| i != one && may(i));
                let load = |index: usize| self.endpoints[index].active.load(Relaxed);
                Some(other.filter(|&other| load(other) < load(one)).unwrap_or(one))
            }
        }
    }
}

/// The endpoint with the highest score for this key (Thaler and Ravishankar,
/// "Using name-based mappings to increase hit rates", 1998), by weight: if one
/// goes, only its own keys move. With a random key, a random endpoint by weight.
fn rendezvous(key: u64, endpoints: &[Endpoint], may: impl Fn(usize) -> bool) -> Option<usize> {
    let score = |endpoint: &Endpoint| {
        let host = fnv(endpoint.host.as_bytes(), u64::from(endpoint.port));
        // From 0 to 1, both excluded, so that the logarithm is below zero.
        let unit = ((mix(key ^ host) >> 12) as f64 + 0.5) / (1u64 << 52) as f64;
        -f64::from(endpoint.weight) / unit.ln()
    };
    let all = endpoints.iter().enumerate().filter(|&(index, _)| may(index));
    let scored = all.map(|(index, endpoint)| (index, score(endpoint)));
    scored.max_by(|one, other| one.1.total_cmp(&other.1)).map(|(index, _)| index)
}

/// FNV-1a. The same on every node, so that all send a key to the same endpoint.
fn fnv(bytes: &[u8], seed: u64) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finalizer of SplitMix64.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// What a request is hashed by.
pub(super) enum Key {
    /// Nothing: any endpoint will do.
    None,
    Hash(u64),
    /// This cookie was made, and must be set.
    Made(u64, String),
}

impl Key {
    pub(super) fn hash(&self) -> Option<u64> {
        match self {
            Key::None => None,
            Key::Hash(hash) | Key::Made(hash, _) => Some(*hash),
        }
    }
}

/// The key of a request.
pub(super) fn key(balance: &Balance, head: &request::Parts, context: &Context) -> Key {
    let Balance::Hash(key) = balance else { return Key::None };
    let hash = |bytes: &[u8]| mix(fnv(bytes, 0));
    let found = match key {
        HashKey::Header(name) => head.headers.get(name).map(|value| hash(value.as_bytes())),
        HashKey::Query(name) => query(head.uri.query().unwrap_or(""), name).map(hash),
        HashKey::Path => Some(hash(head.uri.path().as_bytes())),
        HashKey::Client => Some(hash(context.client.to_canonical().to_string().as_bytes())),
        HashKey::Cookie { name, ttl, path } => match (cookie(&head.headers, name), ttl) {
            (Some(value), _) => Some(hash(value)),
            (None, None) => None,
            (None, Some(ttl)) => {
                let value = format!("{:016x}", random::nonzero());
                let path = path.as_deref().map_or(String::new(), |path| format!("; Path={path}"));
                let age = match ttl.as_secs() {
                    0 => String::new(),
                    seconds => format!("; Max-Age={seconds}"),
                };
                let made = format!("{name}={value}{age}{path}; HttpOnly");
                return Key::Made(hash(value.as_bytes()), made);
            }
        },
    };
    found.map_or(Key::None, Key::Hash)
}

/// The value of the first parameter of this name, as sent.
fn query<'a>(query: &'a str, name: &str) -> Option<&'a [u8]> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.as_bytes())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|p| p.split_once('='));
    pairs.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(weights: &[u32]) -> Vec<Endpoint> {
        let one = |(index, &weight): (usize, &u32)| Endpoint {
            host: format!("h{index}"),
            port: 80,
            weight,
        };
        weights.iter().enumerate().map(one).collect()
    }

    #[test]
    fn nobody_is_chosen_if_nobody_may_be() {
        let all = endpoints(&[1, 1]);
        assert_eq!(Turns::new(&all).next(&all, |_| false), None);
        assert_eq!(rendezvous(1, &all, |_| false), None);
    }

    #[test]
    fn turns_are_smooth_and_by_weight() {
        let all = endpoints(&[5, 1, 1]);
        let mut turns = Turns { saved: vec![0; 3] };
        let taken: Vec<usize> = (0..7).filter_map(|_| turns.next(&all, |_| true)).collect();
        assert_eq!(taken, [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn only_the_keys_of_an_endpoint_that_went_move() {
        let all = endpoints(&[1; 10]);
        let mut counts = [0; 10];
        for key in (0..10_000).map(mix) {
            let before = rendezvous(key, &all, |_| true).expect("one");
            counts[before] += 1;
            let after = rendezvous(key, &all, |index| index != 3).expect("one");
            assert!(after == before || before == 3, "{key}");
        }
        assert!(counts.iter().all(|&count| (850..1_150).contains(&count)), "{counts:?}");
    }

    #[test]
    fn weights_are_shares() {
        let all = endpoints(&[3, 1]);
        let first = (0..10_000).map(mix).filter(|&k| rendezvous(k, &all, |_| true) == Some(0));
        let count = first.count();
        assert!((7_300..7_700).contains(&count), "{count}");
    }

    #[test]
    fn keys_are_found_as_they_were_sent() {
        assert_eq!(query("a=1&user=x%20y&user=z", "user"), Some(&b"x%20y"[..]));
        assert_eq!(query("users=1", "user"), None);
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, http::HeaderValue::from_static("a=1; sid=abc; b=2"));
        assert_eq!(cookie(&headers, "sid"), Some(&b"abc"[..]));
        assert_eq!(cookie(&headers, "id"), None);
    }
}
