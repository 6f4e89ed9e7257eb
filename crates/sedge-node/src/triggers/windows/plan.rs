//! From a window as it is declared to what the operator is asked for.

use sedge_kit::windows::{
    self, Aggregate, Bounds, FIELDS_MAX, LATE_MERGES_MAX, PANES_MAX, Plan, PlanError,
};
use sedge_model::manifest::{Invalid, Manifest};
use sedge_model::window::{ColumnValue, Emit, Kind, Measure, Query, Scope, Window};
use serde_json::json;

/// Bytes of a device's name in the log, and of what is kept of its clock.
const DEVICE_BYTES: usize = 256 + 64;
/// Bytes of the name of a key: two less than what its part of the state may be called by.
const KEY_BYTES_MAX: usize = 500;

/// What the operator is asked for, and what its fields are.
pub(super) struct Asked {
    pub(super) plan: Plan,
    /// The names of the plan's fields, and whether only numbers mean something there.
    pub(super) fields: Vec<(String, bool)>,
}

/// What a window asks of the operator. `payload_bytes_max` is what the log takes at once, and
/// so the bound of what is kept of a key.
pub(super) fn asked(window: &Window, payload_bytes_max: usize) -> Asked {
    let mut fields: Vec<(String, bool)> = Vec::new();
    let mut aggregates = Vec::new();
    let columns = &window.query.columns;
    for column in columns {
        let ColumnValue::Aggregate { measure, field } = &column.value else { continue };
        let place = field.as_ref().map(|name| {
            let known = fields.iter().position(|(field, _)| field == name);
            let place = known.unwrap_or_else(|| {
                fields.push((name.clone(), false));
                fields.len() - 1
            });
            fields[place].1 |= measure.is_of_numbers();
            place
        });
        aggregates.push(Aggregate { measure: of_measure(*measure), field: place });
    }
    // Among the aggregates; the manifest's reader has seen to it that it is one.
    let place = |column: usize| {
        let before = columns.iter().take(column);
        before.filter(|one| matches!(one.value, ColumnValue::Aggregate { .. })).count()
    };
    let plan = Plan {
        emit: match window.emit {
            Emit::Close => windows::Emit::Close,
            Emit::Change { column, absolute, relative } => {
                windows::Emit::Change { of: place(column), absolute, relative }
            }
            Emit::Anomaly { column, score_min } => {
                windows::Emit::Anomaly { of: place(column), score_min }
            }
        },
        scope: match window.scope {
            Scope::Key => windows::Scope::Key,
            Scope::Stream => windows::Scope::Stream,
        },
        disorder_ms: ms(window.disorder_ms),
        lateness_ms: ms(window.lateness_ms),
        idle_ms: window.idle_ms.map(ms),
        lag_ms_max: window.lag_ms_max.map(ms),
        future_ms_max: ms(window.future_ms_max),
        forget_ms: ms(window.forget_ms),
        bounds: bounds(window, payload_bytes_max),
        ..Plan::new(of_kind(window.query.kind), fields.len(), aggregates)
    };
    Asked { plan, fields }
}

/// What is kept of a key is one payload of the log: its windows, and with a watermark of its
/// own the clocks of its devices.
fn bounds(window: &Window, payload_bytes_max: usize) -> Bounds {
    let defaults = Bounds::default();
    let devices_max = match window.scope {
        Scope::Key => (payload_bytes_max / 3 / DEVICE_BYTES).max(1),
        Scope::Stream => usize::MAX,
    };
    let bytes_max = usize::try_from(window.bytes_max).unwrap_or(usize::MAX);
    let key_bytes_max = (payload_bytes_max / 3).clamp(1 << 10, defaults.key_bytes_max);
    Bounds {
        keys_max: window.keys_max as usize,
        devices_max: devices_max.min(window.devices_max as usize),
        key_bytes_max,
        bytes_max: bytes_max.max(key_bytes_max),
        name_bytes_max: KEY_BYTES_MAX,
        ..defaults
    }
}

/// A length of time, which is a year at most.
fn ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

fn of_kind(kind: Kind) -> windows::Kind {
    match kind {
        Kind::Tumble { size_ms, offset_ms } => windows::Kind::Sliding {
            size_ms: ms(size_ms),
            slide_ms: ms(size_ms),
            offset_ms: ms(offset_ms),
        },
        Kind::Hop { slide_ms, size_ms, offset_ms } => windows::Kind::Sliding {
            size_ms: ms(size_ms),
            slide_ms: ms(slide_ms),
            offset_ms: ms(offset_ms),
        },
        Kind::Cumulate { step_ms, size_ms, offset_ms } => windows::Kind::Cumulative {
            size_ms: ms(size_ms),
            step_ms: ms(step_ms),
            offset_ms: ms(offset_ms),
        },
        Kind::Session { gap_ms } => windows::Kind::Session { gap_ms: ms(gap_ms) },
        Kind::Count { size, slide } => windows::Kind::Count { size, slide },
    }
}

fn of_measure(measure: Measure) -> windows::Measure {
    match measure {
        Measure::Count => windows::Measure::Count,
        Measure::Sum => windows::Measure::Sum,
        Measure::Mean => windows::Measure::Mean,
        Measure::VarianceSample => windows::Measure::VarianceSample,
        Measure::VariancePopulation => windows::Measure::VariancePopulation,
        Measure::DeviationSample => windows::Measure::DeviationSample,
        Measure::DeviationPopulation => windows::Measure::DeviationPopulation,
        Measure::Min => windows::Measure::Min,
        Measure::Max => windows::Measure::Max,
        Measure::First => windows::Measure::First,
        Measure::Last => windows::Measure::Last,
        Measure::Quantile(share) => windows::Measure::Quantile(share),
        Measure::Distinct => windows::Measure::Distinct,
        Measure::Rate => windows::Measure::Rate,
    }
}

/// What tells the state of one declaration from that of another: all that says of which events
/// it is and what is kept of them. Names of columns, topics of results, times to wait and
/// bounds have no part in it. It is written with the state, so that its form must not change.
pub(super) fn fingerprint(window: &Window) -> String {
    let Query { from, key, time, kind, columns } = &window.query;
    let kind = match *kind {
        Kind::Tumble { size_ms, offset_ms } => json!(["tumble", size_ms, offset_ms]),
        Kind::Hop { slide_ms, size_ms, offset_ms } => json!(["hop", slide_ms, size_ms, offset_ms]),
        Kind::Cumulate { step_ms, size_ms, offset_ms } => {
            json!(["cumulate", step_ms, size_ms, offset_ms])
        }
        Kind::Session { gap_ms } => json!(["session", gap_ms]),
        Kind::Count { size, slide } => json!(["count", size, slide]),
    };
    let aggregate = |value: &ColumnValue| match value {
        ColumnValue::Aggregate { measure, field } => Some(json!([word(*measure), field])),
        ColumnValue::Key(_) | ColumnValue::Start | ColumnValue::End => None,
    };
    let aggregates: Vec<_> = columns.iter().filter_map(|column| aggregate(&column.value)).collect();
    let of = |column: usize| columns.get(column).and_then(|column| aggregate(&column.value));
    let emit = match window.emit {
        Emit::Close => json!("close"),
        Emit::Change { column, .. } => json!(["change", of(column)]),
        Emit::Anomaly { column, .. } => json!(["anomaly", of(column)]),
    };
    let scope = match window.scope {
        Scope::Key => "key",
        Scope::Stream => "stream",
    };
    let all = json!([from, key, time, kind, aggregates, emit, scope]);
    blake3::hash(all.to_string().as_bytes()).to_hex().to_string()
}

fn word(measure: Measure) -> String {
    let word = match measure {
        Measure::Count => "count",
        Measure::Sum => "sum",
        Measure::Mean => "avg",
        Measure::VarianceSample => "var_samp",
        Measure::VariancePopulation => "var_pop",
        Measure::DeviationSample => "stddev_samp",
        Measure::DeviationPopulation => "stddev_pop",
        Measure::Min => "min",
        Measure::Max => "max",
        Measure::First => "first_value",
        Measure::Last => "last_value",
        Measure::Quantile(share) => return format!("approx_percentile {share}"),
        Measure::Distinct => "approx_count_distinct",
        Measure::Rate => "rate",
    };
    word.to_owned()
}

/// What of an app's windows cannot be run, by the JSON pointer of the value that is to blame;
/// for [`sedge_model::manifest::read_and_look`].
pub(crate) fn look(manifest: &Manifest) -> Vec<(String, Invalid)> {
    let mut found = Vec::new();
    for (at, window) in &manifest.windows {
        for problem in asked(window, 1 << 20).plan.problems() {
            let (keys, hint) = advice(problem);
            // Only what is written is reported, and of these it is one.
            let places = keys.iter().map(|key| format!("{at}/{key}"));
            found.extend(places.map(|at| (at, Invalid::new(problem.to_string(), hint.clone()))));
        }
    }
    found
}

fn advice(problem: PlanError) -> (&'static [&'static str], String) {
    match problem {
        PlanError::Panes => {
            let hint = format!("let it be {PANES_MAX} times as long as its slide at most");
            (&["sql", "tumble", "hop", "cumulate", "count"], hint)
        }
        PlanError::LateMerges => {
            let hint = format!(
                "a late event would be in more than {LATE_MERGES_MAX} parts of windows: allow \
                 less lateness, or a longer slide"
            );
            (&["lateness_ms"], hint)
        }
        PlanError::Aggregates | PlanError::Fields => {
            (&["sql", "aggregates"], format!("there may be {FIELDS_MAX} of them"))
        }
        PlanError::Emit => (&["emit"], "write other thresholds".to_owned()),
        PlanError::Size
        | PlanError::Slide
        | PlanError::Offset
        | PlanError::Time
        | PlanError::Field
        | PlanError::Share
        | PlanError::Bounds => (&["name"], "see docs/concepts/windows.md for bounds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::manifest::{read, read_and_look};
    use std::path::Path;

    fn window(text: &str) -> Window {
        let text = format!("app.name = \"a\"\n[[window]]\nname = \"w\"\n{text}");
        let manifest = read(&text, Path::new("sedge.toml")).expect("valid");
        let (_, window) = manifest.windows.into_iter().next().expect("a window");
        window
    }

    fn sql(select: &str, more: &str) -> Window {
        window(&format!("sql = '''SELECT {select}'''\n{more}"))
    }

    const MEAN: &str =
        "k, AVG(v) AS m, COUNT(w), MIN(v) FROM \"in/#\" GROUP BY k, TUMBLE(time, '10 s')";

    #[test]
    fn what_cannot_be_run_is_told_where_it_is_written() {
        let text = "app.name = \"a\"\n[[window]]\nname = \"w\"\nfrom = [\"in\"]\nhop = { slide_ms \
                    = 1, size_ms = \"10 s\" }\nlateness_ms = \"24 h\"\naggregates = [{ compute = \
                    \"count\" }]\n";
        let problems = read_and_look(text, Path::new("sedge.toml"), look).expect_err("too fine");
        let lines: Vec<_> = problems.list.iter().map(|one| one.line).collect();
        assert_eq!(lines, [5, 6], "{problems}");
    }

    #[test]
    fn fields_are_those_of_aggregates_once_each() {
        let Asked { plan, fields } = asked(&sql(MEAN, "emit = { change = \"min_v\" }"), 1 << 20);
        assert_eq!(fields, [("v".to_owned(), true), ("w".to_owned(), false)]);
        let places: Vec<_> = plan.aggregates.iter().map(|one| one.field).collect();
        assert_eq!(places, [Some(0), Some(1), Some(0)]);
        let of_min = windows::Emit::Change { of: 2, absolute: 0.0, relative: 0.0 };
        assert_eq!((plan.emit, plan.problems()), (of_min, vec![]));
    }

    #[test]
    fn what_is_kept_of_a_key_fits_into_a_payload_of_the_log() {
        for payload_bytes_max in [1 << 12, 1 << 16, 1 << 20, 16 << 20] {
            let Asked { plan, .. } = asked(&sql(MEAN, "devices_max = 65_536"), payload_bytes_max);
            let Bounds { devices_max, key_bytes_max, .. } = plan.bounds;
            assert!(devices_max * DEVICE_BYTES + key_bytes_max <= payload_bytes_max);
            assert_eq!(plan.problems(), []);
        }
    }

    #[test]
    fn a_state_is_of_what_it_depends_on_and_of_nothing_else() {
        let mark = |select: &str, more: &str| fingerprint(&sql(select, more));
        let own = mark(MEAN, "");
        let same = MEAN.replace("AS m", "AS n");
        for more in ["to = \"x\"", "lateness_ms = 5", "keys_max = 7", "idle_ms = 9"] {
            assert_eq!(mark(&same, more), own, "{more}");
        }
        for (old, new) in [
            ("AVG(v)", "SUM(v)"),
            ("AVG(v)", "AVG(x)"),
            ("in/#", "out/#"),
            ("10 s", "11 s"),
            ("TUMBLE(time", "TUMBLE(at"),
        ] {
            assert_ne!(mark(&MEAN.replace(old, new), ""), own, "{new}");
        }
        assert_ne!(mark(MEAN, "scope = \"stream\""), own);
        assert_ne!(mark(MEAN, "emit = { change = \"m\" }"), own);
        // What lies on disks has this form.
        assert!(own.starts_with("a6e1d5ae4e8612f0"), "{own}");
    }
}
