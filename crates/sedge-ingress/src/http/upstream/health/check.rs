//! One check: a connection, a request, an answer, in the protocol and with the
//! TLS of the upstream.

use crate::http::upstream::Service;
use crate::http::upstream::endpoint::{Endpoint, Gate};
use crate::http::upstream::http2::Http2;
use crate::http::upstream::http2::exchange;
use crate::http::upstream::outgoing::Outgoing;
use crate::http::upstream::wired::Wired;
use http::header::{HOST, HeaderValue, USER_AGENT};
use http::{Request, StatusCode, Uri};
use sedge_model::handler::Interims;
use sedge_model::routing::upstream::HealthCheck;
use std::future::poll_fn;
use std::sync::Arc;
use tokio::time::Instant;

/// An answer is read to its end, but no further than this.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Asks an endpoint. An error says why it is not well.
pub(super) async fn check(
    service: &Service,
    index: usize,
    settings: &HealthCheck,
    late: Instant,
) -> Result<(), String> {
    let endpoint = &service.endpoints[index];
    let request = request(endpoint, settings)?;
    let stream = endpoint.open(service.secure.as_ref(), late, false).await;
    let stream = stream.map_err(|failure| failure.detail.into_owned())?;
    let permit = Arc::<Gate>::default().permit(u32::MAX).ok_or("no connection is left")?;
    let status = match service.is_http2(&stream) {
        true => {
            let http2 = Http2::new(stream, permit, &service.settings.pool).await?;
            let slot = Arc::new(http2).slot().ok_or("the endpoint takes no request")?;
            let to =
                exchange::Target { is_secure: service.secure.is_some(), label: &endpoint.label };
            let answered = exchange::ask(slot, request, &to, &Interims::none()).await;
            let answered = answered.map_err(|lost| lost.failure.detail.into_owned())?;
            let status = answered.response.status();
            answered.read(BODY_BYTES_MAX).await.map_err(|error| broken(&error))?;
            status
        }
        false => {
            let wired = Wired::new(stream, permit).await;
            let mut wired = wired.map_err(|error| broken(&error))?;
            let answered = wired.ask(request).await;
            let answered = answered.map_err(|lost| lost.failure.detail.into_owned())?;
            let (head, mut body) = answered.into_parts();
            let mut bytes = 0;
            while let Some(frame) = poll_fn(|cx| wired.poll_body(&mut body, cx)).await {
                let frame = frame.map_err(|error| broken(&error))?;
                bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
                if bytes > BODY_BYTES_MAX {
                    break;
                }
            }
            head.status
        }
    };
    judge(status, settings)
}

fn broken(error: &dyn std::error::Error) -> String {
    format!("the answer broke off: {error}")
}

fn request(endpoint: &Endpoint, settings: &HealthCheck) -> Result<Request<Outgoing>, String> {
    let mut request = Request::new(Outgoing::Empty);
    let bad = |what: &str| format!("{what} cannot be sent");
    *request.uri_mut() = settings.path.parse::<Uri>().map_err(|_| bad("the path"))?;
    let host = settings.host.as_deref().unwrap_or(&endpoint.label);
    let host = HeaderValue::from_str(host).map_err(|_| bad("the host"))?;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("sedge-health"));
    Ok(request)
}

fn judge(status: StatusCode, settings: &HealthCheck) -> Result<(), String> {
    let is_good = match settings.statuses.is_empty() {
        true => status.is_success(),
        false => settings.statuses.contains(&status),
    };
    if is_good { Ok(()) } else { Err(format!("the status is {}", status.as_u16())) }
}
