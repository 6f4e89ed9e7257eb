//! Windows: what is asked of them as SQL, and the state of a key that was written down.

use super::texts;
use sedge_kit::windows::{
    Aggregate, Event, Kind, Measure, Part, Plan, Scalar, TIME_MS_MAX, TIME_MS_MIN, Windows,
};

pub(super) const WORDS: &[&str] = &[
    "SELECT ",
    " FROM ",
    " GROUP BY ",
    "TUMBLE(",
    "HOP(",
    "SESSION(",
    "INTERVAL '1' SECOND",
    "'10 s'",
    "COUNT(*)",
    "AVG(",
    " AS ",
    " AND ",
    "window_start",
    "(((((",
    "`a/+`",
];

pub(super) fn queries() -> Vec<Vec<u8>> {
    texts(&[
        "SELECT a, COUNT(*) FROM t GROUP BY a, TUMBLE(ts, '1 s')",
        "SELECT window_start, APPROX_PERCENTILE(v, 0.9) AS p FROM \"a/+\" \
         GROUP BY HOP(ts, INTERVAL '5' SECOND, INTERVAL '1' MINUTE);",
        "SELECT AVG(v) FROM t WHERE a + 1 > 2 GROUP BY SESSION(ts, '1 min')",
    ])
}

/// Whatever is asked: what is understood has a window and computes something.
pub(super) fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(query) = sedge_model::window::sql::read(text) {
        assert!(!query.columns.is_empty() && !query.time.is_empty(), "{query:?}");
    }
}

/// The first byte of an input says of which kind its state is.
fn plan(kind: u8) -> Plan {
    let kind = match kind % 4 {
        0 => Kind::Sliding { size_ms: 10, slide_ms: 5, offset_ms: 0 },
        1 => Kind::Cumulative { size_ms: 12, step_ms: 4, offset_ms: 3 },
        2 => Kind::Session { gap_ms: 7 },
        _ => Kind::Count { size: 4, slide: 2 },
    };
    let of = |measure| Aggregate { measure, field: Some(0) };
    let measures = [Measure::Mean, Measure::Quantile(0.5), Measure::Distinct];
    Plan { lateness_ms: 20, ..Plan::new(kind, 1, measures.map(of).to_vec()) }
}

const TIMES_MS: [i64; 7] = [0, 3, 3, 12, 1, 55, 40];

fn observe(windows: &mut Windows, time_ms: i64) {
    let values = [Some(Scalar::Number(time_ms as f64))];
    let event = Event { key: "k", device: "d", time_ms, values: &values };
    windows.observe(TIME_MS_MAX, &event, &mut |fired| assert!(fired.count > 0, "{fired:?}"));
}

fn key_of(windows: &mut Windows) -> Option<Vec<u8>> {
    let is_key = |part: &Part| matches!(part, Part::Key(_));
    windows.changes().into_iter().find(|one| is_key(&one.part)).and_then(|one| one.bytes)
}

pub(super) fn states() -> Vec<Vec<u8>> {
    let state = |kind: u8| {
        let mut windows = Windows::new(plan(kind), 1).ok()?;
        TIMES_MS.into_iter().for_each(|time_ms| observe(&mut windows, time_ms));
        Some([vec![kind], key_of(&mut windows)?].concat())
    };
    (0..4).filter_map(state).collect()
}

/// A state that is taken is one to go on from, within its bounds, and is written so that it can
/// be read.
pub(super) fn state(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let parts = [(Part::Key("k".into()), bytes)];
    let Ok(mut windows) = Windows::restore(plan(*kind), 1, 0, parts) else { return };
    for time_ms in TIMES_MS.into_iter().chain([TIME_MS_MIN, 100_000, TIME_MS_MAX]) {
        observe(&mut windows, time_ms);
    }
    let bytes = key_of(&mut windows).unwrap_or_default();
    let again = Windows::restore(plan(*kind), 1, 0, [(Part::Key("k".into()), &bytes[..])]);
    assert!(again.is_ok(), "{:?}", again.err());
}
