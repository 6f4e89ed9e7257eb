//! Brings what is served into line with what the files say.
//!
//! One task does all of it, one thing after the other, so that no two
//! deployments ever race for the routes: it waits for a changed file, a timer
//! or a command, prepares revisions ([`crate::deploy`]), and swaps the route
//! table once for all that are ready.

use crate::app::AppSource;
use crate::board::Board;
use crate::build;
use crate::certificates::Certificates;
use crate::deploy::{self, Outcome, Stamps};
use crate::ingest::IngestFiles;
use crate::mqtt::MqttFiles;
use crate::options::Reload;
use crate::platform::Platform;
use crate::progress::Event;
use crate::triggers::Triggers;
use crate::watch::{Stamp, Watch};
use anyhow::{Result, anyhow};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How often stamps are compared without an event.
const COMPARE_EVERY: Duration = Duration::from_secs(2);
/// The same for a node with so many files that looking at all is work.
const COMPARE_MANY_EVERY: Duration = Duration::from_secs(10);
/// What counts as many.
const FILES_MANY: usize = 2_000;

/// How often idle functions are looked for.
const EVICT_EVERY: Duration = Duration::from_secs(5);

/// What the reconciler can be asked.
pub(crate) enum Command {
    /// Look at every app's files and at all certificates now, whatever their stamps say.
    Reload(oneshot::Sender<()>),
    /// Serve the previous revision of an app again.
    Rollback(String, oneshot::Sender<Result<u64>>),
}

/// Files of a node's configuration that are read again when they change.
pub(crate) struct NodeFiles {
    pub(crate) certificates: Certificates,
    /// Passwords, rules and certificates of the MQTT front, if there is one.
    pub(crate) mqtt: Option<MqttFiles>,
    /// Passwords of devices that send readings by HTTP, if there is a place for that.
    pub(crate) ingest: Option<IngestFiles>,
}

impl NodeFiles {
    fn reload(&mut self) {
        self.certificates.reload();
        self.mqtt.iter_mut().for_each(MqttFiles::reload);
        self.ingest.iter_mut().for_each(IngestFiles::reload);
    }

    fn compare(&mut self) {
        self.certificates.compare();
        self.mqtt.iter_mut().for_each(MqttFiles::compare);
        self.ingest.iter_mut().for_each(IngestFiles::compare);
    }

    fn folders(&self) -> BTreeSet<PathBuf> {
        let of_mqtt = self.mqtt.iter().flat_map(MqttFiles::folders);
        let of_ingest = self.ingest.iter().filter_map(IngestFiles::folder);
        self.certificates.folders().into_iter().chain(of_mqtt).chain(of_ingest).collect()
    }
}

/// The task's state.
pub(crate) struct Reconciler {
    platform: Arc<Platform>,
    board: Arc<Board>,
    apps: Vec<AppSource>,
    reload: Reload,
    /// Idle time after which a function's code leaves memory.
    code_idle: Duration,
    watch: Option<Watch>,
    files: NodeFiles,
    /// What messages and the clock start, if the node listens.
    triggers: Option<Arc<Triggers>>,
    /// The stamps that the last attempt saw, of every app.
    seen: BTreeMap<AppSource, Stamps>,
}

impl Reconciler {
    /// A reconciler that has not looked at anything yet.
    pub(crate) fn new(
        platform: Arc<Platform>,
        board: Arc<Board>,
        apps: Vec<AppSource>,
        reload: Reload,
        files: NodeFiles,
        triggers: Option<Arc<Triggers>>,
    ) -> Result<Self> {
        let watch = match reload {
            Reload::Asked => None,
            Reload::Watch | Reload::Build => Some(Watch::start()?),
        };
        let seen = BTreeMap::new();
        let code_idle = Duration::from_secs(platform.config.engine.code_idle_s.into());
        Ok(Reconciler { platform, board, apps, reload, code_idle, watch, files, triggers, seen })
    }

    /// The first look: builds if that is wanted, then deploys every app.
    pub(crate) async fn first(&mut self) {
        let apps = self.apps.clone();
        if self.reload == Reload::Build {
            for app in &apps {
                self.build(app, None).await;
            }
        }
        self.deploy(&apps).await;
        self.watch_folders();
    }

    /// Runs until the last sender of commands is gone.
    pub(crate) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let files: usize = self.seen.values().map(BTreeMap::len).sum();
        let every = if files > FILES_MANY { COMPARE_MANY_EVERY } else { COMPARE_EVERY };
        let mut timer = tokio::time::interval(every);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut evict = tokio::time::interval(EVICT_EVERY);
        evict.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                paths = changed(&mut self.watch) => self.files_changed(&paths).await,
                _ = evict.tick() => self.board.evict_idle(self.code_idle),
                _ = timer.tick(), if self.watch.is_some() => self.compare_all().await,
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Reload(done) => {
                self.files.reload();
                self.platform.facts.reload();
                let apps = self.apps.clone();
                self.deploy(&apps).await;
                self.watch_folders();
                let _ = done.send(());
            }
            Command::Rollback(app, done) => {
                let result = self.board.roll_back(&app);
                self.update_triggers();
                let _ = done.send(result);
            }
        }
    }

    /// Events name paths; which apps they concern is decided by stamps.
    async fn files_changed(&mut self, paths: &BTreeSet<PathBuf>) {
        if self.reload == Reload::Build {
            for app in self.apps.clone() {
                self.build(&app, Some(paths)).await;
            }
        }
        // Folders that have appeared are watched before files are compared, so
        // that no change falls between the two.
        self.watch_folders();
        self.compare_all().await;
    }

    async fn compare_all(&mut self) {
        self.files.compare();
        self.platform.facts.compare();
        let changed: Vec<AppSource> = self
            .apps
            .iter()
            .filter(|app| match self.seen.get(app) {
                Some(stamps) => stamps.iter().any(|(path, stamp)| Stamp::of(path) != *stamp),
                None => true,
            })
            .cloned()
            .collect();
        if !changed.is_empty() {
            self.deploy(&changed).await;
            self.watch_folders();
        }
    }

    /// Prepares a revision of each app, then puts all that are ready on the
    /// board at once.
    async fn deploy(&mut self, apps: &[AppSource]) {
        let mut ready = Vec::new();
        for app in apps {
            let begin = Instant::now();
            let live = self.board.live(app);
            let mut stamps = Stamps::new();
            let outcome = deploy::prepare(&self.platform, app, &live, &mut stamps).await;
            self.seen.insert(app.clone(), stamps.clone());
            match outcome {
                Ok(Outcome::Unchanged(revision)) => {
                    self.board.unchanged(app, stamps);
                    self.platform.tell(&Event::Unchanged { revision: &revision });
                }
                Ok(Outcome::Ready(revision, counters)) => {
                    ready.push((revision, counters, stamps, begin.elapsed()));
                }
                Err(error) => self.failed(app, &error),
            }
        }
        for (revision, result, took) in self.board.install(ready) {
            match result {
                Ok(()) => {
                    self.platform.counters.deployed();
                    self.platform.tell(&Event::Serving { revision: &revision, took });
                }
                Err(error) => self.failed(&revision.source, &error),
            }
        }
        self.update_triggers();
    }

    /// What messages and the clock start is what the board has.
    fn update_triggers(&self) {
        let Some(triggers) = &self.triggers else { return };
        if let Err(error) = triggers.update(&self.board.revisions()) {
            tracing::error!("messages start no function: {error:#}");
        }
    }

    fn failed(&self, app: &AppSource, error: &anyhow::Error) {
        self.platform.counters.deployment_failed();
        self.board.failed(app, error);
        let live = self.board.live(app);
        let serving = live.current.as_deref();
        self.platform.tell(&Event::Failed { manifest: &app.manifest, error, serving });
    }

    /// Runs the build commands of an app; with `changed`, only of functions
    /// whose sources lie there.
    async fn build(&self, app: &AppSource, changed: Option<&BTreeSet<PathBuf>>) {
        // A manifest that cannot be read is reported by the deployment.
        let Ok((_, manifest)) = app.read() else { return };
        let concerned =
            manifest.functions.iter().filter(|function| match (changed, &function.build) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(paths), Some(build)) => {
                    paths.iter().any(|path| build.watch.iter().any(|root| is_source(path, root)))
                }
            });
        if let Err(error) = build::run_all(concerned, &self.platform.observer).await {
            self.failed(app, &error);
        }
    }

    /// Watches the folders of all files that were looked at, and the sources.
    fn watch_folders(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        let mut folders: BTreeMap<PathBuf, bool> = BTreeMap::new();
        for path in self.seen.values().flat_map(BTreeMap::keys) {
            if let Some(folder) = path.parent() {
                folders.entry(folder.to_owned()).or_insert(false);
            }
        }
        let of_facts = self.platform.facts.folders();
        for folder in self.files.folders().into_iter().chain(of_facts) {
            folders.entry(folder).or_insert(false);
        }
        if self.reload == Reload::Build {
            let revisions = self.board.revisions();
            let served = revisions.iter().flat_map(|revision| &revision.functions);
            let mut builds: Vec<_> =
                served.filter_map(|function| function.declared.build.clone()).collect();
            // What is not served yet is watched too: a mistake in its source is
            // mended there.
            for app in self.apps.iter().filter(|app| self.board.live(app).current.is_none()) {
                if let Ok((_, manifest)) = app.read() {
                    builds.extend(manifest.functions.into_iter().filter_map(|f| f.build));
                }
            }
            for root in builds.iter().flat_map(|build| &build.watch) {
                match root.parent().filter(|_| root.is_file()) {
                    Some(parent) => drop(folders.entry(parent.to_owned()).or_insert(false)),
                    None => drop(folders.insert(root.clone(), true)),
                }
            }
        }
        watch.set(&folders);
    }
}

/// Whether a changed path is a source below `root`. Hidden files and folders
/// and what compilers leave are not.
fn is_source(path: &Path, root: &Path) -> bool {
    let Ok(below) = path.strip_prefix(root) else { return false };
    below.components().all(|part| {
        let name = part.as_os_str().to_string_lossy();
        !name.starts_with('.') && !name.ends_with('~') && name != "target" && name != "node_modules"
    })
}

async fn changed(watch: &mut Option<Watch>) -> BTreeSet<PathBuf> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

/// The answer to a command whose reconciler is gone.
pub(crate) fn stopped() -> anyhow::Error {
    anyhow!("the node is stopping")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_from_what_compilers_and_editors_leave() {
        for (path, root, expected) in [
            ("/a/src/lib.rs", "/a/src", true),
            ("/a/Cargo.toml", "/a/Cargo.toml", true),
            ("/a/b/c.rs", "/a", true),
            ("/a/target/x", "/a", false),
            ("/a/src/.lib.rs.swp", "/a/src", false),
            ("/a/src/lib.rs~", "/a/src", false),
            ("/b/src/lib.rs", "/a", false),
            ("/ab/lib.rs", "/a", false),
        ] {
            assert_eq!(is_source(Path::new(path), Path::new(root)), expected, "{path} {root}");
        }
    }
}
