//! Tables with rules, against a list that is read from its beginning to its end.

use super::*;
use crate::http::routes::fits::{conditions_fit, path_fits};
use crate::http::routes::paths::{length, rank, weight};
use http::HeaderMap;
use sedge_model::routing::rule::{Action, FixedAnswer, Pattern, ValueMatch};
use std::cmp::Reverse;

fn rule(order: Order, hosts: &[&str], matches: Vec<Match>) -> Rule {
    let status = http::StatusCode::OK;
    let fixed = FixedAnswer { status, headers: Vec::new(), body: Vec::new() };
    let hosts = hosts.iter().map(|host| Host::parse(host).expect("a host")).collect();
    Rule { order, hosts, matches, action: Action::Answer(fixed.clone()), ..Rule::answering(fixed) }
}

fn table_of(rules: &[Rule]) -> RouteTable {
    let nobody: Arc<dyn Handler> = Arc::new(Nobody);
    let mut table = RouteTable::default();
    for (index, rule) in rules.iter().enumerate() {
        table.add_rule(rule, |_| {
            Target::new(Arc::clone(&nobody), index.to_string().as_str().into())
        });
    }
    table
}

fn outcome(lookup: Lookup<'_>) -> String {
    match lookup {
        Lookup::Found(target) => target.label.to_string(),
        Lookup::Nothing => "404".into(),
        Lookup::OtherMethods(methods) => {
            let mut names: Vec<&str> = methods.iter().map(Method::as_str).collect();
            names.sort_unstable();
            format!("405 {}", names.join(","))
        }
    }
}

fn host_rank(wanted: Option<&Host>, host: &str) -> Option<usize> {
    match wanted {
        None => Some(0),
        Some(Host::Exact(exact)) => (exact == host).then_some(usize::MAX),
        Some(suffix @ Host::Suffix(text)) => suffix.matches(host).then_some(text.len()),
    }
}

/// Class, then length, then whether it is taken as written.
fn path_rank(path: &PathMatch) -> (usize, usize, bool) {
    let (inner, as_written) = match path {
        PathMatch::AnyCase(inner) => (&**inner, false),
        path => (path, true),
    };
    match inner {
        PathMatch::Exact(_) => (5, if as_written { 1 } else { 0 }, as_written),
        PathMatch::Template(_) => (4, length(inner), as_written),
        PathMatch::Prefix(text) if text.is_empty() && as_written => (0, 0, true),
        // A prefix of segments before one of bytes, where both are as long.
        PathMatch::Prefix(text) => (3, 2 * text.len() + usize::from(as_written), as_written),
        PathMatch::Begins(text) => (3, 2 * text.len(), as_written),
        PathMatch::Pattern(_) => (2, length(inner), as_written),
        PathMatch::Any | PathMatch::AnyCase(_) => (0, 0, true),
    }
}

/// What the module's text says, one match after the other.
fn naive_rules(rules: &[Rule], asked: &Asked<'_>) -> String {
    let host = asked.host.to_ascii_lowercase();
    let none = [Match::default()];
    let mut every = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let hosts: Vec<Option<&Host>> = match &rule.hosts[..] {
            [] => vec![None],
            hosts => hosts.iter().map(Some).collect(),
        };
        let matches = if rule.matches.is_empty() { &none[..] } else { &rule.matches };
        for one in matches {
            for wanted in &hosts {
                if let Some(rank) = host_rank(*wanted, &host) {
                    every.push((rank, index, rule.order, one));
                }
            }
        }
    }
    let mut ranks: Vec<usize> = every.iter().map(|one| one.0).collect();
    ranks.sort_unstable_by_key(|rank| Reverse(*rank));
    ranks.dedup();
    let mut allowed: Vec<String> = Vec::new();
    for of_rank in ranks {
        let of_host: Vec<_> = every.iter().filter(|one| one.0 == of_rank).collect();
        let closed = of_host.iter().any(|one| one.2 == Order::First);
        let fits = |one: &Match| path_fits(&one.path, asked.path) && conditions_fit(one, asked);
        let first = of_host.iter().find(|(_, _, order, one)| {
            let named = one.methods.is_empty() || one.methods.contains(asked.method);
            *order == Order::First && named && fits(one)
        });
        if let Some((_, index, ..)) = first {
            return index.to_string();
        }
        let fitting = of_host.iter().enumerate();
        let fitting = fitting.filter(|(_, one)| one.2 == Order::Specific && fits(one.3));
        let mut best = None;
        for (at, (_, index, _, one)) in fitting {
            let implied = *asked.method == Method::HEAD && one.methods.contains(&Method::GET);
            let method = match &one.methods {
                methods if methods.contains(asked.method) => 3,
                _ if implied => 2,
                methods if methods.is_empty() => 1,
                methods => {
                    allowed.extend(methods.iter().map(Method::to_string));
                    if methods.contains(&Method::GET) {
                        allowed.push("HEAD".into());
                    }
                    continue;
                }
            };
            let path = (path_rank(&one.path), Reverse(rank(&one.path).2));
            let rank = (path, method, weight(one), Reverse(at));
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, *index));
            }
        }
        match best {
            Some((_, index)) => return index.to_string(),
            None if closed => break,
            None => {}
        }
    }
    allowed.sort_unstable();
    allowed.dedup();
    if allowed.is_empty() { "404".into() } else { format!("405 {}", allowed.join(",")) }
}

fn any_path() -> impl Strategy<Value = PathMatch> {
    let text = prop::sample::select(vec!["/a", "/a/b", "/ab", "/A", "/a/*", "/*", "/a/b/*"]);
    let parsed = text.prop_map(|text| PathMatch::parse(text).expect("a path"));
    let template = prop::sample::select(vec!["/{x}", "/a/{x}", "/{x}/b", "/a/{x...}"]);
    let template = template.prop_map(|text| PathMatch::parse(text).expect("a template"));
    let begins = prop::sample::select(vec!["/", "/a", "/a/"])
        .prop_map(|text| PathMatch::Begins(text.to_owned()));
    let pattern = prop::sample::select(vec!["/a.*", "/[ab]", "/a/[^/]+"])
        .prop_map(|text| PathMatch::Pattern(Pattern::whole(text).expect("a pattern")));
    let plain = prop_oneof![
        4 => parsed, 2 => template, 2 => begins, 1 => pattern, 1 => Just(PathMatch::Any)
    ];
    plain.boxed()
}

fn any_match() -> impl Strategy<Value = Match> {
    let methods = prop::sample::subsequence(vec![Method::GET, Method::HEAD, Method::PUT], 0..=2);
    let value = prop::sample::select(vec![
        ValueMatch::Present,
        ValueMatch::Absent,
        ValueMatch::Exact("1".into()),
        ValueMatch::Not(Box::new(ValueMatch::Prefix("1".into()))),
        ValueMatch::Without(Box::new(ValueMatch::Exact("1".into()))),
    ]);
    let headers = prop::collection::vec(value.clone(), 0..2);
    let queries = prop::collection::vec(value, 0..2);
    let tls = prop::option::weighted(0.2, any::<bool>());
    let port = prop::option::weighted(0.2, prop::sample::select(vec![80u16, 443]));
    (any_path(), methods, headers, queries, tls, port).prop_map(
        |(path, methods, headers, queries, tls, port)| Match {
            path,
            methods,
            headers: headers
                .into_iter()
                .map(|value| (http::HeaderName::from_static("x-a"), value))
                .collect(),
            queries: queries.into_iter().map(|value| ("q".to_owned(), value)).collect(),
            tls,
            port,
        },
    )
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let hosts = prop::sample::subsequence(vec!["a.org", "*.org", "*.a.org", "b.a.org"], 0..=2);
    let matches = prop::collection::vec(any_match(), 0..3);
    (any::<bool>(), hosts, matches).prop_map(|(first, hosts, matches)| {
        rule(if first { Order::First } else { Order::Specific }, &hosts, matches)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_a_linear_search_finds(
        rules in prop::collection::vec(any_rule(), 0..6),
        host in prop::sample::select(vec!["a.org", "b.a.org", "c.b.a.org", "org", "", "B.A.org"]),
        path in prop::sample::select(vec!["/", "/a", "/A", "/a/", "/a/b", "/a/b/c", "/ab", "/b", "/x/b"]),
        method in prop::sample::select(vec![Method::GET, Method::HEAD, Method::PUT, Method::POST]),
        header in prop::option::of(prop::sample::select(vec!["1", "12", "2"])),
        query in prop::option::of(prop::sample::select(vec!["q=1", "q", "p=1&q=2", "x"])),
        tls in any::<bool>(),
    ) {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert("x-a", value.parse().expect("value"));
        }
        let asked = Asked {
            headers: &headers,
            query,
            tls,
            port: if tls { 443 } else { 80 },
            ..Asked::plain(host, path, &method)
        };
        let table = table_of(&rules);
        prop_assert_eq!(outcome(table.find(&asked)), naive_rules(&rules, &asked));
    }
}

#[test]
fn a_host_with_ordered_rules_has_the_last_word() {
    let one =
        |path: &str| Match { path: PathMatch::parse(path).expect("a path"), ..Match::default() };
    let rules = [
        rule(Order::Specific, &[], vec![one("/*")]),
        rule(Order::First, &["a.org"], vec![one("/x/*")]),
        rule(Order::First, &["a.org"], vec![one("/x/y")]),
    ];
    let table = table_of(&rules);
    for (host, path, expected) in
        [("a.org", "/other", "404"), ("a.org", "/x/y", "1"), ("b.org", "/other", "0")]
    {
        let found = outcome(table.find(&Asked::plain(host, path, &Method::GET)));
        assert_eq!(found, expected, "{host}{path}");
    }
}
