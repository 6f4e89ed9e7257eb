//! Files of service meshes.

use super::texts;
use sedge_model::mesh::{self, SourceText, Strictness};
use sedge_model::node_config::{self, NodeConfig};
use sedge_model::routing::rule::Action;
use std::collections::HashSet;
use std::path::Path;

/// Fields, and marks that mean something to YAML.
pub(super) const FIELDS: &[&str] = &[
    "\n---\n",
    "\n  - ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "&a ",
    "*a",
    "!!str ",
    "|\n",
    "? ",
    "apiVersion: networking.istio.io/v1\n",
    "kind: VirtualService\n",
    "kind: Gateway\n",
    "kind: List\n",
    "hosts:",
    "gateways:",
    "http:",
    "match:",
    "uri:",
    "prefix:",
    "regex:",
    "route:",
    "destination:",
    "host: reviews",
    "subset:",
    "weight: 1",
    "timeout: 1s",
    "retries:",
    "attempts:",
    "retryOn: 5xx",
    "fault:",
    "fixedDelay:",
    "percentage:",
    "value: 0.1",
    "rewrite:",
    "redirect:",
    "mirror:",
    "trafficPolicy:",
    "parentRefs:",
    "rules:",
    "backendRefs:",
    "filters:",
    "type: PathPrefix",
];

pub(super) fn files() -> Vec<Vec<u8>> {
    texts(&[
        "",
        "{---",
        include_str!("../../../examples/mesh/edge-routing.yaml"),
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: s }\nspec:\n  hosts: [\"*\"]\n  \
         http:\n  - match: [{ uri: { regex: \"/a.*\" }, ignoreUriCase: true, withoutHeaders: { x: { exact: y } } }]\n    \
         rewrite: { uri: /b }\n    retries: { attempts: 3, retryOn: \"5xx,429\" }\n    fault: { abort: { percent: 5, httpStatus: 503 } }\n    \
         route: [{ destination: { host: reviews, subset: v1 }, weight: 3 }, { destination: { host: reviews } }]\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: d }\nspec:\n  host: reviews\n  \
         subsets: [{ name: v1, labels: { v: \"1\" } }]\n",
        "kind: List\nitems:\n- apiVersion: gateway.networking.k8s.io/v1\n  kind: Gateway\n  metadata: { name: g }\n  spec:\n    \
         listeners: [{ name: h, port: 80, protocol: HTTP }]\n- apiVersion: gateway.networking.k8s.io/v1\n  kind: HTTPRoute\n  \
         metadata: { name: r }\n  spec:\n    parentRefs: [{ name: g }]\n    rules:\n    - matches: [{ path: { value: /a } }]\n      \
         timeouts: { request: 1s }\n      backendRefs: [{ name: reviews, port: 80 }]\n",
    ])
}

fn node() -> NodeConfig {
    let text = "[services.reviews]\nendpoints = [{ address = \"127.0.0.1:1\", labels = { v = \"1\" } }]\n\
                [services.edge-processor]\nendpoints = [\"127.0.0.1\"]\n";
    node_config::read(text, Path::new("node.toml")).expect("a configuration without mistakes")
}

/// Reads a file. Mistakes lie within it; what a strict reader takes, a lenient
/// one takes alike and without a warning; rules have names of their own and go
/// to upstreams that exist.
pub(super) fn mesh(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = [SourceText { file: "mesh.yaml".into(), text: text.to_owned() }];
    let node = node();
    let lenient = mesh::read(&source, &node, Strictness::Lenient);
    let strict = mesh::read(&source, &node, Strictness::Strict);
    if let Err(mistakes) = &strict {
        assert!(!mistakes.to_string().is_empty());
        for problem in mistakes.files.iter().flat_map(|file| &file.list) {
            assert!(problem.span.start <= text.len() && problem.line >= 1, "{problem:?}");
        }
        return;
    }
    let (Ok(strict), Ok(lenient)) = (strict, lenient) else {
        panic!("a lenient reader takes what a strict one takes")
    };
    assert!(lenient.warnings.is_empty());
    assert_eq!(format!("{strict:?}"), format!("{lenient:?}"));
    let upstreams: HashSet<&str> =
        strict.upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
    let names: HashSet<&str> = strict.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!((upstreams.len(), names.len()), (strict.upstreams.len(), strict.rules.len()));
    for rule in &strict.rules {
        if let Action::Forward(ways) = &rule.action {
            assert!(ways.iter().any(|way| way.weight > 0));
            for way in ways {
                let sedge_model::routing::rule::Destination::Upstream(name) = &way.to else {
                    panic!("{way:?}")
                };
                assert!(upstreams.contains(name.as_str()), "{name}");
            }
        }
    }
}
