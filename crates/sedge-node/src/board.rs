//! What is served: the current and the previous revision of every app, and the
//! route table made of the current ones. Written by the reconciler, read by the
//! admin pages.

use crate::app::AppSource;
use crate::claims::Claims;
use crate::deploy::{Live, Stamps};
use crate::hint;
use crate::revision::{Counters, DeployedFunction, Revision};
use anyhow::{Result, anyhow};
use sedge_ingress::http::routes::Target;
use sedge_ingress::http::{RouteTable, Routes};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The apps of a node and the routes that they have now.
pub(crate) struct Board {
    apps: Mutex<BTreeMap<AppSource, Entry>>,
    routes: Arc<Routes>,
    reserved: Option<Reserved>,
}

/// A path that no app can have, and what answers there and below.
pub(crate) type Reserved = (String, Target);

#[derive(Default)]
struct Entry {
    live: Live,
    previous: Option<Arc<Revision>>,
    failure: Option<FailedAttempt>,
}

/// The last attempt to deploy an app, if it failed.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// When.
    pub time: SystemTime,
    /// Why, with causes.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How one app stands.
#[derive(Clone, Debug)]
pub struct AppStatus {
    /// Where its manifest is.
    pub source: AppSource,
    /// What answers.
    pub current: Option<Arc<Revision>>,
    /// What a rollback would serve.
    pub previous: Option<Arc<Revision>>,
    /// Why the newest files are not served.
    pub failure: Option<FailedAttempt>,
}

/// A revision that is ready, and what belongs to it.
pub(crate) type Ready = (Arc<Revision>, Counters, Stamps, Duration);

impl Board {
    /// An empty board for these apps.
    pub(crate) fn new(apps: &[AppSource], routes: Arc<Routes>, reserved: Option<Reserved>) -> Self {
        let apps = apps.iter().map(|app| (app.clone(), Entry::default())).collect();
        let board = Board { apps: Mutex::new(apps), routes, reserved };
        board.swap(&board.lock());
        board
    }

    fn reserved_path(&self) -> Option<&str> {
        self.reserved.as_ref().map(|(path, _)| path.as_str())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AppSource, Entry>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is served of an app.
    pub(crate) fn live(&self, app: &AppSource) -> Live {
        self.lock().get(app).map(|entry| entry.live.clone()).unwrap_or_default()
    }

    /// How every app stands, in the order of their manifests.
    pub(crate) fn apps(&self) -> Vec<AppStatus> {
        let apps = self.lock();
        let status = |(source, entry): (&AppSource, &Entry)| AppStatus {
            source: source.clone(),
            current: entry.live.current.clone(),
            previous: entry.previous.clone(),
            failure: entry.failure.clone(),
        };
        apps.iter().map(status).collect()
    }

    /// The revisions that answer.
    pub(crate) fn revisions(&self) -> Vec<Arc<Revision>> {
        self.lock().values().filter_map(|entry| entry.live.current.clone()).collect()
    }

    /// The function of this name that answers, if there is one.
    pub(crate) fn function(&self, app: &str, name: &str) -> Option<Arc<DeployedFunction>> {
        let apps = self.lock();
        let mut current = apps.values().filter_map(|entry| entry.live.current.as_ref());
        current.find(|revision| revision.app == app)?.function(name).cloned()
    }

    /// Gives back the memory of functions that were not used for `idle`, those
    /// of previous revisions too.
    pub(crate) fn evict_idle(&self, idle: Duration) {
        for app in self.apps() {
            for revision in app.current.iter().chain(&app.previous) {
                for function in &revision.functions {
                    function.function.evict_if_idle(idle);
                }
            }
        }
    }

    /// The files of an app were looked at and say what is served.
    pub(crate) fn unchanged(&self, app: &AppSource, stamps: Stamps) {
        if let Some(entry) = self.lock().get_mut(app) {
            entry.live.stamps = stamps;
            entry.failure = None;
        }
    }

    /// An attempt failed; what is served goes on.
    pub(crate) fn failed(&self, app: &AppSource, error: &anyhow::Error) {
        let reason = format!("{error:#}");
        let hint = hint::of(error).map(ToOwned::to_owned);
        if let Some(entry) = self.lock().get_mut(app) {
            entry.failure = Some(FailedAttempt { time: SystemTime::now(), reason, hint });
        }
    }

    /// Puts revisions in the place of older ones and swaps the route table
    /// once. A revision that claims what another app has is refused.
    pub(crate) fn install(&self, ready: Vec<Ready>) -> Vec<(Arc<Revision>, Result<()>, Duration)> {
        if ready.is_empty() {
            return Vec::new();
        }
        let mut apps = self.lock();
        // Names and routes may move from one app to another in one step, so
        // the old revisions of all that change give theirs up first.
        let changing: HashSet<&AppSource> = ready.iter().map(|(r, ..)| &r.source).collect();
        let staying = apps.iter().filter(|(app, _)| !changing.contains(app));
        let staying = staying.filter_map(|(_, entry)| entry.live.current.as_ref());
        let mut claims = Claims::of(staying, self.reserved_path());
        let mut results = Vec::with_capacity(ready.len());
        for (revision, counters, stamps, took) in ready {
            let claimed = revision.claims();
            let result = claims.check(&revision.app, &claimed);
            let entry = apps.entry(revision.source.clone()).or_default();
            if result.is_ok() {
                claims.take(&revision.app, &revision.source.manifest, claimed);
                revision.upstreams.begin_checks();
                entry.previous = entry.live.current.take();
                let number = revision.number;
                entry.live = Live { current: Some(revision.clone()), stamps, counters, number };
                entry.failure = None;
            } else if let Some(current) = &entry.live.current {
                claims.take(&current.app, &current.source.manifest, current.claims());
            }
            results.push((revision, result, took));
        }
        self.swap(&apps);
        results
    }

    /// Serves the previous revision of an app again; its number.
    pub(crate) fn roll_back(&self, app: &str) -> Result<u64> {
        let mut apps = self.lock();
        let named = |entry: &Entry| entry.live.current.as_ref().is_some_and(|r| r.app == app);
        let Some(source) = apps.iter().find(|(_, e)| named(e)).map(|(s, _)| s.clone()) else {
            return Err(anyhow!("no app is named {app}"));
        };
        let others = apps.iter().filter(|(other, _)| **other != source);
        let others = others.filter_map(|(_, entry)| entry.live.current.as_ref());
        let claims = Claims::of(others, self.reserved_path());
        let entry = apps.entry(source).or_default();
        let Some(previous) = entry.previous.clone() else {
            return Err(anyhow!("app {app} has no previous revision"));
        };
        claims.check(&previous.app, &previous.claims())?;
        entry.previous = entry.live.current.replace(previous.clone());
        // The files are those of the other revision, so nothing of theirs may
        // be taken for untouched.
        entry.live.stamps = Stamps::new();
        for function in &previous.functions {
            let name = function.declared.name.clone();
            entry.live.counters.entry(name).or_insert_with(|| function.metrics.clone());
        }
        previous.upstreams.begin_checks();
        tracing::info!(app, revision = previous.number, "rolled back");
        self.swap(&apps);
        Ok(previous.number)
    }

    fn swap(&self, apps: &BTreeMap<AppSource, Entry>) {
        let revisions = apps.values().filter_map(|entry| entry.live.current.as_ref());
        let mut table = RouteTable::default();
        if let Some((path, target)) = &self.reserved {
            table.reserve(path, target.clone());
        }
        revisions.for_each(|revision| revision.add_to(&mut table));
        // The old table, and with it functions that are gone, is dropped when
        // the last request that began with it has ended.
        drop(self.routes.swap(table));
    }
}
