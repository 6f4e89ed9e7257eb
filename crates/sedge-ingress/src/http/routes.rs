//! Which handler answers: an immutable table, swapped whole.
//!
//! A path that the node has reserved for itself comes before all routes. Of all routes
//! whose host, path, methods and conditions fit, the first in this order answers:
//! exact host, longest host suffix, any host; then, within a host,
//! the rules of `Order::First` in the order of the list; then exact path,
//! template, longest path prefix, pattern, every path; then a route that names the
//! method before one that takes every method; then more header fields, more query
//! parameters, a scheme or port; then the order of the list. Paths are compared
//! byte by byte as sent; `validate` has refused every path that could be read as
//! another one.

mod fits;
mod paths;

pub use fits::Asked;
pub(super) use fits::value_fits;

use super::metrics::RouteMetrics;
use http::Method;
use paths::Paths;
use sedge_model::handler::Handler;
use sedge_model::route::{Host, Path, Route};
use sedge_model::routing::rule::{Match, Order, PathMatch, Rule};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One handler and what is known of it without asking.
#[derive(Clone)]
pub struct Target {
    /// What answers.
    pub handler: Arc<dyn Handler>,
    /// `app/function` or `app/route`, or whatever tells an operator who answered.
    pub label: Arc<str>,
    /// The revision of the app; 0 where there is none.
    pub revision: u64,
    /// Whether handlers have something to tell of a request
    /// ([`sedge_model::handler::Notes`]).
    pub has_notes: bool,
    /// Whether connections may become another protocol's.
    pub may_upgrade: bool,
    /// Whether handlers may say something before the answer
    /// ([`sedge_model::handler::Interims`]).
    pub may_interim: bool,
    /// What is counted for the rule; `None` for plain routes.
    pub metrics: Option<Arc<RouteMetrics>>,
}

impl Target {
    /// A target of no revision, whose handlers tell nothing, upgrade nothing and say
    /// nothing before their answers.
    pub fn new(handler: Arc<dyn Handler>, label: Arc<str>) -> Self {
        let (has_notes, may_upgrade, may_interim) = (false, false, false);
        let metrics = None;
        Target { handler, label, revision: 0, has_notes, may_upgrade, may_interim, metrics }
    }
}

/// What a request finds in a table.
pub enum Lookup<'a> {
    /// This target answers.
    Found(&'a Target),
    /// Routes fit host and path, but only for these methods: 405 with `Allow`.
    OtherMethods(Vec<Method>),
    /// No route fits: 404.
    Nothing,
}

/// An immutable snapshot of all routes. A lookup costs a few hash probes for
/// each host label and path segment, however many functions' routes there are.
#[derive(Default)]
pub struct RouteTable {
    targets: Vec<Target>,
    hosts: HashMap<Box<str>, Paths>,
    suffixes: HashMap<Box<str>, Paths>,
    any: Paths,
    /// A path of the node's own, and what answers there and below.
    reserved: Option<(Box<str>, Target)>,
}

impl RouteTable {
    /// Builds a table of plain routes. A handler with several routes is given
    /// once for each.
    pub fn new(routes: impl IntoIterator<Item = (Route, Arc<dyn Handler>, Arc<str>)>) -> Self {
        let mut table = RouteTable::default();
        for (route, handler, label) in routes {
            table.add_route(&route, Target::new(handler, label));
        }
        table
    }

    /// Has this target answer at a path and below it, whatever the host, the method and the
    /// other routes are.
    pub fn reserve(&mut self, path: &str, target: Target) {
        self.reserved = Some((path.into(), target));
    }

    /// Adds the plain route of a function.
    pub fn add_route(&mut self, route: &Route, target: Target) {
        let index = self.targets.len();
        self.targets.push(target);
        let one = Match {
            path: PathMatch::from(&route.path),
            methods: route.methods.clone(),
            ..Match::default()
        };
        self.paths(route.host.as_ref()).add(&one, index);
    }

    /// Adds a rule; `target` makes what answers where the match of this index
    /// fits (`usize::MAX` if the rule has none and takes every request).
    pub fn add_rule(&mut self, rule: &Rule, mut target: impl FnMut(usize) -> Target) {
        let every = [Match::default()];
        let has_none = rule.matches.is_empty();
        let matches = if has_none { &every[..] } else { &rule.matches };
        for (index, one) in matches.iter().enumerate() {
            let place = self.targets.len();
            self.targets.push(target(if has_none { usize::MAX } else { index }));
            let hosts = rule.hosts.iter().map(Some);
            let any = rule.hosts.is_empty().then_some(None);
            for host in hosts.chain(any) {
                let paths = self.paths(host);
                match rule.order {
                    Order::First => paths.add_first(one.clone(), place),
                    Order::Specific => paths.add(one, place),
                }
            }
        }
    }

    fn paths(&mut self, host: Option<&Host>) -> &mut Paths {
        match host {
            None => &mut self.any,
            Some(Host::Exact(host)) => self.hosts.entry(host.as_str().into()).or_default(),
            Some(Host::Suffix(suffix)) => self.suffixes.entry(suffix.as_str().into()).or_default(),
        }
    }

    /// How many targets there are: one for each route, and for each match of a
    /// rule.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is no route at all.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Finds who answers.
    pub fn find(&self, asked: &Asked<'_>) -> Lookup<'_> {
        if let Some((path, target)) = &self.reserved
            && let Some(rest) = asked.path.strip_prefix(&**path)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return Lookup::Found(target);
        }
        let mut allowed = Vec::new();
        match self.search(asked, &mut allowed) {
            Some(target) => Lookup::Found(&self.targets[target]),
            None if allowed.is_empty() => Lookup::Nothing,
            None => Lookup::OtherMethods(allowed),
        }
    }

    fn search(&self, asked: &Asked<'_>, allowed: &mut Vec<Method>) -> Option<usize> {
        if !self.hosts.is_empty() || !self.suffixes.is_empty() {
            let host = canonical(asked.host);
            if let Some(paths) = self.hosts.get(&*host)
                && let ControlFlow::Break(found) = paths.find(asked, allowed)
            {
                return found;
            }
            if !self.suffixes.is_empty() {
                // From the left, so that the longest suffix comes first. A host
                // that begins with the dot has no label before it.
                for (dot, _) in host.match_indices('.').filter(|&(dot, _)| dot > 0) {
                    if let Some(paths) = self.suffixes.get(&host[dot..])
                        && let ControlFlow::Break(found) = paths.find(asked, allowed)
                    {
                        return found;
                    }
                }
            }
        }
        match self.any.find(asked, allowed) {
            ControlFlow::Break(found) => found,
            ControlFlow::Continue(()) => None,
        }
    }
}

/// Lower case and without the dot of a fully qualified name (RFC 1034 §3.1),
/// which name the same host.
fn canonical(host: &str) -> Cow<'_, str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// The table in force. Each thread of the gateway keeps its own reference and
/// compares one number for each request, so readers share no lock and write to
/// no memory of another core. A request keeps the table it began with until its
/// body has ended; an old table is dropped with its last request, and with it
/// the handlers that no newer table holds.
#[derive(Default)]
pub struct Routes {
    version: AtomicU64,
    current: Mutex<Arc<RouteTable>>,
}

impl Routes {
    /// Starts with this table.
    pub fn new(table: RouteTable) -> Self {
        Routes { version: AtomicU64::new(0), current: Mutex::new(Arc::new(table)) }
    }

    /// Everything goes to one handler.
    pub fn single(handler: Arc<dyn Handler>, label: &str) -> Self {
        let route = Route { host: None, path: Path::Prefix(String::new()), methods: Vec::new() };
        Routes::new(RouteTable::new([(route, handler, label.into())]))
    }

    /// Replaces the table for all requests that begin from now on; gives the
    /// one it replaced. Threads without a request drop theirs within a second.
    pub fn swap(&self, table: RouteTable) -> Arc<RouteTable> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, Arc::new(table));
        self.version.fetch_add(1, Ordering::Release);
        old
    }

    /// Changes with every swap.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The table in force and its version.
    pub fn snapshot(&self) -> (u64, Arc<RouteTable>) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (self.version(), Arc::clone(&current))
    }
}

#[cfg(test)]
mod tests;
