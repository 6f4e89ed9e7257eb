//! The core modules and their JavaScript wrappers (`functions/portable/js`) in real hosts:
//! Node.js, Deno and workerd run the same checks (`functions/portable/test/checks.js`), and
//! TypeScript reads the types.

use super::Report;
use super::tally::Tally;
use crate::install;
use crate::shell;
use crate::workspace::Workspace;
use anyhow::{Context, Result, anyhow, bail};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the checks read, by its path in the checkout and in the folder that is laid out.
const FILES: [&str; 14] = [
    "LICENSE",
    "examples/images/ball.gif",
    "examples/images/chelsea.png",
    "examples/images/coffee.png",
    "examples/images/rocket.jpg",
    "examples/images/wide.png",
    "examples/shop/site/index.html",
    "examples/shop/site/products.json",
    "functions/analytics-core/golden.tsv",
    "functions/guard-core/golden.tsv",
    "functions/images/golden.tsv",
    "functions/images/testdata/avif/odd420.avif",
    "functions/optimizer-core/golden.tsv",
    "functions/primitives-core/golden.tsv",
];
/// Modules of core WebAssembly.
const MODULES: [&str; 6] = [
    "analytics-core.wasm",
    "experiments-core.wasm",
    "guard-core.wasm",
    "images-core.wasm",
    "optimizer-core.wasm",
    "primitives-core.wasm",
];
/// Folders of scripts in `functions/portable`.
const SCRIPTS: [&str; 2] = ["js", "test"];
/// A host that takes longer is ended.
const SECONDS_MAX: &str = "300";

/// The programs that run scripts, and the compiler that reads types.
struct Hosts {
    node: PathBuf,
    deno: PathBuf,
    workerd: PathBuf,
    typescript: PathBuf,
}

/// Installs the hosts, lays out the folder, runs the checks in each, and the example.
pub(super) fn run(workspace: &Workspace, guests: &Path) -> Result<Vec<Report>> {
    let from_npm = |package: &str, scope: &str, path: &str| {
        install::npm_program(workspace, package, scope, path)
            .map_err(|why| anyhow!("{package} is not here: {why}"))
    };
    let hosts = Hosts {
        node: install::node()?,
        deno: from_npm("deno", "@deno", "deno")?,
        workerd: from_npm("workerd", "@cloudflare", "bin/workerd")?,
        typescript: install::typescript(workspace)?,
    };
    let folder = lay_out(workspace, guests)?;
    let mut reports = checks(&hosts, &folder)?;
    reports.extend(examples(workspace, &hosts, &folder));
    Ok(reports)
}

/// A command that is ended when it takes too long.
fn bounded(words: &[&OsStr], folder: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(SECONDS_MAX).args(words);
    command.env("DENO_DIR", folder.join("deno-cache")).env("DENO_NO_UPDATE_CHECK", "1");
    command
}

fn checks(hosts: &Hosts, folder: &Path) -> Result<Vec<Report>> {
    let deno = ["run", "--no-config", "--allow-read=.", "test/deno.js"];
    let options = "--noEmit --strict --target es2024 --module nodenext --lib es2024,dom";
    let types: Vec<&OsStr> = options.split(' ').chain(["test/types.ts"]).map(OsStr::new).collect();
    let node = hosts.node.as_os_str();
    let commands: [(&'static str, Vec<&OsStr>); 4] = [
        ("in node", vec![node, "test/node.js".as_ref()]),
        ("in deno", [&[hosts.deno.as_os_str()][..], &deno.map(OsStr::new)].concat()),
        ("in workerd", vec![hosts.workerd.as_ref(), "test".as_ref(), "config.capnp".as_ref()]),
        (TYPES, [&[node, hosts.typescript.as_os_str()][..], &types].concat()),
    ];
    let mut reports = Vec::new();
    for (runner, words) in commands {
        let mut command = bounded(&words, folder);
        reports.push(Report { runner, tally: tally(runner, command.current_dir(folder))? });
    }
    Ok(reports)
}

/// The compiler, which says nothing if all is well.
const TYPES: &str = "types";

/// `examples/portable` in the hosts that it is for.
fn examples(workspace: &Workspace, hosts: &Hosts, folder: &Path) -> Vec<Report> {
    let permits = ["run", "--no-config", "--allow-read", "--allow-write"].map(OsStr::new);
    let programs = [
        ("example in node", vec![hosts.node.as_os_str()]),
        ("example in deno", [&[hosts.deno.as_os_str()][..], &permits].concat()),
    ];
    let run = |(runner, words): (&'static str, Vec<&OsStr>)| {
        let result = folder.join("small.jpg");
        let mut command = bounded(&words, folder);
        command.arg("examples/portable/shrink.mjs").arg(folder.join("images-core.wasm"));
        command.args(["examples/images/rocket.jpg", "320"]).arg(&result);
        let ran = shell::run(command.current_dir(&workspace.root));
        let mut tally = Tally::default();
        match ran.and_then(|()| is_jpeg(&result)) {
            Ok(()) => tally.passed = 1,
            Err(error) => tally.fail(format!("{runner}: {error:#}")),
        }
        Report { runner, tally }
    };
    programs.into_iter().map(run).collect()
}

/// Takes what an example wrote away, if it is what it should be.
fn is_jpeg(result: &Path) -> Result<()> {
    let bytes = fs::read(result).context("reading what the example wrote")?;
    fs::remove_file(result).context("removing what the example wrote")?;
    match bytes[..] {
        [0xFF, 0xD8, .., 0xFF, 0xD9] => Ok(()),
        _ => bail!("{} bytes that are no JPEG", bytes.len()),
    }
}

/// Runs a command that prints in the Test Anything Protocol, or nothing if all is well.
fn tally(runner: &str, command: &mut Command) -> Result<Tally> {
    let mut tally = Tally::default();
    let status = shell::run_seeing(command, |line| tally.see_tap(line))
        .with_context(|| format!("running the checks {runner}"))?;
    if !status.success() && tally.failed == 0 {
        tally.fail(format!("{runner}: it ended with {status}"));
    } else if status.success() && tally.passed == 0 {
        if runner == TYPES {
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
