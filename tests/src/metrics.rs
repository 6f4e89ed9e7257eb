//! The admin page `/metrics`, parsed: Prometheus' text format 0.0.4.

use crate::client;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// One line: a name, its labels, a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name with suffixes such as `_bucket`.
    pub name: String,
    /// Labels, unescaped.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// Everything the node counts at one moment.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// All samples in the order of the page.
    pub samples: Vec<Sample>,
    /// The type of each metric family.
    pub types: BTreeMap<String, String>,
}

impl Metrics {
    /// Reads the page.
    ///
    /// # Panics
    ///
    /// If the page is absent or not in the format.
    pub fn scrape(admin: SocketAddr) -> Self {
        let answer = client::get(admin, "/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        Self::parse(&answer.text()).unwrap_or_else(|line| panic!("not Prometheus text: {line}"))
    }

    /// Parses a page; the error is the first line that is not in the format.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut metrics = Metrics { samples: Vec::new(), types: BTreeMap::new() };
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or(line)?;
                let known = ["counter", "gauge", "histogram", "summary", "untyped"];
                if !known.contains(&kind) || metrics.types.contains_key(name) {
                    return Err(format!("unknown or repeated type: {line}"));
                }
                metrics.types.insert(name.into(), kind.into());
            } else if !line.starts_with('#') {
                metrics.samples.push(sample(line).ok_or(line)?);
            }
        }
        Ok(metrics)
    }

    /// The sum of all samples of this name whose labels include `labels`; zero
    /// if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matches = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|have| have == value))
        };
        self.samples.iter().filter(matches).map(|sample| sample.value).sum()
    }

    /// How often this kind of failure was counted: for requests by the gateway,
    /// for functions whether or not a request failed of it.
    pub fn failures(&self, kind: &str) -> f64 {
        self.sum("sedge_failures_total", &[("kind", kind)])
            + self.sum("faas_errors_total", &[("error_type", kind)])
    }
}

fn sample(line: &str) -> Option<Sample> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = line.find(|c| !is_name(c))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.strip_prefix(' ')?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        number => number.parse().ok()?,
    };
    Some(Sample { name: name.into(), labels, value })
}

/// Reads `name="value",…}` and returns what comes after.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        if labels.insert(name.to_string(), value).is_some() {
            return None;
        }
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_format_is_refused() {
        for bad in ["a", "a{", "a{b=\"c\" 1", "1a 2", "a one", "a{b=\"1\",b=\"2\"} 3", " 1"] {
            assert!(Metrics::parse(bad).is_err(), "{bad}");
        }
        assert!(Metrics::parse("# TYPE a counter\n# TYPE a gauge\n").is_err());
    }

    #[test]
    fn samples_are_summed_by_label() {
        let text = "# HELP a things\n# TYPE a counter\na{k=\"x\",l=\"1\"} 1\na{k=\"x\",l=\"2\"} 2\n\
                    a{k=\"y\\\"\",l=\"1\"} 4\nb +Inf\n";
        let metrics = Metrics::parse(text).expect("in the format");
        assert_eq!(metrics.sum("a", &[("k", "x")]), 3.0);
        assert_eq!(metrics.sum("a", &[("l", "1")]), 5.0);
        assert_eq!(metrics.sum("a", &[("k", "y\"")]), 4.0);
        assert_eq!(metrics.sum("c", &[]), 0.0);
    }
}
