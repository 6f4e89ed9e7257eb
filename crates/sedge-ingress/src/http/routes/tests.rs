mod rules;

use super::*;
use proptest::prelude::*;
use sedge_model::handler::{Answer, Context, Request};

struct Nobody;

impl Handler for Nobody {
    fn call(&self, _: Request, _: Context) -> Answer<'_> {
        unreachable!("only looked up")
    }
}

fn route(text: &str) -> Route {
    let (methods, rest) = text.split_once(' ').unwrap_or(("", text));
    let (host, path) = rest.split_at(rest.find('/').expect("a path"));
    let host = match host.strip_prefix('*') {
        _ if host.is_empty() => None,
        Some(suffix) => Some(Host::Suffix(suffix.into())),
        None => Some(Host::Exact(host.into())),
    };
    let path = match path.strip_suffix("/*") {
        Some(prefix) => Path::Prefix(prefix.into()),
        None => Path::Exact(path.into()),
    };
    let names = methods.split(',').filter(|name| !name.is_empty());
    Route { host, path, methods: names.map(|name| name.parse().expect("method")).collect() }
}

fn table(routes: &[Route]) -> RouteTable {
    let nobody: Arc<dyn Handler> = Arc::new(Nobody);
    RouteTable::new(routes.iter().enumerate().map(|(index, route)| {
        (route.clone(), Arc::clone(&nobody), index.to_string().as_str().into())
    }))
}

#[test]
fn a_reserved_path_comes_before_every_route() {
    let mut table = table(&["/*", "x.org/own/a", "POST x.org/own/*"].map(route));
    table.reserve("/own", Target::new(Arc::new(Nobody), "reserved".into()));
    let found = |host: &str, path: &str| match table.find(&Asked::plain(host, path, &Method::POST))
    {
        Lookup::Found(target) => target.label.to_string(),
        _ => panic!("{path}"),
    };
    for path in ["/own", "/own/", "/own/a", "/own/b/c"] {
        assert_eq!(found("x.org", path), "reserved", "{path}");
    }
    for path in ["/", "/owner", "/Own/a"] {
        assert_eq!(found("x.org", path), "0", "{path}");
    }
}

/// The rules of the module's text, one route after the other.
fn naive(routes: &[Route], host: &str, path: &str, method: &Method) -> String {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let fits = routes.iter().enumerate().filter_map(|(index, route)| {
        let host_rank = match &route.host {
            None => 0,
            Some(Host::Suffix(s)) if host.len() > s.len() && host.ends_with(s) => s.len(),
            Some(Host::Exact(exact)) if *exact == host => usize::MAX,
            Some(_) => return None,
        };
        let path_rank = match &route.path {
            Path::Exact(exact) if exact == path => usize::MAX,
            Path::Prefix(p) if path == p || path.starts_with(&format!("{p}/")) => p.len(),
            _ => return None,
        };
        let implied = method == Method::HEAD && route.methods.contains(&Method::GET);
        let method_rank = match &route.methods {
            methods if methods.contains(method) => 3,
            _ if implied => 2,
            methods if methods.is_empty() => 1,
            _ => 0,
        };
        let rank = (host_rank, path_rank, method_rank, usize::MAX - index);
        Some((rank, index, &route.methods))
    });
    let (taken, others): (Vec<_>, Vec<_>) =
        fits.partition(|((_, _, method_rank, _), _, _)| *method_rank > 0);
    match taken.into_iter().max() {
        Some((_, index, _)) => index.to_string(),
        None if others.is_empty() => "404".into(),
        None => {
            let mut names: Vec<_> =
                others.iter().flat_map(|(_, _, m)| m.iter().map(Method::as_str)).collect();
            if names.contains(&"GET") {
                names.push("HEAD");
            }
            names.sort_unstable();
            names.dedup();
            format!("405 {}", names.join(","))
        }
    }
}

fn found(table: &RouteTable, host: &str, path: &str, method: &Method) -> String {
    match table.find(&Asked::plain(host, path, method)) {
        Lookup::Found(target) => target.label.to_string(),
        Lookup::Nothing => "404".into(),
        Lookup::OtherMethods(methods) => {
            let mut names: Vec<_> = methods.iter().map(Method::as_str).collect();
            names.sort_unstable();
            format!("405 {}", names.join(","))
        }
    }
}

#[test]
fn the_most_specific_route_answers() {
    let routes: Vec<Route> = [
        "/*",
        "/img/*",
        "GET /img/logo",
        "shop.example.org/*",
        "*.example.org/*",
        "*.eu.example.org/*",
        "GET,POST /form",
        "api.example.org/v1/*",
    ]
    .map(route)
    .to_vec();
    let table = table(&routes);
    for (host, path, method, expected) in [
        ("example.org", "/", "GET", "0"),
        ("", "/imgs", "GET", "0"),
        ("", "/img", "GET", "1"),
        ("", "/img/", "GET", "1"),
        ("", "/img/a/b/c", "GET", "1"),
        ("", "/img/logo", "GET", "2"),
        ("", "/img/logo", "HEAD", "2"),
        ("", "/img/logo", "PUT", "1"),
        ("SHOP.example.org.", "/img/logo", "GET", "3"),
        ("a.b.example.org", "/", "GET", "4"),
        ("a.eu.example.org", "/", "GET", "5"),
        ("", "/form", "DELETE", "0"),
        ("api.example.org", "/v1", "GET", "7"),
        ("api.example.org", "/v2", "GET", "4"),
    ] {
        let method: Method = method.parse().expect("method");
        assert_eq!(found(&table, host, path, &method), expected, "{method} {host}{path}");
        assert_eq!(naive(&routes, host, path, &method), expected, "naive {method} {host}{path}");
    }
}

#[test]
fn other_methods_and_nothing_are_told_apart() {
    let routes = ["GET /a", "PUT /a", "POST /a/*", "GET h/b"].map(route);
    let table = table(&routes);
    assert_eq!(found(&table, "", "/a", &Method::DELETE), "405 GET,HEAD,POST,PUT");
    assert_eq!(found(&table, "", "/b", &Method::GET), "404");
    assert_eq!(found(&table, "h", "/b", &Method::OPTIONS), "405 GET,HEAD");
    assert_eq!(found(&RouteTable::default(), "h", "/", &Method::GET), "404");
}

#[test]
fn ten_thousand_functions_and_a_hostile_path() {
    let routes: Vec<Route> =
        (0..10_000).map(|index| route(&format!("f{index}.example.org/api/{index}/*"))).collect();
    let table = table(&routes);
    let deep = "/".repeat(60_000);
    for index in (0..10_000).step_by(7) {
        let host = format!("f{index}.example.org");
        let path = format!("/api/{index}/x");
        assert_eq!(found(&table, &host, &path, &Method::GET), index.to_string());
        assert_eq!(found(&table, &host, &deep, &Method::GET), "404");
    }
}

#[test]
fn a_swap_is_seen_at_once_and_the_old_table_lives_as_long_as_it_is_held() {
    let routes = Routes::new(table(&[route("/old")]));
    let (version, held) = routes.snapshot();
    let replaced = routes.swap(table(&[route("/new"), route("/newer")]));
    assert!(Arc::ptr_eq(&held, &replaced));
    drop(replaced);
    assert_eq!(Arc::strong_count(&held), 1);
    assert_ne!(routes.version(), version);
    assert_eq!(routes.snapshot().1.len(), 2);
}

fn any_route() -> impl Strategy<Value = Route> {
    let host =
        prop_oneof![Just(""), Just("a.b"), Just("b"), Just("c.a.b"), Just("*.b"), Just("*.a.b"),];
    let segments = proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("")], 0..4);
    let methods =
        prop_oneof![Just(""), Just("GET "), Just("GET,POST "), Just("HEAD "), Just("PUT ")];
    (methods, host, segments, any::<bool>()).prop_map(|(methods, host, segments, prefix)| {
        let path = format!("/{}", segments.join("/"));
        let star = if prefix { "/*" } else { "" };
        route(&format!("{methods}{host}{path}{star}"))
    })
}

proptest! {
    #[test]
    fn agrees_with_the_naive_matcher(
        routes in proptest::collection::vec(any_route(), 0..12),
        host in prop_oneof![Just(""), Just("a.b"), Just("B."), Just("x.a.b"), Just(".b"), Just("z")],
        path in "(/[ab]?){1,5}",
        method in proptest::sample::select(
            vec![Method::GET, Method::HEAD, Method::POST, Method::PUT],
        ),
    ) {
        let table = table(&routes);
        prop_assert_eq!(
            found(&table, host, &path, &method),
            naive(&routes, host, &path, &method)
        );
    }
}
