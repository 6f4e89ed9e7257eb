//! One request and its answer, without the ceremony of the raw bindings.

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
    query: Vec<(String, String)>,
    outparam: ResponseOutparam,
}

/// An answer whose head was sent.
pub struct Writer {
    body: OutgoingBody,
    stream: OutputStream,
}

impl Call {
    /// Splits the request's target.
    pub fn new(request: IncomingRequest, outparam: ResponseOutparam) -> Self {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        Call { path: path.to_string(), query, outparam, request }
    }

    /// A parameter of the query; empty if it is absent.
    pub fn text_of(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A number of the query; `default` if it is absent or no number.
    pub fn number_of(&self, name: &str, default: u64) -> u64 {
        self.text_of(name).parse().unwrap_or(default)
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

/// Undoes percent-encoding; what is malformed is taken literally.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (bytes[at], hex.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
