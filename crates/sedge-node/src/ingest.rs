//! Readings by HTTP: `POST /v1/ingest/<device>` on the listeners of requests.
//!
//! In the order in which a request travels: [`IngestEndpoint`] lets in as many as may be;
//! `who` says who sends, which is decided before the body is read; then the body is read as
//! its type says (`sedge_ingress::ingest`), stored as one batch, and answered when that is
//! durable. `answers` are all that a device is told. `files` are the passwords, which are read
//! again when they change, and `figures` are counted.

mod answers;
mod figures;
mod files;
mod known;
mod who;

pub(crate) use figures::IngestFigures;
pub(crate) use files::{IngestFiles, look};

use crate::mqtt::Gate;
use crate::streams::{Envelope, Incoming, StreamsHandle};
use answers::Told;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::request::Parts;
use http_body_util::BodyExt;
use known::Known;
use sedge_ingress::http::routes::Target;
use sedge_ingress::ingest::{self, EPOCH, Ingest, IngestRequest, SEQUENCE};
use sedge_ingress::mqtt::auth::Certificates;
use sedge_ingress::payload::{PayloadLimits, senml_json};
use sedge_model::failure::Failure;
use sedge_model::handler::{Answer, Body, Context, Handler, Request};
use sedge_model::node_config::IngestConfig;
use sedge_store::log::{LogError, Number, Outcome};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// What readings are, in the log.
const SENML: &str = "application/senml+json";
/// A body that is larger is decoded on a thread that may take its time.
const SMALL_BODY_BYTES: usize = 16 << 10;
/// What it is called in the access log.
const LABEL: &str = "node/ingest";

/// What answers where devices send readings.
struct IngestEndpoint {
    config: IngestConfig,
    limits: PayloadLimits,
    gate: Arc<Gate>,
    certificates: Certificates<Arc<Gate>>,
    known: Known,
    streams: Arc<StreamsHandle>,
    in_flight: AtomicUsize,
    figures: Arc<IngestFigures>,
}

impl IngestEndpoint {
    fn new(config: &IngestConfig, gate: Gate, streams: Arc<StreamsHandle>) -> Arc<Self> {
        let gate = Arc::new(gate);
        Arc::new(IngestEndpoint {
            config: config.clone(),
            limits: PayloadLimits {
                body_bytes_max: usize::try_from(config.body_bytes_max).unwrap_or(usize::MAX),
                readings_max: config.readings_max as usize,
                ..PayloadLimits::default()
            },
            certificates: Certificates { otherwise: Arc::clone(&gate) },
            gate,
            known: Known::default(),
            streams,
            in_flight: AtomicUsize::new(0),
            figures: Arc::default(),
        })
    }

    /// What the gateway calls.
    fn target(self: &Arc<Self>) -> Target {
        Target::new(Arc::clone(self) as _, LABEL.into())
    }

    async fn answer(&self, request: Request, context: &Context) -> Result<Told, Failure> {
        let (head, body) = request.into_parts();
        let place = Place::take(&self.in_flight, self.config.requests_max as usize);
        let device = match &place {
            None => Err(Told::busy("more requests are answered now than may be at one time")),
            Some(_) => self.begin(&head, context).await,
        };
        let device = match device {
            Ok(device) => device,
            Err(told) => {
                discard(body, self.limits.body_bytes_max).await;
                return Ok(told);
            }
        };
        let body = match self.read(&head.headers, body).await? {
            Ok(body) => body,
            Err(told) => return Ok(told),
        };
        let messages = match self.decode(device, &head.headers, body).await {
            Ok(messages) => messages,
            Err(told) => return Ok(told),
        };
        Ok(self.store(messages).await)
    }

    /// The device, if the head is all right.
    async fn begin(&self, head: &Parts, context: &Context) -> Result<String, Told> {
        let device = ingest::device(head.uri.path(), &self.config.path);
        let device = device.ok_or_else(|| Told::lost(&self.config.path))?;
        if head.method != http::Method::POST {
            return Err(Told::other_method());
        }
        self.admit(&device, &head.headers, context).await?;
        Ok(device)
    }

    /// The body, within its bound.
    async fn read(
        &self,
        headers: &HeaderMap,
        mut body: Body,
    ) -> Result<Result<Bytes, Told>, Failure> {
        let most = self.limits.body_bytes_max;
        let length =
            headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let length = length.and_then(|text| text.parse::<u64>().ok());
        let mut is_too_large = length.is_some_and(|length| length > most as u64);
        let mut read = BytesMut::new();
        while !is_too_large && let Some(frame) = body.frame().await {
            // The client has left, or was too slow.
            let Ok(data) = frame?.into_data() else { continue };
            is_too_large = data.len() > most - read.len();
            if !is_too_large {
                read.extend_from_slice(&data);
            }
        }
        if is_too_large {
            discard(body, most).await;
            return Ok(Err(Told::too_large(most)));
        }
        Ok(Ok(read.freeze()))
    }

    async fn decode(
        &self,
        device: String,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Vec<Incoming>, Told> {
        let of = |name: &str| match headers.get(name) {
            None => Ok(None),
            // What is no text is nothing that is expected there.
            Some(value) => value.to_str().map(|text| Some(text.to_owned())).map_err(|_| {
                Told::bad(&format!("the field {name} is no text of ASCII characters"))
            }),
        };
        let (content_type, content_encoding) = (of("content-type")?, of("content-encoding")?);
        let (epoch, sequence) = (of(EPOCH)?, of(SEQUENCE)?);
        let limits = self.limits.clone();
        let is_small = body.len() <= SMALL_BODY_BYTES;
        let decode = move || {
            let request = IngestRequest {
                device: &device,
                content_type: content_type.as_deref(),
                content_encoding: content_encoding.as_deref(),
                epoch: epoch.as_deref(),
                sequence: sequence.as_deref(),
                body: &body,
                received_unix_ns: now_unix_ns(),
            };
            ingest::ingest(&request, &limits).and_then(messages).map_err(Told::refused)
        };
        if is_small {
            return decode();
        }
        let decoded = tokio::task::spawn_blocking(decode).await;
        decoded.unwrap_or_else(|_| Err(Told::unavailable("the readings could not be decoded")))
    }

    /// Stores all of it; answers when it is durable.
    async fn store(&self, messages: Vec<Incoming>) -> Told {
        let Some(streams) = self.streams.get() else {
            return Told::unavailable("the node is stopping");
        };
        let (sender, receiver) = oneshot::channel();
        streams.submit(messages, None, Box::new(move |result| drop(sender.send(result))));
        drop(streams);
        match receiver.await.unwrap_or(Err(LogError::Closed)) {
            Ok(outcomes) => {
                let stored =
                    outcomes.iter().filter(|one| matches!(one, Outcome::Stored(_))).count();
                Told::stored(stored, outcomes.len() - stored)
            }
            Err(error) => Told::not_stored(&error),
        }
    }
}

impl Handler for IngestEndpoint {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(async move {
            let told = self.answer(request, &context).await;
            self.figures.count(told.as_ref().map_or("aborted", Told::outcome));
            Ok(told?.into_response())
        })
    }
}

/// Reads what comes, up to a bound, and throws it away. An answer before the end of the request
/// would reset a stream of HTTP/2, and many clients then do not read the answer.
async fn discard(mut body: Body, bytes_max: usize) {
    let mut left = bytes_max;
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Each reading as a message of its own.
fn messages(ingest: Ingest) -> Result<Vec<Incoming>, ingest::Refusal> {
    let device = ingest.device;
    let records = ingest.records.into_iter().enumerate();
    let message = |(index, record): (usize, ingest::IngestRecord)| {
        let number = record.number;
        Ok(Incoming {
            topic: ingest::topic(&device, &record.reading, index)?,
            device: device.to_string(),
            number: number.map(|one| Number { epoch: one.epoch, sequence: one.sequence }),
            // What was measured before 1970 has no such time; its payload tells nothing else.
            time_ms: u64::try_from(record.time_unix_ns / 1_000_000).unwrap_or(0),
            envelope: Envelope { content_type: Some(SENML.to_owned()), ..Envelope::default() },
            payload: senml_json(&record.reading, record.time_unix_ns).into(),
        })
    };
    records.map(message).collect()
}

fn now_unix_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A place among those that are answered at one time.
struct Place<'p>(&'p AtomicUsize);

impl<'p> Place<'p> {
    fn take(taken: &'p AtomicUsize, most: usize) -> Option<Self> {
        let place = Place(taken);
        // It is given back by being dropped.
        (taken.fetch_add(1, SeqCst) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
