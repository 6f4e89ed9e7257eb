//! Files of service meshes, as a person gives them to the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/mesh").join(name)
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
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("routing.yaml");
    let text = std::fs::read_to_string(example("edge-routing.yaml")).expect("the example");
    let text = text.replace("    timeout: 5s", "    corsPolicy: {}\n    timeout: 5s");
    std::fs::write(&file, text).expect("written");
    let node = example("node.toml");
    let arguments = [Path::new("-f"), file.as_path(), Path::new("--config"), node.as_path()];
    let (good, said) = check(&arguments);
    assert!(!good && said.contains("error: `spec.http[0].corsPolicy` is not supported"), "{said}");
    let lenient = [&arguments[..], &[Path::new("--lenient")]].concat();
    let (good, said) = check(&lenient);
    assert!(good && said.contains("warning: `spec.http[0].corsPolicy` is not supported"), "{said}");
    assert!(said.contains("routing has 2 rules and 2 upstreams"), "{said}");
}

#[test]
fn the_example_is_taken_unchanged() {
    let (good, said) = check(&[
        Path::new("-f"),
        &example("edge-routing.yaml"),
        Path::new("--config"),
        &example("node.toml"),
    ]);
    assert!(good, "{said}");
    assert_eq!(said, "edge-routing has 2 rules and 2 upstreams\n");
}
