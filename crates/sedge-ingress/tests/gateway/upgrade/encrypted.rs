//! Upgrades of upstreams with TLS, and of those that speak HTTP/2.

use super::{Front, Peer, Settings, asking, head};
use crate::secure::Authority;
use crate::upstream::terminator::{Terminator, config};
use crate::upstream::upstream;
use crate::world::status;
use sedge_model::routing::upstream::{Protocol, Tls, Upstream};

#[test]
fn where_only_http2_is_spoken_nothing_is_upgraded() {
    let peer = Peer::new();
    let http2 = Upstream { protocol: Protocol::Http2, ..upstream(&[peer.address]) };
    let front = Front::over(http2, Settings::default());
    let mut client = front.connect();
    client.write(asking("/", "echo"));
    assert_eq!(status(&head(&mut client)), 501);
    assert_eq!(peer.connections(), 0);
    front.wait_unused();
}

#[test]
fn an_upgrade_asks_for_http1_where_http2_is_chosen() {
    let (peer, authority) = (Peer::new(), Authority::new());
    let files = authority.issue("api", &["127.0.0.1"]);
    let terminator = Terminator::new(peer.address, config(&files, None, &["h2", "http/1.1"]));
    let tls = Tls { trusted_roots: vec![authority.file()], ..Tls::default() };
    let encrypted = Upstream { tls: Some(tls), ..upstream(&[terminator.address]) };
    let front = Front::over(encrypted, Settings::default());
    for _ in 0..3 {
        let mut client = front.switched("/");
        client.write("ping");
        client.read_until("ping");
    }
    front.wait_unused();
}
