//! Compressed payloads: the real one is the body of another, as Eclipse Tahu writes them.

use super::message::{Metric, MetricValue, Payload};
use crate::payload::{PayloadError, PayloadLimits, Place, Problem};
use bytes::Bytes;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use std::io::{BufRead, Read};

/// What the outer payload says instead of an UUID.
const COMPRESSED: &str = "SPBV1.0_COMPRESSED";
/// The metric that names the algorithm.
const ALGORITHM: &str = "algorithm";

pub(super) fn is_compressed(payload: &Payload) -> bool {
    payload.uuid.as_deref() == Some(COMPRESSED)
}

/// The body, decompressed: `DEFLATE`, in the format of zlib (RFC 1950), unless a metric says
/// `GZIP` (RFC 1952).
pub(super) fn body(
    payload: &Payload,
    metrics: &[(Place, Metric)],
    limits: &PayloadLimits,
) -> Result<Bytes, PayloadError> {
    let at_body = |problem: Problem| problem.at(Place::default().field("body"));
    let body = payload.body.as_deref();
    let body = body.ok_or_else(|| at_body(Problem::expected("a body that is compressed")))?;
    let named = metrics.iter().find(|(_, metric)| metric.name.as_deref() == Some(ALGORITHM));
    let algorithm = match named {
        None => "DEFLATE",
        Some((place, metric)) => match &metric.value {
            Some(MetricValue::String(algorithm)) => algorithm.as_str(),
            _ => {
                let problem = Problem::expected("text as the algorithm");
                return Err(problem.at(place.clone().field(ALGORITHM)));
            }
        },
    };
    match algorithm {
        "DEFLATE" => bounded(ZlibDecoder::new(body), ZlibDecoder::into_inner, limits),
        "GZIP" => bounded(GzDecoder::new(body), GzDecoder::into_inner, limits),
        _ => {
            let problem = Problem::expected("the algorithm `DEFLATE` or `GZIP`");
            return Err(problem.at(Place::default().field(ALGORITHM)));
        }
    }
    .map_err(at_body)
}

fn bounded<D: Read, R: BufRead>(
    mut decoder: D,
    rest: impl FnOnce(D) -> R,
    limits: &PayloadLimits,
) -> Result<Bytes, Problem> {
    let malformed = |_| Problem::malformed("what is compressed is damaged or ends too early");
    let limit = limits.expanded_bytes_max;
    let mut bytes = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.by_ref().take(bound).read_to_end(&mut bytes).map_err(malformed)?;
    if bytes.len() > limit {
        return Err(Problem::too_large("bytes after decompression", limit));
    }
    match rest(decoder).fill_buf().map_err(malformed)? {
        [] => Ok(bytes.into()),
        _ => Err(Problem::malformed("there is more behind what is compressed")),
    }
}
