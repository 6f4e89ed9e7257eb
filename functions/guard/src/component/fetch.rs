//! The issuer's keys: from the configuration, or by HTTP as [`crate::keys`] says.

use super::node::{self, Node};
use crate::judge::{Host, Identity, Judge};
use crate::keys::{self, Plan, Stored};
use crate::request::Asked;
use crate::settings::Url;
use crate::token::KeySet;
use crate::token::key::SET_BYTES_MAX;
use sha2::{Digest, Sha256};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::Poll;
use wasip3::clocks::monotonic_clock;
use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::wit_bindgen::StreamResult;
use wasip3::wit_future;

/// How long the issuer may take: five seconds.
const PATIENCE_NS: u64 = 5_000_000_000;

/// What this instance knows of the issuer's keys.
#[derive(Default)]
struct Known {
    stored: Stored,
    parsed: Option<Arc<KeySet>>,
    digest: [u8; 32],
}

impl Known {
    fn set(&mut self, stored: Stored) {
        if self.stored.set != stored.set {
            self.parsed = None;
            self.digest = Sha256::digest(&stored.set).into();
        }
        self.stored = stored;
    }
}

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

/// What can be said of the key set without asking the issuer.
pub(super) enum AtHand {
    /// It is this one; `None`: there is none to be believed.
    Known(Option<Stored>),
    /// The issuer has to be asked, as the plan says.
    Ask(Stored, Plan),
}

/// The key set, as far as it is at hand. `is_unknown`: a token names a key that is not among its
/// keys.
pub(super) fn at_hand(judge: &Judge, now_ms: i64, is_unknown: bool) -> AtHand {
    if judge.settings.keys_url.is_none() {
        return AtHand::Known(configured(now_ms));
    }
    let stored = recalled(&Node::of(&judge.settings), judge);
    match stored.plan(&judge.settings, now_ms, is_unknown) {
        Plan::Use => AtHand::Known(Some(stored)),
        Plan::Fail => AtHand::Known(None),
        plan @ (Plan::Get | Plan::GetOrUse) => AtHand::Ask(stored, plan),
    }
}

/// The key set, if there is one to be believed; of the issuer, if need be.
pub(super) async fn keys(judge: &Judge, now_ms: i64, is_unknown: bool) -> Option<Stored> {
    let (stored, plan) = match at_hand(judge, now_ms, is_unknown) {
        AtHand::Known(known) => return known,
        AtHand::Ask(stored, plan) => (stored, plan),
    };
    let url = judge.settings.keys_url.as_ref()?;
    let node = Node::of(&judge.settings);
    let tried = Stored { tried_ms: now_ms, ..stored };
    if plan == Plan::GetOrUse {
        // Before it is tried: while the issuer is slow, others use what there is.
        keep(&node, judge, &tried);
    }
    let got = within(PATIENCE_NS, get(url)).await;
    let newer = match got.unwrap_or_else(|| Err("it took too long".into())) {
        Ok(set) => KeySet::read(&set).map(|_| set),
        Err(error) => Err(error),
    };
    match newer {
        Ok(set) => {
            let newer = Stored { got_ms: now_ms, tried_ms: now_ms, set };
            keep(&node, judge, &newer);
            Some(newer)
        }
        Err(error) => {
            eprintln!("guard: the issuer's keys could not be got: {error}");
            keep(&node, judge, &tried);
            (plan == Plan::GetOrUse).then_some(tried)
        }
    }
}

/// Whether what was decided by the set of this digest still holds: the set is the one in use, and
/// may be used without asking the issuer. Another instance may have renewed it, which is looked
/// up here.
pub(super) fn is_current(judge: &Judge, asked: &Asked, known: &[u8; 32], now_ms: i64) -> bool {
    if judge.settings.keys_url.is_none() || judge.token(asked).is_none() {
        return true;
    }
    let stored = recalled(&Node::of(&judge.settings), judge);
    stored.plan(&judge.settings, now_ms, false) == Plan::Use && digest() == *known
}

/// That of the configuration, which does not change while an instance lives.
fn configured(now_ms: i64) -> Option<Stored> {
    static CONFIGURED: LazyLock<Option<String>> = LazyLock::new(|| node::config("keys"));
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.stored.set.is_empty() {
        known.set(Stored { got_ms: now_ms, tried_ms: now_ms, set: CONFIGURED.clone()?.into() });
    }
    Some(Stored { got_ms: now_ms, ..known.stored.clone() })
}

fn recalled(node: &Node, judge: &Judge) -> Stored {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if judge.settings.store.is_some()
        && let Some(key) = judge.settings.keys_url.as_ref().map(keys::key)
        && let Ok(Some(bytes)) = node.get(&key)
        && let Some(stored) = Stored::from_bytes(&bytes)
    {
        known.set(stored);
    }
    known.stored.clone()
}

/// Keeps them for this instance, and for others where there is a store. That the store fails is
/// no reason not to use what was got.
fn keep(node: &Node, judge: &Judge, stored: &Stored) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).set(stored.clone());
    if judge.settings.store.is_some()
        && let Some(key) = judge.settings.keys_url.as_ref().map(keys::key)
    {
        let ttl_s = judge.settings.keys_s.saturating_add(judge.settings.keys_stale_s);
        let _ = node.set(&key, &stored.to_bytes(), ttl_s.saturating_mul(1_000));
    }
}

/// Who a token says that it is, by this key set.
pub(super) fn identity(judge: &Judge, token: &str, stored: &Stored, now_ms: i64) -> Identity {
    let node = Node::of(&judge.settings);
    judge.identify_by(token, stored, || parsed(stored), &node, now_ms)
}

/// The keys of a set, read once for each.
fn parsed(stored: &Stored) -> Option<Arc<KeySet>> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.stored.set == stored.set
        && let Some(parsed) = &known.parsed
    {
        return Some(parsed.clone());
    }
    let read = KeySet::read(&stored.set);
    let parsed = read.inspect_err(|error| eprintln!("guard: keys: {error}")).ok().map(Arc::new)?;
    if known.stored.set == stored.set {
        known.parsed = Some(parsed.clone());
    }
    Some(parsed)
}

/// Of which set this instance knows, in short: what was decided by another one is not
/// remembered.
pub(super) fn digest() -> [u8; 32] {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).digest
}

/// The body of an answer with status 200; no other is believed, and none that is too large.
async fn get(url: &Url) -> Result<Vec<u8>, String> {
    let fields = Fields::new();
    let _ = fields.append("accept", b"application/jwk-set+json, application/json");
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (request, _sent) = Request::new(fields, None, trailers, None);
    let scheme = if url.is_https { Scheme::Https } else { Scheme::Http };
    let invalid = |()| "the URL is not valid".to_owned();
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(&url.authority)).map_err(invalid)?;
    request.set_path_with_query(Some(&url.target)).map_err(invalid)?;
    let told = |error: ErrorCode| format!("{error:?}");
    let response = client::send(request).await.map_err(told)?;
    let status = response.get_status_code();
    if status != 200 {
        return Err(format!("status {status}"));
    }
    let (_, consumed) = wit_future::new(|| Ok(()));
    let (mut body, trailers) = Response::consume_body(response, consumed);
    let mut set = Vec::new();
    loop {
        let (status, piece) = body.read(Vec::with_capacity(16 << 10)).await;
        set.extend_from_slice(&piece);
        if set.len() > SET_BYTES_MAX {
            return Err(format!("more than {SET_BYTES_MAX} bytes"));
        }
        if matches!(status, StreamResult::Dropped | StreamResult::Cancelled) {
            break;
        }
    }
    drop(body);
    trailers.await.map_err(told)?;
    Ok(set)
}

/// What a future comes to, if it does in time.
async fn within<T>(patience_ns: u64, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut timer) = (pin!(future), pin!(monotonic_clock::wait_for(patience_ns)));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(came) => Poll::Ready(Some(came)),
        Poll::Pending => timer.as_mut().poll(context).map(|()| None),
    })
    .await
}
