//! Payloads as they are on the wire: the messages of `sparkplug_b.proto` (Eclipse Tahu),
//! as far as they mean something here. What is not declared is checked to be well formed by
//! `prost`, and skipped.

use super::expand;
use crate::payload::{PayloadError, PayloadLimits, Place, Problem};
use bytes::Bytes;
use prost::Message as _;

/// The metric that numbers the sessions of an edge node.
const SESSION: &str = "bdSeq";
/// The metric by which an edge node is asked to be born again (Sparkplug 3.0 §6.4.19).
const REBIRTH: &str = "Node Control/Rebirth";
/// The number of the type of truth values.
const BOOLEAN: u32 = 11;

/// The payload of the command `NCMD` that asks an edge node for its birth certificates.
pub fn rebirth(now_ms: u64) -> Bytes {
    let metric = Metric {
        name: Some(REBIRTH.to_owned()),
        timestamp: Some(now_ms),
        datatype: Some(BOOLEAN),
        value: Some(MetricValue::Boolean(true)),
        ..Metric::default()
    };
    let metrics = vec![metric.encode_to_vec().into()];
    Payload { timestamp: Some(now_ms), metrics, ..Payload::default() }.encode_to_vec().into()
}

/// `Payload`. Its metrics are left as they are, to be decoded one after the other.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Payload {
    #[prost(uint64, optional, tag = "1")]
    pub(super) timestamp: Option<u64>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) metrics: Vec<Bytes>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) seq: Option<u64>,
    #[prost(string, optional, tag = "4")]
    pub(super) uuid: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub(super) body: Option<Bytes>,
}

/// `Payload.Metric`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Metric {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) alias: Option<u64>,
    #[prost(uint64, optional, tag = "3")]
    pub(super) timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "4")]
    pub(super) datatype: Option<u32>,
    #[prost(bool, optional, tag = "5")]
    pub(super) is_historical: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    pub(super) is_null: Option<bool>,
    #[prost(oneof = "MetricValue", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19")]
    pub(super) value: Option<MetricValue>,
}

/// The value of a metric. The last three are messages, which are not looked into.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum MetricValue {
    #[prost(uint32, tag = "10")]
    Int(u32),
    #[prost(uint64, tag = "11")]
    Long(u64),
    #[prost(float, tag = "12")]
    Float(f32),
    #[prost(double, tag = "13")]
    Double(f64),
    #[prost(bool, tag = "14")]
    Boolean(bool),
    #[prost(string, tag = "15")]
    String(String),
    #[prost(bytes = "bytes", tag = "16")]
    Bytes(Bytes),
    #[prost(bytes = "bytes", tag = "17")]
    DataSet(Bytes),
    #[prost(bytes = "bytes", tag = "18")]
    Template(Bytes),
    #[prost(bytes = "bytes", tag = "19")]
    Extension(Bytes),
}

/// A payload that is decoded, and decompressed if it was compressed.
pub(super) struct Message {
    /// When it was sent, in milliseconds since 1970.
    pub(super) timestamp_ms: Option<u64>,
    pub(super) sequence: Option<u64>,
    pub(super) metrics: Vec<(Place, Metric)>,
}

impl Message {
    pub(super) fn decode(bytes: Bytes, limits: &PayloadLimits) -> Result<Self, PayloadError> {
        let outer = payload(bytes.clone(), limits)?;
        if !expand::is_compressed(&outer) {
            return Message::of(outer, Some(&bytes));
        }
        let bytes = expand::body(&outer, &metrics(&outer, Some(&bytes))?, limits)?;
        let mut inner = payload(bytes, limits)?;
        if expand::is_compressed(&inner) {
            let problem = Problem::expected("no compressed payload within a compressed one");
            return Err(problem.at(Place::default()));
        }
        inner.seq = outer.seq.or(inner.seq);
        inner.timestamp = inner.timestamp.or(outer.timestamp);
        Message::of(inner, None)
    }

    fn of(payload: Payload, whole: Option<&Bytes>) -> Result<Self, PayloadError> {
        Ok(Message {
            timestamp_ms: payload.timestamp,
            sequence: payload.seq,
            metrics: metrics(&payload, whole)?,
        })
    }

    /// The number of the session, if the message says.
    pub(super) fn session(&self) -> Option<u64> {
        let (_, metric) =
            self.metrics.iter().find(|(_, metric)| metric.name.as_deref() == Some(SESSION))?;
        match metric.value {
            Some(MetricValue::Int(session)) => Some(session.into()),
            Some(MetricValue::Long(session)) => Some(session),
            _ => None,
        }
    }
}

fn payload(bytes: Bytes, limits: &PayloadLimits) -> Result<Payload, PayloadError> {
    let payload = Payload::decode(bytes).map_err(|_| {
        Problem::malformed("not a payload of Sparkplug B: protobuf that does not fit")
            .at(Place::default())
    })?;
    if payload.metrics.len() > limits.readings_max {
        let problem = Problem::too_large("metrics", limits.readings_max);
        return Err(problem.at(Place::record(limits.readings_max)));
    }
    Ok(payload)
}

/// The metrics, each with its place: in `whole`, if they lie there.
fn metrics(payload: &Payload, whole: Option<&Bytes>) -> Result<Vec<(Place, Metric)>, PayloadError> {
    let decode = |(index, bytes): (usize, &Bytes)| {
        let mut place = Place::record(index);
        if let Some(whole) = whole {
            // Metrics are parts of the message, not copies.
            place = place.offset((bytes.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize));
        }
        match Metric::decode(bytes.clone()) {
            Ok(metric) => Ok((place, metric)),
            Err(_) => Err(Problem::malformed("not a metric: protobuf that does not fit").at(place)),
        }
    };
    payload.metrics.iter().enumerate().map(decode).collect()
}
