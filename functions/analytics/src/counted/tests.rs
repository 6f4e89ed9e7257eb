use super::*;
use proptest::prelude::*;

pub(crate) const NOON_MS: i64 = 1_795_867_200_000;
const MINUTE_MS: i64 = 60_000;

pub(crate) fn routes() -> Routes {
    Routes::parse("shop=/shop/*, api=/api/*").expect("classes")
}

pub(crate) fn options() -> AnalyticsOptions {
    AnalyticsOptions { routes_max: 3, ..AnalyticsOptions::default() }
}

/// Names are as good as random.
pub(crate) fn name(user: u64) -> u64 {
    sedge_kit::sketch::hash::xxh64(&user.to_le_bytes(), 0)
}

pub(crate) fn request(clock_ms: i64, user: u64, route: &str, status: u16) -> Vec<u8> {
    let what = What::Request(Request {
        user: Some(name(user)),
        page: (status == 200).then_some(name(user / 3)),
        status,
        latency_us: 1_000 * user,
        size_bytes: (status == 200).then_some(500),
        route,
    });
    Record { clock_ms, what }.to_bytes()
}

pub(crate) fn minute(clock_ms: i64) -> Vec<u8> {
    Record { clock_ms, what: What::Minute }.to_bytes()
}

fn event(clock_ms: i64, user: Option<u64>, ago_ms: i64) -> Vec<u8> {
    let event = Event { user: user.map(name), page: None, failed: true, ago_ms, name: "buy" };
    Record { clock_ms, what: What::Event(event) }.to_bytes()
}

fn take(counted: &mut Counted, wall_ms: i64, payloads: &[Vec<u8>]) -> Vec<Told> {
    counted.take(wall_ms, payloads.iter().map(|payload| &payload[..]), &routes())
}

fn requests(counted: &Counted) -> u64 {
    counted.analytics.node().hours.span(i64::MIN, i64::MAX).requests()
}

#[test]
fn what_is_no_record_is_counted_as_such_and_does_nothing() {
    let mut counted = Counted::new(options());
    let odd = [vec![], vec![1], b"{}".to_vec(), vec![0; 1 << 20]];
    assert_eq!(take(&mut counted, NOON_MS, &odd), []);
    assert_eq!((counted.beside.malformed, counted.beside.clock_ms, requests(&counted)), (4, 0, 0));
}

#[test]
fn each_record_is_counted_for_what_it_is() {
    let mut counted = Counted::new(options());
    take(
        &mut counted,
        NOON_MS,
        &[
            request(NOON_MS, 7, "shop", 200),
            request(NOON_MS + 1, 7, "shop", 500),
            request(NOON_MS + 1, 8, "api", 404),
            // Nobody makes classes by writing to the topic.
            request(NOON_MS + 1, 9, "forged", 999),
            event(NOON_MS + 2, Some(7), 1_000),
            event(NOON_MS + 2, None, 0),
            event(NOON_MS + 2, Some(7), -70_000),
        ],
    );
    let shop = &counted.beside.totals["shop"];
    assert_eq!((shop.classes, shop.latency_us), ([0, 0, 1, 0, 0, 1], 14_000));
    assert_eq!((shop.size_bytes, shop.sized), (500, 1));
    assert_eq!(counted.beside.totals["other"].classes, [1, 0, 0, 0, 0, 0]);
    assert_eq!(counted.beside.totals.len(), 3);
    assert_eq!(requests(&counted), 4);
    let users = counted.analytics.node().hours.span(i64::MIN, i64::MAX).users.estimate();
    assert_eq!(users.round(), 3.0);
    let of = |user| counted.analytics.sessions().open().find(|session| session.user == name(user));
    let session = of(7).expect("a session");
    assert_eq!((session.events, session.failed, session.views), (3, 2, 1));
    assert_eq!((counted.beside.nobodys, counted.analytics.sessions().future()), (1, 1));
    let top = counted.analytics.events().top();
    assert_eq!(top.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["buy", PAGE_VIEW]);
}

#[test]
fn the_clock_is_that_of_the_log_and_only_a_minute_sets_it_back() {
    let mut counted = Counted::new(options());
    let clock = |counted: &mut Counted, payload: Vec<u8>| {
        take(counted, NOON_MS, &[payload]);
        counted.beside.clock_ms - NOON_MS
    };
    assert_eq!(clock(&mut counted, minute(NOON_MS)), 0);
    // A record that is forged, or of a clock that was wrong.
    assert_eq!(clock(&mut counted, request(NOON_MS + 10 * DAY_MS, 1, "shop", 200)), MINUTE_MS);
    assert_eq!(clock(&mut counted, request(NOON_MS - 10 * MINUTE_MS, 1, "shop", 200)), MINUTE_MS);
    assert_eq!(clock(&mut counted, minute(NOON_MS - MINUTE_MS)), MINUTE_MS);
    assert_eq!(clock(&mut counted, minute(NOON_MS - 5 * MINUTE_MS)), -5 * MINUTE_MS);
    // The one that came from afar is of the future, the other one was counted.
    assert_eq!((counted.analytics.future(), requests(&counted)), (1, 1));
    assert_eq!(counted.analytics.sessions().open().len(), 0);
}

#[test]
fn at_midnight_nobody_is_known_any_longer() {
    let mut counted = Counted::new(options());
    let midnight_ms = (NOON_MS / DAY_MS + 1) * DAY_MS;
    take(&mut counted, midnight_ms - 1, &[request(midnight_ms - 1, 7, "shop", 200)]);
    assert_eq!(counted.analytics.sessions().open().len(), 1);
    take(&mut counted, midnight_ms, &[minute(midnight_ms)]);
    assert_eq!(counted.analytics.sessions().open().len(), 0);
    take(&mut counted, midnight_ms, &[request(midnight_ms, 8, "shop", 200)]);
    let ended: u64 = counted.analytics.sessions().totals().map(|(_, total)| total.sessions).sum();
    assert_eq!((ended, counted.analytics.sessions().open().len()), (1, 1));
}

/// Two hours that are well, then every answer of one route fails, then all is well again.
fn trouble(counted: &mut Counted) -> Vec<(i64, Told)> {
    let mut told = Vec::new();
    for at in 0..240 {
        let now_ms = NOON_MS + at * MINUTE_MS;
        let status = if (120..150).contains(&at) { 503 } else { 200 };
        let mut batch = vec![minute(now_ms)];
        for user in 0..10 {
            let time_ms = now_ms + 100 * i64::from(user as u32);
            batch.push(request(time_ms, user, "shop", status));
            batch.push(request(time_ms, user, "api", 200));
        }
        told.extend(take(counted, now_ms + 1_000, &batch).into_iter().map(|told| (at, told)));
    }
    told
}

#[test]
fn a_route_that_fails_is_told_once_and_cleared_once() {
    let mut counted = Counted::new(options());
    let told = trouble(&mut counted);
    let of = |subject: &str| -> Vec<_> {
        let those = told.iter().filter(|(_, told)| told.about.subject == subject);
        those.map(|(at, told)| (*at, &*told.about.cause, &*told.level)).collect()
    };
    let route = of("route");
    assert!(told.iter().all(|(_, told)| told.about.name.as_deref() != Some("api")), "{told:?}");
    let levels: Vec<_> = route.iter().map(|(_, cause, level)| (*cause, *level)).collect();
    assert!(levels.iter().all(|(cause, _)| *cause == "errors"), "{levels:?}");
    assert_eq!(levels.first(), Some(&("errors", "warning")), "{levels:?}");
    assert_eq!(levels.last(), Some(&("errors", "normal")), "{levels:?}");
    assert_eq!(levels.iter().filter(|(_, level)| *level == "normal").count(), 1, "{levels:?}");
    assert!((121..=126).contains(&route[0].0), "{route:?}");
    assert!((150..=160).contains(&route.last().expect("the end").0), "{route:?}");
    assert_eq!(counted.beside.recent.len(), told.len());
    assert!(counted.analytics.raised().next().is_none());
}

#[test]
fn a_state_goes_on_where_it_was_and_forgets_classes_that_are_no_more() {
    let mut counted = Counted::new(options());
    trouble(&mut counted);
    let bytes = counted.to_bytes();
    let read = |bytes: &[u8], routes: Routes| Counted::from_bytes(bytes, options(), &routes);
    assert_eq!(read(&bytes, routes()), Ok(counted));
    let fewer = read(&bytes, Routes::parse("api=/a").expect("a class")).expect("a state");
    let names: Vec<_> = fewer.analytics.routes().map(|(name, _)| name).collect();
    assert_eq!((names, fewer.beside.totals.len()), (vec!["api"], 1));
    for length in (0..bytes.len()).step_by(97) {
        assert!(read(&bytes[..length], routes()).is_err(), "{length} bytes");
    }
    let mut odd = bytes.clone();
    odd[5] ^= 1;
    assert!(read(&odd, routes()).is_err());
}

proptest! {
    /// Whatever comes, however it is cut into batches and wherever it is written and read.
    #[test]
    fn a_state_is_a_function_of_the_records(
        records in proptest::collection::vec(
            (0_i64..90_000, 0_u64..5, 0_usize..3, 190_u16..210, 0_u8..8), 1..60),
        cuts in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let mut now_ms = NOON_MS + 11 * 3_600_000;
        let payloads: Vec<_> = records.into_iter().map(|(step, user, route, status, kind)| {
            now_ms += step;
            match kind {
                0 => vec![9; 9],
                1 => event(now_ms, Some(user), step),
                2 => minute(now_ms),
                _ => request(now_ms, user, ["shop", "api", "other"][route], status),
            }
        }).collect();
        let mut whole = Counted::new(options());
        let told = take(&mut whole, now_ms, &payloads);
        let mut apart = Counted::new(options());
        let mut told_apart = Vec::new();
        for (payload, cut) in payloads.iter().zip(cuts) {
            told_apart.extend(take(&mut apart, now_ms, std::slice::from_ref(payload)));
            if cut {
                let bytes = apart.to_bytes();
                apart = Counted::from_bytes(&bytes, options(), &routes()).expect("a state");
                prop_assert_eq!(apart.to_bytes(), bytes);
            }
        }
        prop_assert_eq!(told_apart, told);
        prop_assert_eq!(apart, whole);
    }
}
