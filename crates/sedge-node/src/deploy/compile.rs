//! Step 2 of a deployment: native code for every artifact, made in processes
//! that can be killed, a few of them at a time. An artifact whose file has not
//! been touched is not read again.

use super::{Live, Stamps};
use crate::hint::WithHint;
use crate::platform::Platform;
use crate::progress::Event;
use crate::revision::DeployedFunction;
use anyhow::{Context, Error, Result, anyhow};
use futures_util::stream::{FuturesUnordered, StreamExt};
use sedge_engine::{Artifact, CompileError};
use sedge_model::manifest::{Function, Manifest};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// The artifact of every function, in the order of the manifest. Compilations
/// that are under way when one fails are given up.
pub(super) async fn all(
    platform: &Platform,
    manifest: &Manifest,
    live: &Live,
    stamps: &Stamps,
) -> Result<Vec<Artifact>> {
    let before = live.functions();
    let mut ready: HashMap<&Path, Artifact> = HashMap::new();
    for function in &manifest.functions {
        if let Some(artifact) = untouched(function, before.get(&*function.name), live, stamps) {
            ready.insert(&function.source, artifact);
        }
    }
    // Functions may share an artifact; the first one stands for all of them.
    let mut seen = HashSet::new();
    let wanted: Vec<&Function> = manifest
        .functions
        .iter()
        .filter(|one| !ready.contains_key(&*one.source) && seen.insert(&*one.source))
        .collect();
    compile(platform, &manifest.name, &wanted, &mut ready).await?;
    let found = manifest.functions.iter().map(|one| ready.get(&*one.source).cloned());
    found.collect::<Option<_>>().ok_or_else(|| anyhow!("an artifact was not compiled"))
}

/// Compiles an artifact for each function of `wanted`, as many at a time as the
/// node's configuration allows.
async fn compile<'m>(
    platform: &Platform,
    app: &str,
    wanted: &[&'m Function],
    ready: &mut HashMap<&'m Path, Artifact>,
) -> Result<()> {
    let mut waiting = wanted.iter().copied();
    let mut under_way = FuturesUnordered::new();
    let mut names: Vec<&str> = Vec::new();
    for done in 0..wanted.len() {
        let free = platform.compile_parallel_max.saturating_sub(under_way.len());
        for function in waiting.by_ref().take(free) {
            names.push(&function.name);
            under_way.push(async move { (function, one(platform, app, function).await) });
        }
        let total = wanted.len();
        platform.tell(&Event::Compiling { app, functions: &names, done, total });
        let Some((function, artifact)) = under_way.next().await else { break };
        names.retain(|name| *name != function.name);
        ready.insert(&function.source, artifact?);
    }
    Ok(())
}

async fn one(platform: &Platform, app: &str, function: &Function) -> Result<Artifact> {
    let name = function.name.as_str();
    let artifact = platform
        .engine
        .compile(&function.source)
        .await
        .map_err(|error| advise(error, function))
        .with_context(|| format!("compile function {name} of app {app}"))?;
    if let Some(took) = artifact.compiled_in {
        platform.counters.compiled(took);
        let code_bytes = artifact.code_bytes;
        platform.tell(&Event::Compiled { app, function: name, took, code_bytes });
    }
    Ok(artifact)
}

/// An artifact that is not there is usually not built yet.
fn advise(error: CompileError, function: &Function) -> Error {
    match &function.build {
        Some(_) if !function.source.exists() => WithHint::new(error, "sedge build"),
        _ => error.into(),
    }
}

/// The artifact of a function of the current revision, if its file is the one
/// that was read then.
fn untouched(
    function: &Function,
    before: Option<&&Arc<DeployedFunction>>,
    live: &Live,
    stamps: &Stamps,
) -> Option<Artifact> {
    let then = live.stamps.get(&function.source)?.as_ref()?;
    let now = stamps.get(&function.source)?.as_ref()?;
    let deployed = before?;
    (then == now && deployed.declared.source == function.source).then(|| deployed.artifact.clone())
}

#[cfg(test)]
mod tests {
    use crate::app::AppSource;
    use crate::node::Node;
    use crate::options::{NodeOptions, StoreIn};
    use crate::progress::Event;
    use sedge_model::node_config::NodeConfig;
    use std::ffi::OsString;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    /// In the place of the compiler: waits until `$2` of its kind have begun,
    /// for `$3` tenths of a second at most, and then refuses, saying how many
    /// there were. What it is passed after that is the engine's.
    const WORKER: &str = "cat >/dev/null; : >\"$1/$$\"; n=0; while [ $n -lt $3 ]; do \
                          set -- \"$1\" \"$2\" \"$3\" \"$1\"/*; [ $(($# - 3)) -ge $2 ] && break; \
                          n=$((n+1)); sleep 0.1; done; echo \"$(($# - 3)) began\" >&2; exit 1";

    /// Why an app with three artifacts was not deployed, and which progress was
    /// told, on a node that compiles `parallel` at a time.
    async fn refused(parallel: u32, tenths: &str) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let begun = folder.path().join("begun");
        std::fs::create_dir(&begun).expect("made");
        let mut manifest = "[app]\nname = \"app\"\n".to_owned();
        for name in ["a", "b", "c"] {
            // An empty component with a custom section, so that all differ.
            let bytes = [b"\0asm\x0d\0\x01\0\0\x02\x01".as_slice(), name.as_bytes()].concat();
            std::fs::write(folder.path().join(name), bytes).expect("written");
            manifest += &format!(
                "[[function]]\nname = \"{name}\"\nsource = \"{name}\"\nroutes = [\"/{name}\"]\n"
            );
        }
        std::fs::write(folder.path().join("sedge.toml"), manifest).expect("written");
        let source = AppSource::find(folder.path()).expect("found");

        let mut config = NodeConfig { data: folder.path().join("data"), ..NodeConfig::default() };
        config.engine.compile_parallel_max = parallel;
        let two_or_all = "2";
        let worker = ["sh", "-c", WORKER, "sh"].map(OsString::from).into_iter();
        let arguments = [begun.as_os_str().to_owned(), two_or_all.into(), tenths.into()];
        let mut options = NodeOptions::new(config, worker.chain(arguments).collect());
        options.listen = false;
        options.store = StoreIn::Scratch;
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = told.clone();
        options.observer = Arc::new(move |event| {
            if let Event::Compiling { functions, done, total, .. } = event {
                let mut told = telling.lock().expect("no panic");
                told.push(format!("{} {done}/{total}", functions.join("+")));
            }
        });
        let node = Node::start(options, vec![source]).await.expect("starts");
        let reason = node.apps()[0].failure.clone().expect("refused").reason;
        assert!(Path::new(&begun).read_dir().expect("a folder").count() <= parallel as usize);
        let told = told.lock().expect("no panic").clone();
        (reason, told)
    }

    #[tokio::test]
    async fn as_many_artifacts_are_compiled_at_once_as_allowed() {
        let (reason, told) = refused(2, "300").await;
        assert!(reason.contains("2 began"), "{reason}");
        assert_eq!(told, ["a+b 0/3"]);
    }

    #[tokio::test]
    async fn by_default_artifacts_are_compiled_one_after_the_other() {
        let (reason, told) = refused(NodeConfig::default().engine.compile_parallel_max, "5").await;
        assert!(reason.contains("1 began"), "{reason}");
        assert_eq!(told, ["a 0/3"]);
    }
}
