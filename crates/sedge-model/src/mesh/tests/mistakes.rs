//! A table of files with one mistake each.

use super::{messages, service};

const TO: &str = "route: [{ destination: { host: reviews } }]";

/// Actions that forward.
#[rustfmt::skip]
const ROUTES: &[(&str, &str)] = &[
        ("", "`spec.http[0]` must have one of route, redirect and directResponse"),
        ("route: []", "`spec.http[0].route` has no destination"),
        ("route: reviews", "`spec.http[0].route` must be a list, found a string"),
        ("route: [{ destination: {} }]", "missing field `spec.http[0].route[0].destination.host`"),
        (
            "route: [{ destination: { host: review } }]",
            "the service `review` is not named in the node's configuration",
        ),
        (
            "route: [{ destination: { host: reviews, port: 80 } }]",
            "`spec.http[0].route[0].destination.port` must be a map, found an integer",
        ),
        (
            "route: [{ destination: { host: reviews, port: { number: 70000 } } }]",
            "`spec.http[0].route[0].destination.port.number` is 70000",
        ),
        (
            "route: [{ destination: { host: reviews, port: { number: \"80\" } } }]",
            "`spec.http[0].route[0].destination.port.number` must be an integer, found a string",
        ),
        (
            "route: [{ destination: { host: reviews, subset: v9 } }]",
            "the service `reviews` has no subset `v9`",
        ),
        (
            "route: [{ destination: { host: reviews }, weight: -1 }]",
            "`spec.http[0].route[0].weight` is -1",
        ),
        (
            "route: [{ destination: { host: reviews } }, { destination: { host: reviews } }]",
            "all weights of `spec.http[0].route` are 0",
        ),
        (
            "route: [{ destination: { host: reviews }, headers: { request: { set: { \"a b\": c } } } }]",
            "`a b` is not the name of a header field",
        ),
        (
            "route: [{ destination: { host: reviews }, headers: { request: { set: { a: 1 } } } }]",
            "`spec.http[0].route[0].headers.request.set.a` must be a string, found an integer",
        ),
        (
            "route: [{ destination: { host: edge-analytics } }]",
            "neither the route nor the endpoint `127.0.0.1` says a port",
        ),
];

/// What stands beside a good action.
#[rustfmt::skip]
const BESIDE: &[(&str, &str)] = &[
        (
            "match: [{ uri: { prefix: /a, exact: /b } }]",
            "`spec.http[0].match[0].uri` says more than one of exact, prefix and regex",
        ),
        ("match: [{ uri: { regex: \"a(\" } }]", "`a(` is not a pattern"),
        ("match: [{ uri: { regex: \"a)(b\" } }]", "`a)(b` is not a pattern"),
        ("match: [{ uri: { regex: \"(a{1000}){1000}\" } }]", "`(a{1000}){1000}` is not a pattern"),
        (
            "match: [{ uri: { suffix: /a } }]",
            "`spec.http[0].match[0].uri.suffix` is not a known field",
        ),
        ("match: [{ scheme: { exact: ftp } }]", "`spec.http[0].match[0].scheme` fits no request"),
        ("match: [{ method: { exact: \"G T\" } }]", "`G T` is not a method"),
        ("match: [{ method: { prefix: get } }]", "`spec.http[0].match[0].method` fits no method"),
        (
            "match: [{ headers: { \":path\": { exact: a } } }]",
            "`:path` is not the name of a header field",
        ),
        ("match: [{ port: 0 }]", "`spec.http[0].match[0].port` is 0"),
        ("match: [{ gateways: [g] }]", "`g` is not a gateway of this service"),
        (
            "match: [{ sourceNamespace: x }]",
            "`spec.http[0].match[0].sourceNamespace` is not supported",
        ),
        ("match: { uri: { exact: / } }", "`spec.http[0].match` must be a list, found a map"),
        (
            "redirect: { uri: /x }",
            "`spec.http[0]` must have one of route, redirect and directResponse",
        ),
        ("rewrite: { uri: x }", "`x` is not a path"),
        ("rewrite: { uri: \"/x?y\" }", "`/x?y` is not a path"),
        (
            "rewrite: { uri: /a, uriRegexRewrite: { match: a, rewrite: b } }",
            "`spec.http[0].rewrite.uriRegexRewrite` stands beside `uri`",
        ),
        (
            "rewrite: { uriRegexRewrite: { match: \"a(\", rewrite: b } }",
            "the pattern `a(` cannot be read: unclosed group",
        ),
        (
            "rewrite: { uriRegexRewrite: { match: \"(a)\", rewrite: '\\2' } }",
            "`spec.http[0].rewrite.uriRegexRewrite.rewrite` names a group that `match` has not",
        ),
        (
            "rewrite: { uriRegexRewrite: { rewrite: b } }",
            "missing field `spec.http[0].rewrite.uriRegexRewrite.match`",
        ),
        ("timeout: 5", "`spec.http[0].timeout` must be a string, found an integer"),
        ("timeout: 5 s", "`5 s` is not a duration"),
        ("retries: { attempts: -1 }", "`spec.http[0].retries.attempts` is -1"),
        (
            "retries: { attempts: 1, retryOn: \"5xx,sometimes\" }",
            "`spec.http[0].retries.retryOn` does not know `sometimes`",
        ),
        (
            "retries: { attempts: 1, retryRemoteLocalities: true }",
            "`spec.http[0].retries.retryRemoteLocalities` is not supported",
        ),
        ("retries: { atempts: 1 }", "`spec.http[0].retries.atempts` is not a known field"),
        (
            "fault: { delay: { percentage: { value: 101 }, fixedDelay: 1s } }",
            "`spec.http[0].fault.delay.percentage.value` is 101",
        ),
        (
            "fault: { delay: { percentage: { value: 1 } } }",
            "missing field `spec.http[0].fault.delay.fixedDelay`",
        ),
        (
            "fault: { delay: { exponentialDelay: 1s } }",
            "`spec.http[0].fault.delay.exponentialDelay` is not supported",
        ),
        ("fault: { abort: { httpStatus: 99 } }", "`spec.http[0].fault.abort.httpStatus` is 99"),
        (
            "fault: { abort: { grpcStatus: UNAVAILABLE } }",
            "`spec.http[0].fault.abort.grpcStatus` is not supported",
        ),
        (
            "mirror: { host: nobody }",
            "the service `nobody` is not named in the node's configuration",
        ),
        (
            "mirror: { host: reviews }\nmirrorPercentage: { value: 1000 }",
            "`spec.http[0].mirrorPercentage.value` is 1000",
        ),
        (
            "corsPolicy: { allowOrigins: [\"https://a.org\"] }",
            "`spec.http[0].corsPolicy.allowOrigins[0]` must be a map, found a string",
        ),
        (
            "corsPolicy: { allowOrigins: [{}] }",
            "`spec.http[0].corsPolicy.allowOrigins[0]` says none of exact, prefix and regex",
        ),
        (
            "corsPolicy: { allowMethods: [\"GET, PUT\"] }",
            "`GET, PUT` is not a method or the name of a field",
        ),
        ("corsPolicy: { maxAge: 5 }", "`spec.http[0].corsPolicy.maxAge` must be a string, found an integer"),
        (
            "corsPolicy: { unmatchedPreflights: DROP }",
            "`DROP` is not a value of `spec.http[0].corsPolicy.unmatchedPreflights`",
        ),
        ("corsPolicy: { origins: [] }", "`spec.http[0].corsPolicy.origins` is not a known field"),
        (
            "retries: { perTryTimeout: 1s }",
            "`spec.http[0].retries` has no attempts, and says how they are made",
        ),
        ("delegate: { name: x }", "`spec.http[0].delegate` is not supported"),
        ("headers: { request: { set: { host: \"a b\" } } }", "`a b` is not a host"),
        (
            "headers: { response: { set: { host: x } } }",
            "`spec.http[0].headers.response.set.host` changes `host`, which frames the message",
        ),
        (
            "headers: { request: { remove: [host] } }",
            "`spec.http[0].headers.request.remove[0]` changes `host`, which frames the message",
        ),
        (
            "headers: { response: { add: { a: \"%PROTOCOL%\" } } }",
            "the value of `spec.http[0].headers.response.add.a` has a variable of Envoy",
        ),
        ("headers: { answer: {} }", "`spec.http[0].headers.answer` is not a known field"),
        ("timeout: 1s\ntimeout: 2s", "the field `timeout` is written twice"),
];

/// Actions that answer.
#[rustfmt::skip]
const ACTIONS: &[(&str, &str)] = &[
        ("redirect: { redirectCode: 200 }", "`spec.http[0].redirect.redirectCode` is 200"),
        ("redirect: { redirectCode: 304 }", "`spec.http[0].redirect.redirectCode` is 304"),
        ("redirect: { scheme: ftp }", "`ftp` is not a value of `spec.http[0].redirect.scheme`"),
        (
            "redirect: { derivePort: MAYBE }",
            "`MAYBE` is not a value of `spec.http[0].redirect.derivePort`",
        ),
        ("directResponse: {}", "missing field `spec.http[0].directResponse.status`"),
        (
            "directResponse: { status: 200, body: { bytes: aGk= } }",
            "`spec.http[0].directResponse.body.bytes` is not supported",
        ),
];

/// What is written in the place of what.
#[rustfmt::skip]
const OBJECTS: &[(&str, &str, &str)] = &[
        (
            "kind: VirtualService",
            "kind: VirtualServices",
            "the kind `VirtualServices` of `networking.istio.io/v1` is not supported",
        ),
        (
            "kind: VirtualService",
            "kind: ServiceEntry",
            "the kind `ServiceEntry` of `networking.istio.io/v1` is not supported",
        ),
        (
            "networking.istio.io/v1",
            "networking.istio.io/v2",
            "the kind `VirtualService` of `networking.istio.io/v2` is not supported",
        ),
        ("apiVersion: networking.istio.io/v1\n", "", "missing field `apiVersion`"),
        ("  name: s", "  name: S", "`S` is not a name"),
        (
            "  name: s",
            "  annotations: { a.istio.io/x: y }\n  name: s",
            "`metadata.annotations.a.istio.io/x` is not supported",
        ),
        ("[\"a.org\"]", "[]", "`spec.hosts` names no host"),
        ("[\"a.org\"]", "[\"a_.org:80\"]", "`a_.org:80` is not a host name"),
        ("spec:", "spec:\n  tcp: []", "`spec.tcp` is not supported"),
        ("spec:", "spec:\n  exportTo: [shop]", "`spec.exportTo[0]` is not supported"),
        ("spec:", "spec:\n  gateways: [nowhere]", "there is no gateway `nowhere`"),
        ("spec:", "spce:", "missing field `spec`"),
];

/// Servers.
#[rustfmt::skip]
const GATEWAYS: &[(&str, &str)] = &[
        ("{ port: { number: 80, protocol: HTTP } }", "missing field `spec.servers[0].hosts`"),
        (
            "{ port: { number: 80, protocol: MONGO }, hosts: [\"*\"] }",
            "`spec.servers[0].port.protocol` is not supported",
        ),
        (
            "{ port: { number: 80, protocol: http }, hosts: [\"*\"] }",
            "`http` is not a value of `spec.servers[0].port.protocol`",
        ),
        (
            "{ port: { number: 80, protocol: HTTP }, hosts: [\"shop/*\"] }",
            "`spec.servers[0].hosts[0]` names another namespace",
        ),
        (
            "{ port: { number: 80, protocol: HTTP }, hosts: [\"*\"], bind: 0.0.0.0 }",
            "`spec.servers[0].bind` is not supported",
        ),
        (
            "{ port: { number: 443, protocol: HTTPS }, hosts: [\"*\"] }",
            "`spec.servers[0]` has the protocol HTTPS and no tls",
        ),
        (
            "{ port: { number: 443, protocol: HTTPS }, hosts: [\"*\"], tls: { mode: SIMPLE } }",
            "`spec.servers[0].tls` must name one certificate",
        ),
        (
            "{ port: { number: 443, protocol: HTTPS }, hosts: [\"*\"], tls: { mode: PASSTHROUGH } }",
            "`spec.servers[0].tls.mode` is a mode that is not supported",
        ),
        (
            "{ port: { number: 443, protocol: HTTPS }, hosts: [\"*\"], tls: { mode: SIMPLE, credentialName: other } }",
            "the node has no certificate named `other`",
        ),
        (
            "{ port: { number: 443, protocol: HTTPS }, hosts: [\"*\"], tls: { mode: SIMPLE, serverCertificate: a.pem, privateKey: b.pem } }",
            "the node does not serve the certificate a.pem",
        ),
        (
            "{ port: { number: 443, protocol: HTTPS }, hosts: [\"*\"], tls: { mode: MUTUAL, credentialName: edge-tls-cert } }",
            "the node has no listener where certificates of clients are required",
        ),
        (
            "{ port: { number: 443, protocol: HTTPS }, hosts: [\"*\"], tls: { mode: SIMPLE, credentialName: edge-tls-cert, minProtocolVersion: TLSV1_3 } }",
            "`spec.servers[0].tls.minProtocolVersion` is not supported",
        ),
        (
            "{ port: { number: 80, protocol: HTTP }, hosts: [\"*\"], tls: { mode: SIMPLE } }",
            "`spec.servers[0].tls.mode` has no meaning where nothing is encrypted",
        ),
];

/// Traffic policies.
#[rustfmt::skip]
const POLICIES: &[(&str, &str)] = &[
        (
            "{ loadBalancer: { simple: PASSTHROUGH } }",
            "`spec.trafficPolicy.loadBalancer.simple` PASSTHROUGH is not supported",
        ),
        (
            "{ loadBalancer: { simple: FASTEST } }",
            "`FASTEST` is not a value of `spec.trafficPolicy.loadBalancer.simple`",
        ),
        (
            "{ loadBalancer: { simple: RANDOM, consistentHash: { useSourceIp: true } } }",
            "`spec.trafficPolicy.loadBalancer.consistentHash` stands beside `simple`",
        ),
        (
            "{ loadBalancer: { consistentHash: {} } }",
            "`spec.trafficPolicy.loadBalancer.consistentHash` must have one key",
        ),
        (
            "{ loadBalancer: { consistentHash: { useSourceIp: true, maglev: {} } } }",
            "`spec.trafficPolicy.loadBalancer.consistentHash.maglev` is not supported",
        ),
        (
            "{ connectionPool: { tcp: { maxConnections: 0 } } }",
            "`spec.trafficPolicy.connectionPool.tcp.maxConnections` is 0",
        ),
        (
            "{ connectionPool: { tcp: { connectTimeout: 0s } } }",
            "`spec.trafficPolicy.connectionPool.tcp.connectTimeout` is shorter than 1 ms",
        ),
        (
            "{ connectionPool: { http: { maxConcurrentStreams: 0 } } }",
            "`spec.trafficPolicy.connectionPool.http.maxConcurrentStreams` is 0",
        ),
        (
            "{ outlierDetection: { maxEjectionPercent: 101 } }",
            "`spec.trafficPolicy.outlierDetection.maxEjectionPercent` is 101",
        ),
        (
            "{ tls: { mode: ISTIO_MUTUAL } }",
            "`spec.trafficPolicy.tls.mode` ISTIO_MUTUAL is not supported",
        ),
        (
            "{ tls: { mode: SIMPLE, subjectAltNames: [\"*.shop.test\"] } }",
            "`*.shop.test` is not a host name",
        ),
        (
            "{ tls: { mode: MUTUAL } }",
            "clientCertificate and privateKey belong to MUTUAL, both of them",
        ),
        (
            "{ tls: { mode: SIMPLE, clientCertificate: a.pem } }",
            "clientCertificate and privateKey belong to MUTUAL, both of them",
        ),
        (
            "{ tls: { mode: SIMPLE, credentialName: x } }",
            "`spec.trafficPolicy.tls.credentialName` is not supported",
        ),
        (
            "{ portLevelSettings: [{ port: { number: 80 } }, { port: { number: 80 } }] }",
            "the port 80 has settings already",
        ),
        (
            "{ proxyProtocol: { version: V1 } }",
            "`spec.trafficPolicy.proxyProtocol` is not supported",
        ),
];

#[test]
fn every_mistake_of_a_route_has_its_sentence() {
    for &(route, message) in ROUTES {
        assert_eq!(messages(&service(route)), [message], "{route}");
    }
    for &(beside, message) in BESIDE {
        assert_eq!(messages(&service(&format!("{beside}\n{TO}"))), [message], "{beside}");
    }
    for &(action, message) in ACTIONS {
        // An action that is read as `{}` misses its fields at the file's begin.
        assert_eq!(messages(&service(action)), [message], "{action}");
    }
}

#[test]
fn every_mistake_of_an_object_has_its_sentence() {
    let good = service(TO);
    for &(from, to, message) in OBJECTS {
        let text = good.replacen(from, to, 1);
        let found = messages(&text);
        assert!(found.contains(&message.to_owned()), "{to}: {found:?}");
    }
    let twice = format!("{good}---\n{good}");
    assert_eq!(messages(&twice), ["two objects of this kind have the name `s`"]);
    assert_eq!(messages("- a\n"), ["an object must be a map, found a list"]);
}

#[test]
fn every_mistake_of_a_gateway_has_its_sentence() {
    let gateway = |server: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{ name: g }}\nspec:\n  servers:\n  - {server}\n"
        )
    };
    for &(server, message) in GATEWAYS {
        assert_eq!(messages(&gateway(server)), [message], "{server}");
    }
}

#[test]
fn every_mistake_of_a_destination_rule_has_its_sentence() {
    let rule = |policy: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{ name: d }}\nspec:\n  host: reviews\n  trafficPolicy: {policy}\n"
        )
    };
    for &(policy, message) in POLICIES {
        assert_eq!(messages(&rule(policy)), [message], "{policy}");
    }
}

#[test]
fn advice_is_given_where_there_is_some() {
    let hint = |text: &str| {
        let mistakes = super::read_one(text, super::Strictness::Strict).expect_err("wrong");
        mistakes.files[0].list[0].hint.clone().unwrap_or_default()
    };
    assert_eq!(
        hint(&service("route: [{ destination: { host: review } }]")),
        "did you mean `reviews`?"
    );
    assert!(
        hint("apiVersion: v1\nkind: Service\nmetadata: { name: x }\n").contains("[services.NAME]")
    );
}
