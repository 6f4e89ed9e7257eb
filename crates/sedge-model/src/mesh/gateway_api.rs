//! The Kubernetes Gateway API (`gateway.networking.k8s.io`): `Gateway` and
//! `HTTPRoute`.

pub(super) mod filters;
pub(super) mod gateway;
pub(super) mod http_route;
