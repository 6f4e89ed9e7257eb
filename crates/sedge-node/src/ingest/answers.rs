//! All that a device is told: how much was stored, or why nothing was (RFC 9457).

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use sedge_ingress::ingest::Refusal;
use sedge_model::handler::{Response, full};
use sedge_store::log::LogError;
use serde_json::json;

/// When it is worth another try if too much is going on, seconds.
const BUSY_S: u32 = 1;
/// The same if the disk or somebody must do something first.
const FULL_S: u32 = 60;

/// An answer, and what is counted of it.
pub(super) struct Told {
    outcome: &'static str,
    status: StatusCode,
    content_type: &'static str,
    /// JSON.
    body: String,
    fields: Vec<(HeaderName, String)>,
}

impl Told {
    /// All of it is stored, or was before.
    pub(super) fn stored(stored: usize, duplicates: usize) -> Self {
        Told {
            outcome: "stored",
            status: StatusCode::OK,
            content_type: "application/json",
            body: json!({ "stored": stored, "duplicates": duplicates }).to_string(),
            fields: Vec::new(),
        }
    }

    fn problem(outcome: &'static str, status: StatusCode, title: &str, detail: &str) -> Self {
        Told {
            outcome,
            status,
            content_type: "application/problem+json",
            body: json!({ "status": status.as_u16(), "title": title, "detail": detail })
                .to_string(),
            fields: Vec::new(),
        }
    }

    fn with(mut self, name: HeaderName, value: impl ToString) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// The path is that of no device.
    pub(super) fn lost(path: &str) -> Self {
        let detail = format!("a device sends to {path}/DEVICE, its name percent-encoded");
        Told::problem("bad_request", StatusCode::NOT_FOUND, "there is no such place", &detail)
    }

    pub(super) fn other_method() -> Self {
        let title = "readings are sent with POST";
        Told::problem("bad_request", StatusCode::METHOD_NOT_ALLOWED, title, title)
            .with(ALLOW, "POST")
    }

    pub(super) fn bad(detail: &str) -> Self {
        let title = "the request can not be read";
        Told::problem("bad_request", StatusCode::BAD_REQUEST, title, detail)
    }

    pub(super) fn too_large(bytes_max: usize) -> Self {
        let detail = format!("the content may have {bytes_max} bytes; send it in parts");
        let title = "the request is too large";
        Told::problem("too_large", StatusCode::PAYLOAD_TOO_LARGE, title, &detail)
    }

    /// It is not known who sends.
    pub(super) fn who_are_you(detail: &str) -> Self {
        let title = "the device is not known";
        Told::problem("unauthorized", StatusCode::UNAUTHORIZED, title, detail)
            .with(WWW_AUTHENTICATE, "Basic realm=\"sedge\", charset=\"UTF-8\"")
    }

    /// It is known, and may not.
    pub(super) fn forbidden(detail: &str) -> Self {
        let title = "this is not allowed";
        Told::problem("forbidden", StatusCode::FORBIDDEN, title, detail)
    }

    pub(super) fn busy(detail: &str) -> Self {
        Told::problem("busy", StatusCode::SERVICE_UNAVAILABLE, "there is too much to do", detail)
            .with(RETRY_AFTER, BUSY_S)
    }

    pub(super) fn unavailable(detail: &str) -> Self {
        let title = "nothing can be stored now";
        Told::problem("failed", StatusCode::SERVICE_UNAVAILABLE, title, detail)
            .with(RETRY_AFTER, FULL_S)
    }

    /// What the content or the numbers are not.
    pub(super) fn refused(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        let outcome = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "media_type",
            _ => "bad_request",
        };
        let header = refusal.header();
        let mut told = Told::problem(outcome, status, refusal.title, &refusal.detail);
        // The place in the content is told besides.
        if let Ok(body) = serde_json::to_string(&refusal) {
            told.body = body;
        }
        match header {
            Some((name, value)) => told.with(HeaderName::from_static(name), value),
            None => told,
        }
    }

    /// Why the log has not stored it; then nothing of it is, or it will be recognized.
    pub(super) fn not_stored(error: &LogError) -> Self {
        let detail = error.to_string();
        match error {
            LogError::Full | LogError::TooManyDevices => {
                let title = "there is no room";
                Told::problem("full", StatusCode::INSUFFICIENT_STORAGE, title, &detail)
                    .with(RETRY_AFTER, FULL_S)
            }
            LogError::Busy => Told::busy(&detail),
            LogError::TooOld { .. } => {
                let title = "the numbers are too old";
                Told::problem("too_old", StatusCode::CONFLICT, title, &detail)
            }
            LogError::TooLarge { .. } => {
                let title = "the request is too large";
                let detail = format!("{detail}; send it in parts");
                Told::problem("too_large", StatusCode::PAYLOAD_TOO_LARGE, title, &detail)
            }
            LogError::InvalidName { .. } => Told::bad(&detail),
            _ => Told::unavailable("the log has failed; the node's own log says more"),
        }
    }

    pub(super) fn outcome(&self) -> &'static str {
        self.outcome
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(full(format!("{}\n", self.body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.fields {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}
