//! The Kubernetes Gateway API (`gateway.networking.k8s.io`): `Gateway` and
//! `HTTPRoute`.

mod cors;
pub(super) mod filters;
pub(super) mod gateway;
pub(super) mod http_route;
