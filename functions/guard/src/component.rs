//! The adapter to `wasi:http` 0.3: heads in, verdicts out. Whatever can be decided without a
//! host is decided elsewhere.

mod fetch;
mod filter;
mod messages;
mod node;

use crate::authzen::Pdp;
use crate::judge::{Identity, Judge, Refused, Verdict};
use crate::memory::{self, Memory};
use crate::request::Asked;
use crate::settings::{Log, Settings};
use crate::token::TokenError;
use fetch::AtHand;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
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
        let target = request.get_path_with_query().unwrap_or_default();
        if let Some(place) = messages::place(&target, &judge.settings) {
            return Ok(messages::decided(judge, place, request, now_ms).await);
        }
        let asked = messages::asked(&request, &target, &judge.settings);
        let judged = match at_once(judge, &asked, now_ms) {
            Some(judged) => judged,
            None => with_keys(judge, &asked, now_ms).await,
        };
        let verdict = judged.told(judge, &asked, now_ms);
        match verdict.passes() || judge.settings.reports_only {
            true => next::handle(messages::told(request, &verdict)).await,
            false => Ok(messages::answer(&verdict)),
        }
    }
}

/// A verdict.
enum Judged {
    New(Verdict),
    /// Of the same request before.
    Remembered(Verdict),
}

impl Judged {
    /// The verdict; a new one is told in the log, as far as the settings say so.
    fn told(self, judge: &Judge, asked: &Asked, now_ms: i64) -> Verdict {
        match self {
            Judged::Remembered(verdict) => verdict,
            Judged::New(verdict) => {
                if is_told(&judge.settings, &verdict, now_ms) {
                    println!("{}", verdict.line(asked, judge.settings.reports_only));
                }
                verdict
            }
        }
    }
}

fn memory() -> MutexGuard<'static, Memory> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(judge: &Judge, asked: &Asked, rate: f64, keys: &[u8; 32], now_ms: i64) -> memory::Key {
    memory::key(asked, judge.rules.rate_band(rate), keys, now_ms)
}

/// The verdict, if it can be had without asking the issuer for its keys. If not, the request
/// does not count yet.
fn at_once(judge: &Judge, asked: &Asked, now_ms: i64) -> Option<Judged> {
    let now_s = u64::try_from(now_ms / 1_000).unwrap_or(0);
    let known = fetch::digest();
    let (rate, remembered) = {
        let mut memory = memory();
        let rate = memory.count(asked, now_ms);
        let key = key(judge, asked, rate, &known, now_ms);
        (rate, memory.recall(&key, now_s, judge.rules.expires_s()))
    };
    if let Some(verdict) = remembered
        && fetch::is_current(judge, asked, &known, now_ms)
    {
        return Some(Judged::Remembered(verdict));
    }
    match identity_at_once(judge, asked, now_ms) {
        Some(identity) => Some(weighed(judge, asked, &identity, rate, now_ms)),
        None => {
            memory().take_back(asked);
            None
        }
    }
}

/// The verdict by the keys that the issuer has now.
async fn with_keys(judge: &Judge, asked: &Asked, now_ms: i64) -> Judged {
    let rate = memory().count(asked, now_ms);
    let identity = identity(judge, asked, now_ms).await;
    weighed(judge, asked, &identity, rate, now_ms)
}

fn weighed(judge: &Judge, asked: &Asked, identity: &Identity, rate: f64, now_ms: i64) -> Judged {
    let now_s = u64::try_from(now_ms / 1_000).unwrap_or(0);
    let verdict =
        judge.judge(asked, identity, &node::Node::of(&judge.settings), Some(rate), now_ms);
    // The keys may be others by now.
    let key = key(judge, asked, rate, &fetch::digest(), now_ms);
    memory().keep(key, &verdict, now_s);
    Judged::New(verdict)
}

/// Who the token says that it is, if that can be said without asking the issuer.
fn identity_at_once(judge: &Judge, asked: &Asked, now_ms: i64) -> Option<Identity> {
    let Some(token) = judge.token(asked) else { return Some(Identity::Unknown) };
    let stored = match fetch::at_hand(judge, now_ms, false) {
        AtHand::Known(Some(stored)) => stored,
        AtHand::Known(None) => return Some(Identity::NoKeys),
        AtHand::Ask(..) => return None,
    };
    let by = |stored| fetch::identity(judge, token, stored, now_ms);
    let identity = by(&stored);
    if identity != Identity::Refused(TokenError::UnknownKey) {
        return Some(identity);
    }
    // A key that is not known may be newer than those that are.
    match fetch::at_hand(judge, now_ms, true) {
        AtHand::Known(Some(newer)) if newer.set != stored.set => Some(by(&newer)),
        AtHand::Known(_) => Some(identity),
        AtHand::Ask(..) => None,
    }
}

/// The same, where the issuer may be asked.
async fn identity(judge: &Judge, asked: &Asked, now_ms: i64) -> Identity {
    let Some(token) = judge.token(asked) else { return Identity::Unknown };
    let by = |stored| fetch::identity(judge, token, stored, now_ms);
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
