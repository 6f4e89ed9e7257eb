//! One request and its answer, without the ceremony of the raw bindings.

use crate::query::Query;
use serde_json::Value;
use std::io::Write;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{InputStream, OutputStream};

/// A request that has not been answered.
pub struct Call {
    /// The raw request.
    pub request: IncomingRequest,
    /// The path without its query.
    pub path: String,
    query: Query,
    outparam: ResponseOutparam,
}

/// An answer whose head was sent.
pub struct Writer {
    // Declared first, dropped first: the stream is a child of its body.
    stream: OutputStream,
    body: OutgoingBody,
}

impl Call {
    /// Splits the request's target.
    pub fn new(request: IncomingRequest, outparam: ResponseOutparam) -> Self {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = Query::split(&target);
        Call { path, query, outparam, request }
    }

    /// A parameter of the query; empty if it is absent.
    pub fn text_of(&self, name: &str) -> &str {
        self.query.text_of(name)
    }

    /// A number of the query; `default` if it is absent or no number.
    pub fn number_of(&self, name: &str, default: u64) -> u64 {
        self.query.number_of(name, default)
    }

    /// The request's body, to be taken once.
    pub fn body(&self) -> Option<(IncomingBody, InputStream)> {
        let body = self.request.consume().ok()?;
        let stream = body.stream().ok()?;
        Some((body, stream))
    }

    /// Sends the head and leaves the body to the caller.
    pub fn begin(self, status: u16, fields: &[(&str, &str)]) -> Option<Writer> {
        let headers = Fields::new();
        for (name, value) in fields {
            headers.append(name, value.as_bytes()).ok()?;
        }
        self.begin_with(status, headers)
    }

    /// The same, for fields that are more than a few.
    pub fn begin_with(self, status: u16, headers: Fields) -> Option<Writer> {
        let response = OutgoingResponse::new(headers);
        response.set_status_code(status).ok()?;
        let body = response.body().ok()?;
        ResponseOutparam::set(self.outparam, Ok(response));
        let stream = body.write().ok()?;
        Some(Writer { body, stream })
    }

    /// A whole answer of plain text.
    pub fn text(self, status: u16, text: &str) {
        self.whole(status, "text/plain; charset=utf-8", text.as_bytes());
    }

    /// A whole answer of JSON.
    pub fn json(self, value: &Value) {
        self.whole(200, "application/json", format!("{value}\n").as_bytes());
    }

    fn whole(self, status: u16, content_type: &str, bytes: &[u8]) {
        let Some(mut writer) = self.begin(status, &[("content-type", content_type)]) else {
            return;
        };
        if writer.write(bytes) {
            writer.finish(None);
        }
    }
}

impl Writer {
    /// Writes all of it; `false` if nobody reads any more.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Hands what was written to the client now, not with the next chunk.
    pub fn flush(&mut self) -> bool {
        self.stream.blocking_flush().is_ok()
    }

    /// Ends the body. Not calling it makes the body incomplete.
    pub fn finish(self, trailers: Option<Fields>) {
        drop(self.stream);
        let _ = OutgoingBody::finish(self.body, trailers);
    }
}
