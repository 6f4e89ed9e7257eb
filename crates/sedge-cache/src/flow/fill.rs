//! Of many who want what is not stored, one makes it, and the others wait for it.
//!
//! Who makes it may be slow, or never come to an end. It is waited for as long as links
//! wait for what they fetch; then the next makes it.

use super::asked::{Asked, within};
use super::flights::{Entered, Lead, Outcome};
use super::object::Object;
use super::scope::{BadUrl, Lifetime, NotPut, Scope, Stored, Usable};
use crate::key::Key;
use crate::rules::Times;
use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::future::select;
use http::HeaderMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sets what is made by those who hold a scope apart from what links fetch: a function
/// behind a link would wait for itself.
const FILL: Key = Key(*b"fill of a scope.");

/// How often a request looks anew, because who made it has not.
const TURNS_MAX: usize = 16;

/// What a request for something that can be made came to.
pub enum Filled {
    /// It is stored, or another has made it meanwhile.
    Stored(Stored),
    /// Whoever gets this makes it.
    Begin(Fill),
    /// Another makes it, and it took longer than was to be waited.
    TimedOut,
}

/// What is to be made. Dropping it lets the next of those who wait make it.
pub struct Fill {
    scope: Scope,
    asked: Asked,
    stale: Option<Arc<Object>>,
    begun_ms: u64,
    epoch: u64,
    /// Gone when it is no longer waited for.
    lead: Arc<Mutex<Option<Lead>>>,
    /// Dropped with the rest: then nobody has to look at the clock.
    _is_open: Option<oneshot::Sender<()>>,
}

impl Scope {
    /// What is stored for a `GET` of an address with these fields. If it has to be made,
    /// the first who asks makes it; others wait, at most for `wait`, or get what is stale
    /// if that may be used meanwhile.
    ///
    /// # Errors
    ///
    /// If it is no address.
    pub async fn get_or_begin(
        &self,
        url: &str,
        fields: HeaderMap,
        wait: Duration,
    ) -> Result<Filled, BadUrl> {
        let asked = self.asked(url, fields)?;
        let (cache, metrics) = (&self.0.cache, &self.0.metrics);
        let begun_ms = cache.runtime.now_ms();
        for _ in 0..TURNS_MAX {
            let stale = match self.look(&asked).await {
                Usable::Fresh(object) => return Ok(self.found(&object, &metrics.hits)),
                Usable::Stale(object) => Some(object),
                Usable::No => None,
            };
            let told = match cache
                .flights
                .enter(within(&FILL, &asked.primary), cache.epoch(&asked.primary))
            {
                Entered::Lead(lead) => {
                    // It may have been stored between the look and now.
                    if let Usable::Fresh(object) = self.look(&asked).await {
                        return Ok(self.found(&object, &metrics.hits));
                    }
                    metrics.misses.fetch_add(1, Relaxed);
                    return Ok(Filled::Begin(self.begin(asked, stale, Some(lead))));
                }
                Entered::Follow(told) => told,
                Entered::Arriving(..) | Entered::Apart => break,
            };
            if let Some(object) = stale {
                return Ok(self.found(&object, &metrics.stale));
            }
            let waited = Duration::from_millis(cache.runtime.now_ms().saturating_sub(begun_ms));
            let left = wait.saturating_sub(waited);
            // Who does not want to wait is told at once.
            let within = match left.is_zero() {
                true => None,
                false => cache.runtime.within(left, told).await,
            };
            match within {
                None => {
                    metrics.timed_out.fetch_add(1, Relaxed);
                    return Ok(Filled::TimedOut);
                }
                Some(Ok(Outcome::Object(object)))
                    if object.head.matches(asked.headers(), &self.0.policy) =>
                {
                    if let Usable::Fresh(object) = self.usable(&asked, object) {
                        return Ok(self.found(&object, &metrics.collapsed));
                    }
                }
                // Who made it has given up, or it is for other requests.
                Some(_) => {}
            }
        }
        metrics.misses.fetch_add(1, Relaxed);
        Ok(Filled::Begin(self.begin(asked, None, None)))
    }

    fn found(&self, object: &Object, counter: &AtomicU64) -> Filled {
        counter.fetch_add(1, Relaxed);
        Filled::Stored(self.stored(object))
    }

    fn begin(&self, asked: Asked, stale: Option<Arc<Object>>, lead: Option<Lead>) -> Fill {
        let cache = &self.0.cache;
        let (open, closed) = oneshot::channel::<()>();
        let is_led = lead.is_some();
        let lead = Arc::new(Mutex::new(lead));
        if is_led {
            let patience = (cache.runtime.sleep)(self.0.settings.collapse_wait);
            let held = Arc::clone(&lead);
            cache.runtime.spawn(async move {
                select(patience, closed).await;
                drop(take(&held));
            });
        }
        Fill {
            scope: self.clone(),
            begun_ms: cache.runtime.now_ms(),
            epoch: cache.epoch(&asked.primary),
            asked,
            stale,
            lead,
            _is_open: Some(open).filter(|_| is_led),
        }
    }
}

fn take(lead: &Mutex<Option<Lead>>) -> Option<Lead> {
    lead.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Fill {
    /// What is stored and stale, if it may be used where making a newer one fails.
    pub fn stale(&self) -> Option<Stored> {
        self.stale.as_ref().map(|object| self.scope.stored(object))
    }

    /// Stores what was made, and answers all who wait with it.
    ///
    /// # Errors
    ///
    /// If it cannot be stored. Then the next of those who wait makes it.
    pub fn finish(
        self,
        response: http::Response<Bytes>,
        lifetime: &Lifetime,
    ) -> Result<(), NotPut> {
        let response_ms = self.scope.0.cache.runtime.now_ms();
        let times = Times { request_ms: self.begun_ms, response_ms };
        let object = self.scope.store(&self.asked, response, lifetime, times, self.epoch)?;
        if let Some(lead) = take(&self.lead) {
            lead.ends(|| Outcome::Object(Arc::clone(&object)));
        }
        Ok(())
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        drop(take(&self.lead));
    }
}
