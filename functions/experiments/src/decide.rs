//! What becomes of a request: which values its visitor gets, and what follows.

use crate::cookies;
use crate::events::Seen;
use crate::field::{Dictionary, is_key};
use crate::flags::Flags;
use crate::head::Fields;
use crate::seal::Keys;
use crate::settings::{FEATURES_MAX, Rewrite, Settings};
use crate::visitor::{Request, Visitor};
use sedge_kit::experiments::definitions::Definitions;
use sedge_kit::experiments::evaluate::{self, Notes};
use sedge_kit::experiments::sticky::StickyDocuments;
use serde_json::Value;

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The value of the field for those behind; empty: there is none.
    pub field: String,
    /// Where the client is sent instead.
    pub redirect: Option<String>,
    /// Where the request goes instead.
    pub rewrite: Option<Rewrite>,
    /// Values of `Set-Cookie`.
    pub cookies: Vec<String>,
    /// Who saw what.
    pub exposures: Vec<Seen>,
    /// The experiments that the visitor is in, and the variations: for the client to know.
    pub variations: Vec<(String, String)>,
    /// The answer is for this visitor alone.
    pub is_personal: bool,
}

/// Decides on a request.
pub fn decide(
    settings: &Settings,
    flags: &Flags,
    keys: &Keys,
    request: &Request<'_>,
    visitor: &Visitor,
) -> Decision {
    let definitions = &flags.definitions;
    // Only targets of experiments and parameters that choose a variation need it.
    let has_targets = !definitions.experiments().is_empty() || settings.may_override;
    let url = if has_targets { request.url() } else { String::new() };
    let mut documents = remembered(settings, definitions, keys, request, visitor);
    let before = documents.clone();
    let asked = evaluate::Visitor {
        url: &url,
        sticky: settings.is_sticky.then_some(&before),
        may_override: settings.may_override,
        is_enabled: !visitor.is_out,
        ..evaluate::Visitor::new(&visitor.attributes)
    };
    let mut notes = Notes::default();
    let mut decision = Decision {
        is_personal: !definitions.features().is_empty() || !definitions.experiments().is_empty(),
        ..Decision::default()
    };
    // Only who reads a page can be sent to another one.
    if matches!(request.method, "GET" | "HEAD") {
        let redirect = definitions.redirect(&asked, &mut notes);
        decision.redirect = redirect.map(|redirect| redirect.url).filter(|url| is_location(url));
    }
    if decision.redirect.is_none() {
        features(settings, definitions, &asked, &mut notes, &mut decision);
    }
    // What is fetched in case that it will be wanted was seen by nobody yet.
    if !is_prefetch(request.fields) {
        decision.exposures = notes.exposures.iter().filter_map(seen).collect();
    }
    if decision.is_personal {
        let attributes = &settings.cookie_attributes;
        if let Some(id) = &visitor.new_id {
            let value = cookies::of_id(keys, id);
            decision.cookies.push(attributes.set(&settings.cookie, &value, request.is_secure));
        }
        let mut is_changed = false;
        for assignment in &notes.sticky {
            is_changed |= documents.remember(assignment);
        }
        if let Some(value) = is_changed.then(|| cookies::of_sticky(keys, &documents)).flatten() {
            let name = settings.sticky_cookie();
            decision.cookies.push(attributes.set(&name, &value, request.is_secure));
        }
    }
    decision
}

/// Evaluates the features and notes what follows from each.
fn features<'a>(
    settings: &Settings,
    definitions: &'a Definitions,
    asked: &evaluate::Visitor<'a>,
    notes: &mut Notes<'a>,
    decision: &mut Decision,
) {
    let all: Vec<&str> = match &settings.features {
        Some(features) => features.iter().map(String::as_str).collect(),
        None => {
            let ids = definitions.features().iter().map(|feature| feature.id());
            ids.filter(|id| is_key(id)).take(FEATURES_MAX).collect()
        }
    };
    let mut dictionary = Dictionary::default();
    for feature in all {
        let evaluation = definitions.evaluate(feature, asked, notes);
        dictionary.add(feature, evaluation.value);
        if let Some((experiment, assignment)) = &evaluation.experiment
            && decision.variations.iter().all(|(key, _)| key != experiment.key())
        {
            let variation = assignment.variation.key().to_owned();
            decision.variations.push((experiment.key().to_owned(), variation));
        }
        let origin = settings
            .origins
            .iter()
            .find(|origin| origin.feature == feature && is_text(evaluation.value, &origin.value));
        if let (Some(origin), None) = (origin, &decision.rewrite) {
            decision.rewrite = Some(origin.rewrite.clone());
        }
    }
    decision.field = dictionary.into_text();
}

/// The variations in which the visitor stays: of documents that are its own.
fn remembered(
    settings: &Settings,
    definitions: &Definitions,
    keys: &Keys,
    request: &Request<'_>,
    visitor: &Visitor,
) -> StickyDocuments {
    if !settings.is_sticky {
        return StickyDocuments::default();
    }
    let lines: Vec<&str> = request.fields.lines("cookie").collect();
    let documents = cookies::sticky(keys, &lines, &settings.sticky_cookie());
    let mut documents = documents.unwrap_or_default();
    documents.retain(&definitions.sticky_keys(&visitor.attributes));
    documents
}

/// An exposure of one who has a name.
pub(crate) fn seen(exposure: &evaluate::Exposure<'_>) -> Option<Seen> {
    let value = match exposure.value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(Seen {
        experiment: exposure.experiment.to_owned(),
        variation: exposure.variation_index,
        key: exposure.variation.to_owned(),
        attribute: exposure.attribute.to_owned(),
        value,
    })
}

fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Bool(own) => text == if *own { "true" } else { "false" },
        Value::Number(own) => own.to_string() == text,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Whether a text can stand in `Location`, as a path or a URL of the web.
fn is_location(url: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    let is_local = url.starts_with('/') && !url.starts_with("//");
    let is_web = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
    (is_local || is_web) && url.bytes().all(is_allowed)
}

fn is_prefetch(fields: &Fields) -> bool {
    let purposes = fields.lines("sec-purpose").chain(fields.lines("purpose"));
    purposes.into_iter().any(|purpose| purpose.contains("prefetch"))
}

/// Whether a field is the one by which those behind are told. A server that makes variables of
/// fields takes `-` and `_` for the same.
pub fn is_own(settings: &Settings, name: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.bytes().map(plain).eq(settings.field.bytes().map(plain))
}

/// Whether a client says something under that name. It has to go.
pub fn is_told(settings: &Settings, fields: &Fields) -> bool {
    fields.0.iter().any(|(name, _)| is_own(settings, name))
}

/// The fields of an answer that may become others.
pub const ANSWERED: [&str; 7] = [
    "set-cookie",
    "cache-control",
    "cdn-cache-control",
    "surrogate-control",
    "edge-control",
    "x-experiment-id",
    "x-variant",
];

/// The fields of the answer that sends a visitor to the page of its variation. The next request
/// comes again, so that nobody may keep the answer.
pub fn redirect(settings: &Settings, decision: &Decision, url: &str) -> Fields {
    let mut fields = Fields::from([("location", url)]);
    answer(&mut fields, settings, decision);
    fields.set("cache-control", "private, no-store");
    fields
}

/// The fields of an answer that may become others, of all that it has; and what they become, if
/// they do.
pub fn answered(
    received: impl Fn(&str) -> Vec<Vec<u8>>,
    settings: &Settings,
    decision: &Decision,
) -> Option<Fields> {
    let mut fields = Fields::default();
    for name in ANSWERED {
        for value in received(name) {
            fields.add(name, value);
        }
    }
    let before = fields.clone();
    answer(&mut fields, settings, decision);
    (fields != before).then_some(fields)
}

/// The fields of the answer to a visitor.
pub fn answer(fields: &mut Fields, settings: &Settings, decision: &Decision) {
    for cookie in &decision.cookies {
        fields.add("set-cookie", &**cookie);
    }
    if decision.is_personal && (!settings.keeps_caching || !decision.cookies.is_empty()) {
        crate::caching::keep_private(fields);
    }
    if settings.tells_client {
        let is_plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
        let plain = decision.variations.iter().filter(|(a, b)| is_plain(a) && is_plain(b));
        let (ids, variants): (Vec<&str>, Vec<&str>) = plain.map(|(a, b)| (&**a, &**b)).unzip();
        for (name, values) in [("x-experiment-id", ids), ("x-variant", variants)] {
            fields.remove(name);
            if !values.is_empty() {
                fields.add(name, values.join(", "));
            }
        }
    }
}

/// Where a request goes: its authority and its target.
pub fn rewritten(rewrite: &Rewrite, authority: &str, target: &str) -> (String, String) {
    match rewrite {
        Rewrite::Path(prefix) if target.starts_with('/') => {
            (authority.to_owned(), format!("{prefix}{target}"))
        }
        Rewrite::HostPrefix(prefix) if !authority.is_empty() => {
            (format!("{prefix}{authority}"), target.to_owned())
        }
        Rewrite::Host(host) => (host.clone(), target.to_owned()),
        Rewrite::Path(_) | Rewrite::HostPrefix(_) => (authority.to_owned(), target.to_owned()),
    }
}

#[cfg(test)]
mod tests;
