//! From the manifest as written to the manifest as meant: checks what a schema
//! cannot say, and resolves paths.

use super::raw::{
    Mode, RawCapabilities, RawFunction, RawIsolation, RawIsolationTable, RawManifest, RawOutbound,
    RawProbe, RawProbeTable, RawRoute, RawSecret,
};
use super::{Build, Function, Isolation, Manifest, Probe, probe};
use crate::capability::{Capabilities, OutboundGrant, SecretSource};
use crate::document::{Draft, Invalid, child};
use crate::route::{Host, Path as RoutePath, Route, parse_method};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

/// Checks a raw manifest, reports to `draft`, and resolves what is right.
pub(super) fn resolve(
    raw: RawManifest,
    draft: Draft,
    text: &str,
    folder: &Path,
) -> (Manifest, Draft) {
    let mut resolver =
        Resolver { draft, text, folder, names: HashMap::new(), routes: HashMap::new() };
    resolver.name("/app/name", &raw.app.name);
    let functions = raw.function.into_iter().enumerate();
    let functions = functions
        .map(|(index, function)| resolver.function(&child("/function", index), function))
        .collect();
    (Manifest { name: raw.app.name, functions }, resolver.draft)
}

struct Resolver<'t> {
    draft: Draft,
    text: &'t str,
    /// The manifest's folder.
    folder: &'t Path,
    /// Names of the functions so far, with the pointer of each.
    names: HashMap<String, String>,
    /// Routes so far by host and path.
    routes: HashMap<(Option<Host>, RoutePath), Vec<Taken>>,
}

/// A route that a function has.
struct Taken {
    route: Route,
    function: String,
    pointer: String,
}

impl Resolver<'_> {
    fn function(&mut self, at: &str, raw: RawFunction) -> Function {
        let name_at = child(at, "name");
        self.name(&name_at, &raw.name);
        if let Some(first) = self.names.get(&raw.name) {
            let line = self.draft.line(self.text, first);
            let message = format!("two functions have the name `{}`", raw.name);
            self.draft
                .reject(&name_at, Invalid::new(message, format!("the first is on line {line}")));
        } else if !raw.name.is_empty() {
            self.names.insert(raw.name.clone(), name_at);
        }
        let routes_at = child(at, "routes");
        let routes = raw.routes.into_iter().enumerate();
        let routes = routes
            .filter_map(|(index, route)| self.route(&child(&routes_at, index), &raw.name, route))
            .collect();
        self.environment(&child(at, "environment"), &raw.environment);
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
            probe: raw.probe.and_then(|probe| self.probe(&child(at, "probe"), probe)),
            limits: raw.limits,
            isolation: self.isolation(&child(at, "isolation"), raw.isolation),
            capabilities: self.capabilities(&child(at, "capabilities"), raw.capabilities),
            environment: raw.environment,
        }
    }

    fn name(&mut self, at: &str, name: &str) {
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
        let key = (route.host.clone(), route.path.clone());
        let others = self.routes.entry(key).or_default();
        for other in others.iter() {
            if let Some(methods) = route.conflict(&other.route) {
                let line = self.draft.line(self.text, &other.pointer);
                let message = format!("the route `{route}` is taken for {methods}");
                let hint = format!("`{}` has `{}` on line {line}", other.function, other.route);
                self.draft.reject(at, Invalid::new(message, hint));
                return None;
            }
        }
        let (function, pointer) = (function.to_owned(), at.to_owned());
        others.push(Taken { route: route.clone(), function, pointer });
        Some(route)
    }

    /// The value, or a report of what is wrong with it.
    fn part<T>(&mut self, at: &str, parsed: Result<T, Invalid>) -> Option<T> {
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
        let config_at = child(at, "config");
        for key in raw.config.keys().filter(|key| !is_key(key)) {
            let message = format!("`{}` is not a config key", key.escape_debug());
            let hint = "write 1 to 255 characters, none of them a control character";
            self.draft.reject_key(&child(&config_at, key), Invalid::new(message, hint));
        }
        Capabilities {
            kv: raw.kv,
            config: raw.config,
            secrets: self.secrets(&child(at, "secrets"), raw.secrets),
            outbound: self.outbound(&child(at, "outbound"), raw.outbound),
        }
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
