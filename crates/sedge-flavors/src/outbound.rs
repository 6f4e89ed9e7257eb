//! Requests that guests send out: one pooled client for the node.
//!
//! 1. [`hooks`] is where a guest's request arrives: the function's policy by
//!    name, and its budget.
//! 2. [`connect`] resolves, checks every address, connects, speaks TLS.
//! 3. [`counted`] charges the bodies to the budget.
//! 4. [`trace`] makes each of them a step of the trace.

mod connect;
mod counted;
mod hooks;
mod trace;

pub use connect::TlsRootsError;
pub(crate) use hooks::{Budget, Outbound};
pub(crate) use trace::Trace;

use connect::{ConnectError, Connector};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wasmtime_wasi_http::{Error, WasiBody};

/// Connections that nobody uses are closed after this.
const IDLE: Duration = Duration::from_secs(30);

/// Idle connections that are kept for one host.
const IDLE_PER_HOST_MAX: usize = 32;

/// The client of a node. Cheap to clone.
///
/// It is two clients: connections that were made under a grant of private
/// addresses are never given to a function without one, even if both name the
/// same host.
#[derive(Clone)]
pub struct Client(Arc<Clients>);

struct Clients {
    public: legacy::Client<Connector, WasiBody>,
    private: legacy::Client<Connector, WasiBody>,
}

impl Client {
    /// A client that trusts Mozilla's certificate authorities, and those in
    /// the PEM files `extra_roots`.
    ///
    /// # Errors
    ///
    /// [`TlsRootsError`], when a file cannot be read, holds no certificate, or
    /// one that is none.
    pub fn new(extra_roots: &[PathBuf]) -> Result<Self, TlsRootsError> {
        let connector = Connector::new(extra_roots)?;
        let client = |private| {
            legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
                .build(connector.clone().reaching_private(private))
        };
        Ok(Client(Arc::new(Clients { public: client(false), private: client(true) })))
    }

    /// Sends a request that the policy has allowed by name.
    async fn send(
        &self,
        request: http::Request<WasiBody>,
        private: bool,
    ) -> Result<http::Response<hyper::body::Incoming>, Error> {
        let client = if private { &self.0.private } else { &self.0.public };
        client.request(request).await.map_err(|error| translate(&error))
    }
}

/// What the guest is told of an error of the client.
fn translate(error: &legacy::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<ConnectError>() {
            return error.as_wasi();
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && error.is_timeout()
        {
            return Error::HttpResponseTimeout;
        }
        cause = error.source();
    }
    if error.is_connect() { Error::ConnectionRefused } else { Error::ConnectionTerminated }
}
