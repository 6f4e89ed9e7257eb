//! Filters of an `HTTPRoute`: what requests and answers become on their way.

use crate::document::Invalid;
use crate::mesh::fields::At;
use crate::mesh::istio::policy::status_code;
use crate::mesh::object::Object;
use crate::mesh::values::{ChangeList, path};
use crate::mesh::{Context, Notes};
use crate::routing::cors::Cors;
use crate::routing::rule::{Changes, Mirror, PathRewrite, Redirect, RedirectPort, Rewrite};

/// What the filters of a rule say together.
#[derive(Debug, Default)]
pub(super) struct Filters {
    pub(super) request: Changes,
    pub(super) response: Changes,
    pub(super) rewrite: Rewrite,
    pub(super) redirect: Option<Redirect>,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) cors: Option<Cors>,
}

/// The kinds of filters; `true` where a backend may have it too.
const TYPES: [(&str, (Kind, bool)); 7] = [
    ("RequestHeaderModifier", (Kind::Request, true)),
    ("ResponseHeaderModifier", (Kind::Response, true)),
    ("RequestRedirect", (Kind::Redirect, false)),
    ("URLRewrite", (Kind::Rewrite, false)),
    ("RequestMirror", (Kind::Mirror, false)),
    ("CORS", (Kind::Cors, false)),
    ("ExtensionRef", (Kind::Other, false)),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Request,
    Response,
    Redirect,
    Rewrite,
    Mirror,
    Cors,
    Other,
}

/// Reads filters; those of a backend may change header fields only.
pub(super) fn read(
    list: &[At<'_>],
    of_backend: bool,
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Filters {
    let mut filters = Filters::default();
    let mut seen: Vec<Kind> = Vec::new();
    for at in list {
        let Some(mut fields) = at.fields(notes) else { continue };
        let Some(word) = fields.need("type", notes) else { continue };
        let Some((kind, for_backends)) = word.one_of(&TYPES, notes) else { continue };
        if kind == Kind::Other || (of_backend && !for_backends) {
            let hint = match of_backend {
                true => "a backend may have RequestHeaderModifier and ResponseHeaderModifier",
                false => "",
            };
            notes.unsupported(&word.spot(), "is a filter that is not supported", hint);
            continue;
        }
        if kind != Kind::Mirror && seen.contains(&kind) {
            let message = format!("`{}` stands there twice", word.path);
            notes.wrong(&word.spot(), Invalid::new(message, "join them to one filter"));
        }
        seen.push(kind);
        let mut part = |name, notes: &mut Notes| fields.need(name, notes);
        match kind {
            Kind::Request => {
                filters.request = part("requestHeaderModifier", notes)
                    .and_then(|at| changes(&at, notes))
                    .unwrap_or_default();
            }
            Kind::Response => {
                filters.response = part("responseHeaderModifier", notes)
                    .and_then(|at| changes(&at, notes))
                    .unwrap_or_default();
            }
            Kind::Redirect => {
                filters.redirect =
                    part("requestRedirect", notes).and_then(|at| redirect(&at, notes))
            }
            Kind::Rewrite => {
                filters.rewrite = part("urlRewrite", notes)
                    .and_then(|at| rewrite(&at, notes))
                    .unwrap_or_default();
            }
            Kind::Mirror => {
                let mirror =
                    part("requestMirror", notes).and_then(|at| mirror(&at, object, context, notes));
                filters.mirrors.extend(mirror);
            }
            Kind::Cors => {
                filters.cors = part("cors", notes).and_then(|at| super::cors::read(&at, notes));
            }
            Kind::Other => {}
        }
        fields.finish(notes);
    }
    if filters.redirect.is_some() && filters.rewrite != Rewrite::default() {
        let at = &list[0];
        let message = "a rule has RequestRedirect or URLRewrite, not both".to_owned();
        notes.wrong(&at.spot(), Invalid { message, hint: None });
    }
    filters
}

fn changes(at: &At<'_>, notes: &mut Notes) -> Option<Changes> {
    let mut fields = at.fields(notes)?;
    let mut list = ChangeList::default();
    for (field, add) in [("set", false), ("add", true)] {
        for at in fields.take(field).map(|at| at.list(notes)).unwrap_or_default() {
            let Some(mut fields) = at.fields(notes) else { continue };
            let name =
                fields.need("name", notes).and_then(|name| Some((name.text(notes)?, name.spot())));
            let value = fields.need("value", notes);
            fields.finish(notes);
            if let (Some((name, spot)), Some(value)) = (name, value) {
                list.put(name, &spot, &value, add, notes);
            }
        }
    }
    for at in fields.take("remove").map(|at| at.list(notes)).unwrap_or_default() {
        list.remove(&at, notes);
    }
    fields.finish(notes);
    Some(list.changes)
}

/// `{ type, replaceFullPath | replacePrefixMatch }`.
fn path_rewrite(at: &At<'_>, notes: &mut Notes) -> Option<PathRewrite> {
    const TYPES: [(&str, bool); 2] = [("ReplaceFullPath", false), ("ReplacePrefixMatch", true)];
    let mut fields = at.fields(notes)?;
    let prefix = fields.need("type", notes).and_then(|at| at.one_of(&TYPES, notes));
    let found = match prefix? {
        false => fields.need("replaceFullPath", notes)?.parse(notes, path).map(PathRewrite::Full),
        true => {
            // An empty prefix is that of every path.
            let read = |text: &str| if text.is_empty() { Ok("/".to_owned()) } else { path(text) };
            fields.need("replacePrefixMatch", notes)?.parse(notes, read).map(PathRewrite::Prefix)
        }
    };
    fields.finish(notes);
    found
}

fn redirect(at: &At<'_>, notes: &mut Notes) -> Option<Redirect> {
    const CODES: [i64; 5] = [301, 302, 303, 307, 308];
    let mut fields = at.fields(notes)?;
    let scheme = fields
        .take("scheme")
        .and_then(|at| at.one_of(&[("http", "http"), ("https", "https")], notes));
    let host = fields.take("hostname").and_then(|at| at.name(notes)).map(str::to_owned);
    let path = fields.take("path").and_then(|at| path_rewrite(&at, notes));
    let port = fields.take("port").and_then(|at| at.port(notes));
    let code = fields.take("statusCode");
    let status = code.as_ref().map_or(Some(302), |at| at.integer(300..=399, notes));
    fields.finish(notes);
    if let (Some(at), Some(status)) = (&code, status)
        && !CODES.contains(&status)
    {
        let message = format!("`{}` is {status}", at.path);
        notes.wrong(&at.spot(), Invalid::new(message, "write 301, 302, 303, 307 or 308"));
    }
    Some(Redirect {
        status: status_code(status?)?,
        scheme: scheme.map(str::to_owned),
        host,
        port: port.map_or(RedirectPort::Kept, RedirectPort::Is),
        path,
    })
}

fn rewrite(at: &At<'_>, notes: &mut Notes) -> Option<Rewrite> {
    let mut fields = at.fields(notes)?;
    let host = fields.take("hostname").and_then(|at| at.name(notes)).map(str::to_owned);
    let path = fields.take("path").and_then(|at| path_rewrite(&at, notes));
    fields.finish(notes);
    Some(Rewrite { path, host })
}

fn mirror(
    at: &At<'_>,
    object: &Object<'_>,
    context: &mut Context<'_, '_>,
    notes: &mut Notes,
) -> Option<Mirror> {
    let mut fields = at.fields(notes)?;
    let to = fields.need("backendRef", notes).and_then(|at| {
        let mut fields = at.fields(notes)?;
        let to = super::http_route::backend(&mut fields, object, context, notes);
        fields.finish(notes);
        to
    });
    let percent = fields.take("percent").and_then(|at| at.percent(notes));
    let fraction = fields.take("fraction").and_then(|at| self::fraction(&at, notes));
    fields.finish(notes);
    Some(Mirror { to: to?, fraction: percent.or(fraction).unwrap_or(1.0), shadow: false })
}

fn fraction(at: &At<'_>, notes: &mut Notes) -> Option<f64> {
    let mut fields = at.fields(notes)?;
    let numerator =
        fields.need("numerator", notes).and_then(|at| at.integer(0..=i32::MAX.into(), notes));
    let denominator =
        fields.take("denominator").map_or(Some(100), |at| at.integer(1..=i32::MAX.into(), notes));
    fields.finish(notes);
    let (numerator, denominator) = (numerator?, denominator?);
    if numerator > denominator {
        let message = format!("`{}` is more than the whole", at.path);
        notes.wrong(&at.spot(), Invalid { message, hint: None });
        return None;
    }
    Some(numerator as f64 / denominator as f64)
}
