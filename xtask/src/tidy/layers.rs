//! The lines of ignorance: which crate may depend on which, and what it must
//! never know.

use super::{Tracked, source};
use crate::workspace::Workspace;
use crate::{json, shell};
use anyhow::{Context, Result};
use serde_json::Value;

/// What a crate may depend on, and what must not be found below it.
struct Layer {
    name: &'static str,
    /// Crates of this workspace that it may name in its `Cargo.toml`.
    may: &'static [&'static str],
    /// Packages that must not be among its dependencies, however deep. A name
    /// that ends in `*` stands for all that begin so.
    never_below: &'static [&'static str],
    /// Packages that it must not name itself; others may, below it.
    never_direct: &'static [&'static str],
    /// Words that its source, tests apart, must not contain.
    never_said: &'static [&'static str],
}

const VENDORS: &[&str] = &["cloudflare", "fastly", "vercel", "deno", "lambda"];

const LAYERS: &[Layer] = &[
    Layer {
        name: "sedge-kit",
        may: &[],
        never_below: &["tokio", "wasmtime*", "hyper", "http", "libc"],
        never_direct: &[],
        never_said: &["std"],
    },
    Layer {
        name: "sedge-model",
        may: &[],
        never_below: &["tokio", "wasmtime*", "hyper", "redb"],
        never_direct: &[],
        never_said: &["tokio", "wasmtime"],
    },
    Layer {
        name: "sedge-store",
        may: &["sedge-model"],
        never_below: &["wasmtime*", "hyper", "async-nats"],
        never_direct: &["http", "tokio"],
        never_said: &["wasmtime"],
    },
    Layer {
        name: "sedge-cache",
        may: &["sedge-model", "sedge-store"],
        never_below: &["tokio", "wasmtime*", "hyper"],
        never_direct: &["redb"],
        never_said: &["tokio", "hyper", "wasmtime"],
    },
    Layer {
        name: "sedge-services",
        may: &["sedge-model", "sedge-store", "sedge-cache", "sedge-kit"],
        never_below: &["wasmtime*", "hyper"],
        never_direct: &["redb"],
        never_said: &["wasmtime", "wit_bindgen"],
    },
    Layer {
        name: "sedge-engine",
        may: &["sedge-model"],
        never_below: &["hyper", "redb", "clap"],
        never_direct: &["wasmtime-wasi", "wasmtime-wasi-http"],
        never_said: VENDORS,
    },
    Layer {
        name: "sedge-flavors",
        may: &["sedge-model", "sedge-services", "sedge-engine"],
        never_below: &["clap"],
        never_direct: &["redb"],
        never_said: &[],
    },
    Layer {
        name: "sedge-ingress",
        may: &["sedge-model", "sedge-services"],
        never_below: &["wasmtime*", "clap"],
        never_direct: &["redb"],
        never_said: VENDORS,
    },
    Layer {
        name: "sedge-node",
        may: &[
            "sedge-kit",
            "sedge-model",
            "sedge-cache",
            "sedge-store",
            "sedge-services",
            "sedge-engine",
            "sedge-flavors",
            "sedge-ingress",
        ],
        never_below: &["clap"],
        never_direct: &["wasmtime*", "redb", "hyper"],
        never_said: &[],
    },
    Layer {
        name: "sedge",
        may: &["sedge-node", "sedge-model"],
        never_below: &["openssl*"],
        never_direct: &["wasmtime*", "redb"],
        never_said: &[],
    },
    Layer {
        name: "sedge-tests",
        may: &[],
        never_below: &["wasmtime*"],
        never_direct: &[],
        never_said: &[],
    },
    Layer {
        name: "sedge-benches",
        may: &[],
        never_below: &["wasmtime*"],
        never_direct: &[],
        never_said: &[],
    },
    Layer {
        name: "xtask",
        may: &["sedge-kit"],
        never_below: &["tokio", "wasmtime*", "hyper"],
        never_direct: &[],
        never_said: &[],
    },
];

/// Checks the table against `cargo metadata` and `cargo tree`.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let metadata = shell::output(shell::cargo(workspace).args([
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--locked",
    ]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("reading cargo metadata")?;
    let mut problems = Vec::new();
    for package in json::list(&metadata, "packages")? {
        let name = json::text(package, "name")?;
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
            problems.push(format!("{name}: not in the table of xtask/src/tidy/layers.rs"));
            continue;
        };
        problems.extend(direct(layer, package)?);
        let below = shell::output(shell::cargo(workspace).args([
            "tree",
            "--locked",
            "--edges=normal",
            "--prefix=none",
            "--format={p}",
            "-p",
            name,
        ]))?;
        problems.extend(deep(layer, &below));
    }
    Ok(problems)
}

/// What a package names in its `Cargo.toml` and may not; tests and build
/// scripts may know more.
fn direct(layer: &Layer, package: &Value) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for dependency in json::list(package, "dependencies")? {
        let name = json::text(dependency, "name")?;
        let ours = dependency["path"].is_string();
        let refused = (ours && !layer.may.contains(&name))
            || layer.never_direct.iter().any(|pattern| matches(pattern, name));
        if dependency["kind"].is_null() && refused {
            problems.push(format!("{} must not depend on {name}", layer.name));
        }
    }
    Ok(problems)
}

/// What `cargo tree` finds below a package and must not.
fn deep(layer: &Layer, tree: &str) -> Vec<String> {
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| layer.never_below.iter().any(|pattern| matches(pattern, name)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
        .iter()
        .map(|name| format!("{} must not know {name}, even from afar", layer.name))
        .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// Looks for words that a crate's source must not contain: comments, literals
/// and tests are free to.
pub(super) fn check_words(files: &[Tracked]) -> Vec<String> {
    let mut problems = Vec::new();
    for layer in LAYERS.iter().filter(|layer| !layer.never_said.is_empty()) {
        let folder = match layer.name {
            "sedge-kit" => "kit/src/".to_owned(),
            name => format!("crates/{name}/src/"),
        };
        for file in files.iter().filter(|file| file.path.starts_with(&folder)) {
            problems.extend(said(layer, file));
        }
    }
    problems
}

fn said(layer: &Layer, file: &Tracked) -> Vec<String> {
    let masked = source::mask(&file.text);
    let code = masked.split("#[cfg(test)]").next().unwrap_or_default();
    let mut problems = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let attribute = line.trim_start().starts_with("#!");
        if let Some(word) = words.find(|word| !attribute && layer.never_said.contains(word)) {
            problems.push(format!(
                "{}:{}: {} must not know `{word}`",
                file.path,
                index + 1,
                layer.name
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn layer(name: &str) -> &'static Layer {
        LAYERS.iter().find(|layer| layer.name == name).expect("in the table")
    }

    #[test]
    fn a_dependency_across_a_line_is_a_problem() {
        let package = json!({"dependencies": [
            {"name": "sedge-store", "kind": null, "path": "/x"},
            {"name": "sedge-model", "kind": null, "path": "/x"},
            {"name": "sedge-node", "kind": "dev", "path": "/x"},
            {"name": "redb", "kind": null},
            {"name": "tokio", "kind": null}]});
        let problems = direct(layer("sedge-ingress"), &package).expect("valid");
        let expected =
            ["sedge-store", "redb"].map(|n| format!("sedge-ingress must not depend on {n}"));
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_name_far_below_is_a_problem() {
        let tree = "sedge-services v0.1.0 (/x)\nwasmtime-environ v48.0.8\nredb v4.6.0\nhyper v1.12.0 (*)\n";
        let expected = ["hyper", "wasmtime-environ"]
            .map(|name| format!("sedge-services must not know {name}, even from afar"));
        assert_eq!(deep(layer("sedge-services"), tree), expected);
        assert_eq!(deep(layer("sedge-services"), "hyperloglog v1.0.0\n"), Vec::<String>::new());
    }

    #[test]
    fn words_are_looked_for_in_code_only() {
        let text = "// like cloudflare\nlet fastly = 1;\n#[cfg(test)]\nmod tests { use deno; }\n";
        let file =
            Tracked { path: "crates/sedge-engine/src/x.rs".to_owned(), text: text.to_owned() };
        let expected = ["crates/sedge-engine/src/x.rs:2: sedge-engine must not know `fastly`"];
        assert_eq!(check_words(&[file]), expected);
    }
}
