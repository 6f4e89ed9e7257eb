//! The core modules and their JavaScript wrappers (`functions/portable/js`) in real hosts:
//! Node.js, Deno and workerd run the same checks (`functions/portable/test/checks.js`), and
//! TypeScript reads the types.

use super::Report;
use super::tally::Tally;
use crate::install;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, anyhow};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the checks read, by its path in the checkout and in the folder that is laid out.
const FILES: [&str; 11] = [
    "LICENSE",
    "examples/images/ball.gif",
    "examples/images/chelsea.png",
    "examples/images/coffee.png",
    "examples/images/rocket.jpg",
    "examples/images/wide.png",
    "examples/shop/site/index.html",
    "examples/shop/site/products.json",
    "functions/images/golden.tsv",
    "functions/optimizer-core/golden.tsv",
    "functions/primitives-core/golden.tsv",
];
/// Modules of core WebAssembly.
const MODULES: [&str; 3] = ["images-core.wasm", "optimizer-core.wasm", "primitives-core.wasm"];
/// Folders of scripts in `functions/portable`.
const SCRIPTS: [&str; 2] = ["js", "test"];
/// A host that takes longer is ended.
const SECONDS_MAX: &str = "300";

/// Installs the hosts, lays out the folder, runs the checks in each.
pub(super) fn run(workspace: &Workspace, guests: &Path) -> Result<Vec<Report>> {
    let node = install::node()?;
    let from_npm = |package: &str, scope: &str, path: &str| {
        install::npm_program(workspace, package, scope, path)
            .map_err(|why| anyhow!("{package} is not here: {why}"))
    };
    let deno = from_npm("deno", "@deno", "deno")?;
    let workerd = from_npm("workerd", "@cloudflare", "bin/workerd")?;
    let typescript = install::typescript(workspace)?;
    let folder = lay_out(workspace, guests)?;
    let cache = folder.join("deno-cache");
    let types = [
        "--noEmit",
        "--strict",
        "--target",
        "es2024",
        "--module",
        "nodenext",
        "--lib",
        "es2024,dom",
        "test/types.ts",
    ];
    let commands: [(&'static str, &PathBuf, &[&str]); 4] = [
        ("in node", &node, &["test/node.js"]),
        ("in deno", &deno, &["run", "--no-config", "--allow-read=.", "test/deno.js"]),
        ("in workerd", &workerd, &["test", "config.capnp"]),
        ("types", &node, &[]),
    ];
    let mut reports = Vec::new();
    for (runner, program, arguments) in commands {
        let mut command = Command::new("timeout");
        command.arg(SECONDS_MAX).arg(program).args(arguments).current_dir(&folder);
        command.env("DENO_DIR", &cache).env("DENO_NO_UPDATE_CHECK", "1");
        if runner == "types" {
            command.arg(&typescript).args(types);
        }
        reports.push(Report { runner, tally: tally(runner, &mut command)? });
    }
    Ok(reports)
}

/// Runs a command that prints in the Test Anything Protocol, or nothing if all is well.
fn tally(runner: &str, command: &mut Command) -> Result<Tally> {
    let mut tally = Tally::default();
    let status = shell::run_seeing(command, |line| tally.see_tap(line))
        .with_context(|| format!("running the checks {runner}"))?;
    if !status.success() && tally.failed == 0 {
        tally.fail(format!("{runner}: it ended with {status}"));
    } else if status.success() && tally.passed == 0 {
        if runner == "types" {
            tally.passed = 1;
        } else {
            tally.fail(format!("{runner}: no check was run"));
        }
    }
    Ok(tally)
}

/// Copies scripts, modules and files to a folder of their own, as they would be beside each
/// other on a server.
fn lay_out(workspace: &Workspace, guests: &Path) -> Result<PathBuf> {
    let folder = workspace.root.join("target/portable");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("clearing the folder of the portable checks")?;
    }
    let copy = |from: PathBuf, path: &str| -> Result<()> {
        let to = folder.join(path);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        }
        fs::copy(&from, &to).with_context(|| format!("copying {}", from.display())).map(drop)
    };
    let mut scripts = Vec::new();
    for part in SCRIPTS {
        let own = workspace.root.join("functions/portable").join(part);
        for entry in fs::read_dir(&own).with_context(|| format!("reading {}", own.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            copy(own.join(&name), &format!("{part}/{name}"))?;
            scripts.extend(name.ends_with(".js").then(|| format!("{part}/{name}")));
        }
    }
    for module in MODULES {
        copy(guests.join(module), module)?;
    }
    for file in FILES {
        copy(workspace.root.join(file), file)?;
    }
    scripts.push("test/files.js".to_owned());
    // The hosts of Node.js and Deno are not the worker's.
    scripts.retain(|script| script != "test/node.js" && script != "test/deno.js");
    let list = format!("export const FILES = {};\n", serde_json::to_string(&FILES)?);
    fs::write(folder.join("test/files.js"), list).context("writing the list of files")?;
    fs::copy(folder.join("js/package.json"), folder.join("package.json"))
        .context("copying the package's description")?;
    fs::write(folder.join("config.capnp"), config(scripts))
        .context("writing workerd's configuration")?;
    Ok(folder)
}

/// A configuration of workerd with one worker, whose first module is `test/worker.js`.
fn config(mut scripts: Vec<String>) -> String {
    scripts.sort_by_key(|script| script != "test/worker.js");
    let mut modules = String::new();
    let kinds = scripts
        .iter()
        .map(|script| (script.as_str(), "esModule"))
        .chain(MODULES.map(|module| (module, "wasm")))
        .chain(FILES.map(|file| (file, "data")));
    for (path, kind) in kinds {
        modules += &format!("    (name = \"{path}\", {kind} = embed \"{path}\"),\n");
    }
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";\n\
         const config :Workerd.Config = (services = [(name = \"checks\", worker = .checks)]);\n\
         const checks :Workerd.Worker = (\n  modules = [\n{modules}  ],\n  \
         compatibilityDate = \"2026-01-01\",\n);\n"
    )
}

#[cfg(test)]
mod tests {
    use super::config;

    #[test]
    fn the_worker_comes_first() {
        let text = config(vec!["js/core.js".into(), "test/worker.js".into()]);
        let first = text.find("(name = \"test/worker.js\", esModule").expect("the worker");
        assert!(first < text.find("js/core.js").expect("a script"));
        assert!(text.contains("(name = \"LICENSE\", data = embed \"LICENSE\")"));
        assert!(text.contains("(name = \"images-core.wasm\", wasm = embed \"images-core.wasm\")"));
    }
}
