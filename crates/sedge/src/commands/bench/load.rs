//! Sends requests over connections that are kept open, and counts answers.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Time before counting begins.
const WARM_UP: Duration = Duration::from_secs(1);
/// Time that an answer may take before it counts as missing.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Pause after a connection was refused, so that a dead server is not
/// hammered.
const RECONNECT_AFTER: Duration = Duration::from_millis(20);

/// What to send, and how hard.
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) uri: Uri,
    pub(super) method: Method,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
    pub(super) connections: u32,
    pub(super) duration: Duration,
    /// Requests per second over all connections; `None`: closed loop.
    pub(super) rate: Option<u64>,
}

/// What came back.
#[derive(Default)]
pub(super) struct Outcome {
    /// Microseconds of every answer, sorted when the run is over.
    pub(super) latencies_us: Vec<u32>,
    /// Answers by status.
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Requests without an answer, by reason.
    pub(super) errors: BTreeMap<String, u64>,
    /// Bytes of bodies received.
    pub(super) body_bytes: u64,
    /// Time that was measured.
    pub(super) elapsed: Duration,
}

impl Outcome {
    pub(super) fn answered(&self) -> u64 {
        self.latencies_us.len() as u64
    }

    fn merge(&mut self, other: Outcome) {
        self.latencies_us.extend(other.latencies_us);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (reason, count) in other.errors {
            *self.errors.entry(reason).or_default() += count;
        }
        self.body_bytes += other.body_bytes;
    }
}

impl Load {
    /// Runs on the current thread: one core drives tens of thousands of
    /// requests per second and leaves the rest to the server.
    pub(super) async fn run(self) -> Result<Outcome> {
        // A server that is not there is an error at once, not a table of zeros.
        drop(
            TcpStream::connect(self.address)
                .await
                .with_context(|| format!("connect to {}", self.address))?,
        );
        let load = std::sync::Arc::new(self);
        let begin = Instant::now();
        let mut workers = JoinSet::new();
        for index in 0..load.connections {
            let load = load.clone();
            workers.spawn(async move {
                Worker { load: &load, index, begin, outcome: Outcome::default() }.run().await
            });
        }
        let mut total = Outcome::default();
        while let Some(outcome) = workers.join_next().await {
            total.merge(outcome.context("run a connection")?);
        }
        total.elapsed = load.duration;
        total.latencies_us.sort_unstable();
        Ok(total)
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        // Both were parsed before, so neither can fail now.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let authority = self.uri.authority().map_or("localhost", |authority| authority.as_str());
        if let Ok(host) = HeaderValue::from_str(authority) {
            request.headers_mut().insert(http::header::HOST, host);
        }
        for (name, value) in &self.headers {
            request.headers_mut().append(name.clone(), value.clone());
        }
        request
    }
}

struct Worker<'a> {
    load: &'a Load,
    index: u32,
    begin: Instant,
    outcome: Outcome,
}

impl Worker<'_> {
    async fn run(mut self) -> Outcome {
        let count_from = self.begin + WARM_UP;
        let end = count_from + self.load.duration;
        let mut connection = None;
        for turn in 0.. {
            let due = self.due(turn);
            if let Some(due) = due {
                tokio::time::sleep_until(due.into()).await;
            }
            let start = due.unwrap_or_else(Instant::now);
            if start >= end || Instant::now() >= end {
                break;
            }
            let answer = tokio::time::timeout(ANSWER_MAX, self.once(&mut connection)).await;
            let counted = start >= count_from;
            match answer {
                Ok(Ok((status, bytes))) if counted => {
                    let micros = start.elapsed().as_micros();
                    self.outcome.latencies_us.push(u32::try_from(micros).unwrap_or(u32::MAX));
                    *self.outcome.statuses.entry(status).or_default() += 1;
                    self.outcome.body_bytes += bytes;
                }
                Ok(Ok(_)) => {}
                Ok(Err(reason)) => self.failed(&mut connection, counted, reason).await,
                Err(_) => self.failed(&mut connection, counted, "no answer in 30 s".into()).await,
            }
        }
        self.outcome
    }

    /// When the request of this turn is due: connections take turns.
    fn due(&self, turn: u64) -> Option<Instant> {
        let rate = self.load.rate? as f64;
        let position = turn * u64::from(self.load.connections) + u64::from(self.index);
        Some(self.begin + Duration::from_secs_f64(position as f64 / rate))
    }

    async fn failed(
        &mut self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
        counted: bool,
        reason: String,
    ) {
        *connection = None;
        if counted {
            *self.outcome.errors.entry(reason).or_default() += 1;
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }

    /// One request; status and length of the answer's body.
    async fn once(
        &self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
    ) -> Result<(u16, u64), String> {
        // A server may close a connection that was kept open; that is no error.
        if let Some(open) = connection.as_mut()
            && open.ready().await.is_err()
        {
            *connection = None;
        }
        let open = match connection {
            Some(open) => open,
            None => connection.insert(self.connect().await?),
        };
        let response = open.send_request(self.load.request()).await.map_err(words)?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.map_err(words)?.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok((status, bytes))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = TcpStream::connect(self.load.address)
            .await
            .map_err(|error| format!("connect: {}", error.kind()))?;
        let _ = stream.set_nodelay(true);
        let (mut open, connection) = handshake(TokioIo::new(stream)).await.map_err(words)?;
        tokio::spawn(connection);
        open.ready().await.map_err(words)?;
        Ok(open)
    }
}

/// The innermost reason: "connection reset", not "error trying to …".
fn words(error: hyper::Error) -> String {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
