//! Which requests a rule takes, and what becomes of them.

use super::cache::CacheSettings;
use super::cors::Cors;
use super::policy::Policy;
use crate::route::Host;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use std::path::PathBuf;
use std::time::Duration;

/// One rule of an app: requests that fit one of its matches are changed, sent
/// somewhere, and their answers changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique in its app; the name in metrics, traces and access records.
    pub name: String,
    /// Hosts that the rule is for; empty: every host.
    pub hosts: Vec<Host>,
    /// Any of these; empty: every request.
    pub matches: Vec<Match>,
    /// How rules of the same host stand to each other.
    pub order: Order,
    /// What the request becomes before it goes on.
    pub request: Changes,
    /// What the answer becomes before it goes back.
    pub response: Changes,
    /// The path and the host that the target sees.
    pub rewrite: Rewrite,
    /// Who is sent a copy; its answers are thrown away.
    pub mirrors: Vec<Mirror>,
    /// What connections may be switched to, where an upstream is asked.
    pub upgrades: Upgrades,
    /// Which pages of other origins may read the answers; `None`: nothing is said.
    pub cors: Option<Cors>,
    /// Where the request goes.
    pub action: Action,
    /// How long, how often, how many.
    pub policy: Policy,
}

/// How rules that fit the same request are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// The more specific match wins: exact path, template, long prefix, pattern,
    /// every path; then a named method; then more header matches; then more query
    /// matches; then a scheme or port; then the order of the file (Gateway API,
    /// `HTTPRouteRule.matches`). A match that names `GET` takes `HEAD` too, and
    /// where only the methods differ the answer is 405.
    #[default]
    Specific,
    /// The first that fits in the order of the file (Istio `VirtualService`).
    /// All rules with this order for one host come before all others of it. A
    /// host that has such rules is closed: if none of its rules fits, no less
    /// specific host is asked (Envoy's virtual hosts). Methods are taken as they
    /// are named: neither `HEAD` with `GET` nor 405.
    First,
}

/// What a request must be; all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// What the path must be.
    pub path: PathMatch,
    /// Empty: every method.
    pub methods: Vec<Method>,
    /// Header fields; of several of one name, one must fit. `host` is the authority as it was sent, in every version of HTTP.
    pub headers: Vec<(HeaderName, ValueMatch)>,
    /// Query parameters by name, compared as sent; of several with one name, the
    /// first.
    pub queries: Vec<(String, ValueMatch)>,
    /// `http` or `https`; `None`: either.
    pub tls: Option<bool>,
    /// The port that the connection came by; `None`: any.
    pub port: Option<u16>,
}

/// What the path must be. Compared as sent, byte by byte.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PathMatch {
    /// Every path.
    #[default]
    Any,
    /// This path.
    Exact(String),
    /// Whole segments: `/a` fits `/a`, `/a/` and `/a/b`, not `/ab` (Gateway API
    /// `PathPrefix`). Kept without a slash at its end.
    Prefix(String),
    /// Bytes: `/a` fits `/ab` too (Istio `uri.prefix`).
    Begins(String),
    /// `/users/{id}/files/{rest...}`: segments with names, the last may take
    /// the rest of the path.
    Template(Template),
    /// A pattern that the whole path must fit (RE2 syntax).
    Pattern(Pattern),
    /// Like one of the others, letters of ASCII in any case (Istio
    /// `ignoreUriCase`).
    AnyCase(Box<PathMatch>),
}

/// What a header field or a query parameter must be.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueMatch {
    /// It is there, with any value.
    Present,
    /// It is not there.
    Absent,
    /// This value.
    Exact(String),
    /// It begins so.
    Prefix(String),
    /// The whole value fits.
    Pattern(Pattern),
    /// It is there and does not fit.
    Not(Box<ValueMatch>),
    /// It is not there, or does not fit; what is not there is empty (Istio
    /// `withoutHeaders`).
    Without(Box<ValueMatch>),
}

/// A path with named segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// As it was written.
    pub text: String,
    /// In order.
    pub segments: Vec<Segment>,
}

/// One segment of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// These bytes.
    Literal(String),
    /// `{name}`: one segment that is not empty.
    Name(String),
    /// `{name...}`: everything that is left, slashes too; the last segment only.
    Rest(String),
}

/// A regular expression of linear time, compiled once. Two are equal if they are
/// written alike.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was written.
    pub text: String,
    /// Anchored at both ends, except in [`PathRewrite::Pattern`].
    pub regex: regex::Regex,
}

/// What becomes of header fields, in this order. Of several that set the same
/// field, the last wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Taken away first.
    pub remove: Vec<HeaderName>,
    /// In the place of all values that are there.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Beside the values that are there.
    pub add: Vec<(HeaderName, HeaderValue)>,
}

/// The path and the host that the target sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// `None`: as it was sent.
    pub path: Option<PathRewrite>,
    /// `None`: as it was sent.
    pub host: Option<String>,
}

/// What a path becomes. The query stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathRewrite {
    /// This path, whatever it was.
    Full(String),
    /// In the place of what [`PathMatch::Prefix`] or [`PathMatch::Begins`] fitted;
    /// of the whole path where another match did (Envoy `prefix_rewrite`).
    Prefix(String),
    /// Every place that fits becomes `with`, in which `\1` to `\9` are the
    /// pattern's groups (Envoy `regex_rewrite`).
    Pattern {
        /// Not anchored.
        pattern: Pattern,
        /// In RE2's syntax.
        with: String,
    },
    /// With the named segments of the template: `/files/{id}`.
    Template(Template),
}

/// Protocols that a connection may be switched to (RFC 9110 §7.8), in lower case.
/// Only upstreams are asked for it: functions and chains answer such a request as
/// any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrades(pub Vec<String>);

impl Default for Upgrades {
    /// WebSocket (RFC 6455) only.
    fn default() -> Self {
        Upgrades(vec!["websocket".to_owned()])
    }
}

/// Who is sent a copy of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Mirror {
    /// Where the copies go.
    pub to: Destination,
    /// Of 1; all of them by default.
    pub fraction: f64,
    /// Whether `-shadow` is added to the host of copies, before its port, so that
    /// they can be told from requests (Istio, "Mirroring").
    pub shadow: bool,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// To one of these, by weight; at least one, and not all weights 0.
    Forward(Vec<Weighted>),
    /// A redirect.
    Redirect(Redirect),
    /// The same answer always.
    Answer(FixedAnswer),
}

/// One of several ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// Where it leads.
    pub to: Destination,
    /// Its share is this over the sum of all; 0: never.
    pub weight: u32,
    /// What the request becomes on this way, after the rule's own changes.
    pub request: Changes,
    /// What the answer becomes on this way, before the rule's own changes.
    pub response: Changes,
}

/// What may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A function of the same app.
    Function(String),
    /// An upstream of the same app.
    Upstream(String),
    /// A chain of the same app.
    Chain(String),
    /// Files below a folder.
    Files(Files),
    /// The same answer always.
    Answer(FixedAnswer),
}

/// Files that are served as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Resolved folder. Nothing outside is ever read, whatever links lead there.
    pub folder: PathBuf,
    /// Served for a folder; `None`: folders are not served.
    pub index: Option<String>,
    /// Served, with status 200, for what is not there (single-page apps).
    pub fallback: Option<String>,
    /// Served, with status 404, for what is not there.
    pub not_found: Option<String>,
    /// `Cache-Control` of the answers.
    pub cache_control: Option<HeaderValue>,
    /// Whether a file is sent compressed if there is one beside it that is.
    pub precompressed: bool,
    /// Whether names may begin with a dot.
    pub hidden: bool,
}

/// A redirect: what is `None` stays as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// Without port, unless the port is [`RedirectPort::AsSent`].
    pub host: Option<String>,
    /// The port.
    pub port: RedirectPort,
    /// The path; the query stays.
    pub path: Option<PathRewrite>,
}

/// The port that a redirect leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectPort {
    /// That of the scheme, if the scheme changes; else as it was. The port that a
    /// scheme has anyway is left out.
    #[default]
    Kept,
    /// This one; left out if the scheme has it anyway.
    Is(u16),
    /// What is said of the host says all: with a host, none but its own; without
    /// one, as the client sent it, but for the port of a scheme that changes (Envoy
    /// `RedirectAction` without `port_redirect`).
    AsSent,
}

/// An answer without anybody behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedAnswer {
    /// 200 to 599.
    pub status: StatusCode,
    /// Fields of its head.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its content.
    pub body: Vec<u8>,
}

/// Links in order; what passes all of them reaches the destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// Unique in its app.
    pub name: String,
    /// From the client inwards.
    pub links: Vec<Link>,
    /// What stands at its end.
    pub to: Destination,
}

/// One link of a [`Chain`].
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// A function of the same app that is a middleware.
    Function {
        /// Its name.
        name: String,
        /// What a failure of it means.
        fail: Fail,
    },
    /// Changes of header fields.
    Headers {
        /// What the request becomes on its way in.
        request: Changes,
        /// What the answer becomes on its way out.
        response: Changes,
    },
    /// One bound of a policy: a rate, a concurrency or a timeout.
    Guard(Policy),
    /// A cache.
    Cache(Box<CacheSettings>),
    /// Hints before answers.
    EarlyHints(EarlyHints),
}

/// What is said to clients before their answers (RFC 8297).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyHints {
    /// Whether clients of HTTP/1.1 are told, too.
    pub http1: bool,
    /// Whether what pages said that they need is learned, and said again.
    pub learn: bool,
    /// Whether what servers behind say before their answers is passed on.
    pub pass_on: bool,
    /// Pages that are remembered.
    pub pages_max: u32,
    /// How long.
    pub age_max: Duration,
}

impl Default for EarlyHints {
    fn default() -> Self {
        EarlyHints {
            http1: false,
            learn: true,
            pass_on: true,
            pages_max: 1_024,
            age_max: Duration::from_secs(86_400),
        }
    }
}

impl Link {
    /// What kind of link it is, in a word: `function`, `headers`, `cache`, `early_hints`,
    /// `rate`, `concurrency` or `timeout`.
    pub fn kind(&self) -> &'static str {
        match self {
            Link::Function { .. } => "function",
            Link::Headers { .. } => "headers",
            Link::Cache(_) => "cache",
            Link::EarlyHints(_) => "early_hints",
            Link::Guard(policy) if policy.rate.is_some() => "rate",
            Link::Guard(policy) if policy.concurrency_max.is_some() => "concurrency",
            Link::Guard(_) => "timeout",
        }
    }
}

/// What a failure of a link means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fail {
    /// The request passes on as if the link were not there.
    Open,
    /// The request fails.
    #[default]
    Closed,
}

impl Rule {
    /// A rule that takes every request, and does nothing but this.
    pub fn of(action: Action) -> Rule {
        Rule {
            name: String::new(),
            hosts: Vec::new(),
            matches: Vec::new(),
            order: Order::default(),
            request: Changes::default(),
            response: Changes::default(),
            rewrite: Rewrite::default(),
            mirrors: Vec::new(),
            upgrades: Upgrades::default(),
            cors: None,
            action,
            policy: Policy::default(),
        }
    }

    /// A rule that takes every request and always answers alike.
    pub fn answering(fixed: FixedAnswer) -> Rule {
        Rule::of(Action::Answer(fixed))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}
