//! How many bytes analytics take when everything is full, counted by the allocator. Printed by
//!
//! ```text
//! cargo test --release -p sedge-kit --test analytics_room -- --nocapture
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use sedge_kit::analytics::window::Observed;
use sedge_kit::analytics::{Analytics, AnalyticsOptions, Record};
use sedge_kit::sessions::{Event, SessionOptions, Sessions};
use sedge_kit::sketch::hash::xxh64;

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to `System` as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `at` came from `System`, by `alloc` above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn random(at: u64) -> u64 {
    xxh64(&at.to_le_bytes(), 0)
}

/// One test: the allocator counts for all threads.
#[test]
fn room_is_as_stated() {
    let before = BYTES.load(Ordering::Relaxed);
    let options = SessionOptions::default();
    let mut sessions = Sessions::new(options);
    for at in 0..5 * options.users_max as u64 {
        let event = Event { user: random(at), time_ms: at as i64, page: Some(at), failed: false };
        sessions.observe(at as i64, &event, &mut |_, _| {});
    }
    assert_eq!(sessions.open().len(), options.users_max);
    let per_user = (BYTES.load(Ordering::Relaxed) - before) as f64 / options.users_max as f64;
    println!("sessions: {per_user:.0} bytes per user");
    assert!(per_user < 170.0, "{per_user}");
    drop(sessions);

    let before = BYTES.load(Ordering::Relaxed);
    let mut analytics = fill();
    let full = BYTES.load(Ordering::Relaxed) - before;
    let bytes = analytics.to_bytes().len();
    println!("analytics: {full} bytes full, {bytes} written");
    assert!(full < 24_000_000, "{full}");
    assert!(bytes < 12_000_000, "{bytes}");
    // More of the same takes no more.
    more(&mut analytics, 26 * 3600, 27 * 3600, 60);
    let later = BYTES.load(Ordering::Relaxed) - before;
    assert!(later < full + full / 20, "{later}");
}

/// Every window of every route holds as many users and as different latencies as it can.
fn fill() -> Analytics {
    let mut analytics = Analytics::new(AnalyticsOptions::default());
    more(&mut analytics, 0, 25 * 3600, 5);
    more(&mut analytics, 25 * 3600, 26 * 3600, 60);
    analytics
}

fn more(analytics: &mut Analytics, from_s: i64, to_s: i64, per_second: u64) {
    for second in from_s..to_s {
        for at in 0..per_second {
            let random = random(second as u64 * 1000 + at);
            let route = format!("route-{}", random % 40);
            let event = format!("event-{}-{}", "x".repeat(50), random % 1000);
            let observed = Observed {
                time_ms: second * 1000,
                user: Some(random),
                status: 200,
                latency_ms: ((random >> 8) % 1_000_000) as f64 / 10.0,
                body_bytes: Some((random >> 20) % 100_000_000),
            };
            let record =
                Record { observed, route: &route, page: Some(&route), event: Some(&event) };
            assert!(analytics.observe(second * 1000, &record));
        }
    }
}
