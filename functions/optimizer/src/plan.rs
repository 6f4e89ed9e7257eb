//! Whether an answer can be made smaller, and how, by its head.

use crate::encoder::Level;
use crate::head::Head;
use crate::held::{LOOK_BYTES, LOOK_MS};
use crate::request::Asked;
use crate::settings::{Lifetime, Settings};
use sedge_kit::content::coding::Coding;
use sedge_kit::content::directives::{add_to_vary, has_directive};
use sedge_kit::content::hints::{ACCEPT_CH, Connection};
use sedge_kit::content::media::{Kind, Media};
use sedge_kit::content::tag::Tag;

/// What becomes of an answer.
#[derive(Clone, Debug)]
pub enum Plan {
    /// It passes as it is.
    Untouched,
    /// It passes with another head.
    Head(Head),
    /// Its body is worked on.
    Work(Box<Work>),
}

/// What is to be done, and the head that it came with.
#[derive(Clone, Debug)]
pub struct Work {
    /// What kind of content it is.
    pub media: Media,
    /// What it is compressed to.
    pub coding: Option<Coding>,
    /// How much is spent on that.
    pub level: Level,
    /// The length that the head names.
    pub length: Option<u64>,
    origin: Head,
    vary: Vec<&'static str>,
    gets_lifetime: bool,
}

/// What was done, for the head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What it is compressed to.
    pub coding: Option<Coding>,
    /// How many bytes there are, if that is known.
    pub length: Option<u64>,
    /// Names of all that was done besides.
    pub names: Vec<&'static str>,
}

/// Fields that say something about the very bytes: they would no longer be true.
const ABOUT_BYTES: [&str; 6] =
    ["content-range", "content-digest", "repr-digest", "digest", "content-md5", "signature-input"];
/// Fields that say how long an answer may be used.
const LIFETIMES: [&str; 5] =
    ["cache-control", "expires", "pragma", "cdn-cache-control", "surrogate-control"];

impl Plan {
    /// Decides by what was asked and the head of the answer.
    pub fn of(settings: &Settings, asked: &Asked, head: &Head) -> Self {
        if head.status == 304 {
            return not_modified(asked, head);
        }
        let fields = &head.fields;
        let text = |name: &str| fields.get(name).unwrap_or_default();
        let is_coded = !matches!(text("content-encoding").trim(), "" | "identity");
        if !matches!(head.status, 200 | 203 | 404 | 410)
            || is_coded
            || ABOUT_BYTES.iter().any(|name| fields.has(name))
            || has_directive(&text("cache-control"), "no-transform")
        {
            return Plan::Untouched;
        }
        let media = Media::parse(&text("content-type"));
        let length = fields.get("content-length").and_then(|length| length.trim().parse().ok());
        if media.kind == Kind::Opaque || length.is_some_and(|length| length < settings.bytes_min) {
            return Plan::Untouched;
        }
        let gets_lifetime = gets_lifetime(settings, asked, head, media);
        let mut origin = head.clone();
        if settings.asks_for_hints && media.kind == Kind::Html && !fields.has("accept-ch") {
            origin.fields.set("accept-ch", ACCEPT_CH);
        }
        Plan::Work(Box::new(Work {
            media,
            coding: asked.accepts.choose(&settings.codings),
            level: if gets_lifetime { Level::Stored } else { level(asked, head) },
            length,
            origin,
            vary: vec!["Accept-Encoding"],
            gets_lifetime,
        }))
    }
}

/// The client's own tag instead of the origin's.
fn not_modified(asked: &Asked, head: &Head) -> Plan {
    let answered = head.fields.get("etag");
    let Some(known) = asked.known_tag(answered.as_deref()) else { return Plan::Untouched };
    let mut head = head.clone();
    head.fields.set("etag", known);
    let vary = head.fields.get("vary").unwrap_or_default();
    head.fields.set("vary", add_to_vary(&vary, &["Accept-Encoding"]));
    Plan::Head(head)
}

/// What is stored for others is made once and sent often; what is made for one
/// client should not keep it waiting, unless the way to it is slower still.
fn level(asked: &Asked, head: &Head) -> Level {
    let text = |name: &str| head.fields.get(name).unwrap_or_default();
    let control = text("cache-control");
    let is = |name: &str| has_directive(&control, name);
    let may_be_stored = !is("no-store") && !is("private") && !asked.has_credentials;
    let has_lifetime = is("max-age")
        || is("s-maxage")
        || ["expires", "cdn-cache-control", "surrogate-control", "last-modified"]
            .iter()
            .any(|name| head.fields.has(name));
    if may_be_stored && has_lifetime {
        return Level::Stored;
    }
    match asked.hints.connection {
        _ if asked.hints.saves_data => Level::Aggressive,
        Connection::Slow => Level::Aggressive,
        Connection::Medium => Level::Balanced,
        Connection::Fast => Level::Light,
    }
}

/// An origin that says nothing at all about how long an answer may be used, of what
/// is the same for all, as far as that can be seen.
fn gets_lifetime(settings: &Settings, asked: &Asked, head: &Head, media: Media) -> bool {
    let content_type = head.fields.get("content-type").unwrap_or_default();
    let is_asset = match media.kind {
        Kind::Css | Kind::Script => true,
        Kind::Compressible => {
            content_type.starts_with("font/") || content_type.starts_with("image/")
        }
        Kind::Html | Kind::Json | Kind::Opaque => false,
    };
    let is_wanted = match settings.lifetime {
        Lifetime::Off => false,
        Lifetime::Assets => is_asset,
        Lifetime::All => true,
    };
    let says_something = LIFETIMES.iter().any(|name| head.fields.has(name));
    let is_own = asked.has_credentials || head.fields.has("set-cookie");
    is_wanted && head.status == 200 && !says_something && !is_own
}

/// How much of a body is looked at before it streams, and for how long it is waited
/// for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Bytes.
    pub bytes_max: usize,
    /// Milliseconds.
    pub ms: u64,
}

impl Work {
    /// How much is looked at: enough to see whether it can be compressed at all.
    pub fn look(&self, settings: &Settings) -> Look {
        Look { bytes_max: LOOK_BYTES.min(settings.held_bytes_max), ms: LOOK_MS }
    }

    /// What is announced for a body that is not there, as for `HEAD`.
    pub fn announced(&self) -> Done {
        Done { coding: self.coding, ..Done::default() }
    }

    /// The head of the answer as it came, for who asks otherwise may get another.
    pub fn plain(&self) -> Head {
        let mut head = self.origin.clone();
        self.set_vary(&mut head);
        head
    }

    /// The head of the answer after something was done.
    pub fn head(&self, asked: &Asked, done: &Done) -> Head {
        let mut names = done.names.clone();
        names.extend(done.coding.map(|_| self.level.name()));
        if names.is_empty() {
            return self.plain();
        }
        let mut head = self.plain();
        let fields = &mut head.fields;
        fields.remove("content-length");
        if let Some(length) = done.length {
            fields.set("content-length", length.to_string());
        }
        // Ranges of what was changed would have to be made anew each time.
        fields.set("accept-ranges", "none");
        fields.remove("content-encoding");
        if let Some(coding) = done.coding {
            fields.set("content-encoding", coding.token());
        }
        if let Some(tag) = fields.get("etag") {
            match Tag::parse(&tag) {
                Some(tag) => fields.set("etag", tag.marked(&asked.mark(done.coding))),
                None => fields.remove("etag"),
            }
        }
        if self.gets_lifetime {
            // As in the article that this is made after: what took much work is kept
            // for an hour, everything else for half of it.
            let seconds = if names.len() > 3 { 3600 } else { 1800 };
            fields.set("cdn-cache-control", format!("max-age={seconds}"));
        }
        let coding = done.coding.map(Coding::token);
        let mut timing = names.join(", ");
        if let Some(coding) = coding {
            timing = format!("{timing};desc={coding}");
        }
        fields.0.push(("server-timing".into(), timing.into_bytes()));
        head
    }

    fn set_vary(&self, head: &mut Head) {
        let vary = head.fields.get("vary").unwrap_or_default();
        head.fields.set("vary", add_to_vary(&vary, &self.vary));
    }
}

#[cfg(test)]
mod tests;
