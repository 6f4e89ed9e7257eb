//! Messages as edge nodes send them.

use super::message::{Metric, MetricValue, Payload};
use bytes::Bytes;
use prost::Message as _;

/// A metric with a name and a type.
pub(crate) fn metric(name: &str, datatype: u32, value: MetricValue) -> Metric {
    Metric {
        name: Some(name.to_owned()),
        datatype: Some(datatype),
        value: Some(value),
        ..Metric::default()
    }
}

/// The same with an alias.
pub(crate) fn with_alias(alias: u64, metric: Metric) -> Metric {
    Metric { alias: Some(alias), ..metric }
}

/// A metric as data has it: by its alias.
pub(crate) fn by_alias(alias: u64, value: MetricValue) -> Metric {
    Metric { alias: Some(alias), value: Some(value), ..Metric::default() }
}

/// A message with a number, sent 1,000 ms after 1970.
pub(crate) fn payload(seq: Option<u64>, metrics: &[Metric]) -> Bytes {
    let metrics = metrics.iter().map(|metric| metric.encode_to_vec().into()).collect();
    Payload { timestamp: Some(1_000), seq, metrics, ..Payload::default() }.encode_to_vec().into()
}

impl From<u64> for MetricValue {
    fn from(value: u64) -> Self {
        MetricValue::Long(value)
    }
}

impl From<f64> for MetricValue {
    fn from(value: f64) -> Self {
        MetricValue::Double(value)
    }
}

impl From<bool> for MetricValue {
    fn from(value: bool) -> Self {
        MetricValue::Boolean(value)
    }
}
