//! From routes and chains as written to those as meant.

use super::raw_route::{
    RawAnswer, RawChain, RawChanges, RawFail, RawFiles, RawFilesTable, RawLink, RawLinkTable,
    RawMatch, RawMatchTable, RawMirror, RawOrder, RawPath, RawPathTable, RawRedirect, RawRewrite,
    RawRule, RawScheme, RawValue, RawValueTable, RawWay,
};
use super::resolve::{Named, Resolver};
use crate::document::{Invalid, child};
use crate::route::{Host, parse_method};
use crate::routing::rule::{
    Action, Chain, Changes, Destination, Fail, Files, FixedAnswer, Link, Match, Mirror, Order,
    PathMatch, PathRewrite, Pattern, Redirect, Rewrite, Rule, Segment, Template, ValueMatch,
    Weighted,
};
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::collections::BTreeMap;

/// Fields that frame a message or belong to one connection; a route that set them
/// would break both (RFC 9110 §7.6.1, RFC 9112 §6).
const FRAMING: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
];

/// What a route, a way, a mirror or a chain may name.
#[derive(Default)]
struct Targets {
    function: Option<String>,
    upstream: Option<String>,
    chain: Option<String>,
    files: Option<RawFiles>,
}

impl Resolver<'_> {
    pub(super) fn rule(&mut self, at: &str, raw: RawRule) -> Option<Rule> {
        self.unique(at, Named::Route, &raw.name);
        let hosts_at = child(at, "hosts");
        let hosts = raw.hosts.iter().enumerate();
        let hosts: Vec<Host> = hosts
            .filter_map(|(index, host)| self.part(&child(&hosts_at, index), Host::parse(host)))
            .collect();
        let matches_at = child(at, "match");
        let count = raw.matches.len();
        let matches = raw.matches.into_iter().enumerate();
        let matches: Vec<Match> = matches
            .filter_map(|(index, one)| self.one_match(&child(&matches_at, index), one))
            .collect();
        let whole = matches.len() == count;
        let order = match raw.order {
            RawOrder::Specific => Order::Specific,
            RawOrder::First => Order::First,
        };
        let rewrite = self.rewrite(&child(at, "rewrite"), raw.rewrite, &matches);
        let targets = Targets {
            function: raw.function,
            upstream: raw.upstream,
            chain: raw.chain,
            files: raw.files,
        };
        let action = self.action(at, targets, raw.split, raw.redirect, raw.answer, &matches);
        let mirrors_at = child(at, "mirror");
        let mirrors = raw.mirror.into_iter().enumerate();
        let mirrors = mirrors
            .filter_map(|(index, mirror)| self.mirror(&child(&mirrors_at, index), mirror))
            .collect();
        let policy =
            self.policy(at, raw.timeout_ms, raw.retries, raw.faults, raw.concurrency_max, raw.rate);
        let rule = Rule {
            name: raw.name,
            hosts,
            matches,
            order,
            request: self.changes(&child(at, "request"), raw.request),
            response: self.changes(&child(at, "response"), raw.response),
            rewrite,
            mirrors,
            action: action?,
            policy,
        };
        // What is half read cannot be said to collide.
        if whole {
            self.claim(at, &rule);
        }
        Some(rule)
    }

    fn action(
        &mut self,
        at: &str,
        targets: Targets,
        split: Option<Vec<RawWay>>,
        redirect: Option<RawRedirect>,
        answer: Option<RawAnswer>,
        matches: &[Match],
    ) -> Option<Action> {
        let mut found = Vec::new();
        for (key, to) in self.targets(at, targets) {
            let to = to.map(|to| {
                let (request, response) = (Changes::default(), Changes::default());
                Action::Forward(vec![Weighted { to, weight: 1, request, response }])
            });
            found.push((key, to));
        }
        if let Some(ways) = split {
            found.push(("split", self.split(&child(at, "split"), ways)));
        }
        if let Some(raw) = redirect {
            let redirect = self.redirect(&child(at, "redirect"), raw, matches);
            found.push(("redirect", redirect.map(Action::Redirect)));
        }
        if let Some(raw) = answer {
            let answer = self.answer(&child(at, "answer"), raw);
            found.push(("answer", answer.map(Action::Answer)));
        }
        self.only(
            at,
            found,
            "function, upstream, chain, files, split, redirect or answer",
            "the route",
        )
    }

    /// The one of several keys; none and two are mistakes.
    fn only<T>(
        &mut self,
        at: &str,
        mut found: Vec<(&'static str, Option<T>)>,
        keys: &str,
        what: &str,
    ) -> Option<T> {
        if found.len() > 1 {
            for (key, _) in &found[1..] {
                let message = format!("{what} leads to two targets, `{}` and `{key}`", found[0].0);
                let hint = "keep one; several ways are written split = [{ weight = 1, … }]";
                self.draft.reject_key(&child(at, key), Invalid::new(message, hint));
            }
            return None;
        }
        match found.pop() {
            Some((_, value)) => value,
            // A refused target was reported where it stands.
            None if !self.draft.is_complete(at) => None,
            None => {
                let message = format!("{what} leads nowhere");
                self.draft.reject(at, Invalid::new(message, format!("write one of {keys}")));
                None
            }
        }
    }

    fn targets(&mut self, at: &str, raw: Targets) -> Vec<(&'static str, Option<Destination>)> {
        let mut found = Vec::new();
        if let Some(name) = raw.function {
            let known = self.known(&child(at, "function"), Named::Function, &name);
            found.push(("function", known.then_some(Destination::Function(name))));
        }
        if let Some(name) = raw.upstream {
            let known = self.known(&child(at, "upstream"), Named::Upstream, &name);
            found.push(("upstream", known.then_some(Destination::Upstream(name))));
        }
        if let Some(name) = raw.chain {
            let known = self.known(&child(at, "chain"), Named::Chain, &name);
            found.push(("chain", known.then_some(Destination::Chain(name))));
        }
        if let Some(files) = raw.files {
            let files = self.files(&child(at, "files"), files);
            found.push(("files", files.map(Destination::Files)));
        }
        found
    }

    fn split(&mut self, at: &str, ways: Vec<RawWay>) -> Option<Action> {
        if !ways.is_empty() && ways.iter().all(|way| way.weight == 0) {
            let hint = "a share is the weight over the sum of all weights";
            self.draft.reject(at, Invalid::new("all weights are 0", hint));
        }
        let mut resolved = Vec::new();
        for (index, way) in ways.into_iter().enumerate() {
            let at = child(at, index);
            let targets = Targets {
                function: way.function,
                upstream: way.upstream,
                chain: way.chain,
                files: way.files,
            };
            let found = self.targets(&at, targets);
            let to = self.only(&at, found, "function, upstream, chain or files", "the way");
            let request = self.changes(&child(&at, "request"), way.request);
            let response = self.changes(&child(&at, "response"), way.response);
            resolved.extend(to.map(|to| Weighted { to, weight: way.weight, request, response }));
        }
        Some(Action::Forward(resolved))
    }

    fn mirror(&mut self, at: &str, raw: RawMirror) -> Option<Mirror> {
        let targets = Targets {
            function: raw.function,
            upstream: raw.upstream,
            chain: raw.chain,
            files: None,
        };
        let found = self.targets(at, targets);
        let to = self.only(at, found, "function, upstream or chain", "the mirror")?;
        Some(Mirror { to, fraction: raw.percent.unwrap_or(100.0) / 100.0 })
    }

    fn files(&mut self, at: &str, raw: RawFiles) -> Option<Files> {
        let raw = match raw {
            RawFiles::Text(folder) => RawFilesTable { folder, ..Default::default() },
            RawFiles::Table(table) => table,
        };
        for (key, name) in
            [("index", Some(raw.index.as_str())), ("fallback", raw.fallback.as_deref())]
        {
            let below = name.is_none_or(|name| {
                key == "index" && name.is_empty()
                    || name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
            });
            if !below || key == "index" && raw.index.contains('/') {
                let message = format!("`{key}` is not a file below the folder");
                let hint = "write a name without dots at its beginning, such as \"index.html\"";
                self.draft.reject(&child(at, key), Invalid::new(message, hint));
            }
        }
        if let Some(value) = &raw.cache_control
            && HeaderValue::from_str(value).is_err()
        {
            self.bad_value(&child(at, "cache_control"), value);
        }
        Some(Files {
            folder: self.folder.join(raw.folder),
            index: Some(raw.index).filter(|index| !index.is_empty()),
            fallback: raw.fallback,
            cache_control: raw.cache_control,
        })
    }

    fn redirect(&mut self, at: &str, raw: RawRedirect, matches: &[Match]) -> Option<Redirect> {
        if ![301, 302, 303, 307, 308].contains(&raw.status) {
            let message = format!("{} is not the status of a redirect", raw.status);
            let hint = "write 301, 302, 303, 307 or 308";
            self.draft.reject(&child(at, "status"), Invalid::new(message, hint));
            return None;
        }
        let changes = raw.scheme.is_some()
            || raw.host.is_some()
            || raw.port.is_some()
            || raw.path.is_some()
            || raw.prefix.is_some();
        if !changes && self.draft.is_complete(at) {
            let hint = "write scheme, host, port, path or prefix";
            self.draft.reject(at, Invalid::new("the redirect leads to where it began", hint));
        }
        let host_at = child(at, "host");
        let host = raw.host.map(|host| match Host::parse(&host) {
            Ok(Host::Exact(host)) => Some(host),
            Ok(Host::Suffix(_)) => {
                let invalid = Invalid::new("a redirect needs a whole host", "name one host");
                self.part(&host_at, Err(invalid))
            }
            Err(invalid) => self.part(&host_at, Err(invalid)),
        });
        let path = self.path_rewrite(at, raw.path, raw.prefix, matches);
        Some(Redirect {
            status: StatusCode::from_u16(raw.status).ok()?,
            scheme: raw.scheme.map(|scheme| match scheme {
                RawScheme::Http => "http".to_owned(),
                RawScheme::Https => "https".to_owned(),
            }),
            host: host.flatten(),
            port: raw.port,
            path,
        })
    }

    fn answer(&mut self, at: &str, raw: RawAnswer) -> Option<FixedAnswer> {
        let mut headers = self.fields(&child(at, "headers"), raw.headers);
        let typed = headers.iter().any(|(name, _)| *name == header::CONTENT_TYPE);
        if !typed && !raw.body.is_empty() {
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            headers.push((header::CONTENT_TYPE, text));
        }
        let status = StatusCode::from_u16(raw.status).ok()?;
        if matches!(raw.status, 204 | 205 | 304) && !raw.body.is_empty() {
            let message = format!("an answer with status {} has no body", raw.status);
            self.draft.reject(&child(at, "body"), Invalid::new(message, "remove it"));
        }
        Some(FixedAnswer { status, headers, body: raw.body.into_bytes() })
    }

    fn one_match(&mut self, at: &str, raw: RawMatch) -> Option<Match> {
        let raw = match raw {
            RawMatch::Text(text) => return self.part(at, match_text(&text)),
            RawMatch::Table(table) => table,
        };
        let RawMatchTable { path, methods, headers, queries, tls, port } = raw;
        let path = match path {
            None => Some(PathMatch::Any),
            Some(path) => self.path_match(&child(at, "path"), path),
        };
        let methods = self.methods(&child(at, "methods"), &methods);
        let headers_at = child(at, "headers");
        let mut fields = Vec::new();
        for (name, value) in headers {
            let at = child(&headers_at, &name);
            let name = self.field_name(&at, &name);
            let value = self.value(&at, value);
            fields.extend(name.zip(value));
        }
        let queries_at = child(at, "queries");
        let queries = queries.into_iter();
        let queries = queries
            .filter_map(|(name, value)| {
                let value = self.value(&child(&queries_at, &name), value)?;
                Some((name, value))
            })
            .collect();
        Some(Match { path: path?, methods: methods?, headers: fields, queries, tls, port })
    }

    fn path_match(&mut self, at: &str, raw: RawPath) -> Option<PathMatch> {
        let raw = match raw {
            RawPath::Text(text) => return self.part(at, PathMatch::parse(&text)),
            RawPath::Table(table) => table,
        };
        let RawPathTable { is, begins, pattern, any_case } = raw;
        let mut found = Vec::new();
        if let Some(text) = is {
            found.push(("is", self.part(&child(at, "is"), PathMatch::parse(&text))));
        }
        if let Some(text) = begins {
            let checked = crate::route::Path::parse(&text).map(|_| PathMatch::Begins(text));
            found.push(("begins", self.part(&child(at, "begins"), checked)));
        }
        if let Some(text) = pattern {
            let pattern = Pattern::whole(&text).map(PathMatch::Pattern);
            found.push(("pattern", self.part(&child(at, "pattern"), pattern)));
        }
        let path = self.one_of(at, found, "is, begins or pattern", "the path")?;
        Some(if any_case { PathMatch::AnyCase(Box::new(path)) } else { path })
    }

    fn value(&mut self, at: &str, raw: RawValue) -> Option<ValueMatch> {
        let raw = match raw {
            RawValue::Text(text) => return Some(ValueMatch::Exact(text)),
            RawValue::Present(true) => return Some(ValueMatch::Present),
            RawValue::Present(false) => return Some(ValueMatch::Absent),
            RawValue::Table(table) => table,
        };
        let RawValueTable { is, begins, pattern, not } = raw;
        let mut found = Vec::new();
        found.extend(is.map(|text| ("is", Some(ValueMatch::Exact(text)))));
        found.extend(begins.map(|text| ("begins", Some(ValueMatch::Prefix(text)))));
        if let Some(text) = pattern {
            let pattern = Pattern::whole(&text).map(ValueMatch::Pattern);
            found.push(("pattern", self.part(&child(at, "pattern"), pattern)));
        }
        let value = self.one_of(at, found, "is, begins or pattern", "the value")?;
        Some(if not { ValueMatch::Not(Box::new(value)) } else { value })
    }

    fn one_of<T>(
        &mut self,
        at: &str,
        mut found: Vec<(&'static str, Option<T>)>,
        keys: &str,
        what: &str,
    ) -> Option<T> {
        if found.len() > 1 {
            let message = format!("{what} is said twice, by `{}` and `{}`", found[0].0, found[1].0);
            self.draft.reject(at, Invalid::new(message, format!("keep one of {keys}")));
            return None;
        }
        if found.is_empty() && self.draft.is_complete(at) {
            let message = format!("{what} is not said");
            self.draft.reject(at, Invalid::new(message, format!("write one of {keys}")));
        }
        found.pop()?.1
    }

    fn methods(&mut self, at: &str, raw: &[String]) -> Option<Vec<Method>> {
        let mut methods = Vec::new();
        let mut whole = true;
        for (index, text) in raw.iter().enumerate() {
            match self.part(&child(at, index), parse_method(text)) {
                Some(method) if methods.contains(&method) => {
                    let message = format!("the method {method} is named twice");
                    self.draft
                        .reject(&child(at, index), Invalid::new(message, "name each method once"));
                }
                Some(method) => methods.push(method),
                None => whole = false,
            }
        }
        whole.then_some(methods)
    }

    fn changes(&mut self, at: &str, raw: RawChanges) -> Changes {
        let remove_at = child(at, "remove");
        let mut remove = Vec::new();
        for (index, name) in raw.remove.iter().enumerate() {
            let name = self.part(&child(&remove_at, index), field_name(name));
            remove.extend(name);
        }
        Changes {
            remove,
            set: self.fields(&child(at, "set"), raw.set),
            add: self.fields(&child(at, "add"), raw.add),
        }
    }

    fn fields(
        &mut self,
        at: &str,
        raw: BTreeMap<String, String>,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = Vec::new();
        for (name, value) in raw {
            let at = child(at, &name);
            let name = self.field_name(&at, &name);
            match HeaderValue::from_str(&value) {
                Ok(value) => fields.extend(name.map(|name| (name, value))),
                Err(_) => self.bad_value(&at, &value),
            }
        }
        fields
    }

    fn bad_value(&mut self, at: &str, value: &str) {
        let message = format!("`{}` is not the value of a header field", value.escape_debug());
        self.draft.reject(at, Invalid::new(message, "write visible ASCII and spaces"));
    }

    /// The name of a field, which is a key of the file.
    fn field_name(&mut self, at: &str, name: &str) -> Option<HeaderName> {
        field_name(name).map_err(|invalid| self.draft.reject_key(at, invalid)).ok()
    }

    fn rewrite(&mut self, at: &str, raw: RawRewrite, matches: &[Match]) -> Rewrite {
        let host_at = child(at, "host");
        let host = raw.host.and_then(|host| self.part(&host_at, super::probe::host(&host)));
        let pattern = match (raw.pattern, raw.with) {
            (None, None) => None,
            (Some(pattern), with) => {
                let found = self.part(&child(at, "pattern"), Pattern::within(&pattern));
                found
                    .map(|pattern| PathRewrite::Pattern { pattern, with: with.unwrap_or_default() })
            }
            (None, Some(_)) => {
                let invalid = Invalid::new("`with` has no pattern", "write pattern = \"…\"");
                self.draft.reject_key(&child(at, "with"), invalid);
                None
            }
        };
        let two = pattern.is_some() && (raw.path.is_some() || raw.prefix.is_some());
        if two {
            let invalid =
                Invalid::new("the path is rewritten twice", "keep one of path, prefix or pattern");
            self.draft.reject_key(&child(at, "pattern"), invalid);
        }
        let path = self.path_rewrite(at, raw.path, raw.prefix, matches);
        Rewrite { path: path.or(pattern), host }
    }

    /// What `path` or `prefix` make of a path, given what the route's matches
    /// can offer.
    fn path_rewrite(
        &mut self,
        at: &str,
        path: Option<String>,
        prefix: Option<String>,
        matches: &[Match],
    ) -> Option<PathRewrite> {
        match (path, prefix) {
            (None, None) => None,
            (Some(_), Some(_)) => {
                let invalid =
                    Invalid::new("the path is rewritten twice", "keep either `path` or `prefix`");
                self.draft.reject_key(&child(at, "prefix"), invalid);
                None
            }
            (Some(path), None) => self.whole_path(&child(at, "path"), &path, matches),
            (None, Some(prefix)) => {
                let at = child(at, "prefix");
                let prefix = prefix.strip_suffix("/*").unwrap_or(&prefix);
                let checked = match prefix {
                    "" | "/" => Some(String::new()),
                    prefix => self
                        .part(&at, crate::route::Path::parse(prefix))
                        .map(|_| prefix.trim_end_matches('/').to_owned()),
                };
                if !matches.iter().all(|one| has_prefix(&one.path)) {
                    let message = "the route matches no prefix that could be replaced";
                    let hint = "let every match have a path such as \"/img/*\", or rewrite the \
                                whole path";
                    self.draft.reject(&at, Invalid::new(message, hint));
                }
                checked.map(PathRewrite::Prefix)
            }
        }
    }

    fn whole_path(&mut self, at: &str, path: &str, matches: &[Match]) -> Option<PathRewrite> {
        let rewritten = match self.part(at, PathMatch::parse(path))? {
            PathMatch::Template(template) => template,
            PathMatch::Exact(path) => return Some(PathRewrite::Full(path)),
            _ => {
                let invalid = Invalid::new(
                    format!("`{path}` is not one path"),
                    "to replace a prefix, write prefix = \"/new\"",
                );
                return self.part(at, Err(invalid));
            }
        };
        for name in rewritten.segments.iter().filter_map(Segment::name) {
            let has = |one: &Match| {
                template_of(&one.path).is_some_and(|template| {
                    template.segments.iter().any(|segment| segment.name() == Some(name))
                })
            };
            if matches.is_empty() || !matches.iter().all(has) {
                let message = format!("no segment of the match is named `{name}`");
                let hint = format!("let every match have a path with {{{name}}}");
                self.draft.reject(at, Invalid::new(message, hint));
            }
        }
        Some(PathRewrite::Template(rewritten))
    }

    pub(super) fn chain(&mut self, at: &str, raw: RawChain) -> Option<Chain> {
        self.unique(at, Named::Chain, &raw.name);
        let links_at = child(at, "links");
        let mut links = Vec::new();
        for (index, link) in raw.links.into_iter().enumerate() {
            let entry = child(&links_at, index);
            let (at, table) = match link {
                RawLink::Text(function) => (entry, RawLinkTable { function, ..Default::default() }),
                RawLink::Table(table) => (child(&entry, "function"), table),
            };
            self.known(&at, Named::Function, &table.function);
            let fail = match table.fail {
                RawFail::Open => Fail::Open,
                RawFail::Closed => Fail::Closed,
            };
            links.push(Link { function: table.function, fail });
        }
        let targets = Targets {
            function: raw.function,
            upstream: raw.upstream,
            chain: None,
            files: raw.files,
        };
        let found = self.targets(at, targets);
        let to = self.only(at, found, "function, upstream or files", "the chain")?;
        Some(Chain { name: raw.name, links, to })
    }
}

/// Reads `[METHOD[,METHOD] ]/path`.
fn match_text(text: &str) -> Result<Match, Invalid> {
    let text = text.trim();
    let (methods, path) = match text.rsplit_once(char::is_whitespace) {
        Some((methods, path)) => {
            (methods.split(',').map(parse_method).collect::<Result<Vec<_>, _>>()?, path)
        }
        None => (Vec::new(), text),
    };
    if !path.starts_with('/') {
        return Err(Invalid::new(
            format!("the match `{text}` does not begin with a path"),
            "write \"/path\" or \"GET /path\"; hosts are named by hosts = [\"example.org\"]",
        ));
    }
    for (index, method) in methods.iter().enumerate() {
        if methods[..index].contains(method) {
            let message = format!("the method {method} is named twice");
            return Err(Invalid::new(message, "name each method once"));
        }
    }
    Ok(Match { path: PathMatch::parse(path)?, methods, ..Match::default() })
}

fn field_name(name: &str) -> Result<HeaderName, Invalid> {
    let hint = "write a name such as x-request-id";
    let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        Invalid::new(format!("`{}` is not a header field", name.escape_debug()), hint)
    })?;
    if FRAMING.contains(&known) {
        return Err(Invalid::new(
            format!("`{name}` is about the connection"),
            "such fields are the node's own (RFC 9110 §7.6.1)",
        ));
    }
    Ok(known)
}

/// Whether a match takes a part of the path that a prefix may take the place of.
fn has_prefix(path: &PathMatch) -> bool {
    match path {
        PathMatch::Any | PathMatch::Prefix(_) | PathMatch::Begins(_) => true,
        PathMatch::AnyCase(inner) => has_prefix(inner),
        _ => false,
    }
}

fn template_of(path: &PathMatch) -> Option<&Template> {
    match path {
        PathMatch::Template(template) => Some(template),
        PathMatch::AnyCase(inner) => template_of(inner),
        _ => None,
    }
}
