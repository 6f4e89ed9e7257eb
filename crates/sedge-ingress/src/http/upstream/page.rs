//! How upstreams stand, for the admin pages.

use super::Service;
use crate::http::access::rfc3339;
use serde_json::{Value, json};
use std::sync::atomic::Ordering::Relaxed;

/// One upstream of an app.
pub(super) fn upstream(app: &str, service: &Service) -> Value {
    let endpoints = (0..service.endpoints.len()).map(|index| endpoint(service, index));
    json!({
        "app": app,
        "upstream": &*service.name,
        "endpoints": endpoints.collect::<Vec<_>>(),
    })
}

fn endpoint(service: &Service, index: usize) -> Value {
    let endpoint = &service.endpoints[index];
    let is_checked = service.settings.health.is_some();
    let last = endpoint.health.last().filter(|_| is_checked);
    json!({
        "endpoint": &*endpoint.label,
        "weight": service.settings.endpoints[index].weight,
        "well": service.is_well(index),
        "ejected": service.is_ejected(index),
        "up": is_checked.then(|| !endpoint.health.is_down()),
        "last_check": last.map(|last| json!({ "time": rfc3339(last.at), "error": last.wrong })),
        "active_requests": endpoint.active.load(Relaxed),
        "connections": endpoint.gate.open(),
    })
}
