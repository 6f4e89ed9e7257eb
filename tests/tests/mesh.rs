//! Files of service meshes, as a person gives them to the binary.

use sedge_tests::client;
use sedge_tests::origin::Origin;
use sedge_tests::tls::{Authority, Subject};
use sedge_tests::{Node, Scenario, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/mesh").join(name)
}

/// The example's files, with the certificate that its reader has put beside them.
fn examples() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["edge-routing.yaml", "node.toml"] {
        std::fs::copy(example(name), folder.path().join(name)).expect("copied");
    }
    certify(folder.path());
    folder
}

fn certify(folder: &Path) {
    let subject = Subject { name: "edge", hosts: &["*.edge.example.com"], ..Subject::default() };
    Authority::new(folder, "ca").issue("edge", subject);
}

fn check(arguments: &[&Path]) -> (bool, String) {
    let Output { status, stderr, .. } = Command::new(sedge_tests::guests::binary())
        .arg("check")
        .args(arguments)
        .output()
        .expect("the binary runs");
    (status.success(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn a_mesh_file_needs_what_the_node_knows() {
    let (good, said) = check(&[Path::new("-f"), &example("edge-routing.yaml")]);
    assert!(!good);
    for sentence in [
        "the node has no listener with TLS",
        "the service `edge-processor` is not named in the node's configuration",
        "edge-routing.yaml:54:15",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
}

#[test]
fn what_is_not_supported_is_an_error_or_a_warning() {
    let folder = examples();
    let file = folder.path().join("routing.yaml");
    let text = std::fs::read_to_string(example("edge-routing.yaml")).expect("the example");
    let text = text.replace("    timeout: 5s", "    delegate: { name: other }\n    timeout: 5s");
    std::fs::write(&file, text).expect("written");
    let node = folder.path().join("node.toml");
    let arguments = [Path::new("-f"), file.as_path(), Path::new("--config"), node.as_path()];
    let (good, said) = check(&arguments);
    assert!(!good && said.contains("error: `spec.http[0].delegate` is not supported"), "{said}");
    let lenient = [&arguments[..], &[Path::new("--lenient")]].concat();
    let (good, said) = check(&lenient);
    assert!(good && said.contains("warning: `spec.http[0].delegate` is not supported"), "{said}");
    assert!(said.contains("routing has 2 rules and 2 upstreams"), "{said}");
}

#[test]
fn the_example_is_taken_unchanged() {
    let folder = examples();
    let [routing, node] = ["edge-routing.yaml", "node.toml"].map(|name| folder.path().join(name));
    let (good, said) = check(&[Path::new("-f"), &routing, Path::new("--config"), &node]);
    assert!(good, "{said}");
    assert!(said.ends_with("\nedge-routing has 2 rules and 2 upstreams\n"), "{said}");
}

/// A node that serves `routing.yaml`, with the services of the example at two
/// origins.
fn serve(routing: &str, origins: [&Origin; 2]) -> Node {
    let scenario = Scenario::new();
    certify(scenario.folder());
    let [processor, analytics] = origins.map(|origin| origin.address);
    let node = format!(
        "[services]\nedge-processor.endpoints = [\"{processor}\"]\nedge-analytics.endpoints = [\"{analytics}\"]\n\
         [[tls]]\nlisten = \"127.0.0.1:0\"\n[[tls.certificate]]\ncertificate = \"edge.pem\"\n\
         key = \"edge-key.pem\"\nname = \"edge-tls-cert\"\n"
    );
    let file = scenario.folder().join("routing.yaml").display().to_string();
    scenario.file("routing.yaml", routing).config(&node).argument("-f").argument(&file).start()
}

fn status(node: &Node, host: &str, target: &str) -> u16 {
    client::call(node.listen, "GET", target, &[("host", host)], &[]).status
}

/// Routes that answer by themselves need no service.
#[test]
fn redirects_and_fixed_answers_are_served_and_served_again_when_they_change() {
    let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: s }\nspec:\n  \
                hosts: [a.example.com]\n  http:\n  - match: [{ uri: { prefix: /old } }]\n    \
                redirect: { uri: /new, redirectCode: 308 }\n  - match: [{ method: { exact: POST } }]\n    \
                directResponse: { status: 418, body: { string: tea } }\n";
    let (processor, analytics) = (Origin::start(), Origin::start());
    let node = serve(text, [&processor, &analytics]);
    for (host, target, expected) in [
        ("b.example.com", "/old", 404),
        ("a.example.com", "/", 404),
        ("a.example.com", "/old/x", 308),
    ] {
        assert_eq!(status(&node, host, target), expected, "{host}{target}");
    }
    let tea = client::call(node.listen, "POST", "/", &[("host", "a.example.com")], b"x");
    assert_eq!((tea.status, tea.text().as_str()), (418, "tea"));
    node.replace("routing.yaml", text.replace("/old", "/older"));
    let moved = wait_for(Duration::from_secs(20), || status(&node, "a.example.com", "/old") == 404);
    assert!(moved.is_some());
    assert_eq!(status(&node, "a.example.com", "/older"), 308);
}
#[test]
fn the_example_is_served_unchanged_and_served_again_when_it_changes() {
    let text = std::fs::read_to_string(example("edge-routing.yaml")).expect("the example");
    let (processor, analytics) = (Origin::start(), Origin::start());
    let node = serve(&text, [&processor, &analytics]);
    let api = "api.edge.example.com";
    for (host, target, expected) in [
        ("other.example.com", "/v1/process", 404),
        ("www.edge.example.com", "/v1/process", 404),
        (api, "/v2/process", 404),
        (api, "/v1/process/x?y=z", 200),
        (api, "/v1/processes", 200),
        (api, "/v1/analytics", 200),
    ] {
        assert_eq!(status(&node, host, target), expected, "{host}{target}");
    }
    let heads = processor.heads();
    assert_eq!(heads.len(), 2);
    assert!(heads[0].starts_with("GET /v1/process/x?y=z HTTP/1.1"), "{}", heads[0]);
    assert!(heads[0].contains("host: api.edge.example.com"), "{}", heads[0]);
    assert_eq!(analytics.heads().len(), 1);
    node.replace("routing.yaml", text.replace("/v1/process", "/v3/process"));
    let moved = wait_for(Duration::from_secs(20), || status(&node, api, "/v3/process") == 200);
    assert!(moved.is_some());
    assert_eq!(status(&node, api, "/v1/process"), 404);
}
