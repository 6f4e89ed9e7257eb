//! The bookkeeping of one request: begun once, ended once, whatever happens in
//! between.

mod span;

use super::access::Record;
use super::connection::Connection;
use super::forwarded;
use super::http2;
use super::metrics::{Counter, RouteMetrics, Timeout};
use super::routes::Target;
use super::validate;
use http::{Method, Version, request};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Context, Interims, Noted, Notes};
use sedge_model::trace::{ActiveSpan, Spans, TraceContext};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A request in flight. Dropping it counts it and writes its access record: it
/// is dropped with the answer's body, or with the future of a request whose
/// client has left.
pub(crate) struct Exchange {
    pub(crate) connection: Arc<Connection>,
    pub(crate) trace: TraceContext,
    /// The client's address, as far as it is known.
    client: IpAddr,
    started: Instant,
    /// 0 until there is an answer.
    status: u16,
    /// Whether the answer was handed over whole.
    complete: bool,
    failure: Option<Failure>,
    /// What handlers tell; a slot only where a rule has more ways than one.
    notes: Notes,
    /// What is counted for the rule that was taken.
    route: Option<Arc<RouteMetrics>>,
    bytes_in: Option<Arc<Counter>>,
    pub(crate) bytes_out: u64,
    /// When the connection became another protocol's, since the begin.
    switched: Option<Duration>,
    line: Option<Box<Line>>,
    spans: Spans,
    span: ActiveSpan,
}

/// What only the access record needs.
struct Line {
    time: SystemTime,
    method: Method,
    host: String,
    path: String,
    version: Version,
    label: Option<Arc<str>>,
    revision: u64,
}

impl Exchange {
    /// Begins a request: the clock runs, the trace has its span.
    pub(crate) fn begin(connection: Arc<Connection>, head: &request::Parts) -> Self {
        connection.requests.add(1);
        connection.in_flight.add(1);
        connection.core.shard.requests_active.add(1);
        let line = connection.core.access.is_on().then(|| {
            Box::new(Line {
                time: SystemTime::now(),
                method: head.method.clone(),
                host: validate::host_of(head).to_owned(),
                path: head.uri.path().to_owned(),
                version: head.version,
                label: None,
                revision: 0,
            })
        });
        let started = Instant::now();
        let forwarding = connection.core.options.forwarding;
        let client = forwarded::client(&head.headers, connection.peer.ip(), forwarding);
        let (spans, span) = span::begin(&connection, head, client, started);
        Exchange {
            trace: span.trace(),
            client,
            connection,
            started,
            status: 0,
            complete: false,
            failure: None,
            notes: Notes::none(),
            route: None,
            bytes_in: None,
            bytes_out: 0,
            switched: None,
            line,
            spans,
            span,
        }
    }

    /// What a handler may know besides the request.
    pub(crate) fn context(&self) -> Context {
        Context {
            peer: self.connection.peer,
            client: self.client,
            forwarding: self.connection.core.options.forwarding,
            tls: self.connection.tls,
            trace: self.trace,
            spans: self.spans.clone(),
            notes: self.notes.clone(),
            interims: Interims::none(),
        }
    }

    /// Whether this request is one too many for its thread.
    pub(crate) fn is_too_many(&self) -> bool {
        let core = &self.connection.core;
        core.shard.requests_active.get() > core.requests_in_flight_max
    }

    pub(crate) fn routed_to(&mut self, target: &Target) {
        if target.has_notes {
            self.notes = Notes::slot();
        }
        self.route.clone_from(&target.metrics);
        if let Some(line) = &mut self.line {
            line.label = Some(Arc::clone(&target.label));
            line.revision = target.revision;
        }
        if self.span.is_on() {
            self.span.set("sedge.route", Arc::clone(&target.label));
        }
    }

    /// Where the request's body counts its bytes.
    pub(crate) fn count_bytes_in(&mut self) -> Arc<Counter> {
        Arc::clone(self.bytes_in.get_or_insert_default())
    }

    /// Notes how many interim responses were sent before the answer.
    pub(crate) fn said_before(&self, count: u32) {
        if count > 0 {
            self.notes.note(|noted| noted.interims = count);
        }
    }

    pub(crate) fn answered(&mut self, status: u16) {
        self.status = status;
    }

    /// The connection is another protocol's from here on: it is no longer a request
    /// in flight, of which there may be only so many, and what it lasts is no
    /// answer's time.
    pub(crate) fn switched(&mut self) {
        let shard = &self.connection.core.shard;
        shard.requests_active.subtract(1);
        shard.upgrades_active.add(1);
        shard.upgrades.add(1);
        self.switched = Some(self.started.elapsed());
    }

    /// Notes what went wrong; what went wrong first is what is recorded.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.complete && self.failure.is_none() {
            self.failure = Some(match self.connection.timeout() {
                Some(Timeout::Write) => {
                    Failure::new(Kind::ClientTimeout, "client did not read the answer")
                }
                _ if self.switched.is_some() && self.connection.core.is_draining() => {
                    Failure::new(Kind::Draining, "cut off because the node stops")
                }
                _ if http2::is_stalled() => {
                    Failure::new(Kind::ClientTimeout, "client did not read the answer")
                }
                _ => Failure::new(Kind::ClientGone, "client left before the answer's end"),
            });
        }
        if self.status == 0 {
            self.status = self.failure.as_ref().map_or(0, |failure| failure.kind.status());
        }
        let duration = self.started.elapsed();
        let bytes_in = self.bytes_in.as_ref().map_or(0, |bytes| bytes.get());
        let shard = &self.connection.core.shard;
        let answered = self.switched.unwrap_or(duration);
        shard.duration.record(answered);
        shard.response_bytes.add(self.bytes_out);
        match self.switched {
            None => shard.requests_active.subtract(1),
            Some(_) => shard.upgrades_active.subtract(1),
        }
        self.connection.in_flight.subtract(1);
        if bytes_in > 0 {
            shard.request_bytes.add(bytes_in);
        }
        count_answer(&self.connection, self.status, self.failure.as_ref());
        if let Some(route) = &self.route {
            let noted = self.notes.read();
            let kind = self.failure.as_ref().map(|failure| failure.kind);
            route.record(self.connection.core.index, self.status, answered, kind, &noted);
        }
        if self.span.is_on() {
            let (status, bytes_out) = (self.status, self.bytes_out);
            let (failure, noted) = (self.failure.as_ref(), self.notes.read());
            span::end(&mut self.span, span::End { status, bytes_in, bytes_out, failure, noted });
        }
        if let Some(line) = self.line.take() {
            self.connection.core.access.write(Record {
                time: line.time,
                peer: self.connection.peer,
                client: self.client,
                method: line.method,
                host: line.host,
                path: line.path,
                status: self.status,
                bytes_in,
                bytes_out: self.bytes_out,
                duration,
                version: line.version,
                encrypted: self.connection.tls,
                label: line.label,
                revision: line.revision,
                noted: self.notes.read(),
                failure: self.failure.take(),
                trace: self.trace,
                tls: self.connection.facts().cloned(),
            });
        }
    }
}

fn count_answer(connection: &Connection, status: u16, failure: Option<&Failure>) {
    let shard = &connection.core.shard;
    let class = usize::from(status / 100);
    shard.responses[if class < shard.responses.len() { class } else { 0 }].add(1);
    if let Some(failure) = failure {
        shard.failures.add(failure.kind);
    }
}

/// Counts and records what never became a request.
pub(crate) fn refused(connection: &Connection, kind: Kind, detail: &'static str) {
    let failure = Failure::new(kind, detail);
    count_answer(connection, kind.status(), Some(&failure));
    if connection.core.access.is_on() {
        connection.core.access.write(Record {
            time: SystemTime::now(),
            peer: connection.peer,
            client: connection.peer.ip(),
            // A token that no client means as a method.
            method: Method::from_bytes(b"-").unwrap_or_default(),
            host: String::new(),
            path: String::new(),
            status: kind.status(),
            bytes_in: 0,
            bytes_out: 0,
            duration: Duration::ZERO,
            version: Version::HTTP_11,
            encrypted: connection.tls,
            label: None,
            revision: 0,
            noted: Noted::default(),
            failure: Some(failure),
            trace: TraceContext::begin(),
            tls: connection.facts().cloned(),
        });
    }
}
