//! Requests: those that pass and are counted, and those that are for the link.

use super::bindings::sedge::client::connection;
use super::bindings::sedge::secrets::store as secrets;
use super::node::{Kv, emit, failed};
use super::respond::Reply;
use super::{Analytics, now_ms, settings};
use crate::events::{self, BODY_BYTES_MAX};
use crate::link::{self, Answered, Asked, Exchange};
use crate::metrics;
use crate::page::{self, POLICY};
use crate::person::Names;
use crate::query::{Entry, Page, Problem, Question, Way, entry, way};
use crate::record::MEDIA_TYPE;
use crate::settings::Settings;
use crate::summary::Summary;
use crate::vault::VaultError;
use crate::view::View;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasip3::clocks::monotonic_clock;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response};
use wasip3::wit_bindgen::StreamResult;
use wasip3::wit_future;

/// Bytes that one read moves.
const PIECE_BYTES: usize = 16 << 10;

thread_local! {
    /// The names of the day.
    static NAMES: RefCell<Option<Rc<Names>>> = const { RefCell::new(None) };
    /// Whether the operator was told already that something cannot be done.
    static IS_TOLD: Cell<bool> = const { Cell::new(false) };
}

impl Guest for Analytics {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        // Nothing was touched yet: an open link lets the request pass.
        let settings = settings().map_err(|problems| ErrorCode::InternalError(Some(problems)))?;
        let target = request.get_path_with_query().unwrap_or_default();
        let method = match request.get_method() {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            // What it is does not matter.
            _ => "",
        };
        let reply = match whose(settings, method, &target) {
            Way::On => return pass(settings, request, method, &target).await,
            Way::Events => post(settings, request).await,
            Way::Ask(page, question) => ask(settings, &request, page, &question),
            Way::Answer(problem) => Err(problem),
        };
        let reply = reply.unwrap_or_else(|problem| Reply::problem(&problem));
        Ok(reply.send(method == "HEAD"))
    }
}

/// What is asked for.
pub(super) fn whose(settings: &Settings, method: &str, target: &str) -> Way {
    let path = settings.path.as_deref();
    path.map_or(Way::On, |path| way(path, method, target, &settings.routes))
}

/// Tells the operator once for each instance; requests pass all the same.
fn tell(what: &str, reason: &str) {
    if !IS_TOLD.replace(true) {
        eprintln!("{what}: {reason}");
    }
}

/// The names of the day, if there are any.
fn names(settings: &Settings) -> Option<Rc<Names>> {
    let now_ms = now_ms();
    let known = NAMES.with_borrow(|names| names.clone().filter(|names| names.fit(now_ms)));
    known.or_else(|| match make_names(settings, now_ms) {
        Ok(names) => {
            let names = Rc::new(names);
            NAMES.set(Some(names.clone()));
            Some(names)
        }
        Err(VaultError(reason)) => {
            tell("there is no salt, and users are not counted", &reason);
            None
        }
    })
}

fn make_names(settings: &Settings, now_ms: i64) -> Result<Names, VaultError> {
    Names::of_day(&Kv::open(settings)?, now_ms, || {
        let mut salt = [0; 32];
        let random = wasip3::random::random::get_random_bytes(32);
        // As many as were asked for, or the salt is refused below.
        salt.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
        salt
    })
}

/// The head of a request.
struct Head<'r>(&'r Fields);

impl Asked for Head<'_> {
    fn field(&self, name: &str) -> Option<Vec<u8>> {
        self.0.get(name).into_iter().next()
    }

    fn address(&self) -> Option<String> {
        connection::address()
    }
}

/// Who asks, by the names of the day, if anybody is to be known.
pub(super) fn user(settings: &Settings, asked: &dyn Asked) -> Option<u64> {
    if settings.users.is_empty() {
        return None;
    }
    link::user(settings, names(settings)?.names(), asked)
}

/// Passes a request on, untouched, and says what came of it.
async fn pass(
    settings: &Settings,
    request: Request,
    method: &str,
    target: &str,
) -> Result<Response, ErrorCode> {
    let user = user(settings, &Head(&request.get_headers()));
    let begun_ns = monotonic_clock::now();
    let answer = next::handle(request).await;
    let latency_us = monotonic_clock::now().saturating_sub(begun_ns) / 1_000;
    let answered = match &answer {
        Ok(response) => head(response, method),
        Err(code) => Answered { status: status(code), ..Answered::default() },
    };
    let clock_ms = now_ms();
    say(settings, &Exchange { clock_ms, latency_us, method, target, user, answered });
    answer
}

/// Says that a request was answered.
pub(super) fn say(settings: &Settings, exchange: &Exchange) {
    let names = if settings.users.is_empty() { None } else { names(settings) };
    let record = link::record(settings, names.as_deref().map(Names::names), exchange);
    if let Err(error) = emit(&settings.records, MEDIA_TYPE, &record) {
        tell("requests are not counted", &failed(error).reason);
    }
}

/// As much of an answer's head as is needed.
fn head(response: &Response, method: &str) -> Answered {
    let status = response.get_status_code();
    let fields = response.get_headers();
    let first = |name: &str| fields.get(name).into_iter().next();
    Answered::of(status, method, first)
}

/// What the client gets where there is no answer.
fn status(code: &ErrorCode) -> u16 {
    match code {
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => 504,
        ErrorCode::HttpRequestDenied => 403,
        ErrorCode::HttpRequestBodySize(_) => 413,
        ErrorCode::ConnectionLimitReached => 503,
        ErrorCode::InternalError(_) => 500,
        _ => 502,
    }
}

/// Takes events.
async fn post(settings: &Settings, request: Request) -> Result<Reply, Problem> {
    let names = names(settings).ok_or_else(|| Problem::new(503, "events cannot be taken now"))?;
    let user = link::user(settings, names.names(), &Head(&request.get_headers()));
    let body = read(request).await?;
    let records = events::read(&body, now_ms(), names.names(), user)
        .map_err(|refusal| Problem::new(refusal.status, refusal.reason))?;
    for record in &records {
        if let Err(error) = emit(&settings.records, MEDIA_TYPE, record) {
            tell("events are not taken", &failed(error).reason);
            return Err(Problem::new(503, "events cannot be taken now"));
        }
    }
    Ok(Reply { status: 202, fields: Vec::new(), body: Vec::new() })
}

/// The body, up to its limit.
async fn read(request: Request) -> Result<Vec<u8>, Problem> {
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut body, trailers) = Request::consume_body(request, consumed);
    let mut bytes = Vec::new();
    loop {
        let (status, piece) = body.read(Vec::with_capacity(PIECE_BYTES)).await;
        bytes.extend_from_slice(&piece);
        if bytes.len() > BODY_BYTES_MAX {
            let reason = format!("the body has more than {BODY_BYTES_MAX} bytes");
            return Err(Problem::new(413, reason));
        }
        if !matches!(status, StreamResult::Complete(_)) {
            break;
        }
    }
    drop(body);
    // The end of one that broke off is an error here.
    trailers.await.map_err(|_| Problem::new(400, "the body broke off"))?;
    Ok(bytes)
}

/// Answers a question, if whoever asks may.
fn ask(
    settings: &Settings,
    request: &Request,
    page: Page,
    question: &Question,
) -> Result<Reply, Problem> {
    let token =
        secrets::get(&settings.token).map_err(|_| Problem::new(503, "the token cannot be read"))?;
    let authorization = Head(&request.get_headers()).field("authorization");
    match entry(token.as_deref(), settings.is_open, authorization.as_deref()) {
        Entry::Open => {}
        Entry::Unknown => return Err(Problem::new(401, "the token is needed")),
        Entry::Closed => return Err(Problem::new(403, "nobody may ask")),
    }
    answer(settings, page, question).map_err(|VaultError(reason)| {
        eprintln!("what was counted cannot be read: {reason}");
        Problem::new(503, "what was counted cannot be read")
    })
}

fn answer(settings: &Settings, page: Page, question: &Question) -> Result<Reply, VaultError> {
    let kv = Kv::open(settings)?;
    let summary = |question: &Question| Summary::of(&kv, question, now_ms());
    Ok(match page {
        Page::Json => match summary(question)? {
            Some(summary) => Reply::new(200, "application/json", summary.to_json()),
            None => Reply::problem(&Problem::new(404, "nothing was counted yet")),
        },
        Page::Metrics => {
            let last = Question { route: None, range: metrics::QUANTILE_RANGE };
            let both = View::read(&kv)?.zip(summary(&last)?);
            let text = both.map(|(view, last)| metrics::text(&view, &last)).unwrap_or_default();
            Reply::new(200, metrics::MEDIA_TYPE, text)
        }
        Page::Html => {
            let path = settings.path.as_deref().unwrap_or_default();
            let html = page::html(path, question, summary(question)?.as_ref());
            let mut reply = Reply::new(200, "text/html; charset=utf-8", html);
            reply.fields.push(("content-security-policy", POLICY.to_owned()));
            reply.fields.push(("referrer-policy", "no-referrer".to_owned()));
            reply
        }
    })
}
