//! What the reader says of files, bad ones first.

use super::*;
use crate::node_config;
use expect_test::{Expect, expect, expect_file};

mod gateway_api;
mod mistakes;
mod nothing_is_dropped;

/// A node with services, a subset's labels, and a certificate.
const NODE: &str = r#"
[[tls]]
listen = "127.0.0.1:3443"
[[tls.certificate]]
certificate = "site.pem"
key = "site-key.pem"
name = "edge-tls-cert"
[services]
edge-processor.endpoints = ["127.0.0.1:8080"]
"edge-analytics.default.svc.cluster.local".endpoints = ["127.0.0.1"]
reviews.endpoints = [
  { address = "10.0.0.1:9080", labels = { version = "v1" } },
  { address = "10.0.0.2:9080", labels = { version = "v2" }, weight = 3 },
]
"#;

pub(super) fn node() -> NodeConfig {
    node_config::read(NODE, Path::new("node.toml")).expect("a configuration without mistakes")
}

pub(super) fn read_one(text: &str, strictness: Strictness) -> Result<Mesh, Mistakes> {
    let source = SourceText { file: "mesh.yaml".into(), text: text.to_owned() };
    read(&[source], &node(), strictness)
}

/// The messages for a file, in its order.
pub(super) fn messages(text: &str) -> Vec<String> {
    let files =
        read_one(text, Strictness::Strict).err().map(|mistakes| mistakes.files).unwrap_or_default();
    files.into_iter().flat_map(|problems| problems.list).map(|problem| problem.message).collect()
}

/// A `VirtualService` with one route, whose lines are `route`, indented by four.
pub(super) fn service(route: &str) -> String {
    let route: String = route.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: s\nspec:\n  \
         hosts: [\"a.org\"]\n  http:\n  - name: r\n{route}"
    )
}

/// The only rule of a `VirtualService` with one route.
pub(super) fn rule(route: &str) -> Rule {
    let mut mesh = read_one(&service(route), Strictness::Strict).expect(route);
    assert_eq!(mesh.rules.len(), 1, "{route}");
    mesh.rules.remove(0)
}

fn check(text: &str, expected: Expect) {
    match read_one(text, Strictness::Strict) {
        Ok(mesh) => expected.assert_debug_eq(&mesh),
        Err(mistakes) => expected.assert_eq(&mistakes.to_string()),
    }
}

#[test]
fn an_empty_file_says_nothing() {
    check(
        "",
        expect![[r#"
        error: there is no object in the file
         --> mesh.yaml:1:1
    "#]],
    );
}

/// As it stands in documents that have lost their white space.
#[test]
fn a_file_without_indentation_is_told_in_one_word() {
    let text = include_str!("../../../../examples/mesh/edge-routing.yaml");
    let flat: String = text.lines().map(|line| format!("{}\n", line.trim_start())).collect();
    check(
        &flat,
        expect![[r#"
        error: the indentation is lost: nothing stands below `metadata`
         --> mesh.yaml:4:1
          |
        4 | metadata:
          | ^^^^^^^^^
          = hint: indent what belongs to a field by two spaces, as `kubectl get -o yaml` prints it
    "#]],
    );
}

#[test]
fn the_example_is_read_unchanged() {
    let text = include_str!("../../../../examples/mesh/edge-routing.yaml");
    let mesh = read_one(text, Strictness::Strict).expect("valid");
    expect_file!["tests/edge-routing.txt"].assert_debug_eq(&mesh);
}

#[test]
fn a_name_that_the_node_does_not_know_is_named_with_what_to_write() {
    let text = include_str!("../../../../examples/mesh/edge-routing.yaml");
    let source = SourceText { file: "edge-routing.yaml".into(), text: text.to_owned() };
    let mistakes =
        read(&[source], &NodeConfig::default(), Strictness::Lenient).expect_err("nothing is known");
    expect![[r#"
        error: the node has no listener with TLS
          --> edge-routing.yaml:23:7
           |
        23 |       mode: SIMPLE
           |       ^^^^^^^^^^^^
           = hint: write a [[tls]] table in the node's configuration (--config)

        error: the service `edge-processor` is not named in the node's configuration
          --> edge-routing.yaml:42:15
           |
        42 |         host: edge-processor
           |               ^^^^^^^^^^^^^^
           = hint: write [services.edge-processor] with endpoints = ["127.0.0.1:8080"] and give it with --config

        error: the service `edge-analytics` is not named in the node's configuration
          --> edge-routing.yaml:54:15
           |
        54 |         host: edge-analytics
           |               ^^^^^^^^^^^^^^
           = hint: write [services.edge-analytics] with endpoints = ["127.0.0.1:8080"] and give it with --config
    "#]].assert_eq(&mistakes.to_string());
}

#[test]
fn a_lenient_reader_warns_and_goes_on() {
    let text = service(
        "match: [{ sourceLabels: { app: x } }]\ntimeouts: 3s\nroute: [{ destination: { host: reviews } }]",
    );
    assert!(read_one(&text, Strictness::Strict).is_err());
    let mesh = read_one(&text, Strictness::Lenient).expect("two warnings");
    assert_eq!(mesh.rules.len(), 1);
    let warnings: String = mesh.warnings.iter().map(ToString::to_string).collect();
    expect![[r#"
        warning: `spec.http[0].match[0].sourceLabels` is not supported
         --> mesh.yaml:9:15
          |
        9 |     match: [{ sourceLabels: { app: x } }]
          |               ^^^^^^^^^^^^
          = hint: a node does not know from which workload a request comes

        warning: `spec.http[0].timeouts` is not a known field
          --> mesh.yaml:10:5
           |
        10 |     timeouts: 3s
           |     ^^^^^^^^
           = hint: did you mean `timeout`?
    "#]]
    .assert_eq(&warnings);
    // What is malformed stays a mistake.
    let text = service("timeout: soon\nroute: [{ destination: { host: reviews } }]");
    assert!(read_one(&text, Strictness::Lenient).is_err());
}

#[test]
fn files_are_read_together_and_mistakes_are_told_by_file() {
    let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: g }\nspec:\n  servers:\n  \
                   - port: { number: 80, name: http, protocol: HTTP }\n    hosts: [\"*.a.org\"]\n";
    let bound = service("route: [{ destination: { host: reviews } }]")
        .replace("spec:", "spec:\n  gateways: [g]")
        .replace("\"a.org\"", "x.a.org");
    let source = |file: &str, text: &str| SourceText { file: file.into(), text: text.to_owned() };
    let mesh =
        read(&[source("s.yaml", &bound), source("g.yaml", gateway)], &node(), Strictness::Strict)
            .expect("valid");
    assert_eq!(mesh.rules[0].matches[0].tls, Some(false));
    let broken = gateway.replace("number: 80", "number: 0");
    let all = [source("s.yaml", &bound.replace("reviews", "review")), source("g.yaml", &broken)];
    let mistakes = read(&all, &node(), Strictness::Strict).expect_err("one in each");
    let files: Vec<_> =
        mistakes.files.iter().map(|one| (one.file.display().to_string(), one.list.len())).collect();
    // Without its server, the gateway has no host for the service either.
    assert_eq!(files, [("s.yaml".to_owned(), 2), ("g.yaml".to_owned(), 1)]);
}

#[test]
fn subsets_choose_endpoints_and_policies_stand_over_each_other() {
    let traffic = r#"
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: d }
spec:
  host: reviews.default.svc.cluster.local
  trafficPolicy:
    loadBalancer: { simple: ROUND_ROBIN }
    connectionPool: { http: { http1MaxPendingRequests: 7 } }
    portLevelSettings:
    - port: { number: 9443 }
      tls: { mode: SIMPLE, sni: reviews.example.org }
  subsets:
  - name: v2
    labels: { version: v2 }
    trafficPolicy:
      loadBalancer: { consistentHash: { httpHeaderName: X-User } }
"#;
    let route = "route:\n- destination: { host: reviews, subset: v2 }\n  weight: 1\n\
                 - destination: { host: reviews, port: { number: 9443 } }\n  weight: 3";
    let text = service(route) + traffic;
    let mesh = read_one(&text, Strictness::Strict).expect("valid");
    use crate::routing::upstream::{Balance, HashKey};
    let [v2, secure] = &mesh.upstreams[..] else { panic!("two upstreams") };
    assert_eq!((v2.name.as_str(), secure.name.as_str()), ("reviews-v2", "reviews-9443"));
    assert_eq!(
        v2.endpoints
            .iter()
            .map(|one| (one.host.as_str(), one.port, one.weight))
            .collect::<Vec<_>>(),
        [("10.0.0.2", 9080, 3)]
    );
    assert_eq!(v2.balance, Balance::Hash(HashKey::Header("x-user".parse().expect("a name"))));
    assert_eq!((v2.pool.pending_max, v2.tls.is_some()), (7, false));
    // Settings of a port inherit nothing.
    assert_eq!((secure.balance.clone(), secure.pool.pending_max), (Balance::LeastRequests, 1_024));
    assert_eq!(
        secure.tls.as_ref().and_then(|tls| tls.server_name.as_deref()),
        Some("reviews.example.org")
    );
    assert_eq!(secure.endpoints.len(), 2);
}

#[test]
fn istio_retries_where_nothing_is_said() {
    let to = "route: [{ destination: { host: reviews } }]";
    let retries = rule(to).policy.retries.expect("the default");
    assert_eq!(retries.attempts, 2);
    let on = &retries.on;
    assert!(
        on.connect_failure && on.refused_stream && !on.reset && !on.server_error && on.any_method
    );
    assert_eq!((on.statuses.len(), &on.grpc[..]), (1, &[14, 1][..]));
    assert!(rule(&format!("retries: {{ attempts: 0 }}\n{to}")).policy.retries.is_none());
    let retries = rule(&format!(
        "retries: {{ attempts: 3, perTryTimeout: 2s, retryOn: \"gateway-error, 429\" }}\n{to}"
    ));
    let retries = retries.policy.retries.expect("written");
    assert!(retries.on.gateway_error && retries.on.reset && !retries.on.connect_failure);
    assert_eq!(retries.on.statuses, [http::StatusCode::TOO_MANY_REQUESTS]);
}

#[test]
fn rewrites_follow_what_the_path_fitted() {
    use crate::routing::rule::{PathMatch, PathRewrite};
    let text = service(
        "match: [{ uri: { prefix: /a } }, { uri: { exact: /b } }, { headers: { x: {} } }]\n\
         rewrite: { uri: /n, authority: n.org }\nroute: [{ destination: { host: reviews } }]",
    );
    let mesh = read_one(&text, Strictness::Strict).expect("valid");
    let found: Vec<_> =
        mesh.rules.iter().map(|rule| (rule.matches.len(), rule.rewrite.path.clone())).collect();
    assert_eq!(
        found,
        [(2, Some(PathRewrite::Prefix("/n".into()))), (1, Some(PathRewrite::Full("/n".into())))]
    );
    assert_eq!(mesh.rules[0].matches[1].path, PathMatch::Begins("/".into()));
}

#[test]
fn changes_of_both_levels_are_in_the_order_of_envoy() {
    use crate::routing::rule::Action;
    let set = |value: &str| format!("headers: {{ request: {{ set: {{ x-a: {value} }} }} }}");
    let values = |changes: &crate::routing::rule::Changes| {
        let values = changes.set.iter().map(|(_, value)| value.to_str().expect("text").to_owned());
        values.collect::<Vec<_>>()
    };
    // One destination: one level, where the last of those that set a field wins.
    let one = rule(&format!(
        "{}\nroute: [{{ destination: {{ host: reviews }}, {} }}]",
        set("route"),
        set("way")
    ));
    assert_eq!(values(&one.request), ["route", "way"]);
    // Several: the route comes after each.
    let two = rule(&format!(
        "{}\nroute: [{{ destination: {{ host: reviews }}, weight: 1, {} }}, \
         {{ destination: {{ host: edge-processor }}, weight: 1 }}]",
        set("route"),
        set("way")
    ));
    let Action::Forward(ways) = &two.action else { panic!("{:?}", two.action) };
    assert!(two.request.is_empty());
    let found: Vec<_> = ways.iter().map(|way| values(&way.request)).collect();
    assert_eq!(found, [["route"], ["route"]]);
}

#[test]
fn a_host_among_the_fields_is_a_rewrite() {
    let host = |route: &str| rule(route).rewrite.host;
    let to = "route: [{ destination: { host: reviews } }]";
    for name in ["host", "Host", "\":authority\""] {
        let route = format!("headers: {{ request: {{ set: {{ {name}: a.org }} }} }}\n{to}");
        assert_eq!(host(&route).as_deref(), Some("a.org"), "{name}");
    }
    let both = format!(
        "rewrite: {{ authority: b.org }}\nheaders: {{ request: {{ set: {{ host: a.org }} }} }}\n{to}"
    );
    assert_eq!(host(&both).as_deref(), Some("b.org"));
    let of_one = "route: [{ destination: { host: reviews }, headers: { request: { set: { host: c.org } } } }]";
    assert_eq!(host(of_one).as_deref(), Some("c.org"));
    let of_several = "route: [{ destination: { host: reviews }, weight: 1, headers: { request: { set: { host: c.org } } } }, \
                      { destination: { host: reviews }, weight: 1 }]";
    let found = messages(&service(of_several));
    assert!(found[0].contains("sets the host of one of several destinations"), "{found:?}");
}

#[test]
fn a_policy_for_other_origins_is_of_routes_that_lead_somewhere() {
    use crate::routing::cors::OtherPreflights;
    let policy = "corsPolicy: { allowOrigins: [{ exact: \"https://a.org\" }], allowMethods: [GET, PUT], \
                  maxAge: 1h, unmatchedPreflights: IGNORE }";
    let cors = rule(&format!("{policy}\nroute: [{{ destination: {{ host: reviews }} }}]")).cors;
    let cors = cors.expect("a policy");
    let methods = http::HeaderValue::from_static("GET,PUT");
    assert_eq!(cors.allow_methods, Some(crate::routing::cors::Allowed::These(methods)));
    assert_eq!(cors.max_age.map(|age| age.as_secs()), Some(3_600));
    assert_eq!(cors.others, OtherPreflights::Answered);
    assert!(!cors.credentials && cors.allow_headers.is_none());
    assert_eq!(rule(&format!("{policy}\nredirect: {{ uri: /x }}")).cors, None);
    // The older form counts only alone.
    let old = "corsPolicy: { allowOrigin: [\"https://b.org\"] }\nroute: [{ destination: { host: reviews } }]";
    assert_eq!(rule(old).cors.map(|cors| cors.origins.len()), Some(1));
}

#[test]
fn redirects_lead_to_ports_as_envoy_has_them() {
    use crate::routing::rule::{Action, RedirectPort};
    for (redirect, host, port) in [
        ("{}", None, RedirectPort::AsSent),
        ("{ port: 80 }", None, RedirectPort::AsSent),
        ("{ port: 443 }", None, RedirectPort::Is(443)),
        ("{ scheme: https, port: 443 }", None, RedirectPort::AsSent),
        ("{ authority: \"a.org:81\" }", Some("a.org:81"), RedirectPort::AsSent),
        ("{ authority: \"a.org:81\", port: 82 }", Some("a.org"), RedirectPort::Is(82)),
        ("{ authority: \"a.org:81\", port: 80 }", Some("a.org:81"), RedirectPort::AsSent),
        ("{ derivePort: FROM_REQUEST_PORT }", None, RedirectPort::AsSent),
    ] {
        let Action::Redirect(found) = rule(&format!("redirect: {redirect}")).action else {
            panic!("{redirect}");
        };
        assert_eq!((found.host.as_deref(), found.port), (host, port), "{redirect}");
    }
}

#[test]
fn a_server_that_redirects_takes_no_route() {
    let text = service("route: [{ destination: { host: reviews } }]")
        .replace("spec:", "spec:\n  gateways: [g]")
        + "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: { name: g }\nspec:\n  servers:\n  \
           - port: { number: 80, name: http, protocol: HTTP }\n    hosts: [\"*\"]\n    tls: { httpsRedirect: true }\n  \
           - port: { number: 443, name: https, protocol: HTTPS }\n    hosts: [\"*\"]\n    tls: { mode: SIMPLE, credentialName: edge-tls-cert }\n";
    let mesh = read_one(&text, Strictness::Strict).expect("valid");
    let plain = |rule: &Rule| rule.matches.iter().any(|one| one.tls != Some(true));
    for rule in mesh.rules.iter().filter(|rule| plain(rule)) {
        assert!(matches!(rule.action, crate::routing::rule::Action::Redirect(_)), "{}", rule.name);
    }
    assert_eq!(mesh.rules.iter().filter(|rule| plain(rule)).count(), 2);
}

/// The guide, from its beginning to its end.
const GUIDE: &str = include_str!("../../../../docs/guides/mesh.md");

#[test]
fn the_configurations_that_people_are_shown_serve_the_example() {
    let of_guide = GUIDE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let of_example = include_str!("../../../../examples/mesh/node.toml");
    let text = include_str!("../../../../examples/mesh/edge-routing.yaml");
    for node in [of_guide.expect("a block"), of_example] {
        let node = node_config::read(node, Path::new("node.toml")).expect("valid");
        let source = SourceText { file: "edge-routing.yaml".into(), text: text.to_owned() };
        let mesh = read(&[source], &node, Strictness::Strict).expect("valid");
        assert_eq!((mesh.rules.len(), mesh.upstreams.len()), (2, 2));
        assert_eq!(mesh.upstreams[1].endpoints[0].port, 8081);
    }
}

#[test]
fn the_guide_names_every_field() {
    let known = nothing_is_dropped::field_names();
    assert!(known.len() > 100, "{}", known.len());
    let missing: Vec<&String> =
        known.iter().filter(|name| !GUIDE.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
