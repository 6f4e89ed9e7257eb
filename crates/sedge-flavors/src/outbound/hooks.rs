//! Where a guest's outbound request arrives.

use super::counted::{BytesLeft, Charge};
use super::{Client, Trace};
use http::HeaderName;
use http::uri::Scheme;
use http_body_util::BodyExt;
use sedge_model::failure::Kind;
use sedge_model::limits::Limits;
use sedge_model::metrics::FunctionMetrics;
use sedge_services::outbound::Policy;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks,
};

/// What the requests of one inbound request may cost together.
pub(crate) struct Budget {
    requests_left: u32,
    bytes_max: u64,
    /// Made with the first request: most guests send none.
    bytes_left: Option<BytesLeft>,
    /// Requests that were denied. The first is told; a guest that goes on must
    /// not fill the node's log, which has no budget of its own.
    denied: u64,
}

impl Budget {
    pub(crate) fn of(limits: &Limits) -> Self {
        Budget {
            requests_left: limits.outbound_requests_max,
            bytes_max: limits.outbound_bytes_max,
            bytes_left: None,
            denied: 0,
        }
    }

    fn bytes_left(&mut self) -> BytesLeft {
        let bytes_max = self.bytes_max;
        let fresh = || Arc::new(AtomicU64::new(bytes_max));
        self.bytes_left.get_or_insert_with(fresh).clone()
    }
}

/// The outbound side of one instance.
pub(crate) struct Outbound {
    client: Client,
    policy: Arc<Policy>,
    metrics: Arc<FunctionMetrics>,
    budget: Budget,
    trace: Trace,
}

/// A request's answer, and what is still to be done for its connection.
type Sent =
    Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl Outbound {
    pub(crate) fn new(
        client: Client,
        policy: Arc<Policy>,
        metrics: Arc<FunctionMetrics>,
        trace: Trace,
        budget: Budget,
    ) -> Self {
        Outbound { client, policy, metrics, budget, trace }
    }

    /// Begins anew for another inbound request.
    pub(crate) fn renew(&mut self, trace: Trace, budget: Budget) {
        self.trace = trace;
        self.budget = budget;
    }

    /// Asks the policy, and takes one request from the budget. Whether private
    /// addresses may be reached.
    fn admit(&mut self, request: &http::Request<WasiBody>) -> Result<bool, Error> {
        let uri = request.uri();
        let (scheme, host) = (uri.scheme_str().unwrap_or(""), uri.host().unwrap_or(""));
        let grant = self.policy.check_request(scheme, host, uri.port_u16()).map_err(|denied| {
            if self.budget.denied == 0 {
                let trace_id = format_args!("{:032x}", self.trace.id());
                tracing::info!(%denied, %trace_id, "outbound request denied");
            }
            self.budget.denied += 1;
            self.metrics.fail(Kind::OutboundDenied);
            Error::HttpRequestDenied
        })?;
        if self.budget.requests_left == 0 {
            self.metrics.fail(Kind::OutboundLimit);
            return Err(Error::ConnectionLimitReached);
        }
        self.budget.requests_left -= 1;
        Ok(grant.is_private())
    }
}

impl WasiHttpHooks for Outbound {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTPS)
    }

    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let mut span = self.trace.outbound(&mut request);
        let private = match self.admit(&request) {
            Ok(private) => private,
            Err(error) => {
                span.error(kind(&error).label(), "the function may not send this request");
                return Box::new(std::future::ready(Err(error)));
            }
        };
        let client = self.client.clone();
        let charge = Charge { left: self.budget.bytes_left(), metrics: self.metrics.clone() };
        let request =
            request.map(|body| charge.to(body, Error::HttpRequestBodySize, None).boxed_unsync());
        Box::new(async move {
            let answer = send(&client, request, private, options).await;
            match &answer {
                Ok(response) => span.answered(response.status()),
                Err(error) => span.error(kind(error).label(), format!("{error:?}")),
            }
            // It ends with the head: a body is as long as the guest reads it.
            drop(span);
            // A body beyond the budget has been counted where it ended.
            if let Err(error) = &answer
                && !matches!(error, Error::HttpRequestBodySize(_))
            {
                charge.metrics.fail(kind(error));
            }
            let pause_max = options.and_then(|options| options.between_bytes_timeout);
            let response = answer?
                .map(|body| charge.to(body, Error::HttpResponseBodySize, pause_max).boxed_unsync());
            let nothing: Box<dyn Future<Output = _> + Send> = Box::new(std::future::ready(Ok(())));
            Ok((response, nothing))
        })
    }
}

/// Sends within the times that the guest asked for; the function's deadline
/// bounds them all.
async fn send(
    client: &Client,
    request: http::Request<WasiBody>,
    private: bool,
    options: Option<RequestOptions>,
) -> Result<http::Response<hyper::body::Incoming>, Error> {
    let options = options.unwrap_or_default();
    let times = [options.connect_timeout, options.first_byte_timeout];
    let sending = client.send(request, private);
    match times.into_iter().flatten().reduce(Duration::saturating_add) {
        None => sending.await,
        Some(limit) => {
            tokio::time::timeout(limit, sending).await.unwrap_or(Err(Error::HttpResponseTimeout))
        }
    }
}

/// How a failed request is counted.
fn kind(error: &Error) -> Kind {
    match error {
        Error::DestinationIpProhibited | Error::HttpRequestDenied => Kind::OutboundDenied,
        Error::ConnectionLimitReached => Kind::OutboundLimit,
        Error::ConnectionTimeout | Error::HttpResponseTimeout => Kind::UpstreamTimeout,
        _ => Kind::UpstreamUnreachable,
    }
}
