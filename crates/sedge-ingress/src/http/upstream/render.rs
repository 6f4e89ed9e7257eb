//! What is counted of upstreams and endpoints, for Prometheus. The label values
//! come from manifests only, so there are as many as an operator has written.

use super::endpoint::Endpoint;
use super::{Bound, Service};
use crate::http::metrics::family;
use std::sync::atomic::Ordering::Relaxed;

type Read<T> = fn(&T) -> u64;

/// Appends the families of all upstreams, each with the name of its app.
pub(super) fn all(services: &[(&str, &Service)], out: &mut String) {
    if services.is_empty() {
        return;
    }
    let per_service: [(&str, &str, &str, Read<Service>); 9] = [
        ("requests_total", "counter", "Tries that were begun, retries included.", |s| {
            s.requests.load(Relaxed)
        }),
        ("retries_total", "counter", "Tries that were retries.", |s| s.retries.load(Relaxed)),
        ("active_requests", "gauge", "Requests under way.", |s| s.active.load(Relaxed).into()),
        ("active_retries", "gauge", "Retries under way.", |s| s.retrying.load(Relaxed).into()),
        ("pending_requests", "gauge", "Requests that wait for a connection.", |s| {
            s.pending.load(Relaxed).into()
        }),
        ("upgrades_total", "counter", "Connections switched to another protocol.", |s| {
            s.upgrades.load(Relaxed)
        }),
        ("active_upgrades", "gauge", "Connections that another protocol uses.", |s| {
            s.upgrading.load(Relaxed).into()
        }),
        ("unhealthy_total", "counter", "Requests refused because no endpoint was well.", |s| {
            s.unhealthy.load(Relaxed)
        }),
        ("panics_total", "counter", "Requests for which ejections were ignored.", |s| {
            s.panics.load(Relaxed)
        }),
    ];
    for (name, kind, help, read) in per_service {
        let values = services.iter().map(|&(app, service)| {
            (format!("{{app=\"{app}\",upstream=\"{}\"}}", service.name), read(service))
        });
        family(out, &format!("sedge_upstream_{name}"), kind, help, values);
    }
    let overflows = services.iter().flat_map(|&(app, service)| {
        Bound::ALL.map(|(bound, word)| {
            let name = &service.name;
            let labels = format!("{{app=\"{app}\",upstream=\"{name}\",bound=\"{word}\"}}");
            (labels, service.overflows[bound as usize].load(Relaxed))
        })
    });
    let help = "Requests refused at a bound of the pool.";
    family(out, "sedge_upstream_overflows_total", "counter", help, overflows);
    endpoints(services, out);
}

fn endpoints(services: &[(&str, &Service)], out: &mut String) {
    let per_endpoint: [(&str, &str, &str, Read<Endpoint>); 12] = [
        ("tries_total", "counter", "Tries.", |e| e.tries.load(Relaxed)),
        ("active_requests", "gauge", "Requests under way.", |e| e.active.load(Relaxed).into()),
        ("connections", "gauge", "Connections open.", |e| e.gate.open().into()),
        ("connects_total", "counter", "Connections that were tried.", |e| e.connects.load(Relaxed)),
        ("connect_failures_total", "counter", "Connections that failed.", |e| {
            e.connect_failures.load(Relaxed)
        }),
        ("tls_failures_total", "counter", "Connections on which TLS was not agreed on.", |e| {
            e.tls_failures.load(Relaxed)
        }),
        ("resets_total", "counter", "Answers that broke off or made no sense.", |e| {
            e.resets.load(Relaxed)
        }),
        ("timeouts_total", "counter", "Tries without an answer in time.", |e| {
            e.timeouts.load(Relaxed)
        }),
        ("reconnects_total", "counter", "Kept connections found dead.", |e| {
            e.reconnects.load(Relaxed)
        }),
        ("ejections_total", "counter", "Ejections.", |e| e.ejection.total.load(Relaxed)),
        ("health_checks_total", "counter", "Health checks.", |e| e.health.checks.load(Relaxed)),
        ("health_check_failures_total", "counter", "Health checks that failed.", |e| {
            e.health.failures.load(Relaxed)
        }),
    ];
    let all = || {
        services.iter().flat_map(|&(app, service)| {
            service.endpoints.iter().enumerate().map(move |(index, endpoint)| {
                let (name, label) = (&service.name, &endpoint.label);
                let labels = format!("{{app=\"{app}\",upstream=\"{name}\",endpoint=\"{label}\"}}");
                (labels, service, index)
            })
        })
    };
    for (name, kind, help, read) in per_endpoint {
        let values = all().map(|(labels, service, i)| (labels, read(&service.endpoints[i])));
        family(out, &format!("sedge_upstream_endpoint_{name}"), kind, help, values);
    }
    let up = all().filter(|(_, service, _)| service.settings.health.is_some());
    let up =
        up.map(|(labels, service, i)| (labels, u64::from(!service.endpoints[i].health.is_down())));
    let help = "1 if health checks say that the endpoint is well.";
    family(out, "sedge_upstream_endpoint_up", "gauge", help, up);
    let well = all().map(|(labels, service, i)| (labels, u64::from(service.is_well(i))));
    let help = "1 if the endpoint is not ejected, and health checks say that it is well.";
    family(out, "sedge_upstream_endpoint_healthy", "gauge", help, well);
}
