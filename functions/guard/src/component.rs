//! The adapter to `wasi:http` 0.3: heads in, verdicts out. Whatever can be decided without a
//! host is decided elsewhere.

mod fetch;
mod messages;
mod node;

use crate::authzen::Pdp;
use crate::judge::{Identity, Judge, Refused, Verdict};
use crate::keys::Stored;
use crate::memory::{self, Memory};
use crate::request::Asked;
use crate::settings::{Log, Settings};
use crate::token::TokenError;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};

wasip3::http::service::export!(Component);
node::bindings::export!(Component with_types_in node::bindings);

struct Component;

/// Read once for each instance: it stays as it is for a revision of the app.
static JUDGE: LazyLock<Result<Judge, String>> = LazyLock::new(|| {
    // Not `vars`, which panics on what is not UTF-8.
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let settings = Settings::read(variables)?;
    Judge::read(settings, node::config)
});

/// Read when somebody asks first.
static PDP: LazyLock<Result<Pdp, String>> = LazyLock::new(|| Pdp::read(node::config));

static MEMORY: LazyLock<Mutex<Memory>> = LazyLock::new(Mutex::default);

/// Rules and policies are read once for a deployment, if the manifest says so.
impl node::bindings::exports::sedge::lifecycle::initialization::Guest for Component {
    fn initialize() -> Result<(), String> {
        JUDGE.as_ref().map(drop).map_err(Clone::clone)
    }
}

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let now_ms = now_ms();
        let judge = match &*JUDGE {
            Ok(judge) => judge,
            // Not an error: an open link would let the request pass.
            Err(problems) => {
                eprintln!("guard: {problems}");
                let refused = Refused::Undecided("settings");
                return Ok(messages::answer(&Verdict::refused(refused, 0)));
            }
        };
        if let Some(place) = messages::place(&request, &judge.settings) {
            return Ok(messages::decided(judge, place, request, now_ms).await);
        }
        let asked = messages::asked(&request, &judge.settings);
        let (verdict, is_new) = verdict(judge, &asked, now_ms).await;
        if is_new && is_told(&judge.settings, &verdict, now_ms) {
            println!("{}", verdict.line(&asked, judge.settings.reports_only));
        }
        match verdict.passes() || judge.settings.reports_only {
            true => next::handle(messages::told(request, &verdict)).await,
            false => Ok(messages::answer(&verdict)),
        }
    }
}

/// The verdict, and whether it was made now.
async fn verdict(judge: &Judge, asked: &Asked, now_ms: i64) -> (Verdict, bool) {
    let now_s = u64::try_from(now_ms / 1_000).unwrap_or(0);
    let key = |rate, keys: &[u8; 32]| memory::key(asked, judge.rules.rate_band(rate), keys, now_ms);
    let known = fetch::digest();
    let (rate, remembered) = {
        let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = memory.count(asked, now_ms);
        (rate, memory.recall(&key(rate, &known), now_s, judge.rules.expires_s()))
    };
    if let Some(verdict) = remembered
        && fetch::is_current(judge, asked, &known, now_ms)
    {
        return (verdict, false);
    }
    let identity = identify(judge, asked, now_ms).await;
    let verdict =
        judge.judge(asked, &identity, &node::Node::of(&judge.settings), Some(rate), now_ms);
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    // The keys may be others by now.
    memory.keep(key(rate, &fetch::digest()), &verdict, now_s);
    (verdict, true)
}

/// Who the token says that it is. A key that is not known may be newer than those that are.
async fn identify(judge: &Judge, asked: &Asked, now_ms: i64) -> Identity {
    let Some(token) = judge.token(asked) else { return Identity::Unknown };
    let node = node::Node::of(&judge.settings);
    let by =
        |stored: &Stored| judge.identify_by(token, stored, || fetch::parsed(stored), &node, now_ms);
    let Some(stored) = fetch::keys(judge, now_ms, false).await else { return Identity::NoKeys };
    let identity = by(&stored);
    if identity != Identity::Refused(TokenError::UnknownKey) {
        return identity;
    }
    match fetch::keys(judge, now_ms, true).await {
        Some(newer) if newer.set != stored.set => by(&newer),
        _ => identity,
    }
}

fn is_told(settings: &Settings, verdict: &Verdict, now_ms: i64) -> bool {
    match settings.log {
        Log::Off => false,
        Log::Refused => !verdict.passes(),
        // The hundredths of a second are as good as chance here.
        Log::All => !verdict.passes() || now_ms.rem_euclid(100) < settings.log_percent as i64,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
