//! The link `early_hints`: what a page said it needs when it was last asked for is said
//! again at once, before its answer is there (RFC 8297); and what servers behind say
//! before their answers is passed on.
//!
//! What is learned of one client's answer is told to all others, so it is learned only of
//! answers that a shared cache might store: [`is_public`].

use super::hints;
use super::memory::Memory;
use crate::http::metrics::family;
use http::header::{
    ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST, LINK, SET_COOKIE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sedge_model::failure::Failure;
use sedge_model::handler::{
    Answer, Context, Handler, Interim, Interims, Request, Response, Said, SaidCounts,
};
use sedge_model::routing::rule::EarlyHints;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Instant;

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// What of a link outlives a revision that has not changed it.
pub struct Hints {
    memory: Memory,
}

impl Hints {
    /// Nothing is known yet.
    pub fn new(settings: &EarlyHints) -> Arc<Self> {
        let pages_max = usize::try_from(settings.pages_max).unwrap_or(usize::MAX);
        Arc::new(Hints { memory: Memory::new(pages_max, settings.age_max) })
    }
}

/// What is counted of one link, over all revisions of its chain.
#[derive(Default)]
pub struct HintMetrics {
    said: Arc<SaidCounts>,
    passed_on: Arc<SaidCounts>,
    learned: AtomicU64,
}

impl HintMetrics {
    /// The counters, each with the name of what it counts.
    pub fn counts(&self) -> [(&'static str, u64); 5] {
        let late = self.said.get(Said::Unheard) + self.passed_on.get(Said::Unheard);
        [
            ("learned", self.learned.load(Relaxed)),
            ("sent", self.said.get(Said::Taken)),
            ("passed_on", self.passed_on.get(Said::Taken)),
            ("refused", self.said.get(Said::Refused) + self.passed_on.get(Said::Refused)),
            ("late", late),
        ]
    }

    /// Appends the counters of all links in Prometheus' text format.
    pub fn render_prometheus(links: &[(super::LinkName<'_>, Arc<HintMetrics>)], out: &mut String) {
        if links.is_empty() {
            return;
        }
        let values = links.iter().flat_map(|((app, chain, place, _), metrics)| {
            metrics.counts().into_iter().map(move |(outcome, count)| {
                let of = format!("app=\"{app}\",chain=\"{chain}\",link=\"{place}\"");
                (format!("{{{of},outcome=\"{outcome}\"}}"), count)
            })
        });
        let help = "Interim responses of a chain's early hints, and pages that were learned.";
        family(out, "sedge_chain_early_hints_total", "counter", help, values);
    }
}

/// The link, before what stands behind it.
pub struct EarlyHintsLink {
    settings: EarlyHints,
    hints: Arc<Hints>,
    metrics: Arc<HintMetrics>,
    next: Arc<dyn Handler>,
}

impl EarlyHintsLink {
    /// Hints of what `next` is about to answer.
    pub fn new(
        settings: EarlyHints,
        hints: Arc<Hints>,
        metrics: Arc<HintMetrics>,
        next: Arc<dyn Handler>,
    ) -> Self {
        EarlyHintsLink { settings, hints, metrics, next }
    }

    async fn answer(&self, request: Request, mut context: Context) -> Result<Response, Failure> {
        let line = std::mem::take(&mut context.interims);
        let may_say = line.has_line() && (line.is_http2() || self.settings.http1);
        if may_say && self.settings.pass_on {
            context.interims = line.opened(&self.metrics.passed_on);
        }
        let page = self.settings.learn.then(|| Page::asked_for(&request, context.tls)).flatten();
        let Some(page) = page else { return self.next.call(request, context).await };
        let known = || self.hints.memory.get(&page.name, Instant::now());
        let response = match may_say.then(known).flatten() {
            None => self.next.call(request, context).await?,
            Some(hints) => self.hinted(hints, &line, request, context).await?,
        };
        if is_public(&response, page.is_credentialed) {
            let hints = hints::of(response.headers().get_all(LINK).iter());
            if self.hints.memory.learn(&page.name, hints, Instant::now()) {
                self.metrics.learned.fetch_add(1, Relaxed);
            }
        }
        Ok(response)
    }

    /// Says the hints, unless the answer is there at once: then it says them itself.
    async fn hinted(
        &self,
        hints: HeaderValue,
        line: &Interims,
        request: Request,
        context: Context,
    ) -> Result<Response, Failure> {
        let mut answer = self.next.call(request, context);
        let mut hints = Some(hints);
        poll_fn(|cx| {
            let polled = answer.as_mut().poll(cx);
            if let (Poll::Pending, Some(hints)) = (&polled, hints.take()) {
                let fields = HeaderMap::from_iter([(LINK, hints)]);
                let interim =
                    Interim { status: StatusCode::from_u16(103).unwrap_or_default(), fields };
                line.opened(&self.metrics.said).say(interim);
            }
            polled
        })
        .await
    }
}

impl Handler for EarlyHintsLink {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(self.answer(request, context))
    }
}

/// A page that a browser goes to.
struct Page {
    /// Its address.
    name: String,
    /// Whether the request tells who asks.
    is_credentialed: bool,
}

impl Page {
    fn asked_for(request: &Request, tls: bool) -> Option<Page> {
        let headers = request.headers();
        if request.method() != Method::GET || !is_navigation(headers) {
            return None;
        }
        let named = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = request.uri().authority().map(|authority| authority.as_str()).or(named)?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let scheme = if tls { "https" } else { "http" };
        let name = format!("{scheme}://{}{target}", host.to_ascii_lowercase());
        let is_credentialed = headers.contains_key(COOKIE) || headers.contains_key(AUTHORIZATION);
        Some(Page { name, is_credentialed })
    }
}

/// Whether somebody goes to a page. Browsers say so (Fetch Metadata); of others it is
/// believed if they want HTML.
fn is_navigation(headers: &HeaderMap) -> bool {
    match headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => headers.get_all(ACCEPT).iter().any(|accept| {
            let types = accept.as_bytes().split(|&byte| byte == b',');
            let mut types = types.map(|one| one.split(|&byte| byte == b';').next());
            types.any(|one| one.is_some_and(|one| is_html(one.trim_ascii())))
        }),
    }
}

fn is_html(media_type: &[u8]) -> bool {
    media_type.eq_ignore_ascii_case(b"text/html")
        || media_type.eq_ignore_ascii_case(b"application/xhtml+xml")
}

/// Whether an answer is a page that is the same for everybody, as far as it says: what it
/// hints at may be told to others. Where the request told who asks, it must say so in as
/// many words (RFC 9111 §3.5).
fn is_public(response: &Response, is_credentialed: bool) -> bool {
    let headers = response.headers();
    let media_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let media_type = media_type.split(|&byte| byte == b';').next().unwrap_or_default();
    if response.status() != StatusCode::OK
        || !is_html(media_type.trim_ascii())
        || headers.contains_key(SET_COOKIE)
    {
        return false;
    }
    let varies_by_client = members(headers, &VARY).any(|name| {
        [&b"*"[..], b"cookie", b"authorization"].iter().any(|who| name.eq_ignore_ascii_case(who))
    });
    let mut says_public = false;
    for directive in members(headers, &CACHE_CONTROL).chain(members(headers, &CDN_CACHE_CONTROL)) {
        let name = directive.split(|&byte| byte == b'=').next().unwrap_or_default();
        let is = |other: &[u8]| name.trim_ascii().eq_ignore_ascii_case(other);
        if is(b"private") || is(b"no-store") {
            return false;
        }
        says_public |= is(b"public") || is(b"s-maxage");
    }
    // A word in a quoted string is none.
    let is_quoted =
        headers.get_all(CACHE_CONTROL).iter().any(|value| value.as_bytes().contains(&b'"'));
    !varies_by_client && (!is_credentialed || (says_public && !is_quoted))
}

fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests;
