//! Fetches a source through `wasi:http/outgoing-handler`. Every hop of a
//! redirect is a request of its own, so that the node judges its address too.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingRequest, RequestOptions, Scheme,
};

use super::{Source, announced_bytes, field, read};
use crate::config::Config;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::source::{REDIRECTS_MAX, SourceUrl};

/// For connecting, for the first byte, and between two bytes.
const TIMEOUT_NS: u64 = 10_000_000_000;

/// Fields of the source's answer that hold for the picture too.
const CACHING: [&str; 3] = ["cache-control", "expires", "last-modified"];

/// `url` was held against the list of sources; where it redirects to is here.
pub(super) fn source(mut url: SourceUrl, config: &Config) -> Result<Source, Problem> {
    for _ in 0..=REDIRECTS_MAX {
        let response = request(&url)?;
        match response.status() {
            200 => return body(&response, &config.limits),
            301 | 302 | 303 | 307 | 308 => {
                let location = field(&response.headers(), "location");
                if location.is_empty() {
                    return Err(Problem::Redirect("to nowhere"));
                }
                url = url.redirect(&location)?;
                if let Some(list) = &config.sources {
                    list.check(&url)?;
                }
            }
            status => return Err(Problem::UpstreamStatus(status)),
        }
    }
    Err(Problem::Redirect("more than five times"))
}

fn request(url: &SourceUrl) -> Result<IncomingResponse, Problem> {
    let headers = Fields::new();
    let accept = b"image/webp,image/png,image/jpeg,*/*;q=0.1".to_vec();
    let internal = |what: &str| Problem::Unreachable(what.to_owned());
    headers.set("accept", &[accept]).map_err(|_| internal("its headers are refused"))?;
    let request = OutgoingRequest::new(headers);
    let scheme = if url.is_https { Scheme::Https } else { Scheme::Http };
    request
        .set_method(&Method::Get)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(&url.authority)))
        .map_err(|()| Problem::SourceUrl("its host is refused"))?;
    request
        .set_path_with_query(Some(&url.path_and_query))
        .map_err(|()| Problem::SourceUrl("its path is refused"))?;
    let options = RequestOptions::new();
    // A node may not offer these; its own deadline stands behind them.
    let _ = options.set_connect_timeout(Some(TIMEOUT_NS));
    let _ = options.set_first_byte_timeout(Some(TIMEOUT_NS));
    let _ = options.set_between_bytes_timeout(Some(TIMEOUT_NS));
    let response = outgoing_handler::handle(request, Some(options)).map_err(problem)?;
    loop {
        if let Some(result) = response.get() {
            return result.map_err(|()| internal("its answer was taken"))?.map_err(problem);
        }
        response.subscribe().block();
    }
}

fn body(response: &IncomingResponse, limits: &Limits) -> Result<Source, Problem> {
    let headers = response.headers();
    let mut caching = Vec::new();
    for name in CACHING {
        caching.extend(headers.get(name).into_iter().map(|value| (name.to_owned(), value)));
    }
    let announced = announced_bytes(&headers);
    let broken = || Problem::Unreachable("its body broke off".to_owned());
    let body = response.consume().map_err(|()| broken())?;
    Ok(Source { bytes: read(body, announced, limits, broken)?, caching })
}

fn problem(error: ErrorCode) -> Problem {
    match error {
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Problem::Timeout,
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Problem::Denied,
        ErrorCode::HttpRequestUriInvalid => Problem::SourceUrl("the node refuses it"),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            Problem::Unreachable("its host is unknown".to_owned())
        }
        ErrorCode::ConnectionRefused => {
            Problem::Unreachable("its host refuses connections".to_owned())
        }
        // The details may name what the client has no business to know.
        _ => Problem::Unreachable("the connection failed".to_owned()),
    }
}
