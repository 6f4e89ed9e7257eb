//! Upstreams that speak HTTP/2: bad ones first.

mod bad;
mod frames;
mod good;
mod origin;

pub(super) use origin::Origin;

use super::{Front, upstream};
use sedge_model::routing::policy::Policy;
use sedge_model::routing::upstream::{Pool, Protocol, Upstream};
use std::net::SocketAddr;

/// One that is spoken with by prior knowledge, in the clear.
fn plain(address: SocketAddr) -> Upstream {
    Upstream { protocol: Protocol::Http2, ..upstream(&[address]) }
}

fn front(address: SocketAddr) -> Front {
    Front::new(plain(address), Policy::default())
}

fn pooled(address: SocketAddr, pool: Pool) -> Front {
    Front::new(Upstream { pool, ..plain(address) }, Policy::default())
}
