//! Answers of the admin pages.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use sedge_model::handler::{Response, full};
use std::fmt::Write;

/// Makes answers; all of them forbid caching.
pub(crate) struct Reply;

impl Reply {
    /// A body of some media type.
    pub(crate) fn page(content_type: &'static str, body: impl Into<bytes::Bytes>) -> Response {
        let mut response = Response::new(full(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Plain text.
    pub(crate) fn text(text: impl Into<bytes::Bytes>) -> Response {
        Reply::page("text/plain; charset=utf-8", text)
    }

    /// JSON with a line feed, for people who use curl.
    pub(crate) fn json(value: &serde_json::Value) -> Response {
        Reply::page("application/json", format!("{value:#}\n"))
    }

    /// No content.
    pub(crate) fn done() -> Response {
        let mut response = Reply::text("");
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    }

    /// Something is wrong with the request or the node (RFC 9457).
    pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
        let problem = serde_json::json!({
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": detail,
        });
        let mut response = Reply::page("application/problem+json", format!("{problem:#}\n"));
        *response.status_mut() = status;
        response
    }

    /// 405 with the methods that would do.
    pub(crate) fn other_methods(methods: &[Method]) -> Response {
        let allowed = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let mut response =
            Reply::problem(StatusCode::METHOD_NOT_ALLOWED, &format!("this page takes {allowed}"));
        if let Ok(value) = HeaderValue::from_str(&allowed) {
            response.headers_mut().insert(ALLOW, value);
        }
        response
    }

    /// 404 with the list of pages.
    pub(crate) fn lost(pages: &[(&str, &[Method], &str)]) -> Response {
        let mut text = "There is no such page. There are:\n\n".to_owned();
        for (path, methods, meaning) in pages {
            let methods = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "{methods:<16} {path:<24} {meaning}");
        }
        let mut response = Reply::text(text);
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}
