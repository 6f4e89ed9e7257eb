//! What tumbling windows must tell of the readings of a log, as directly as can be: every
//! window keeps its events, and everything is looked through at each of them.

use std::collections::BTreeMap;

pub(crate) const SIZE_MS: i64 = 1_000;
pub(crate) const DISORDER_MS: i64 = 500;

/// A reading, as it lies in the log.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) key: String,
    pub(crate) device: String,
    pub(crate) time_ms: i64,
    pub(crate) value: f64,
}

/// A result: its key, the window's start, how many there were, their sum, least and largest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Result {
    pub(crate) key: String,
    pub(crate) start_ms: i64,
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// What must be told: results in their order, and times of late readings in theirs.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expected {
    pub(crate) results: Vec<Result>,
    pub(crate) late: Vec<(String, i64)>,
}

/// With a watermark for each key, or one for all: the lowest of the devices' latest times.
pub(crate) fn expected(readings: &[Reading], has_one_watermark: bool) -> Expected {
    let mut told = Expected::default();
    let mut open: BTreeMap<(i64, String), Vec<f64>> = BTreeMap::new();
    let mut latest: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut watermarks: BTreeMap<String, i64> = BTreeMap::new();
    for Reading { key, device, time_ms, value } in readings {
        let scope = if has_one_watermark { String::new() } else { key.clone() };
        let before = watermarks.get(&scope).copied().unwrap_or(i64::MIN);
        let start = time_ms.div_euclid(SIZE_MS) * SIZE_MS;
        match start + SIZE_MS - 1 <= before {
            true => told.late.push((device.clone(), *time_ms)),
            false => open.entry((start, key.clone())).or_default().push(*value),
        }
        let of_device = latest.entry((scope.clone(), device.clone())).or_insert(*time_ms);
        *of_device = (*of_device).max(*time_ms);
        let lowest = latest.iter().filter(|((one, _), _)| *one == scope).map(|(_, ms)| *ms).min();
        let after = before.max(lowest.expect("it was heard") - DISORDER_MS - 1);
        watermarks.insert(scope.clone(), after);
        let is_due = |start: i64, of: &String| {
            start + SIZE_MS - 1 <= after && (has_one_watermark || *of == scope)
        };
        // In the order of their ends, and of one end in that of their keys.
        for ((start_ms, key), values) in open.extract_if(.., |(start, of), _| is_due(*start, of)) {
            told.results.push(Result {
                key,
                start_ms,
                count: values.len() as f64,
                sum: values.iter().sum(),
                min: values.iter().copied().fold(f64::INFINITY, f64::min),
                max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            });
        }
    }
    told
}

#[test]
fn the_oracle_knows_an_example() {
    let reading = |device: &str, time_ms, value| Reading {
        key: device.to_owned(),
        device: device.to_owned(),
        time_ms,
        value,
    };
    let readings = [
        reading("a", 0, 1.0),
        reading("b", 100, 2.0),
        reading("a", 1_600, 3.0),
        reading("a", 999, 4.0),
        reading("b", 1_500, 5.0),
    ];
    let by_key = expected(&readings, false);
    assert_eq!(by_key.late, [("a".to_owned(), 999)]);
    let sums: Vec<_> = by_key.results.iter().map(|one| (&*one.key, one.sum)).collect();
    assert_eq!(sums, [("a", 1.0), ("b", 2.0)]);
    let by_stream = expected(&readings, true);
    let sums: Vec<_> = by_stream.results.iter().map(|one| (&*one.key, one.sum)).collect();
    assert_eq!((by_stream.late, sums), (vec![], vec![("a", 5.0), ("b", 2.0)]));
}
