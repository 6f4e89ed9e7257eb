//! `/v1/streams`: how the log of messages stands, what it has, and its readers' places.

use super::exposition::{Exposition, Labels, Type};
use super::reply::Reply;
use crate::query::Query;
use crate::streams::{
    Envelope, Kind, REFUSALS, SPARKPLUG_OUTCOMES, Sparkplug, Streams, StreamsHandle,
};
use http::StatusCode;
use sedge_ingress::http::tls::base64;
use sedge_model::handler::{Request, Response};
use sedge_model::topic::TopicFilter;
use sedge_store::log::{Batch, CursorChange, Gap, Item, Log, LogError, Lost, Record};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Records on one page.
const RECORDS_MAX: usize = 1_000;
/// Bytes of the log that are looked through for one page.
const BYTES_MAX: usize = 8 << 20;
/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;
/// Devices of a gap that are told.
const DEVICES_MAX: usize = 100;

type Answered = Result<Response, (StatusCode, String)>;

/// Answers a request whose path begins with `/v1/streams`. The log blocks, so it is asked on a
/// thread that may.
pub(crate) async fn answer(handle: &StreamsHandle, request: Request) -> Response {
    let Some(streams) = handle.get() else {
        return match request.uri().path() {
            "/v1/streams" => Reply::json(&json!({ "open": false })),
            _ => Reply::problem(StatusCode::NOT_FOUND, "this node has no log of messages"),
        };
    };
    let uri = request.uri().clone();
    let worked = tokio::task::spawn_blocking(move || {
        let query = Query::parse(uri.query().unwrap_or_default());
        match uri.path() {
            "/v1/streams" => Ok(Reply::json(&usage(&streams))),
            "/v1/streams/records" => records(streams.log(), &query),
            _ => forget(streams.log(), &query),
        }
    });
    match worked.await {
        Ok(Ok(response)) => response,
        Ok(Err((status, detail))) => Reply::problem(status, &detail),
        Err(_) => Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, "the log's reader failed"),
    }
}

fn usage(streams: &Streams) -> Value {
    let log = streams.log();
    let usage = log.usage();
    let cursors: Vec<Value> = cursors(log)
        .map(|(name, position)| {
            let lag = usage.end.saturating_sub(position);
            json!({ "name": name, "position": position, "lag": lag })
        })
        .collect();
    json!({
        "open": true,
        "oldest": usage.oldest,
        "end": usage.end,
        "records": usage.end.saturating_sub(usage.oldest),
        "bytes": usage.bytes,
        "segments": usage.segments,
        "gap_records": usage.gap_records,
        "lost_positions": usage.lost_positions,
        "failure": log.failure(),
        "cursors": cursors,
    })
}

/// Names and positions of all readers.
fn cursors(log: &Log) -> impl Iterator<Item = (String, u64)> {
    log.cursors().into_iter().filter_map(|name| {
        let position = log.cursor(&name)?.position;
        Some((name, position))
    })
}

fn number(query: &Query, name: &str) -> Result<Option<u64>, (StatusCode, String)> {
    let parse = |text: &str| {
        let wrong = || (StatusCode::BAD_REQUEST, format!("?{name}= is not a whole number"));
        text.parse().map_err(|_| wrong())
    };
    query.get(name).map(parse).transpose()
}

/// A page of records, and where the next one begins. It may have none and end before the log
/// does: then what was looked through is none of the topic.
fn records(log: &Log, query: &Query) -> Answered {
    let filter = query.get("topic").map(TopicFilter::parse).transpose();
    let filter = filter.map_err(|error| (StatusCode::BAD_REQUEST, format!("?topic= {error}")))?;
    let limit = number(query, "limit")?.map_or(RECORDS_MAX, |limit| limit as usize);
    let limit = limit.clamp(1, RECORDS_MAX);
    let oldest = log.usage().oldest;
    // What is older is told where somebody asks for it.
    let mut next = number(query, "from")?.unwrap_or(oldest);
    let (mut items, mut bytes) = (Vec::new(), 0);
    let mut reader = log.reader(next);
    'page: while bytes < BYTES_MAX {
        let read = reader.read(READ_BYTES).map_err(of_log)?;
        if read.is_empty() {
            next = next.max(reader.position());
            break;
        }
        bytes += READ_BYTES;
        for item in read {
            next = item.next();
            items.extend(shown(&item, filter.as_ref()));
            if items.len() >= limit {
                break 'page;
            }
        }
    }
    Ok(Reply::json(&json!({ "items": items, "next": next, "end": log.usage().end })))
}

fn shown(item: &Item, filter: Option<&TopicFilter>) -> Option<Value> {
    match item {
        Item::Record { position, record, .. } => {
            if filter.is_some_and(|filter| !filter.matches(&record.stream)) {
                return None;
            }
            self::record(*position, record)
        }
        Item::Gap { position, gap } => Some(self::gap(*position, gap)),
        Item::Lost(lost) => Some(self::lost(*lost)),
    }
}

/// `None`: it is a function's own state.
fn record(position: u64, record: &Record) -> Option<Value> {
    let envelope = Envelope::decode(&record.key);
    let mut shown = json!({
        "position": position,
        "topic": record.stream,
        "device": record.device,
        "epoch": record.number.epoch,
        "sequence": record.number.sequence,
        "time_ms": record.time_ms,
    });
    match envelope {
        Ok(Envelope { kind: Kind::State, .. }) => return None,
        Ok(envelope) => {
            if let Kind::Publish { retain } = envelope.kind {
                shown["published"] = json!({ "retain": retain });
            }
            if let Some(content_type) = envelope.content_type {
                shown["content_type"] = json!(content_type);
            }
            if !envelope.key.is_empty() {
                text(&mut shown, "key", &envelope.key);
            }
        }
        Err(error) => shown["unreadable"] = json!(error.to_string()),
    }
    text(&mut shown, "payload", &record.payload);
    Some(shown)
}

/// Bytes as text if they are, else in base64 under a name that says so.
fn text(shown: &mut Value, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => shown[name] = json!(text),
        Err(_) => shown[format!("{name}_base64")] = json!(base64(bytes)),
    }
}

fn gap(position: u64, gap: &Gap) -> Value {
    let devices = gap.devices.iter().take(DEVICES_MAX);
    let devices: Vec<Value> = devices
        .map(|one| {
            json!({
                "device": one.device,
                "records": one.records,
                "lowest": [one.lowest.epoch, one.lowest.sequence],
                "highest": [one.highest.epoch, one.highest.sequence],
            })
        })
        .collect();
    json!({
        "position": position,
        "gap": {
            "from": gap.from,
            "to": gap.to,
            "cause": format!("{:?}", gap.cause).to_lowercase(),
            "records": gap.records,
            "devices": devices,
        },
    })
}

fn lost(lost: Lost) -> Value {
    let cause = format!("{:?}", lost.cause).to_lowercase();
    json!({ "lost": { "from": lost.from, "to": lost.to, "cause": cause } })
}

/// Removes a cursor: it holds nothing any more, and its reader begins anew.
fn forget(log: &Log, query: &Query) -> Answered {
    let Some(name) = query.get("name") else {
        return Err((StatusCode::BAD_REQUEST, "?name= is missing".to_owned()));
    };
    if log.cursor(name).is_none() {
        return Err((StatusCode::NOT_FOUND, format!("there is no reader {name:?}")));
    }
    let cursor = Some(CursorChange::Remove { name: name.to_owned() });
    log.append(Batch { records: Vec::new(), cursor }).map_err(of_log)?;
    tracing::info!(name, "the place of a reader of the log of messages was forgotten");
    Ok(Reply::done())
}

fn of_log(error: LogError) -> (StatusCode, String) {
    let status = match error {
        LogError::Full => StatusCode::INSUFFICIENT_STORAGE,
        LogError::Busy | LogError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, error.to_string())
}

/// Appends what is counted, if the log is open.
pub(crate) fn figures(page: &mut Exposition, handle: &Arc<StreamsHandle>) {
    let Some(streams) = handle.get() else { return };
    let (log, figures) = (streams.log(), streams.figures());
    let usage = log.usage();
    let none = Labels::default();
    let failed = u64::from(log.failure().is_some());
    for (name, help, value) in [
        ("sedge_streams_bytes", "Bytes of the log of messages.", usage.bytes),
        ("sedge_streams_segments", "Files of the log of messages.", usage.segments as u64),
        ("sedge_streams_oldest", "The first position that the log has.", usage.oldest),
        ("sedge_streams_end", "The position of the log's next record.", usage.end),
        (
            "sedge_streams_failed",
            "1 since a write or a sync has failed: nothing is acknowledged any more.",
            failed,
        ),
    ] {
        page.metric(name, Type::Gauge, help);
        page.sample(name, &none, value);
    }
    for (name, help, value) in [
        ("sedge_streams_stored_total", "Messages that were stored.", figures.stored.load(Relaxed)),
        (
            "sedge_streams_duplicates_total",
            "Messages that had been stored before, by their numbers.",
            figures.duplicates.load(Relaxed),
        ),
        (
            "sedge_streams_stored_bytes_total",
            "Bytes of topics and payloads that were stored.",
            figures.bytes.load(Relaxed),
        ),
        (
            "sedge_streams_unkept_total",
            "MQTT messages of QoS 0 that were not kept.",
            figures.unkept.load(Relaxed),
        ),
        ("sedge_streams_gap_records_total", "Records that were removed unread.", usage.gap_records),
        (
            "sedge_streams_lost_total",
            "Positions that were found damaged or missing.",
            usage.lost_positions,
        ),
    ] {
        page.metric(name, Type::Counter, help);
        page.sample(name, &none, value);
    }
    let name = "sedge_streams_refused_total";
    page.metric(name, Type::Counter, "Messages that were refused, by reason.");
    for (reason, count) in REFUSALS.iter().zip(&figures.refused) {
        page.sample(name, &Labels::new(&[("reason", reason)]), count.load(Relaxed));
    }
    handle.sparkplug().iter().for_each(|sparkplug| of_sparkplug(page, sparkplug));
    let name = "sedge_streams_lag";
    page.metric(name, Type::Gauge, "Records that a reader has not dealt with.");
    for (cursor, position) in cursors(log) {
        let lag = usage.end.saturating_sub(position);
        page.sample(name, &Labels::new(&[("cursor", &cursor)]), lag);
    }
}

fn of_sparkplug(page: &mut Exposition, sparkplug: &Sparkplug) {
    let (figures, none) = (sparkplug.figures(), Labels::default());
    let name = "sedge_sparkplug_edge_nodes";
    page.metric(name, Type::Gauge, "Edge nodes of Sparkplug B that are alive.");
    page.sample(name, &none, sparkplug.alive() as u64);
    let name = "sedge_sparkplug_messages_total";
    page.metric(name, Type::Counter, "Messages of Sparkplug B, by what they were.");
    for (outcome, count) in SPARKPLUG_OUTCOMES.iter().zip(&figures.messages) {
        page.sample(name, &Labels::new(&[("outcome", outcome)]), count.load(Relaxed));
    }
    for (name, help, count) in [
        (
            "sedge_sparkplug_records_total",
            "Readings and states that messages of Sparkplug B had.",
            &figures.records,
        ),
        (
            "sedge_sparkplug_skipped_total",
            "Metrics of Sparkplug B that are no readings.",
            &figures.skipped,
        ),
        (
            "sedge_sparkplug_rebirths_total",
            "How often an edge node was asked to be born again.",
            &figures.asked,
        ),
    ] {
        page.metric(name, Type::Counter, help);
        page.sample(name, &none, count.load(Relaxed));
    }
}
