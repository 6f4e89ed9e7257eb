//! Whether an answer can be made smaller, and how, by its head.

use crate::dictionary::{self, Dictionary};
use crate::encoder::Level;
use crate::head::Head;
use crate::held::{LOOK_BYTES, LOOK_MS};
use crate::html::{Tasks, inline, pictures};
use crate::minify::Minifier;
use crate::request::Asked;
use crate::settings::{Lifetime, Settings};
use sedge_kit::content::coding::Coding;
use sedge_kit::content::dictionary::use_for;
use sedge_kit::content::directives::{add_to_vary, has_directive};
use sedge_kit::content::hints::{ACCEPT_CH, Connection, Device};
use sedge_kit::content::media::{Charset, Kind, Media};
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
    /// What is done to markup.
    pub html: Option<Tasks>,
    /// What makes it shorter as a whole.
    pub minifier: Option<Minifier>,
    /// It may be a dictionary for later versions, and be compressed with an earlier one.
    pub is_shared: bool,
    /// The dictionary that the client has, where it is at hand.
    pub dictionary: Option<Dictionary>,
    /// Path and query of the request.
    pub target: String,
    /// Names of what is done to the content besides compressing it.
    pub names: Vec<&'static str>,
    /// Others get it in a coding.
    has_variants: bool,
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
    /// The content as the client has it then, to be a dictionary.
    pub content: Option<Vec<u8>>,
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
        let has_size = |length: u64| (settings.bytes_min..=settings.bytes_max).contains(&length);
        if media.kind == Kind::Opaque || !length.is_none_or(has_size) {
            return Plan::Untouched;
        }
        let gets_lifetime = gets_lifetime(settings, asked, head, media);
        let mut origin = head.clone();
        if settings.asks_for_hints && media.kind == Kind::Html && !fields.has("accept-ch") {
            origin.fields.set("accept-ch", ACCEPT_CH);
        }
        let coding = asked.coding;
        let html = tasks(settings, asked, head, media, coding);
        let minifier =
            Minifier::of(media, &asked.target, settings.minified, settings.shortens_names);
        let mut vary = vec!["Accept-Encoding"];
        vary.extend((media.kind == Kind::Html && settings.images.is_some()).then_some("Save-Data"));
        let has_dictionaries = settings.dictionaries.is_some();
        let is_shared =
            has_dictionaries && dictionary::may_be_shared(asked, head, media, gets_lifetime);
        vary.extend(is_shared.then_some("Available-Dictionary"));
        let names = names(asked, head, html.as_ref(), minifier);
        Plan::Work(Box::new(Work {
            html,
            minifier,
            is_shared,
            dictionary: None,
            target: asked.target.clone(),
            names,
            media,
            coding,
            level: bounded(level(asked, head, gets_lifetime), length),
            length,
            origin,
            vary,
            gets_lifetime,
            has_variants: !settings.codings.is_empty(),
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
fn level(asked: &Asked, head: &Head, gets_lifetime: bool) -> Level {
    let text = |name: &str| head.fields.get(name).unwrap_or_default();
    let control = text("cache-control");
    let is = |name: &str| has_directive(&control, name);
    let may_be_stored = !is("no-store") && !is("private") && !asked.has_credentials;
    let has_lifetime = is("max-age")
        || is("s-maxage")
        || ["expires", "cdn-cache-control", "surrogate-control", "last-modified"]
            .iter()
            .any(|name| head.fields.has(name));
    if may_be_stored && (has_lifetime || gets_lifetime) {
        return Level::Stored;
    }
    match asked.hints.connection {
        _ if asked.hints.saves_data => Level::Aggressive,
        Connection::Slow => Level::Aggressive,
        Connection::Medium => Level::Balanced,
        Connection::Fast => Level::Light,
    }
}

/// Time on the CPU is bounded for an answer: the longer it is, the less each byte of
/// it may take. One of unknown length is mostly short.
fn bounded(level: Level, length: Option<u64>) -> Level {
    match (level, length) {
        (level, Some(..=MUCH_BYTES_MAX)) => level,
        (Level::Light, _) | (_, Some(SOME_BYTES_MAX..)) => Level::Light,
        (_, _) => Level::Balanced,
    }
}

/// Bytes for which each level is affordable.
const MUCH_BYTES_MAX: u64 = 1 << 20;
/// Bytes from which on only the least is.
const SOME_BYTES_MAX: u64 = 4 << 20;

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

/// What is done to markup. Pictures that are offered in several sizes make it longer,
/// and so are offered only where it is compressed.
fn tasks(
    settings: &Settings,
    asked: &Asked,
    head: &Head,
    media: Media,
    coding: Option<Coding>,
) -> Option<Tasks> {
    if media.kind != Kind::Html || media.charset == Charset::Other {
        return None;
    }
    let minify = settings.minified.html.then_some(settings.whitespace);
    // A policy names what may stand in the document by its very bytes.
    let names_hashes = |name: &&str| head.fields.get(name).is_some_and(|all| all.contains("'sha"));
    let is_fixed = POLICIES.iter().any(names_hashes);
    let wished = inline::Settings {
        css: settings.minified.css,
        js: settings.minified.js,
        shortens_names: settings.shortens_names,
    };
    let inline = (!is_fixed && (wished.css || wished.js)).then_some(wished);
    let prefix = settings.images.clone().filter(|_| coding.is_some());
    let is_personal = is_personal(asked, head);
    let is_slow = is_personal && asked.hints.connection == Connection::Slow;
    let quality = match settings.images_quality {
        _ if asked.hints.saves_data || is_slow => SAVING_QUALITY.to_string(),
        Some(quality) => quality.to_string(),
        None => "auto".into(),
    };
    let eager = match asked.hints.device {
        Device::Mobile if is_personal => 1,
        Device::Tablet if is_personal => 2,
        _ => 3,
    };
    let widths = WIDTHS.to_vec();
    let pictures = prefix.map(|prefix| pictures::Settings { prefix, widths, quality, eager });
    let tasks = Tasks { minify, inline, pictures };
    (tasks.minify.is_some() || tasks.inline.is_some() || tasks.pictures.is_some()).then_some(tasks)
}

/// Fields that say which scripts and styles may stand in a document.
const POLICIES: [&str; 2] = ["content-security-policy", "content-security-policy-report-only"];

/// The quality of pictures for who saves data: what can just be seen to be less.
const SAVING_QUALITY: u8 = 50;
/// Widths of pictures that are offered: few, so that each is asked for often.
const WIDTHS: [u16; 6] = [320, 480, 640, 960, 1280, 1920];

/// For this client alone, so that its device and connection may have a say without a
/// word in `Vary`.
fn is_personal(asked: &Asked, head: &Head) -> bool {
    let control = head.fields.get("cache-control").unwrap_or_default();
    let is = |name: &str| has_directive(&control, name);
    let is_authorized = asked.is_authorized && !is("public") && !is("s-maxage");
    is("private") || is("no-store") || is_authorized
}

/// What is done, for `Server-Timing`.
fn names(
    asked: &Asked,
    head: &Head,
    html: Option<&Tasks>,
    minifier: Option<Minifier>,
) -> Vec<&'static str> {
    let has_pictures = html.is_some_and(|tasks| tasks.pictures.is_some());
    let device = match asked.hints.device {
        Device::Mobile => "mobile_optimization",
        Device::Tablet => "tablet_optimization",
        Device::Desktop => "desktop_optimization",
    };
    let all = [
        (html.is_some_and(|tasks| tasks.minify.is_some()), "html_minification"),
        (has_pictures, "image_variants"),
        (has_pictures && is_personal(asked, head), device),
    ];
    let done = all.into_iter().filter(|(is_done, _)| *is_done).map(|(_, name)| name);
    done.chain(minifier.map(Minifier::name)).collect()
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
    /// How much is looked at: all of it, if it is worked on as a whole; else enough to
    /// see whether it can be compressed at all.
    pub fn look(&self, settings: &Settings) -> Look {
        let is_too_long = self.length.is_some_and(|length| length > settings.held_bytes_max as u64);
        if (self.minifier.is_some() || self.is_shared) && !is_too_long {
            return Look { bytes_max: settings.held_bytes_max, ms: settings.hold_ms };
        }
        Look { bytes_max: LOOK_BYTES.min(settings.held_bytes_max), ms: LOOK_MS }
    }

    /// What is announced for a body that is not there, as for `HEAD`.
    pub fn announced(&self) -> Done {
        Done { coding: self.coding, names: self.names.clone(), ..Done::default() }
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
        let mut head = self.plain();
        let fields = &mut head.fields;
        if done.content.is_some()
            && !fields.has("use-as-dictionary")
            && let Some(pattern) = use_for(&self.target)
        {
            fields.set("use-as-dictionary", pattern);
        }
        if names.is_empty() {
            // Who takes a coding gets another variant.
            let tag = fields.get("etag").filter(|_| self.has_variants && self.coding.is_none());
            if let Some(tag) = tag.as_deref().and_then(Tag::parse) {
                fields.set("etag", tag.marked(&asked.mark(None)));
            }
            return head;
        }
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
