//! `HTTPMatchRequest`: what a request must be.

use super::policy::string_match;
use crate::document::Invalid;
use crate::mesh::entrance::Door;
use crate::mesh::fields::{At, Spot};
use crate::mesh::{Notes, values};
use crate::routing::rule::{Match, PathMatch, ValueMatch};
use http::{HeaderName, Method};

/// Header fields and query parameters of one match.
const VALUES_MAX: usize = 64;

/// Methods that a pattern or a prefix is compared with.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
    Method::PATCH,
];

/// A match, and the entrances that it is for.
#[derive(Clone, Debug, Default)]
pub(in crate::mesh) struct Condition {
    pub(in crate::mesh) fits: Match,
    /// The port that the gateway declares.
    pub(in crate::mesh) port: Option<u16>,
    /// Gateways by name; empty: those of the whole.
    pub(in crate::mesh) gateways: Vec<(String, Spot)>,
}

/// One form of `StringMatch`; an empty one is [`ValueMatch::Present`].
pub(in crate::mesh) fn read(at: &At<'_>, notes: &mut Notes) -> Option<Condition> {
    let mut fields = at.fields(notes)?;
    let mut condition = Condition::default();
    // Needed before the path, which it changes.
    let any_case = fields.take("ignoreUriCase").and_then(|at| at.boolean(notes)).unwrap_or(false);
    if let Some(uri) = fields.take("uri") {
        condition.fits.path = path(&uri, notes)?;
    }
    // A pattern says itself what case it means.
    if any_case && matches!(condition.fits.path, PathMatch::Exact(_) | PathMatch::Begins(_)) {
        condition.fits.path = PathMatch::AnyCase(Box::new(condition.fits.path));
    }
    if let Some(scheme) = fields.take("scheme") {
        condition.fits.tls = self::scheme(&scheme, notes)?;
    }
    if let Some(method) = fields.take("method") {
        condition.fits.methods = methods(&method, notes)?;
    }
    if let Some(authority) = fields.take("authority") {
        let fits = string_match(&authority, notes)?;
        condition.fits.headers.push((http::header::HOST, fits));
    }
    for (name, value) in fields.take("headers").map(|at| at.entries(notes)).unwrap_or_default() {
        let header = header(name, &value, notes)?;
        condition.fits.headers.push(header);
    }
    for (name, value) in
        fields.take("withoutHeaders").map(|at| at.entries(notes)).unwrap_or_default()
    {
        let (name, fits) = header(name, &value, notes)?;
        let without = match fits {
            ValueMatch::Present => ValueMatch::Absent,
            fits => ValueMatch::Without(Box::new(fits)),
        };
        condition.fits.headers.push((name, without));
    }
    for (name, value) in fields.take("queryParams").map(|at| at.entries(notes)).unwrap_or_default()
    {
        condition.fits.queries.push((name.to_owned(), string_match(&value, notes)?));
    }
    condition.port = fields.take("port").and_then(|at| at.port(notes));
    for at in fields.take("gateways").map(|at| at.list(notes)).unwrap_or_default() {
        condition.gateways.extend(at.name(notes).map(|name| (name.to_owned(), at.spot())));
    }
    // A name is for logs of Envoy; a rule has one of its own.
    fields.ignore(&["name"]);
    let labels = "a node does not know from which workload a request comes";
    fields.unsupported(
        &[("sourceLabels", labels), ("sourceNamespace", labels), ("statPrefix", "")],
        notes,
    );
    fields.finish(notes);
    if condition.fits.headers.len().max(condition.fits.queries.len()) > VALUES_MAX {
        let message = format!("`{}` has more than {VALUES_MAX} values", at.path);
        notes.wrong(&at.spot(), Invalid { message, hint: None });
        return None;
    }
    Some(condition)
}

fn path(at: &At<'_>, notes: &mut Notes) -> Option<PathMatch> {
    match string_match(at, notes)? {
        ValueMatch::Exact(path) => Some(PathMatch::Exact(path)),
        ValueMatch::Prefix(path) => Some(PathMatch::Begins(path)),
        ValueMatch::Pattern(pattern) => Some(PathMatch::Pattern(pattern)),
        _ => Some(PathMatch::Any),
    }
}

fn header(name: &str, value: &At<'_>, notes: &mut Notes) -> Option<(HeaderName, ValueMatch)> {
    let name =
        values::header_name(name).map_err(|invalid| notes.wrong(&value.spot(), invalid)).ok()?;
    Some((name, string_match(value, notes)?))
}

/// Whether a word fits.
fn fits(wanted: &ValueMatch, word: &str) -> bool {
    match wanted {
        ValueMatch::Exact(text) => word == text,
        ValueMatch::Prefix(text) => word.starts_with(text.as_str()),
        ValueMatch::Pattern(pattern) => pattern.regex.is_match(word),
        _ => true,
    }
}

/// Which of the two schemes is meant.
fn scheme(at: &At<'_>, notes: &mut Notes) -> Option<Option<bool>> {
    let wanted = string_match(at, notes)?;
    match (fits(&wanted, "http"), fits(&wanted, "https")) {
        (true, true) => Some(None),
        (plain, encrypted) if plain || encrypted => Some(Some(encrypted)),
        _ => {
            let message = format!("`{}` fits no request", at.path);
            notes.wrong(&at.spot(), Invalid::new(message, "a scheme is http or https"));
            None
        }
    }
}

fn methods(at: &At<'_>, notes: &mut Notes) -> Option<Vec<Method>> {
    let wanted = string_match(at, notes)?;
    if let ValueMatch::Exact(text) = &wanted {
        let parsed = Method::from_bytes(text.as_bytes());
        let invalid = |_| Invalid { message: format!("`{text}` is not a method"), hint: None };
        return parsed
            .map(|method| vec![method])
            .map_err(|error| notes.wrong(&at.spot(), invalid(error)))
            .ok();
    }
    let found: Vec<Method> =
        METHODS.into_iter().filter(|method| fits(&wanted, method.as_str())).collect();
    match found.len() {
        0 => {
            let message = format!("`{}` fits no method", at.path);
            notes.wrong(&at.spot(), Invalid::new(message, "methods are written in upper case"));
            None
        }
        len if len == METHODS.len() => Some(Vec::new()),
        _ => Some(found),
    }
}

impl Condition {
    /// The match for requests that come in by `door`, if they can fit.
    pub(in crate::mesh) fn at(&self, door: Door) -> Option<Match> {
        let tls = match (self.fits.tls, door.tls) {
            (Some(wanted), Some(found)) if wanted != found => return None,
            (wanted, found) => wanted.or(found),
        };
        Some(Match { tls, port: door.port, ..self.fits.clone() })
    }
}
