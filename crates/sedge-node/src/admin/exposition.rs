//! The Prometheus text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use sedge_model::metrics::Histogram;
use std::fmt::{Display, Write};
use std::time::Duration;

/// Media type of the format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of duration buckets: those that OpenTelemetry advises for
/// `http.server.request.duration`, and four below, since functions answer in
/// less than the 5 ms with which they begin. Seconds.
const BOUNDS_S: [f64; 18] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5,
    0.75, 1.0, 2.5, 5.0, 10.0,
];

/// A page of metrics under construction.
#[derive(Default)]
pub(crate) struct Exposition {
    text: String,
}

/// What kind a metric is, as the format names it.
#[derive(Clone, Copy)]
pub(crate) enum Type {
    /// Only grows.
    Counter,
    /// Goes both ways.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

impl Exposition {
    /// Begins a metric: everything until the next call belongs to it.
    pub(crate) fn metric(&mut self, name: &str, kind: Type, help: &str) {
        let kind = match kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// One value.
    pub(crate) fn sample(&mut self, name: &str, labels: &Labels, value: impl Display) {
        let _ = match labels.0.as_str() {
            "" => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    /// The buckets, sum and count of a histogram.
    pub(crate) fn histogram(&mut self, name: &str, labels: &Labels, histogram: &Histogram) {
        let comma = if labels.0.is_empty() { "" } else { "," };
        let labels_text = &labels.0;
        for bound in BOUNDS_S {
            let count = histogram.count_at_most(Duration::from_secs_f64(bound));
            let _ =
                writeln!(self.text, "{name}_bucket{{{labels_text}{comma}le=\"{bound}\"}} {count}");
        }
        // Written while counting goes on: the last bucket and the count must
        // agree, and no bucket may exceed them.
        let total = histogram.count();
        let _ = writeln!(self.text, "{name}_bucket{{{labels_text}{comma}le=\"+Inf\"}} {total}");
        self.sample(&format!("{name}_sum"), labels, histogram.sum().as_secs_f64());
        self.sample(&format!("{name}_count"), labels, total);
    }

    /// The finished page.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Label pairs, escaped and joined.
#[derive(Clone, Default)]
pub(crate) struct Labels(String);

impl Labels {
    /// Pairs of name and value.
    pub(crate) fn new(pairs: &[(&str, &str)]) -> Self {
        let mut labels = Labels::default();
        for (name, value) in pairs {
            labels.push(name, value);
        }
        labels
    }

    /// The same and one pair more.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut labels = self.clone();
        labels.push(name, value);
        labels
    }

    fn push(&mut self, name: &str, value: &str) {
        let comma = if self.0.is_empty() { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(self.0, "{comma}{name}=\"{value}\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let labels = Labels::new(&[("a", "x\"y\\z\n")]).with("b", "");
        assert_eq!(labels.0, r#"a="x\"y\\z\n",b="""#);
    }

    #[test]
    fn a_histogram_has_growing_buckets_a_sum_and_a_count() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_micros(80));
        histogram.record(Duration::from_secs(60));
        let mut page = Exposition::default();
        page.metric("d", Type::Histogram, "durations");
        page.histogram("d", &Labels::new(&[("app", "a")]), &histogram);
        let text = page.finish();
        assert!(text.starts_with("# HELP d durations\n# TYPE d histogram\n"), "{text}");
        assert!(text.contains("d_bucket{app=\"a\",le=\"0.0001\"} 1\n"), "{text}");
        assert!(text.contains("d_bucket{app=\"a\",le=\"10\"} 1\n"), "{text}");
        assert!(text.contains("d_bucket{app=\"a\",le=\"+Inf\"} 2\n"), "{text}");
        assert!(text.ends_with("d_sum{app=\"a\"} 60.00008\nd_count{app=\"a\"} 2\n"), "{text}");
    }
}
