//! Which handler answers: an immutable table, swapped whole.
//!
//! Of all routes whose host, path and methods fit, the first in this order
//! answers: exact host, longest host suffix, any host; then exact path, longest
//! path prefix; then a route that names the method before one that takes every
//! method; then the order of the list. Paths are compared byte by byte as sent;
//! `validate` has refused every path that could be read as another one.

use http::Method;
use sedge_model::handler::Handler;
use sedge_model::route::{Host, Path, Route};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One handler and the name under which access records show it.
pub struct Target {
    /// What answers.
    pub handler: Arc<dyn Handler>,
    /// `app/function`, or whatever tells an operator who answered.
    pub label: Arc<str>,
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
/// each host label and path segment, however many routes there are.
#[derive(Default)]
pub struct RouteTable {
    targets: Vec<Target>,
    hosts: HashMap<Box<str>, Paths>,
    suffixes: HashMap<Box<str>, Paths>,
    any: Paths,
}

/// The routes of one host.
#[derive(Default)]
struct Paths {
    exact: HashMap<Box<str>, Vec<Rule>>,
    prefix: HashMap<Box<str>, Vec<Rule>>,
    /// Bounds on the prefixes, so that a hostile path (thousands of slashes)
    /// costs no more probes than the table has levels.
    prefix_slashes_max: usize,
    prefix_bytes_max: usize,
}

struct Rule {
    /// Empty: every method.
    methods: Vec<Method>,
    target: usize,
}

impl RouteTable {
    /// Builds a table. A handler with several routes is given once for each.
    pub fn new(routes: impl IntoIterator<Item = (Route, Arc<dyn Handler>, Arc<str>)>) -> Self {
        let mut table = RouteTable::default();
        for (route, handler, label) in routes {
            let target = table.targets.len();
            table.targets.push(Target { handler, label });
            let paths = match route.host {
                None => &mut table.any,
                Some(Host::Exact(host)) => table.hosts.entry(host.into()).or_default(),
                Some(Host::Suffix(suffix)) => table.suffixes.entry(suffix.into()).or_default(),
            };
            paths.add(route.path, Rule { methods: route.methods, target });
        }
        table
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there is no route at all.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Finds who answers. `host` is without port, in any case, with or without
    /// a trailing dot; empty if the request names none.
    pub fn find(&self, host: &str, path: &str, method: &Method) -> Lookup<'_> {
        let mut allowed = Vec::new();
        match self.search(host, path, method, &mut allowed) {
            Some(target) => Lookup::Found(&self.targets[target]),
            None if allowed.is_empty() => Lookup::Nothing,
            None => Lookup::OtherMethods(allowed),
        }
    }

    fn search(
        &self,
        host: &str,
        path: &str,
        method: &Method,
        allowed: &mut Vec<Method>,
    ) -> Option<usize> {
        if !self.hosts.is_empty() || !self.suffixes.is_empty() {
            let host = canonical(host);
            let exact = self.hosts.get(&*host).and_then(|p| p.find(path, method, allowed));
            if exact.is_some() {
                return exact;
            }
            if !self.suffixes.is_empty() {
                // From the left, so that the longest suffix comes first. A host
                // that begins with the dot has no label before it.
                for (dot, _) in host.match_indices('.').filter(|&(dot, _)| dot > 0) {
                    let paths = self.suffixes.get(&host[dot..]);
                    let found = paths.and_then(|p| p.find(path, method, allowed));
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        self.any.find(path, method, allowed)
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

impl Paths {
    fn add(&mut self, path: Path, rule: Rule) {
        let rules = match path {
            Path::Exact(path) => self.exact.entry(path.into()).or_default(),
            Path::Prefix(prefix) => {
                let slashes = prefix.bytes().filter(|&byte| byte == b'/').count();
                self.prefix_slashes_max = self.prefix_slashes_max.max(slashes);
                self.prefix_bytes_max = self.prefix_bytes_max.max(prefix.len());
                self.prefix.entry(prefix.into()).or_default()
            }
        };
        // Rules that name methods stay before those that take every method.
        let place = match rule.methods.is_empty() {
            true => rules.len(),
            false => rules.iter().take_while(|other| !other.methods.is_empty()).count(),
        };
        rules.insert(place, rule);
    }

    fn find(&self, path: &str, method: &Method, allowed: &mut Vec<Method>) -> Option<usize> {
        if let Some(found) = pick(self.exact.get(path), method, allowed) {
            return Some(found);
        }
        if self.prefix.is_empty() {
            return None;
        }
        // A prefix ends at the path's end or before one of its slashes. Begin
        // at the longest that the table can hold.
        let mut slashes =
            path.bytes().enumerate().filter(|&(_, byte)| byte == b'/').map(|(index, _)| index);
        let mut end = slashes.nth(self.prefix_slashes_max).unwrap_or(path.len());
        loop {
            if end <= self.prefix_bytes_max {
                let found = pick(self.prefix.get(&path[..end]), method, allowed);
                if found.is_some() {
                    return found;
                }
            }
            end = path[..end].rfind('/')?;
        }
    }
}

/// The rule that names the method, else the one that takes every method; if
/// there is none, the methods that would be answered are noted. A rule that
/// names `GET` answers `HEAD` too, unless another rule names it.
fn pick(rules: Option<&Vec<Rule>>, method: &Method, allowed: &mut Vec<Method>) -> Option<usize> {
    let rules = rules?;
    let named = |wanted: &Method| rules.iter().find(|rule| rule.methods.contains(wanted));
    let implied = || if method == Method::HEAD { named(&Method::GET) } else { None };
    let every = || rules.iter().find(|rule| rule.methods.is_empty());
    if let Some(rule) = named(method).or_else(implied).or_else(every) {
        return Some(rule.target);
    }
    let mut note = |method: &Method| {
        if !allowed.contains(method) {
            allowed.push(method.clone());
        }
    };
    for other in rules.iter().flat_map(|rule| &rule.methods) {
        note(other);
        if other == Method::GET {
            note(&Method::HEAD);
        }
    }
    None
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
