use super::*;
use crate::http::routes::Routes;
use crate::http::{AccessLog, metrics::GatewayMetrics};
use crate::traces::Traces;

fn watched(now: Instant) -> Watched {
    let options = Arc::new(GatewayOptions::default());
    let peers = crate::http::core::Peer {
        connections: 0.into(),
        handover: tokio::sync::mpsc::unbounded_channel().0,
    };
    let metrics = GatewayMetrics::new(1, Arc::new([]), Traces::off());
    let core = Core::new(
        0,
        options,
        metrics.shard(0),
        AccessLog::off(),
        None,
        Arc::new([peers]),
        Arc::new(Routes::default()),
        Arc::new([]),
    );
    let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    Watched::new(Arc::new(Connection::new(Arc::new(core), peer, -1, false, 0)), now)
}

/// Shows the sights one second apart, each for as many seconds as it says, and
/// gives the second and the verdict of the first timeout.
fn check(story: &[(u64, Sight)], expected: Option<(u64, Timeout)>) {
    let options = GatewayOptions {
        header_timeout: Duration::from_secs(10),
        keep_alive_timeout: Duration::from_secs(60),
        write_timeout: Duration::from_secs(20),
        ..GatewayOptions::default()
    };
    let start = Instant::now();
    let mut watched = watched(start);
    let mut second = 0;
    for &(seconds, sight) in story {
        for _ in 0..seconds {
            second += 1;
            let now = start + Duration::from_secs(second);
            if let Some(verdict) = watched.judge(sight, now, &options) {
                assert_eq!(Some((second, verdict)), expected);
                return;
            }
        }
    }
    assert_eq!(None, expected);
}

fn sight(read: u64, requests: u64, in_flight: u64) -> Sight {
    Sight { read, requests, in_flight, protocol: Some(Protocol::Http1), ..Sight::default() }
}

#[test]
fn silent_and_dribbling_clients_lose_the_connection() {
    let unknown = Sight::default();
    check(&[(100, unknown)], Some((11, Timeout::Header)));
    // A byte each second is no progress: the head as a whole must arrive.
    let dribble: Vec<(u64, Sight)> = (1..50).map(|read| (1, sight(read, 0, 0))).collect();
    check(&dribble, Some((11, Timeout::Header)));
    // The same after a request on a connection kept alive.
    let mut story = vec![(1, sight(100, 1, 0)), (5, sight(100, 1, 0))];
    story.extend((101..150).map(|read| (1, sight(read, 1, 0))));
    check(&story, Some((18, Timeout::Header)));
}

#[test]
fn idle_connections_are_closed_later_than_slow_ones() {
    check(&[(1, sight(100, 1, 0)), (100, sight(100, 1, 0))], Some((62, Timeout::KeepAlive)));
    // Pings are not the head of a request.
    let h2 = |read| Sight { protocol: Some(Protocol::Http2), ..sight(read, 1, 0) };
    let pings: Vec<(u64, Sight)> = (100..200).map(|read| (1, h2(read))).collect();
    check(&pings, Some((62, Timeout::KeepAlive)));
}

#[test]
fn half_a_head_of_http2_costs_the_connection_whatever_else_is_under_way() {
    let mid = |read, requests| Sight { is_mid_head: true, ..sight(read, requests, 5) };
    let pings: Vec<(u64, Sight)> = (100..200).map(|read| (1, mid(read, 1))).collect();
    // The first second is that of a request which has begun.
    check(&pings, Some((13, Timeout::Header)));
    let heads: Vec<(u64, Sight)> = (100..200).map(|read| (1, mid(read, read))).collect();
    check(&heads, None);
}

#[test]
fn clients_that_do_not_read_lose_the_connection() {
    let stuck = |written| Sight { written, client_must_read: true, ..sight(100, 1, 1) };
    check(&[(100, stuck(5))], Some((22, Timeout::Write)));
    let slow: Vec<(u64, Sight)> = (1..10).map(|written| (19, stuck(written))).collect();
    check(&slow, None);
}

#[test]
fn a_slow_handler_is_not_the_clients_fault() {
    check(&[(1_000, sight(100, 1, 1))], None);
}
