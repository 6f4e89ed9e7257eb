//! A connection that becomes another protocol's.

use super::passing::Active;
use super::wired::Wired;
use super::{Bound, Service};
use crate::http::upgrade::{Far, Granted, Switched};
use http::{Response, request};
use hyper::body::Incoming;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{self, Body, Context};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A try that asks for another protocol. Counted until the connection ends, or
/// until the upstream has answered in another way.
pub(super) struct Switching {
    service: Arc<Service>,
    pub(super) granted: Granted,
}

impl Switching {
    /// Counts it in, if there may be one more, and asks for the protocol.
    pub(super) fn begin(
        service: &Arc<Service>,
        granted: Granted,
        head: &mut request::Parts,
    ) -> Result<Self, Failure> {
        service.count(&service.upgrading, service.settings.pool.upgrades_max, Bound::Upgrades)?;
        granted.ask(&mut head.headers);
        Ok(Switching { service: Arc::clone(service), granted })
    }

    /// The answer with status 101, and with it the connection.
    pub(super) fn answer(
        self,
        wired: Box<Wired>,
        response: Response<Incoming>,
        active: Active,
        context: &Context,
    ) -> Result<Response<Body>, Failure> {
        let Some((wire, read, permit)) = wired.switch() else {
            let detail = "upstream switched protocols and goes on with HTTP";
            return Err(Failure::new(Kind::UpstreamProtocol, detail));
        };
        self.service.upgrades.fetch_add(1, Relaxed);
        context.notes.note(|noted| noted.upgrade = Some(Arc::clone(&self.granted.name)));
        let protocol = self.granted.protocol.clone();
        let idle_timeout = self.service.settings.pool.upgrade_idle_timeout;
        let _held = Box::new((permit, active, self));
        let far = Far { line: Box::new(wire), read, idle_timeout, _held };
        let mut response = response.map(|_| handler::empty());
        response.extensions_mut().insert(Switched::new(protocol, far));
        Ok(response)
    }
}

impl Drop for Switching {
    fn drop(&mut self) {
        self.service.upgrading.fetch_sub(1, Relaxed);
    }
}
