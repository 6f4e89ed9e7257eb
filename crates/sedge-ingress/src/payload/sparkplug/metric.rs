//! A metric as a reading.

use super::datatype::DataType;
use super::message::Metric;
use super::{PayloadError, PayloadLimits, Place, Problem, Reading, Skipped};
use crate::payload::Time;
use crate::payload::reading::check_name;
use crate::payload::record::out_of_time;
use std::sync::Arc;

/// What a metric came to.
pub(super) enum Metrics {
    Read(Reading),
    Skipped(Skipped),
}

/// The metric with this name and type, of a message that was sent at `sent_ms`.
pub(super) fn reading(
    metric: &Metric,
    name: &str,
    datatype: u32,
    base: &Arc<str>,
    sent_ms: Option<u64>,
    place: &Place,
    limits: &PayloadLimits,
) -> Result<Metrics, PayloadError> {
    let at = |problem: Problem| problem.at(place.clone().field(name));
    let Some(kind) = DataType::of(datatype) else {
        return Ok(Metrics::Skipped(Skipped { name: name.into(), datatype }));
    };
    let value = match &metric.value {
        _ if metric.is_null == Some(true) => None,
        Some(value) => Some(kind.read(value, limits).map_err(at)?),
        None => return Err(at(Problem::expected("a value, or `is_null`"))),
    };
    let time_ms = metric.timestamp.or(sent_ms);
    let time_ns = time_ms.map(|ms| {
        i64::try_from(ms)
            .ok()
            .and_then(|ms| ms.checked_mul(1_000_000))
            .ok_or_else(|| at(out_of_time()))
    });
    Ok(Metrics::Read(Reading {
        base: base.clone(),
        unit: (kind == DataType::DateTime).then(|| Arc::from("ms")),
        time: time_ns.transpose()?.map(Time::Unix),
        historical: metric.is_historical == Some(true),
        ..Reading::new(name, value)
    }))
}

/// The name of a metric that declares itself.
pub(super) fn declared_name<'m>(
    metric: &'m Metric,
    base: &str,
    place: &Place,
    limits: &PayloadLimits,
) -> Result<&'m str, PayloadError> {
    let name = metric.name.as_deref().unwrap_or_default();
    check_name(name, limits, || place.clone().field(name))?;
    if base.len() + name.len() > limits.name_bytes_max {
        let problem = Problem::too_large("bytes of a name with its node", limits.name_bytes_max);
        return Err(problem.at(place.clone().field(name)));
    }
    Ok(name)
}
