//! Gateway API files, bad ones first.

use super::{Strictness, messages, read_one};
use crate::routing::rule::Rule;
use crate::routing::rule::{Action, Match, PathMatch, PathRewrite, ValueMatch};
use std::time::Duration;

/// A gateway with two listeners, and a route whose lines are `spec`, indented by
/// two.
fn with(spec: &str) -> String {
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        r#"apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: g }}
spec:
  gatewayClassName: sedge
  listeners:
  - {{ name: http, port: 80, protocol: HTTP, hostname: "*.a.org" }}
  - name: https
    port: 443
    protocol: HTTPS
    hostname: x.a.org
    tls: {{ certificateRefs: [{{ name: edge-tls-cert }}] }}
    allowedRoutes: {{ namespaces: {{ from: All }} }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{ name: r }}
spec:
{spec}"#
    )
}

fn rules(spec: &str) -> Vec<Rule> {
    read_one(&with(spec), Strictness::Strict).expect(spec).rules
}

const PARENT: &str = "parentRefs: [{ name: g, sectionName: http }]\n";
const BACKEND: &str = "backendRefs: [{ name: reviews, port: 9080 }]";

#[test]
fn every_mistake_of_a_route_has_its_sentence() {
    for (spec, message) in [
        ("rules: []", "missing field `spec.parentRefs`"),
        ("parentRefs: [{ name: h }]", "there is no gateway `h`"),
        ("parentRefs: [{ name: g, sectionName: tls }]", "the gateway `g` has no listener `tls`"),
        ("parentRefs: [{ name: g, port: 81 }]", "no listener of the gateway `g` takes this route"),
        (
            "parentRefs: [{ name: g }]\nhostnames: [b.org]",
            "no listener of the gateway `g` takes this route",
        ),
        ("parentRefs: [{ name: g, kind: Service }]", "`spec.parentRefs[0].kind` is not supported"),
    ] {
        assert_eq!(messages(&with(spec)), [message], "{spec}");
    }
    for (rule, message) in [
        (
            "backendRefs: [{ name: nobody, port: 80 }]",
            "the service `nobody` is not named in the node's configuration",
        ),
        (
            "backendRefs: [{ name: reviews, kind: Bucket }]",
            "`spec.rules[0].backendRefs[0].kind` is not supported",
        ),
        (
            "matches: [{ path: { type: Prefix, value: / } }]",
            "`Prefix` is not a value of `spec.rules[0].matches[0].path.type`",
        ),
        ("matches: [{ path: { value: a } }]", "`a` is not a path"),
        ("matches: [{ method: get }]", "`get` is not a method"),
        (
            "matches: [{ headers: [{ name: a }] }]",
            "missing field `spec.rules[0].matches[0].headers[0].value`",
        ),
        (
            "filters: [{ type: CORS, cors: { allowOrigins: [\"https://A.org/\"] } }]",
            "`https://A.org/` is not an origin",
        ),
        (
            "filters: [{ type: CORS, cors: { maxAge: 0 } }]",
            "`spec.rules[0].filters[0].cors.maxAge` is 0",
        ),
        (
            "filters: [{ type: CORS, cors: { allowCredentials: true, exposeHeaders: [\"*\"] } }]",
            "`spec.rules[0].filters[0].cors` exposes `*` with credentials",
        ),
        (
            "filters: [{ type: ExtensionRef, extensionRef: {} }]",
            "`spec.rules[0].filters[0].type` is a filter that is not supported",
        ),
        ("filters: [{ type: URLRewrite }]", "missing field `spec.rules[0].filters[0].urlRewrite`"),
        (
            "filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 304 } }]",
            "`spec.rules[0].filters[0].requestRedirect.statusCode` is 304",
        ),
        (
            "filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: reviews, port: 1 }, fraction: { numerator: 3, denominator: 2 } } }]",
            "`spec.rules[0].filters[0].requestMirror.fraction` is more than the whole",
        ),
        ("timeouts: { request: 1.5s }", "`1.5s` is not a duration of the Gateway API"),
        ("retry: { codes: [200] }", "`spec.rules[0].retry.codes[0]` is 200"),
        ("sessionPersistence: {}", "`spec.rules[0].sessionPersistence` is not supported"),
        ("matchs: []", "`spec.rules[0].matchs` is not a known field"),
    ] {
        let text = with(&format!("{PARENT}rules:\n- {rule}"));
        assert_eq!(messages(&text), [message], "{rule}");
    }
}

#[test]
fn hosts_are_those_of_both() {
    let rules = rules(&format!(
        "parentRefs: [{{ name: g }}]\nhostnames: [x.a.org, y.a.org, z.org]\nrules:\n- {BACKEND}"
    ));
    let found: Vec<(String, Option<bool>)> = rules
        .iter()
        .flat_map(|rule| rule.hosts.iter().map(|host| (host.to_string(), rule.matches[0].tls)))
        .collect();
    let expected = [("x.a.org", Some(false)), ("y.a.org", Some(false)), ("x.a.org", Some(true))];
    assert_eq!(found, expected.map(|(host, tls)| (host.to_owned(), tls)));
}

#[test]
fn a_rule_without_a_backend_answers_500() {
    for backends in [
        "backendRefs: []",
        "matches: []",
        "backendRefs: [{ name: reviews, port: 9080, weight: 0 }]",
    ] {
        let rules = rules(&format!("{PARENT}rules:\n- {backends}"));
        let Action::Answer(answer) = &rules[0].action else { panic!("{backends}") };
        assert_eq!(answer.status, 500, "{backends}");
    }
}

#[test]
fn matches_filters_and_times_are_honored() {
    let rules = rules(&format!(
        r#"{PARENT}rules:
- matches:
  - path: {{ type: PathPrefix, value: /a/ }}
    method: POST
    headers: [{{ name: X-A, value: b }}, {{ name: x-a, value: ignored }}]
    queryParams: [{{ type: RegularExpression, name: q, value: "[0-9]+" }}]
  filters:
  - type: URLRewrite
    urlRewrite: {{ hostname: n.org, path: {{ type: ReplacePrefixMatch, replacePrefixMatch: /b }} }}
  - type: RequestMirror
    requestMirror: {{ backendRef: {{ name: edge-processor, port: 8080 }}, percent: 42 }}
  timeouts: {{ request: 10s, backendRequest: 2s }}
  retry: {{ codes: [503], attempts: 3, backoff: 100ms }}
  backendRefs:
  - name: reviews
    port: 9080
    weight: 3
    filters: [{{ type: RequestHeaderModifier, requestHeaderModifier: {{ add: [{{ name: y, value: z }}] }} }}]
"#
    ));
    let rule = &rules[0];
    let Match { path, methods, headers, queries, .. } = &rule.matches[0];
    assert_eq!((path, methods.len(), headers.len()), (&PathMatch::Prefix("/a".into()), 1, 1));
    assert!(matches!(&queries[0], (name, ValueMatch::Pattern(_)) if name == "q"));
    assert_eq!(rule.rewrite.path, Some(PathRewrite::Prefix("/b".into())));
    assert_eq!(rule.mirrors[0].fraction, 0.42);
    assert_eq!(rule.policy.timeout, Some(Duration::from_secs(10)));
    let retries = rule.policy.retries.as_ref().expect("written");
    assert_eq!((retries.attempts, retries.per_try_timeout), (3, Some(Duration::from_secs(2))));
    let Action::Forward(ways) = &rule.action else { panic!("forwards") };
    assert_eq!((ways[0].weight, ways[0].request.add.len()), (3, 1));
}
