//! The routes of one host, in the order in which they are asked.

use super::fits::{Asked, conditions_fit, path_fits};
use http::Method;
use sedge_model::routing::rule::{Match, PathMatch, Segment};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The routes of one host. What most tables have only, exact paths and prefixes
/// of functions, is found by hash probes; the rest is asked one after the other.
#[derive(Default)]
pub(super) struct Paths {
    /// Of `Order::First`, in the order of the list.
    first: Vec<(Match, usize)>,
    exact: HashMap<Box<str>, Vec<Entry>>,
    /// Exact paths in any case.
    exact_any_case: Vec<Odd>,
    templates: Vec<Odd>,
    prefix: HashMap<Box<str>, Vec<Entry>>,
    /// Prefixes that do not end with a segment, and those in any case.
    begins: Vec<Odd>,
    patterns: Vec<Odd>,
    every: Vec<Entry>,
    /// Bounds on the prefixes, so that a hostile path (thousands of slashes)
    /// costs no more probes than the table has levels.
    prefix_slashes_max: usize,
    prefix_bytes_max: usize,
}

/// A path that no map can find.
struct Odd {
    path: PathMatch,
    /// Bytes of it that are written out.
    length: usize,
    entries: Vec<Entry>,
}

struct Entry {
    /// Empty: every method.
    methods: Vec<Method>,
    /// What else a request must be; `None`: nothing.
    conditions: Option<Box<Match>>,
    target: usize,
}

impl Entry {
    fn fits(&self, asked: &Asked<'_>) -> bool {
        self.conditions.as_ref().is_none_or(|one| conditions_fit(one, asked))
    }

    /// The more of these, the earlier an entry is asked: header fields, query
    /// parameters, scheme and port.
    fn weight(&self) -> (usize, usize, usize) {
        self.conditions.as_ref().map_or((0, 0, 0), |one| weight(one))
    }
}

pub(super) fn weight(one: &Match) -> (usize, usize, usize) {
    let sockets = usize::from(one.tls.is_some()) + usize::from(one.port.is_some());
    (one.headers.len(), one.queries.len(), sockets)
}

impl Paths {
    pub(super) fn add_first(&mut self, one: Match, target: usize) {
        self.first.push((one, target));
    }

    pub(super) fn add(&mut self, one: &Match, target: usize) {
        let conditions = (weight(one) != (0, 0, 0)).then(|| Box::new(one.clone()));
        let entry = Entry { methods: one.methods.clone(), conditions, target };
        let entries = self.entries(&one.path);
        // Stable: of equals, the first of the list stays first.
        let place = entries.partition_point(|other| other.weight() >= entry.weight());
        entries.insert(place, entry);
    }

    fn entries(&mut self, path: &PathMatch) -> &mut Vec<Entry> {
        match path {
            PathMatch::Any => &mut self.every,
            PathMatch::Prefix(prefix) if prefix.is_empty() => &mut self.every,
            PathMatch::Exact(path) => self.exact.entry(path.as_str().into()).or_default(),
            PathMatch::Prefix(prefix) => {
                let slashes = prefix.bytes().filter(|&byte| byte == b'/').count();
                self.prefix_slashes_max = self.prefix_slashes_max.max(slashes);
                self.prefix_bytes_max = self.prefix_bytes_max.max(prefix.len());
                self.prefix.entry(prefix.as_str().into()).or_default()
            }
            PathMatch::Template(_) => odd(&mut self.templates, path),
            PathMatch::Begins(_) => odd(&mut self.begins, path),
            PathMatch::Pattern(_) => odd(&mut self.patterns, path),
            PathMatch::AnyCase(inner) => match **inner {
                PathMatch::Exact(_) => odd(&mut self.exact_any_case, path),
                PathMatch::Template(_) => odd(&mut self.templates, path),
                PathMatch::Pattern(_) => odd(&mut self.patterns, path),
                _ => odd(&mut self.begins, path),
            },
        }
    }

    /// `Break` if this host has the last word.
    pub(super) fn find(
        &self,
        asked: &Asked<'_>,
        allowed: &mut Vec<Method>,
    ) -> ControlFlow<Option<usize>> {
        for (one, target) in &self.first {
            let named = one.methods.is_empty() || one.methods.contains(asked.method);
            if named && path_fits(&one.path, asked.path) && conditions_fit(one, asked) {
                return ControlFlow::Break(Some(*target));
            }
        }
        match self.specific(asked, allowed) {
            None if self.first.is_empty() => ControlFlow::Continue(()),
            found => ControlFlow::Break(found),
        }
    }

    fn specific(&self, asked: &Asked<'_>, allowed: &mut Vec<Method>) -> Option<usize> {
        let exact = self.exact.get(asked.path).and_then(|list| pick(list, asked, allowed));
        exact
            .or_else(|| first_of(&self.exact_any_case, asked, allowed))
            .or_else(|| first_of(&self.templates, asked, allowed))
            .or_else(|| self.longest_prefix(asked, allowed))
            .or_else(|| first_of(&self.patterns, asked, allowed))
            .or_else(|| pick(&self.every, asked, allowed))
    }

    fn longest_prefix(&self, asked: &Asked<'_>, allowed: &mut Vec<Method>) -> Option<usize> {
        let path = asked.path;
        let mut begins = &self.begins[..];
        if !self.prefix.is_empty() {
            // A prefix ends at the path's end or before one of its slashes. Begin
            // at the longest that the table can hold.
            let slashes = path.bytes().enumerate().filter(|&(_, byte)| byte == b'/');
            let mut slashes = slashes.map(|(index, _)| index);
            let mut end = slashes.nth(self.prefix_slashes_max).unwrap_or(path.len());
            while end > 0 {
                if end <= self.prefix_bytes_max {
                    let longer = begins.partition_point(|odd| odd.length > end);
                    let found = first_of(&begins[..longer], asked, allowed);
                    begins = &begins[longer..];
                    let found =
                        found.or_else(|| pick(self.prefix.get(&path[..end])?, asked, allowed));
                    if found.is_some() {
                        return found;
                    }
                }
                end = path[..end].rfind('/').unwrap_or(0);
            }
        }
        first_of(begins, asked, allowed)
    }
}

/// The entries of a path; the longest paths stay first.
fn odd<'l>(list: &'l mut Vec<Odd>, path: &PathMatch) -> &'l mut Vec<Entry> {
    let at = match list.iter().position(|odd| odd.path == *path) {
        Some(at) => at,
        None => {
            let length = length(path);
            let at = list.partition_point(|odd| rank(&odd.path) <= rank(path));
            list.insert(at, Odd { path: path.clone(), length, entries: Vec::new() });
            at
        }
    };
    &mut list[at].entries
}

/// The least is asked first: the longest, as it is written before any case, and of
/// templates that are as long the one whose literal comes first, because a brace
/// sorts behind every letter.
pub(super) fn rank(path: &PathMatch) -> (Reverse<usize>, bool, String) {
    let any_case = matches!(path, PathMatch::AnyCase(_));
    (Reverse(length(path)), any_case, path.to_string())
}

/// What makes one path of a kind more specific than another.
pub(super) fn length(path: &PathMatch) -> usize {
    match path {
        PathMatch::Any => 0,
        PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::Begins(text) => text.len(),
        PathMatch::Pattern(pattern) => pattern.text.len(),
        PathMatch::AnyCase(inner) => length(inner),
        // Literals first, then the number of segments; a rest is none.
        PathMatch::Template(template) => {
            let weigh = |segment: &Segment| match segment {
                Segment::Literal(_) => 1_024,
                Segment::Name(_) => 1,
                Segment::Rest(_) => 0,
            };
            template.segments.iter().map(weigh).sum()
        }
    }
}

fn first_of(list: &[Odd], asked: &Asked<'_>, allowed: &mut Vec<Method>) -> Option<usize> {
    let mut fitting = list.iter().filter(|odd| path_fits(&odd.path, asked.path));
    fitting.find_map(|odd| pick(&odd.entries, asked, allowed))
}

/// The entry that names the method, else the one that takes every method; if
/// there is none, the methods that would be answered are noted. An entry that
/// names `GET` answers `HEAD` too, unless another names it.
fn pick(entries: &[Entry], asked: &Asked<'_>, allowed: &mut Vec<Method>) -> Option<usize> {
    let fitting = || entries.iter().filter(|entry| entry.fits(asked));
    let named = |wanted: &Method| fitting().find(|entry| entry.methods.contains(wanted));
    let implied = || if asked.method == Method::HEAD { named(&Method::GET) } else { None };
    let every = || fitting().find(|entry| entry.methods.is_empty());
    if let Some(entry) = named(asked.method).or_else(implied).or_else(every) {
        return Some(entry.target);
    }
    let mut note = |method: &Method| {
        if !allowed.contains(method) {
            allowed.push(method.clone());
        }
    };
    for other in fitting().flat_map(|entry| &entry.methods) {
        note(other);
        if other == Method::GET {
            note(&Method::HEAD);
        }
    }
    None
}
