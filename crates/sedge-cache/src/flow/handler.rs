//! The way of a request through a cache.

use super::Cache;
use super::arriving::Arriving;
use super::asked::{Asked, is_secure};
use super::content::Content;
use super::fetch::{Plan, Question};
use super::flights::{Entered, Outcome};
use super::fly::Fetched;
use super::load::Held;
use super::metrics::CacheMetrics;
use super::object::Object;
use crate::key::Key;
use crate::purge::Purge;
use crate::rules::{
    self, Because, CacheStatus, Failed, Fwd, Lookup, Policy, Reuse, Stale, StoredHead, Verdict,
};
use crate::transfer::Reader;
use http::Method;
use http::header::RANGE;
use http_body::Body as _;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Answer, Context, Handler, Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How often a request looks anew, because what it waited for was not for it.
const TURNS_MAX: usize = 4;

/// What of a link is no matter of the RFCs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// How long a request waits for the head of what another fetches; 504 beyond, or
    /// what is stale.
    pub collapse_wait: Duration,
    /// How long requests do not wait for one another, once a response was for one of
    /// them only.
    pub uncollapsed: Duration,
}

impl Default for LinkSettings {
    fn default() -> Self {
        LinkSettings {
            collapse_wait: Duration::from_secs(30),
            uncollapsed: Duration::from_secs(30),
        }
    }
}

/// A cache before what stands behind it.
#[derive(Clone)]
pub struct CacheHandler(pub(super) Arc<Link>);

/// The parts of a [`CacheHandler`]; fetches outlive the request that began them.
pub(super) struct Link {
    pub(super) cache: Arc<Cache>,
    pub(super) scope: Key,
    pub(super) policy: Policy,
    pub(super) settings: LinkSettings,
    pub(super) metrics: Arc<CacheMetrics>,
    pub(super) next: Arc<dyn Handler>,
}

impl CacheHandler {
    /// `scope` sets what is stored apart from what is stored for others: handlers with
    /// the same scope answer from the same responses.
    pub fn new(
        cache: Arc<Cache>,
        scope: &str,
        policy: Policy,
        settings: LinkSettings,
        metrics: Arc<CacheMetrics>,
        next: Arc<dyn Handler>,
    ) -> Self {
        let scope = Key::of([scope.as_bytes()]);
        CacheHandler(Arc::new(Link { cache, scope, policy, settings, metrics, next }))
    }
}

impl Handler for CacheHandler {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(self.0.answer(request, context))
    }
}

/// What was decided about a request by what is stored.
enum Decision {
    Answer(Response),
    /// Something must be fetched; by one for all that enter with this key, if there is
    /// one.
    Fetch(Plan, Option<Key>, Fwd),
}

/// What became of a request that has waited for another's.
enum Followed {
    Answer(Response),
    /// It looks anew, and waits for those that say the same as it does.
    Refined(Key),
    /// It looks anew, and for itself.
    Apart,
}

impl Link {
    async fn answer(
        self: &Arc<Self>,
        request: Request,
        context: Context,
    ) -> Result<Response, Failure> {
        let (mut head, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let is_secure = is_secure(&mut head.headers, &context);
        let asked = Asked::new(head, has_body, is_secure, &self.scope, &self.policy);
        match asked.ask(&self.policy).lookup() {
            Lookup::Pass(why) => self.pass(asked, body, why, context).await,
            Lookup::Unsafe => self.change(asked, body, context).await,
            Lookup::Store => self.look_up(Arc::new(asked), context).await,
        }
    }

    async fn look_up(
        self: &Arc<Self>,
        asked: Arc<Asked>,
        context: Context,
    ) -> Result<Response, Failure> {
        let (mut goes_alone, mut refined) = (false, None);
        let wait_ms = u64::try_from(self.settings.collapse_wait.as_millis()).unwrap_or(u64::MAX);
        let deadline_ms = self.cache.runtime.now_ms().saturating_add(wait_ms);
        for _ in 0..TURNS_MAX {
            let (plan, key, fwd) = match self.decide(&asked, &context).await {
                Decision::Answer(response) => return Ok(response),
                Decision::Fetch(plan, key, fwd) => (plan, key, fwd),
            };
            let key = refined.filter(|_| key.is_some()).or(key).filter(|_| !goes_alone);
            let Some(key) = key else { return self.alone(&asked, plan, fwd, context).await };
            let epoch = self.cache.epoch(&asked.primary);
            let outcome = match self.cache.flights.enter(key, epoch) {
                Entered::Lead(lead) => {
                    // It may have been stored between the look and now.
                    if self.is_new(&asked, &plan) {
                        continue;
                    }
                    return self.lead(&asked, plan, fwd, (lead, key), context).await;
                }
                Entered::Apart => return self.alone(&asked, plan, fwd, context).await,
                Entered::Arriving(arriving, reader) => Outcome::Arriving(arriving, reader),
                Entered::Follow(told) => {
                    let left = self.left(deadline_ms);
                    match self.cache.runtime.within(left, told).await {
                        Some(Ok(outcome)) => outcome,
                        // Who fetched has ended without a word.
                        Some(Err(_)) if !self.left(deadline_ms).is_zero() => continue,
                        Some(Err(_)) | None => return self.waited_too_long(&asked, &plan),
                    }
                }
            };
            match self.follow(&asked, &plan, outcome)? {
                Followed::Answer(response) => return Ok(response),
                Followed::Refined(key) if refined.is_none() => refined = Some(key),
                Followed::Refined(_) | Followed::Apart => goes_alone = true,
            }
        }
        let plan = Plan { question: Question::Miss, stale: None };
        self.alone(&asked, plan, Fwd::Miss, context).await
    }

    /// What is stored decides.
    async fn decide(self: &Arc<Self>, asked: &Arc<Asked>, context: &Context) -> Decision {
        let ask = asked.ask(&self.policy);
        let is_get = asked.head.method == Method::GET;
        // An answer to HEAD, and one to somebody in particular, are seldom what others
        // wait for.
        let is_shared = is_get && !ask.authorization;
        let miss = |key: Option<Key>, fwd| {
            if ask.only_if_cached() {
                self.metrics.refused.fetch_add(1, Relaxed);
                return Decision::Answer(self.gateway_timeout());
            }
            let plan = Plan { question: Question::Miss, stale: None };
            Decision::Fetch(plan, key, fwd)
        };
        let epoch = self.cache.epoch(&asked.primary);
        let joined = |key: Key| match ask.headers.get(RANGE).filter(|_| ask.range) {
            // A request for a part, or of somebody in particular, reads along where all
            // of it arrives. Those for the same part wait for one another.
            _ if is_get && self.cache.flights.is_arriving(&key, epoch) => Some(key),
            None => is_shared.then_some(key),
            Some(range) => {
                let key = Key::of([&key.0[..], range.as_bytes()]);
                let is_alone = self.cache.is_uncollapsed(&key, self.cache.runtime.now_ms());
                (is_shared && !is_alone).then_some(key)
            }
        };
        match self.held(asked).await {
            Held::Nothing => miss(joined(asked.primary), Fwd::UriMiss),
            Held::Variant(key, variants) => match miss(joined(key), Fwd::VaryMiss) {
                Decision::Fetch(plan, key, fwd) if is_shared && !ask.range => {
                    let question = Question::Variants(variants);
                    Decision::Fetch(Plan { question, ..plan }, key, fwd)
                }
                decision => decision,
            },
            Held::Uncollapsed => miss(None, Fwd::UriMiss),
            Held::Object(key, object) => self.weigh(asked, key, object, is_shared, context),
            Held::Arriving(key, arriving, reader) => {
                let verdict = self.verdict(asked, &arriving.head, arriving.transfer.length());
                if matches!(verdict.reuse, Reuse::Fresh) {
                    let content = Content::Arriving(arriving.transfer.clone(), Some(reader));
                    let status = CacheStatus::hit(verdict.ttl_s);
                    if let Some(response) =
                        self.respond(asked, &arriving.head, content, &status, false)
                    {
                        self.metrics.hits.fetch_add(1, Relaxed);
                        return Decision::Answer(response);
                    }
                    return miss(joined(asked.primary), Fwd::Miss);
                }
                match self.collect(&arriving, reader).await {
                    Some(object) => self.weigh(asked, key, object, is_shared, context),
                    None => miss(joined(asked.primary), Fwd::Miss),
                }
            }
        }
    }

    /// The same response, stale from now on.
    pub(super) fn expired(&self, asked: &Asked, object: &Object) -> Arc<Object> {
        let mut head = StoredHead::clone(&object.head);
        head.expire(self.cache.runtime.now_ms());
        object.freshened(head, &asked.target, &self.scope)
    }

    pub(super) fn verdict(&self, asked: &Asked, head: &StoredHead, length: Option<u64>) -> Verdict {
        let now_ms = self.cache.runtime.now_ms();
        rules::reuse(&asked.ask(&self.policy), head, length, now_ms, &self.policy)
    }

    /// What a stored response is good for.
    fn weigh(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        key: Key,
        object: Arc<Object>,
        is_shared: bool,
        context: &Context,
    ) -> Decision {
        let object = match self.cache.purged(&object) {
            Some(Purge::Soft) => self.expired(asked, &object),
            Some(Purge::Hard) | None => object,
        };
        let verdict = self.verdict(asked, &object.head, Some(object.body_bytes));
        let hit = CacheStatus::hit(verdict.ttl_s);
        let (question, key, fwd) = match verdict.reuse {
            Reuse::GatewayTimeout => {
                self.metrics.refused.fetch_add(1, Relaxed);
                return Decision::Answer(self.gateway_timeout());
            }
            Reuse::Fresh => match self.serve(asked, &object, &hit, &self.metrics.hits) {
                Some(response) => return Decision::Answer(response),
                None => (Question::Miss, None, Fwd::Miss),
            },
            Reuse::Stale(why) => {
                if why == Stale::WhileRevalidate {
                    self.validate_behind(asked, key, &object, context);
                }
                match self.serve(asked, &object, &hit, &self.metrics.stale) {
                    Some(response) => return Decision::Answer(response),
                    None => (Question::Miss, None, Fwd::Miss),
                }
            }
            Reuse::Validate(because) => {
                let fwd = reason(because);
                let key_shared = because.is_expired().then_some(key);
                (Question::Validate(key, Arc::clone(&object)), key_shared, fwd)
            }
            Reuse::Complete(completion) => {
                (Question::Complete(Arc::clone(&object), completion), None, Fwd::Partial)
            }
            Reuse::Forward(because) => {
                (Question::Miss, because.is_expired().then_some(key), reason(because))
            }
        };
        // A validation is of all that is stored; a fetch of what a request wants.
        let is_for_all =
            !asked.ask(&self.policy).range || matches!(question, Question::Validate(..));
        let key_shared = key.filter(|_| is_shared && is_for_all);
        let stale = Some((object_key(&question).unwrap_or(asked.primary), object));
        Decision::Fetch(Plan { question, stale }, key_shared, fwd)
    }

    fn serve(
        &self,
        asked: &Asked,
        object: &Object,
        status: &CacheStatus<'_>,
        counter: &AtomicU64,
    ) -> Option<Response> {
        let content = Content::Stored(Arc::clone(&object.body), object.body_bytes);
        let response = self.respond(asked, &object.head, content, status, false)?;
        counter.fetch_add(1, Relaxed);
        Some(response)
    }

    /// Whether what this plan is for lies in memory meanwhile, or has become newer.
    fn is_new(&self, asked: &Asked, plan: &Plan) -> bool {
        match (self.cache.peek(asked.primary, asked.headers(), &self.policy), &plan.stale) {
            (Some(object), Some((_, stale))) => object.head.times != stale.head.times,
            (found, None) => found.is_some(),
            (None, Some(_)) => false,
        }
    }

    /// The answer of a request that has waited for another's.
    fn follow(&self, asked: &Asked, plan: &Plan, outcome: Outcome) -> Result<Followed, Failure> {
        match outcome {
            // What is purged since is for those who asked before.
            Outcome::Arriving(arriving, _)
                if self.cache.is_gone(&arriving.head, &arriving.marks) =>
            {
                Ok(Followed::Apart)
            }
            Outcome::Arriving(arriving, reader) => Ok(self.read_along(asked, &arriving, reader)),
            Outcome::Object(object) if self.cache.is_gone(&object.head, &object.marks) => {
                Ok(Followed::Apart)
            }
            Outcome::Object(object) => {
                let content = Content::Stored(Arc::clone(&object.body), object.body_bytes);
                Ok(self.share(asked, &object.head, content))
            }
            Outcome::Apart(status) if status.is_server_error() => {
                let stale = self.stale(asked, plan, Failed::Status(status));
                Ok(stale.map_or(Followed::Apart, Followed::Answer))
            }
            Outcome::Apart(_) => Ok(Followed::Apart),
            Outcome::Failed(failure) => match self.stale(asked, plan, Failed::Disconnected) {
                Some(response) => Ok(Followed::Answer(response)),
                None => {
                    self.metrics.failed.fetch_add(1, Relaxed);
                    Err(failure)
                }
            },
        }
    }

    fn read_along(&self, asked: &Asked, arriving: &Arc<Arriving>, reader: Reader) -> Followed {
        let content = Content::Arriving(arriving.transfer.clone(), Some(reader));
        self.share(asked, &arriving.head, content)
    }

    /// Answers with what another has fetched, if it may.
    fn share(&self, asked: &Asked, head: &StoredHead, content: Content) -> Followed {
        if !head.matches(asked.headers(), &self.policy) {
            let key = head.variant_key(asked.primary, asked.headers(), &self.policy);
            return Followed::Refined(key);
        }
        let verdict = self.verdict(asked, head, content.length());
        if !matches!(verdict.reuse, Reuse::Fresh | Reuse::Stale(_)) {
            return Followed::Apart;
        }
        let status = CacheStatus::forward(Fwd::UriMiss).collapsed();
        match self.respond(asked, head, content, &status, true) {
            Some(response) => {
                self.metrics.collapsed.fetch_add(1, Relaxed);
                Followed::Answer(response)
            }
            None => Followed::Apart,
        }
    }

    /// What may be served of what is stale, because something failed.
    pub(super) fn stale(&self, asked: &Asked, plan: &Plan, failed: Failed) -> Option<Response> {
        let (_, object) = plan.stale.as_ref()?;
        if !self.may_serve_stale(asked, object, failed) {
            return None;
        }
        let verdict = self.verdict(asked, &object.head, Some(object.body_bytes));
        let mut status = CacheStatus::hit(verdict.ttl_s).detail("stale-if-error");
        if let Failed::Status(code) = failed {
            status = status.fwd_status(code);
        }
        self.serve(asked, object, &status, &self.metrics.stale)
    }

    /// How long a request may still wait for others'. A clock that is set back gives it
    /// no more than all of it.
    fn left(&self, deadline_ms: u64) -> Duration {
        let left = deadline_ms.saturating_sub(self.cache.runtime.now_ms());
        Duration::from_millis(left).min(self.settings.collapse_wait)
    }

    fn waited_too_long(&self, asked: &Asked, plan: &Plan) -> Result<Response, Failure> {
        self.metrics.timed_out.fetch_add(1, Relaxed);
        let failure = || Failure::new(Kind::UpstreamTimeout, "waited for another's fetch");
        self.stale(asked, plan, Failed::Disconnected).ok_or_else(failure)
    }

    /// The answer of a request that has fetched itself.
    pub(super) fn finish(
        &self,
        asked: &Asked,
        plan: &Plan,
        fwd: Fwd,
        fetched: Fetched,
    ) -> Result<Response, Failure> {
        let gone = || Failure::new(Kind::Internal, "what was fetched cannot be read");
        match fetched {
            Fetched::Arriving(arriving, reader, code) => {
                self.metrics.misses.fetch_add(1, Relaxed);
                let content = Content::Arriving(arriving.transfer.clone(), Some(reader));
                let status = CacheStatus::forward(fwd).fwd_status(code).stored(true);
                self.respond(asked, &arriving.head, content, &status, false).ok_or_else(gone)
            }
            Fetched::Object(object) => {
                let status = CacheStatus::forward(fwd).fwd_status(http::StatusCode::NOT_MODIFIED);
                self.serve(asked, &object, &status, &self.metrics.revalidated).ok_or_else(gone)
            }
            Fetched::Response(response, times, why) => {
                self.metrics.misses.fetch_add(1, Relaxed);
                Ok(self.forward(asked, response, times, why, fwd))
            }
            Fetched::Failing(status) => {
                self.stale(asked, plan, Failed::Status(status)).ok_or_else(gone)
            }
            Fetched::Failed(failure) => {
                self.stale(asked, plan, Failed::Disconnected).ok_or_else(|| {
                    self.metrics.failed.fetch_add(1, Relaxed);
                    failure
                })
            }
        }
    }
}

fn object_key(question: &Question) -> Option<Key> {
    match question {
        Question::Validate(key, _) => Some(*key),
        Question::Miss | Question::Complete(..) | Question::Variants(_) => None,
    }
}

fn reason(because: Because) -> Fwd {
    match because {
        Because::Stale | Because::NoCache => Fwd::Stale,
        Because::Request => Fwd::Request,
        Because::Partial => Fwd::Partial,
    }
}
