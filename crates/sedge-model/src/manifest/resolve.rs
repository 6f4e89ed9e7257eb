//! From the manifest as written to the manifest as meant: checks what a schema
//! cannot say, and resolves paths.

use super::raw::{
    Mode, RawCapabilities, RawConfig, RawConfigFile, RawFunction, RawIsolation, RawIsolationTable,
    RawManifest, RawOutbound, RawProbe, RawProbeTable, RawRoute, RawSecret,
};
use super::{Build, Function, Isolation, Manifest, Probe, probe};
use crate::capability::{Capabilities, ConfigSource, OutboundGrant, SecretSource, TopicGrants};
use crate::document::{Draft, Invalid, child, suggest};
use crate::route::{Host, Path as RoutePath, Route, parse_method};
use crate::routing::cache::CacheSettings;
use crate::routing::claim::Claim;
use crate::routing::rule::{Files, Rule};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

/// Checks a raw manifest, reports to `draft`, and resolves what is right.
pub(super) fn resolve(
    raw: RawManifest,
    draft: Draft,
    text: &str,
    folder: &Path,
) -> (Manifest, Draft) {
    let names = |named: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        named.filter(|name| !name.is_empty()).cloned().collect()
    };
    let declared = HashMap::from([
        (Named::Function, names(&mut raw.function.iter().map(|one| &one.name))),
        (Named::Upstream, names(&mut raw.upstream.iter().map(|one| &one.name))),
        (Named::Chain, names(&mut raw.chain.iter().map(|one| &one.name))),
    ]);
    let mut resolver = Resolver {
        draft,
        text,
        folder,
        app: raw.app.name.clone(),
        names: HashMap::new(),
        declared,
        used: HashSet::new(),
        claims: HashMap::new(),
        scopes: HashMap::new(),
        folders: Vec::new(),
    };
    resolver.name("/app/name", &raw.app.name);
    let functions = raw.function.into_iter().enumerate();
    let functions: Vec<_> = functions
        .map(|(index, function)| resolver.function(&child("/function", index), function))
        .collect();
    let upstreams = raw.upstream.into_iter().enumerate();
    let upstreams = upstreams
        .map(|(index, upstream)| resolver.upstream(&child("/upstream", index), upstream))
        .collect();
    let chains = raw.chain.into_iter().enumerate();
    let chains = chains
        .filter_map(|(index, chain)| resolver.chain(&child("/chain", index), chain))
        .collect();
    let rules = raw.route.into_iter().enumerate();
    let rules: Vec<Rule> =
        rules.filter_map(|(index, rule)| resolver.rule(&child("/route", index), rule)).collect();
    let windows = resolver.windows(raw.window);
    resolver.reached(&functions);
    let has_other = resolver.draft.has("/route") || resolver.draft.has("/window");
    if functions.is_empty() && !has_other && resolver.draft.is_complete("") {
        let hint = "an app has a function, a route or a window";
        let message = "missing table `[[function]]`, `[[route]]` or `[[window]]`";
        resolver.draft.miss(Invalid::new(message, hint));
    }
    let Resolver { draft, folders, .. } = resolver;
    let name = raw.app.name;
    (Manifest { name, functions, rules, upstreams, chains, windows, folders }, draft)
}

/// What has a name that others refer to, or that must be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Named {
    Function,
    Route,
    Upstream,
    Chain,
    Window,
}

impl Named {
    fn noun(self) -> &'static str {
        match self {
            Named::Function => "function",
            Named::Route => "route",
            Named::Upstream => "upstream",
            Named::Chain => "chain",
            Named::Window => "window",
        }
    }
}

pub(super) struct Resolver<'t> {
    pub(super) draft: Draft,
    pub(super) text: &'t str,
    /// The manifest's folder.
    pub(super) folder: &'t Path,
    /// The app's name.
    pub(super) app: String,
    /// Names so far, with the pointer of each.
    names: HashMap<(Named, String), String>,
    /// All names of the file, which may be used before they are declared.
    declared: HashMap<Named, Vec<String>>,
    /// Functions that a route or a chain leads to.
    used: HashSet<String>,
    /// What is claimed so far, by the place where claims can collide.
    claims: HashMap<String, Vec<Taken>>,
    /// The first caching link of each scope.
    pub(super) scopes: HashMap<String, CacheSettings>,
    /// The folders of files so far, each with the pointer of its name.
    pub(super) folders: Vec<(String, Files)>,
}

/// A claim that somebody has.
struct Taken {
    claim: Claim,
    /// In a sentence: "`images` has `/a`".
    owner: String,
    pointer: String,
}

impl Resolver<'_> {
    fn function(&mut self, at: &str, raw: RawFunction) -> Function {
        self.unique(at, Named::Function, &raw.name);
        let routes_at = child(at, "routes");
        let routes = raw.routes.into_iter().enumerate();
        let routes = routes
            .filter_map(|(index, route)| self.route(&child(&routes_at, index), &raw.name, route))
            .collect();
        self.environment(&child(at, "environment"), &raw.environment);
        let trigger = self.triggers(at, &raw.name, raw.trigger, &raw.limits);
        self.topics(&child(at, "capabilities"), &raw.capabilities, &trigger);
        Function {
            name: raw.name,
            source: self.folder.join(raw.source),
            flavor: raw.flavor,
            build: raw.build.map(|build| {
                let folder = self.folder.join(build.folder);
                let watch = build.watch.iter().map(|path| folder.join(path)).collect();
                Build { command: build.command, folder, watch }
            }),
            routes,
            trigger,
            probe: raw.probe.and_then(|probe| self.probe(&child(at, "probe"), probe)),
            limits: raw.limits,
            isolation: self.isolation(&child(at, "isolation"), raw.isolation),
            preinitialize: raw.preinitialize,
            capabilities: self.capabilities(&child(at, "capabilities"), raw.capabilities),
            environment: raw.environment,
        }
    }

    /// Checks the name of what stands at `at`, which nothing else of its kind may
    /// have.
    pub(super) fn unique(&mut self, at: &str, named: Named, name: &str) {
        let at = child(at, "name");
        self.name(&at, name);
        if let Some(first) = self.names.get(&(named, name.to_owned())) {
            let line = self.draft.line(self.text, first);
            let message = format!("two {}s have the name `{name}`", named.noun());
            self.draft.reject(&at, Invalid::new(message, format!("the first is on line {line}")));
        } else if !name.is_empty() {
            self.names.insert((named, name.to_owned()), at);
        }
    }

    /// Whether something of this name is declared anywhere in the file.
    pub(super) fn known(&mut self, at: &str, named: Named, name: &str) -> bool {
        let declared = self.declared.get(&named).map(Vec::as_slice).unwrap_or_default();
        if declared.iter().any(|one| one == name) {
            if named == Named::Function {
                self.used.insert(name.to_owned());
            }
            return true;
        }
        let noun = named.noun();
        let nearest = suggest::nearest(name, declared.iter().map(String::as_str));
        let hint = match nearest {
            Some(near) => format!("did you mean `{near}`?"),
            None if declared.is_empty() => format!("declare it: [[{noun}]]"),
            None => {
                let some = declared.iter().take(8).map(String::as_str);
                format!("declared are {}", suggest::list(some, "and"))
            }
        };
        let message = format!("no {noun} is named `{name}`");
        self.draft.reject(at, Invalid::new(message, hint));
        false
    }

    /// Every function must be led to by something.
    fn reached(&mut self, functions: &[Function]) {
        for (index, function) in functions.iter().enumerate() {
            let at = child("/function", index);
            let said = self.draft.has(&child(&child(&at, "routes"), 0))
                || self.draft.has(&child(&at, "trigger"));
            if said || self.used.contains(&function.name) || !self.draft.is_complete(&at) {
                continue;
            }
            let message = format!("nothing leads to the function `{}`", function.name);
            let hint = "write routes = [\"/*\"], name the function in a [[route]], or give it a \
                        trigger";
            let routes = child(&at, "routes");
            let at = if self.draft.has(&routes) { routes } else { at };
            self.draft.reject(&at, Invalid::new(message, hint));
        }
    }

    /// Notes what a rule takes, or reports that something else has it.
    pub(super) fn claim(&mut self, at: &str, rule: &Rule) {
        for (index, claim) in Claim::of_rule(rule).into_iter() {
            let owner = format!("route `{}`", rule.name);
            let matched = child(&child(at, "match"), index);
            let at = if self.draft.has(&matched) { matched } else { child(at, "name") };
            self.take(&at, claim, &owner);
        }
    }

    /// Whether nothing else has what is claimed.
    fn take(&mut self, at: &str, claim: Claim, owner: &str) -> bool {
        let others = self.claims.entry(claim.place()).or_default();
        for other in others.iter() {
            if let Some(methods) = claim.conflict(&other.claim) {
                let line = self.draft.line(self.text, &other.pointer);
                let message = format!("the route `{claim}` is taken for {methods}");
                let hint = format!("{} has `{}` on line {line}", other.owner, other.claim);
                self.draft.reject(at, Invalid::new(message, hint));
                return false;
            }
        }
        others.push(Taken { claim, owner: owner.to_owned(), pointer: at.to_owned() });
        true
    }

    pub(super) fn name(&mut self, at: &str, name: &str) {
        let known = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if !name.bytes().all(known) || name.starts_with('-') || name.ends_with('-') {
            let hint =
                "write lower-case letters, digits and `-`, with a letter or digit at both ends";
            self.draft.reject(at, Invalid::new(format!("`{name}` is not a name"), hint));
        }
    }

    /// A route that is right in itself and does not collide with an earlier one.
    fn route(&mut self, at: &str, function: &str, raw: RawRoute) -> Option<Route> {
        let route = match raw {
            RawRoute::Text(text) => {
                Route::parse(&text).map_err(|invalid| self.draft.reject(at, invalid)).ok()?
            }
            RawRoute::Table(raw) => {
                let host = raw.host.map(|host| self.part(&child(at, "host"), Host::parse(&host)));
                let path = self.part(&child(at, "path"), RoutePath::parse(&raw.path));
                let methods_at = child(at, "methods");
                let methods = raw.methods.iter().enumerate();
                let methods = methods
                    .map(|(index, method)| {
                        self.part(&child(&methods_at, index), parse_method(method))
                    })
                    .collect::<Vec<_>>();
                let host = match host {
                    Some(host) => Some(host?),
                    None => None,
                };
                let methods = methods.into_iter().collect::<Option<Vec<_>>>()?;
                let route = Route { host, path: path?, methods: Vec::new() }.with_methods(methods);
                self.part(&methods_at, route)?
            }
        };
        let owner = format!("`{function}`");
        self.take(at, Claim::of_route(&route), &owner).then_some(route)
    }

    /// The value, or a report of what is wrong with it.
    pub(super) fn part<T>(&mut self, at: &str, parsed: Result<T, Invalid>) -> Option<T> {
        parsed.map_err(|invalid| self.draft.reject(at, invalid)).ok()
    }

    fn probe(&mut self, at: &str, raw: RawProbe) -> Option<Probe> {
        let (path_at, raw) = match raw {
            RawProbe::Text(path) => (at.to_owned(), RawProbeTable { path, ..Default::default() }),
            RawProbe::Table(table) => (child(at, "path"), table),
        };
        let target = self.part(&path_at, probe::target(&raw.path));
        let host = raw.host.as_deref().unwrap_or(probe::HOST);
        let host = self.part(&child(at, "host"), probe::host(host));
        Some(Probe { target: target?, host: host?, statuses: raw.status })
    }

    fn isolation(&mut self, at: &str, raw: RawIsolation) -> Isolation {
        let table = match raw {
            RawIsolation::Mode(mode) => RawIsolationTable { mode, ..Default::default() },
            RawIsolation::Table(table) => table,
        };
        if table.mode == Mode::Instance {
            return Isolation::Instance {
                requests_max: table.requests_max.unwrap_or(1_000),
                idle_max: Duration::from_secs(table.idle_s.unwrap_or(60).into()),
            };
        }
        for (key, set) in
            [("requests_max", table.requests_max.is_some()), ("idle_s", table.idle_s.is_some())]
        {
            if set && self.draft.has(&child(at, "mode")) {
                let message =
                    format!("`{key}` has no meaning where every request has its instance");
                let hint = "remove it, or write mode = \"instance\"";
                self.draft.reject_key(&child(at, key), Invalid::new(message, hint));
            }
        }
        Isolation::Request
    }

    fn capabilities(&mut self, at: &str, raw: RawCapabilities) -> Capabilities {
        let kv_at = child(at, "kv");
        for (index, namespace) in raw.kv.iter().enumerate() {
            let known = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
            if namespace.is_empty() || !namespace.bytes().all(known) {
                let message = format!("`{namespace}` is not a key-value namespace");
                let hint = "write letters, digits, `-`, `_` and `.`";
                self.draft.reject(&child(&kv_at, index), Invalid::new(message, hint));
            } else if raw.kv[..index].contains(namespace) {
                let message = format!("the namespace `{namespace}` is granted twice");
                self.draft.reject(&child(&kv_at, index), Invalid::new(message, "remove one"));
            }
        }
        self.granted_scopes(&child(at, "cache"), &raw.cache);
        let config_at = child(at, "config");
        for key in raw.config.keys().filter(|key| !is_key(key)) {
            let message = format!("`{}` is not a config key", key.escape_debug());
            let hint = "write 1 to 255 characters, none of them a control character";
            self.draft.reject_key(&child(&config_at, key), Invalid::new(message, hint));
        }
        Capabilities {
            kv: raw.kv,
            cache: raw.cache,
            codec: raw.codec,
            geo: raw.geo,
            client: raw.client,
            config: self.config(raw.config),
            secrets: self.secrets(&child(at, "secrets"), raw.secrets),
            outbound: self.outbound(&child(at, "outbound"), raw.outbound),
            topics: TopicGrants { emit: raw.emit, publish: raw.publish, state: raw.state },
        }
    }

    fn config(&self, raw: BTreeMap<String, RawConfig>) -> BTreeMap<String, ConfigSource> {
        let source = |raw| match raw {
            RawConfig::Text(text) => ConfigSource::Text(text),
            RawConfig::File(RawConfigFile { file }) => ConfigSource::File(self.folder.join(file)),
        };
        raw.into_iter().map(|(key, raw)| (key, source(raw))).collect()
    }

    fn outbound(&mut self, at: &str, raw: Vec<RawOutbound>) -> Vec<OutboundGrant> {
        let mut grants: Vec<OutboundGrant> = Vec::new();
        for (index, raw) in raw.into_iter().enumerate() {
            let entry = child(at, index);
            let (at, text, private) = match raw {
                RawOutbound::Text(text) => (entry, text, false),
                RawOutbound::Table(table) => (child(&entry, "to"), table.to, table.private),
            };
            let Some(grant) = self.part(&at, OutboundGrant::parse(&text, private)) else {
                continue;
            };
            let same = |other: &OutboundGrant| OutboundGrant { private, ..other.clone() } == grant;
            if grants.iter().any(same) {
                let message = format!("`{grant}` is granted twice");
                self.draft.reject(&at, Invalid::new(message, "remove one"));
            } else {
                grants.push(grant);
            }
        }
        grants
    }

    fn secrets(
        &mut self,
        at: &str,
        raw: BTreeMap<String, RawSecret>,
    ) -> BTreeMap<String, SecretSource> {
        let mut secrets = BTreeMap::new();
        for (name, raw) in raw {
            let at = child(at, &name);
            if !is_key(&name) {
                let message = format!("`{}` is not the name of a secret", name.escape_debug());
                let hint = "write 1 to 255 characters, none of them a control character";
                self.draft.reject_key(&at, Invalid::new(message, hint));
            }
            let source = match (raw.env, raw.file) {
                (Some(env), None) => {
                    self.variable(&child(&at, "env"), &env);
                    SecretSource::Environment(env)
                }
                (None, Some(file)) => SecretSource::File(self.folder.join(file)),
                (Some(_), Some(_)) => {
                    let message = format!("the secret `{name}` has two sources");
                    self.draft.reject(&at, Invalid::new(message, "keep either `env` or `file`"));
                    continue;
                }
                (None, None) if !self.draft.is_complete(&at) => continue,
                (None, None) => {
                    let message = format!("the secret `{name}` has no source");
                    let hint = "write { env = \"VARIABLE\" } or { file = \"path\" }";
                    self.draft.reject(&at, Invalid::new(message, hint));
                    continue;
                }
            };
            secrets.insert(name, source);
        }
        secrets
    }

    fn environment(&mut self, at: &str, variables: &BTreeMap<String, String>) {
        for name in variables.keys() {
            if !is_variable(name) {
                let message = format!("`{}` is not an environment variable", name.escape_debug());
                let hint = "write letters, digits and `_`, not a digit first";
                self.draft.reject_key(&child(at, name), Invalid::new(message, hint));
            }
        }
    }

    fn variable(&mut self, at: &str, name: &str) {
        if !is_variable(name) {
            let message = format!("`{}` is not an environment variable", name.escape_debug());
            let hint = "write letters, digits and `_`, not a digit first";
            self.draft.reject(at, Invalid::new(message, hint));
        }
    }
}

/// The name of a config entry or a secret.
fn is_key(key: &str) -> bool {
    (1..=255).contains(&key.chars().count()) && !key.chars().any(char::is_control)
}

/// The name of an environment variable (POSIX.1-2017 §8.1, with lower case).
fn is_variable(name: &str) -> bool {
    let known = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    (1..=255).contains(&name.len())
        && name.bytes().all(known)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}
