//! What was counted, for Prometheus: its text format, version 0.0.4.

use std::fmt::Write;

use crate::query::Range;
use crate::summary::{CLASS_NAMES, Spread, Summary};
use crate::view::View;

/// The media type.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Of which time quantiles are.
pub const QUANTILE_RANGE: Range = Range::Minutes(5);

/// All metrics, from what is shown and what the last minutes had.
pub fn text(view: &View, last: &Summary) -> String {
    let mut out = String::new();
    counters(&mut out, view);
    quantiles(&mut out, view, last);
    users(&mut out, view, last);
    alerts(&mut out, view);
    out
}

fn describe(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(out, "# HELP analytics_{name} {help}\n# TYPE analytics_{name} {kind}\n");
}

/// One sample; names and values of labels have no characters that would have to be escaped.
fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let _ = write!(out, "analytics_{name}");
    for (at, (label, text)) in labels.iter().enumerate() {
        let _ = write!(out, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
    }
    let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
}

fn counters(out: &mut String, view: &View) {
    describe(out, "requests_total", "counter", "Requests by route and class of status.");
    for (route, total) in &view.totals {
        for (class, count) in CLASS_NAMES.iter().zip(total.classes) {
            sample(out, "requests_total", &[("route", route), ("class", class)], count as f64);
        }
    }
    describe(out, "events_total", "counter", "Events with a name.");
    sample(out, "events_total", &[], view.events_total as f64);
    describe(out, "records_refused_total", "counter", "What was not counted, by the reason.");
    let refused = &view.refused;
    for (reason, count) in [
        ("late", refused.late),
        ("future", refused.future),
        ("malformed", refused.malformed),
        ("nobody", refused.nobody),
        ("late-event", refused.late_events),
    ] {
        sample(out, "records_refused_total", &[("reason", reason)], count as f64);
    }
    describe(out, "as_of_seconds", "gauge", "Until when all was counted, seconds since 1970.");
    sample(out, "as_of_seconds", &[], view.as_of_ms as f64 / 1_000.0);
}

fn quantiles(out: &mut String, view: &View, last: &Summary) {
    let name = "request_duration_seconds";
    let help = "Time to the head of the answer; quantiles of the last five minutes.";
    describe(out, name, "summary", help);
    for (route, total) in &view.totals {
        let spread = last.routes.get(route).map(|figures| &figures.latency_ms);
        let sum_s = total.latency_us as f64 / 1e6;
        summary(out, name, route, spread, 1e-3, sum_s, total.requests());
    }
    let name = "response_size_bytes";
    let help = "Bytes of answers that say how many; quantiles of the last five minutes.";
    describe(out, name, "summary", help);
    for (route, total) in &view.totals {
        let spread = last.routes.get(route).map(|figures| &figures.size_bytes);
        summary(out, name, route, spread, 1.0, total.size_bytes as f64, total.sized);
    }
}

fn summary(
    out: &mut String,
    name: &str,
    route: &str,
    spread: Option<&Spread>,
    unit: f64,
    sum: f64,
    count: u64,
) {
    let of = |spread: &Spread| [("0.5", spread.p50), ("0.9", spread.p90), ("0.99", spread.p99)];
    for (quantile, value) in spread.into_iter().flat_map(of) {
        // What there is none of is no number, as in Prometheus' own libraries.
        let value = value.map_or(f64::NAN, |value| value * unit);
        sample(out, name, &[("route", route), ("quantile", quantile)], value);
    }
    sample(out, &format!("{name}_sum"), &[("route", route)], sum);
    sample(out, &format!("{name}_count"), &[("route", route)], count as f64);
}

fn users(out: &mut String, view: &View, last: &Summary) {
    describe(out, "users", "gauge", "Different users of the last five minutes, about.");
    sample(out, "users", &[], last.all.users as f64);
    describe(out, "sessions_open", "gauge", "Sessions that go on.");
    sample(out, "sessions_open", &[], view.sessions.open as f64);
    describe(out, "sessions_unusual", "gauge", "Those that are most unlike a person's.");
    sample(out, "sessions_unusual", &[], view.sessions.unusual as f64);
    describe(out, "sessions_ended_total", "counter", "Sessions that ended, by the reason.");
    for (reason, count) in &view.sessions.ended {
        sample(out, "sessions_ended_total", &[("reason", reason)], *count as f64);
    }
}

fn alerts(out: &mut String, view: &View) {
    let help = "What is above its usual level: 1 warning, 2 critical.";
    describe(out, "alert_level", "gauge", help);
    for (about, level) in &view.raised {
        let code = if level == "critical" { 2.0 } else { 1.0 };
        let name = about.name.as_deref().unwrap_or_default();
        let labels = [("subject", &*about.subject), ("name", name), ("cause", &about.cause)];
        sample(out, "alert_level", &labels, code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::About;
    use crate::summary::tests::asked;
    use crate::view::tests::vault;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn every_line_is_one_of_the_format_and_of_a_metric_that_is_described() {
        let mut view = View::read(&vault()).expect("a view").expect("something");
        let about = About { subject: "node".into(), name: None, cause: "errors".into() };
        view.raised.push((about, "critical".into()));
        let text = text(&view, &asked(None, QUANTILE_RANGE));
        let (mut kinds, mut samples) = (BTreeMap::new(), BTreeSet::new());
        for line in text.lines() {
            if let Some(described) = line.strip_prefix("# TYPE ") {
                let (name, kind) = described.split_once(' ').expect("a kind");
                assert!(kinds.insert(name, kind).is_none(), "{line}");
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                assert!(samples.insert(series), "{line} is there twice");
                assert!(value.parse::<f64>().is_ok(), "{line}");
                let name = series.split('{').next().expect("a name");
                let base = name.strip_suffix("_sum").or_else(|| name.strip_suffix("_count"));
                assert!(
                    kinds.contains_key(name) || base.is_some_and(|base| kinds[base] == "summary")
                );
            }
        }
        assert!(text.ends_with('\n'));
        for wanted in [
            "analytics_requests_total{route=\"shop\",class=\"5xx\"} 3\n",
            "analytics_request_duration_seconds_sum{route=\"shop\"} 0.435\n",
            "analytics_request_duration_seconds_count{route=\"shop\"} 30\n",
            "analytics_response_size_bytes_sum{route=\"shop\"} 13500\n",
            "analytics_response_size_bytes{route=\"api\",quantile=\"0.5\"} NaN\n",
            "analytics_records_refused_total{reason=\"malformed\"} 1\n",
            "analytics_alert_level{subject=\"node\",name=\"\",cause=\"errors\"} 2\n",
            "analytics_sessions_open 30\n",
        ] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
    }
}
