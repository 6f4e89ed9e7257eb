//! What a guest may read of a request, and what is refused before it sees it.

use super::next::flow::Waits;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as _, Frame, SizeHint};
use sedge_engine::call::Call;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Body, Request};
use sedge_model::limits::Limits;
use sedge_model::trace::TraceContext;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use wasmtime_wasi_http::Error;

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Refuses what shows in the head already.
pub(super) fn check(request: &Request, limits: &Limits) -> Result<(), Failure> {
    check_fields(request.headers(), limits, Kind::RequestHeaderLimit)?;
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok())
        .unwrap_or_else(|| request.body().size_hint().lower());
    if announced > limits.request_body_bytes_max {
        return Err(body_too_large(limits.request_body_bytes_max));
    }
    Ok(())
}

fn body_too_large(bytes_max: u64) -> Failure {
    Failure::new(Kind::RequestBodyLimit, format!("more than {bytes_max} bytes of request body"))
}

/// Refuses header fields beyond the limits, of a request or a response.
pub(super) fn check_fields(fields: &HeaderMap, limits: &Limits, kind: Kind) -> Result<(), Failure> {
    if fields.len() > limits.headers_max as usize {
        let detail = format!("{} header fields, {} allowed", fields.len(), limits.headers_max);
        return Err(Failure::new(kind, detail));
    }
    let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > limits.header_bytes_max as usize {
        let detail = format!("{bytes} header bytes, {} allowed", limits.header_bytes_max);
        return Err(Failure::new(kind, detail));
    }
    Ok(())
}

/// The request as the guest sees it: its body is bounded, and its
/// `traceparent` is the node's span, so that what the guest sends on hangs
/// below it. `upload` is told whether the guest waits for the client.
pub(super) fn prepare(
    mut request: Request,
    trace: &TraceContext,
    limits: &Limits,
    call: &Arc<Call>,
    upload: Option<Arc<Waits>>,
) -> http::Request<RequestBody> {
    if let Ok(value) = HeaderValue::from_bytes(&trace.encode()) {
        request.headers_mut().insert(TRACEPARENT, value);
    }
    let (call, bytes_max) = (call.clone(), limits.request_body_bytes_max);
    request.map(|inner| RequestBody { inner, call, bytes_left: bytes_max, bytes_max, upload })
}

/// A request body that ends in an error beyond its limit. What is wrong with
/// it is recorded in the call: it is the client's fault, whatever the guest
/// makes of it.
pub(super) struct RequestBody {
    inner: Body,
    call: Arc<Call>,
    bytes_left: u64,
    bytes_max: u64,
    upload: Option<Arc<Waits>>,
}

impl RequestBody {
    fn refuse(&self, failure: Failure) -> Error {
        let error = match failure.kind {
            Kind::RequestBodyLimit => Error::HttpRequestBodySize(Some(self.bytes_max)),
            Kind::ClientTimeout => Error::ConnectionReadTimeout,
            _ => Error::ConnectionTerminated,
        };
        self.call.fail(failure);
        error
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Some(upload) = &self.upload {
            upload.set(polled.is_pending());
        }
        let frame = match ready!(polled) {
            None => return Poll::Ready(None),
            Some(Err(failure)) => return Poll::Ready(Some(Err(self.refuse(failure)))),
            Some(Ok(frame)) => frame,
        };
        if let Some(data) = frame.data_ref() {
            match self.bytes_left.checked_sub(data.len() as u64) {
                Some(left) => self.bytes_left = left,
                None => {
                    let failure = body_too_large(self.bytes_max);
                    return Poll::Ready(Some(Err(self.refuse(failure))));
                }
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::time::Duration;

    fn limits() -> Limits {
        Limits {
            request_body_bytes_max: 10,
            headers_max: 2,
            header_bytes_max: 20,
            ..Limits::default()
        }
    }

    fn request(fields: &[(&'static str, &str)], body: &'static str) -> Request {
        let mut request = http::Request::new(sedge_model::handler::full(body));
        for (name, value) in fields {
            request.headers_mut().append(*name, HeaderValue::from_str(value).expect("valid"));
        }
        request
    }

    #[test]
    fn heads_at_the_limit_pass_and_past_it_do_not() {
        let refused = |fields: &[(&'static str, &str)], body| {
            check(&request(fields, body), &limits()).err().map(|failure| failure.kind)
        };
        assert_eq!(refused(&[("a", "1"), ("b", "2")], "0123456789"), None);
        assert_eq!(refused(&[("a", "0123456789012345678")], ""), None);
        assert_eq!(refused(&[], "0123456789a"), Some(Kind::RequestBodyLimit));
        assert_eq!(refused(&[("content-length", "11")], ""), Some(Kind::RequestBodyLimit));
        let three = [("a", "1"), ("b", "2"), ("c", "3")];
        assert_eq!(refused(&three, ""), Some(Kind::RequestHeaderLimit));
        let long = [("a", "01234567890123456789")];
        assert_eq!(refused(&long, ""), Some(Kind::RequestHeaderLimit));
    }

    #[tokio::test]
    async fn a_body_that_grows_past_its_limit_is_the_clients_fault() {
        let call = Call::new(Duration::from_secs(1));
        let trace = TraceContext { trace_id: 1, span_id: 2, flags: 1 };
        let ten = prepare(request(&[], "0123456789"), &trace, &limits(), &call, None);
        assert_eq!(ten.headers()["traceparent"], trace.to_string().as_str());
        ten.into_body().collect().await.expect("ten bytes are allowed");
        assert!(call.failure().is_none());

        let eleven = prepare(request(&[], "0123456789a"), &trace, &limits(), &call, None);
        eleven.into_body().collect().await.expect_err("eleven are not");
        assert_eq!(call.failure().map(|failure| failure.kind), Some(Kind::RequestBodyLimit));
    }
}
