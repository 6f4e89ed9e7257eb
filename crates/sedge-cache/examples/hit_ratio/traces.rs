//! Made traces: what is asked for, one after another. The same in every run.

use sedge_cache::memory::OVERHEAD_BYTES;

/// An object that is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) id: u64,
    /// With the tier's overhead.
    pub(crate) bytes: u64,
}

pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) requests: Vec<Request>,
    /// Part of the bytes of all objects that the cache holds, percent.
    percent: u64,
}

impl Trace {
    pub(crate) fn cache_bytes(&self) -> u64 {
        let mut objects: Vec<_> = self.requests.iter().map(|one| (one.id, one.bytes)).collect();
        objects.sort_unstable();
        objects.dedup();
        objects.iter().map(|object| object.1).sum::<u64>() * self.percent / 100
    }
}

/// Objects that are asked for again and again.
const OBJECTS: usize = 200_000;

pub(crate) fn all(requests: usize) -> Vec<Trace> {
    let mut traces = Vec::new();
    for exponent in [0.7, 0.9, 1.1] {
        traces.push(trace(&format!("zipf {exponent}"), zipf(requests, exponent)));
    }
    traces.push(trace("zipf 0.9 and scans", with_scans(requests)));
    traces.push(trace("shifting", shifting(requests)));
    traces.push(trace("like the web", like_the_web(requests)));
    traces.push(trace("recent", recent(requests)));
    let mut cycle = trace("loop", (0..requests as u64).map(|i| i % 20_000));
    cycle.percent = 60;
    traces.push(cycle);
    traces
}

fn trace(name: &str, ids: impl IntoIterator<Item = u64>) -> Trace {
    let requests = ids.into_iter().map(|id| Request { id, bytes: bytes_of(id) }).collect();
    Trace { name: name.to_owned(), requests, percent: 1 }
}

/// Sizes are lognormal, as on the web: half are below 8 KiB, one in a hundred above
/// 260 KiB; at most 4 MiB. They do not hang on how popular an object is.
fn bytes_of(id: u64) -> u64 {
    let mut random = Random(id.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x5EED);
    // Twelve uniform numbers make a normal one, nearly.
    let normal: f64 = (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
    let bytes = 8_192.0 * (1.5 * normal).exp();
    (bytes as u64).clamp(100, 4 << 20) + OVERHEAD_BYTES
}

fn zipf(requests: usize, exponent: f64) -> impl Iterator<Item = u64> {
    let (zipf, mut random) = (Zipf::new(OBJECTS, exponent), Random(1));
    (0..requests).map(move |_| zipf.draw(&mut random))
}

/// A quarter of the requests are for objects in a row that never come again.
fn with_scans(requests: usize) -> impl Iterator<Item = u64> {
    let (zipf, mut random, mut next) = (Zipf::new(OBJECTS, 0.9), Random(2), 1 << 32);
    (0..requests).map(move |i| {
        if i / 2_000 % 4 == 3 {
            next += 1;
            return next;
        }
        zipf.draw(&mut random)
    })
}

/// What is popular drifts: new objects come at the top, and all others lose a rank.
fn shifting(requests: usize) -> impl Iterator<Item = u64> {
    let (zipf, mut random) = (Zipf::new(OBJECTS, 1.0), Random(3));
    (0..requests).map(move |i| {
        let newest = 1_000_000 + i as u64 / 200;
        newest - zipf.draw(&mut random)
    })
}

/// Half of what is asked for comes once only; a fifth of the rest was asked for lately;
/// and what is popular changes slowly in one place, fast in another.
fn like_the_web(requests: usize) -> impl Iterator<Item = u64> {
    let (zipf, mut random, mut once) = (Zipf::new(OBJECTS, 0.85), Random(4), 1 << 32);
    let mut lately = vec![0; 4_096];
    (0..requests).map(move |i| {
        let kind = random.unit();
        let id = if kind < 0.3 {
            once += 1;
            once
        } else if kind < 0.45 {
            lately[random.below(lately.len())]
        } else if kind < 0.6 {
            (1 << 40) + i as u64 / 50 - zipf.draw(&mut random).min(i as u64 / 50)
        } else {
            zipf.draw(&mut random)
        };
        let place = random.below(lately.len());
        lately[place] = id;
        id
    })
}

/// Most requests are for what was asked for just before, the rest for something new.
fn recent(requests: usize) -> impl Iterator<Item = u64> {
    let (mut random, mut next) = (Random(5), 0);
    let mut stack: Vec<u64> = Vec::new();
    (0..requests).map(move |_| {
        let depth = (random.unit().powi(4) * 20_000.0) as usize;
        if random.unit() < 0.6 && depth < stack.len() {
            return stack[stack.len() - 1 - depth];
        }
        next += 1;
        stack.push(next);
        next
    })
}

/// Draws ranks by Zipf's law, by their cumulated weights.
struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    fn new(objects: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weight = |rank: usize| (rank as f64 + 1.0).powf(-exponent);
        let cumulated = (0..objects).map(|rank| {
            sum += weight(rank);
            sum
        });
        Zipf { cumulated: cumulated.collect() }
    }

    fn draw(&self, random: &mut Random) -> u64 {
        let at = random.unit() * self.cumulated.last().copied().unwrap_or(1.0);
        self.cumulated.partition_point(|&sum| sum < at) as u64
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without it.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
