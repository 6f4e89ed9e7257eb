//! Building the node and the functions, each into the shared target folder.

use crate::shell::{self, cargo};
use crate::workspace::Workspace;
use crate::{install, json};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Installs what is missing, then builds the node and the functions.
pub(crate) fn everything(workspace: &Workspace) -> Result<PathBuf> {
    let node = node(workspace)?;
    guests(workspace)?;
    Ok(node)
}

/// Builds the `sedge` binary in release mode and returns its path.
///
/// There is one profile for the demo and the tests, so that the engine is
/// compiled once.
pub(crate) fn node(workspace: &Workspace) -> Result<PathBuf> {
    install::c_compiler()?;
    install::assembler()?;
    let binary = workspace.release_binary("sedge");
    if !binary.exists() {
        println!("the first build compiles the engine: about ten minutes on two cores");
    }
    shell::run(cargo(workspace).args(["build", "--release", "--locked", "-p", "sedge"]))
        .context("building the node")?;
    Ok(binary)
}

/// Builds every function and copies it to `<target>/guests/<name>.wasm`, and
/// to `guests/` beside the host binaries, where `sedge new` finds the ready-made
/// ones. Returns the first folder.
pub(crate) fn guests(workspace: &Workspace) -> Result<PathBuf> {
    install::wasm_targets()?;
    let functions = workspace.root.join("functions");
    let mut built = BTreeMap::new();
    for ((target, _), packages) in packages_by_target(workspace, &functions)? {
        build_target(workspace, &functions, &target, &packages, &mut built)?;
    }
    let beside = |profile| workspace.target.join(profile).join("guests");
    let folders = [workspace.guests(), beside("release"), beside("dist")];
    for folder in &folders {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        for (name, artifact) in &built {
            copy_if_changed(artifact, &folder.join(format!("{name}.wasm")))?;
        }
        remove_others(folder, &built)?;
    }
    println!("{} functions in {}", built.len(), folders[0].display());
    Ok(workspace.guests())
}

/// Builds only the functions that are core modules, and copies them where [`guests`] does.
pub(crate) fn core_modules(workspace: &Workspace) -> Result<PathBuf> {
    install::wasm_targets()?;
    let functions = workspace.root.join("functions");
    let mut built = BTreeMap::new();
    for ((target, _), packages) in packages_by_target(workspace, &functions)? {
        if target == CORE {
            build_target(workspace, &functions, CORE, &packages, &mut built)?;
        }
    }
    let folder = workspace.guests();
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    for (name, artifact) in &built {
        copy_if_changed(artifact, &folder.join(format!("{name}.wasm")))?;
    }
    Ok(folder)
}

/// The target of core modules.
pub(crate) const CORE: &str = "wasm32-unknown-unknown";

/// Which target each guest package is built for: what its
/// `[package.metadata.sedge] target` says, else `wasm32-wasip2`. A package
/// with neither a binary nor a `cdylib` is a library of others. Packages are named as
/// cargo's messages name them. One that says `apart = true` there is built alone, under its own
/// name: what it turns on in crates that others use, too, would be turned on for them.
fn packages_by_target(
    workspace: &Workspace,
    functions: &Path,
) -> Result<BTreeMap<(String, String), Vec<String>>> {
    let metadata = shell::output(
        cargo(workspace)
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .current_dir(functions),
    )?;
    let metadata: Value = serde_json::from_str(&metadata).context("reading cargo metadata")?;
    let mut packages: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for package in json::list(&metadata, "packages")? {
        let makes_wasm = json::list(package, "targets")?.iter().any(is_artifact);
        if makes_wasm {
            let sedge = &package["metadata"]["sedge"];
            let target = sedge["target"].as_str().unwrap_or("wasm32-wasip2");
            let apart = if sedge["apart"] == true { json::text(package, "name")? } else { "" };
            let id = json::text(package, "id")?.to_owned();
            packages.entry((target.to_owned(), apart.to_owned())).or_default().push(id);
        }
    }
    Ok(packages)
}

fn is_artifact(target: &Value) -> bool {
    let kinds = target["kind"].as_array().map(Vec::as_slice).unwrap_or_default();
    kinds.iter().any(|kind| kind == "bin" || kind == "cdylib")
}

fn build_target(
    workspace: &Workspace,
    functions: &Path,
    target: &str,
    packages: &[String],
    built: &mut BTreeMap<String, PathBuf>,
) -> Result<()> {
    let mut command = cargo(workspace);
    command
        .current_dir(functions)
        .args(["build", "--release", "--locked", "--message-format=json-render-diagnostics"])
        .args(["--target", target])
        .stderr(Stdio::inherit());
    for package in packages {
        command.args(["-p", package]);
    }
    let messages =
        shell::output(&mut command).with_context(|| format!("building the {target} functions"))?;
    for message in messages.lines() {
        let message: Value = serde_json::from_str(message).context("reading cargo's messages")?;
        // What another function uses of a function is built, too, and is none.
        let is_wanted = packages.iter().any(|package| message["package_id"] == *package);
        if let Some((name, file)) = artifact(&message).filter(|_| is_wanted) {
            built.insert(name, file);
        }
    }
    if built.is_empty() {
        bail!("no function was built for {target}");
    }
    Ok(())
}

/// The name and file of a `.wasm` that one of cargo's messages announces.
/// Cargo turns dashes of a library's name into underscores; they are turned
/// back, so that the file is called like the package.
fn artifact(message: &Value) -> Option<(String, PathBuf)> {
    if message["reason"] != "compiler-artifact" || !is_artifact(&message["target"]) {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    let file = files.into_iter().find(|file| file.ends_with(".wasm"))?;
    let name = message["target"]["name"].as_str()?.replace('_', "-");
    Some((name, PathBuf::from(file)))
}

/// Copies only what differs, so that nothing downstream takes it for new.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(to, bytes).with_context(|| format!("writing {}", to.display()))
}

/// A function that was renamed or deleted must not be found any more.
fn remove_others(folder: &Path, built: &BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let is_wasm = path.extension().is_some_and(|extension| extension == "wasm");
        if is_wasm && name.is_some_and(|name| !built.contains_key(&name)) {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn other_messages_announce_no_artifact() {
        for message in [
            json!({"reason": "build-finished", "success": true}),
            json!({"reason": "compiler-artifact", "target": {"kind": ["lib"], "name": "kit"},
                   "filenames": ["/t/libkit.rlib"]}),
            json!({"reason": "compiler-artifact", "target": {"kind": ["bin"], "name": "tool"},
                   "filenames": ["/t/tool"]}),
            json!({}),
        ] {
            assert_eq!(artifact(&message), None, "{message}");
        }
    }

    #[test]
    fn a_library_gets_its_dashes_back() {
        let message = json!({"reason": "compiler-artifact",
            "target": {"kind": ["cdylib", "rlib"], "name": "sensors_core"},
            "filenames": ["/t/libsensors_core.rlib", "/t/sensors_core.wasm"]});
        let expected = ("sensors-core".to_owned(), PathBuf::from("/t/sensors_core.wasm"));
        assert_eq!(artifact(&message), Some(expected));
    }
}
