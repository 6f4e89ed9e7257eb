//! Fetches: for one request, for all that wait, or for nobody.

use super::arriving::{Arriving, Source};
use super::asked::Asked;
use super::fetch::{Got, New, Plan, Question, Then};
use super::flights::{Lead, Outcome};
use super::handler::Link;
use super::object::{Marks, Object};
use super::runtime::Task;
use crate::key::Key;
use crate::rules::{Fwd, Times, Unstorable};
use crate::transfer::{NotKept, Reader, Writer};
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use http::{Method, StatusCode};
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Context, Response};
use sedge_model::trace::TraceContext;
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// How long requests do not wait for one another after a failure of the server.
const UNCOLLAPSED_AFTER_ERROR_MS: u64 = 1_000;

/// What a fetch came to, for who began it.
pub(super) enum Fetched {
    /// A response that is stored while it arrives, and the status that it came with.
    Arriving(Arc<Arriving>, Reader, StatusCode),
    /// What was stored still holds.
    Object(Arc<Object>),
    /// A response for this request only.
    Response(Response, Times, Unstorable),
    /// What is stale may be served instead of this status.
    Failing(StatusCode),
    Failed(Failure),
}

/// A fetch that others may wait for, and its key.
pub(super) type Leading = (Lead, Key);

impl Link {
    /// Fetches for all that wait, in a task that outlives this request.
    pub(super) async fn lead(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        plan: Plan,
        fwd: Fwd,
        lead: Leading,
        context: Context,
    ) -> Result<Response, Failure> {
        let (tell, told) = oneshot::channel();
        let plan = Arc::new(plan);
        let (link, task_asked, task_plan) =
            (Arc::clone(self), Arc::clone(asked), Arc::clone(&plan));
        self.cache.runtime.spawn(async move {
            let fetch = pin!(link.fetch(&task_asked, &task_plan, context));
            let epoch = link.cache.epoch(&task_asked.primary);
            let (mut lead, mut tell) = (Some(lead), tell);
            let Some(got) = link.patiently(fetch, &mut lead, tell.cancellation()).await else {
                return;
            };
            let (fetched, rest) = link.fly(&task_asked, &task_plan, got, lead, epoch);
            drop(tell.send(fetched));
            if let Some(rest) = rest {
                rest.await;
            }
        });
        match told.await {
            Ok(fetched) => self.finish(asked, &plan, fwd, fetched),
            Err(_) => Err(Failure::new(Kind::Internal, "a fetch was given up")),
        }
    }

    /// Fetches for one request; if its client leaves, that is the end, unless the
    /// response has begun to be stored.
    pub(super) async fn alone(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        plan: Plan,
        fwd: Fwd,
        context: Context,
    ) -> Result<Response, Failure> {
        let epoch = self.cache.epoch(&asked.primary);
        let got = self.fetch(asked, &plan, context).await;
        let (fetched, rest) = self.fly(asked, &plan, got, None, epoch);
        if let Some(rest) = rest {
            self.cache.runtime.spawn(rest);
        }
        self.finish(asked, &plan, fwd, fetched)
    }

    /// Validates a stored response that was served stale, unless somebody does.
    pub(super) fn validate_behind(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        key: Key,
        object: &Arc<Object>,
        context: &Context,
    ) {
        let Some(lead) = self.cache.flights.lead(key, self.cache.epoch(&asked.primary)) else {
            return;
        };
        self.metrics.background.fetch_add(1, Relaxed);
        let context = Context {
            client: context.client,
            forwarding: context.forwarding,
            ..Context::new(context.peer, context.tls, TraceContext::begin())
        };
        let (link, asked) = (Arc::clone(self), Arc::clone(asked));
        let question = Question::Validate(key, Arc::clone(object));
        let plan = Plan { question, stale: Some((key, Arc::clone(object))) };
        self.cache.runtime.spawn(async move {
            let fetch = pin!(link.fetch(&asked, &plan, context));
            let epoch = link.cache.epoch(&asked.primary);
            let mut lead = Some((lead, key));
            let Some(got) = link.patiently(fetch, &mut lead, ready(())).await else { return };
            let (fetched, rest) = link.fly(&asked, &plan, got, lead, epoch);
            // Nobody reads it: it is for the store.
            drop(fetched);
            if let Some(rest) = rest {
                rest.await;
            }
        });
    }

    /// Waits for a fetch. After the time that requests wait for one another's, nobody
    /// waits for it but the client that began it, and when that is `gone`, nobody does:
    /// then `None`.
    async fn patiently(
        &self,
        fetch: Pin<&mut impl Future<Output = Got>>,
        lead: &mut Option<Leading>,
        gone: impl Future<Output = ()>,
    ) -> Option<Got> {
        let patience = (self.cache.runtime.sleep)(self.settings.collapse_wait);
        let fetch = match select(fetch, patience).await {
            Either::Left((got, _)) => return Some(got),
            Either::Right(((), fetch)) => fetch,
        };
        // The next request tries anew.
        *lead = None;
        match select(fetch, pin!(gone)).await {
            Either::Left((got, _)) => Some(got),
            Either::Right(_) => None,
        }
    }

    /// Tells who waits what was fetched. What is left to do is to store what arrives.
    fn fly(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        plan: &Plan,
        got: Got,
        lead: Option<Leading>,
        epoch: u64,
    ) -> (Fetched, Option<Task>) {
        match got {
            Got::New(new) => {
                let code = new.code;
                let (arriving, reader, rest) = self.begin_arriving(asked, *new, lead, epoch);
                (Fetched::Arriving(arriving, reader, code), Some(rest))
            }
            Got::Freshened { key, object, then } => {
                let outcome = || match then {
                    Then::Store => Outcome::Object(Arc::clone(&object)),
                    Then::Leave | Then::Remove => Outcome::Apart(StatusCode::NOT_MODIFIED),
                };
                match then {
                    Then::Store => {
                        self.cache.freshen(asked.primary, key, Arc::clone(&object), epoch);
                    }
                    Then::Leave => {}
                    Then::Remove => drop(self.cache.forget(&key)),
                }
                end(lead, outcome);
                (Fetched::Object(object), None)
            }
            Got::Unstored { response, times, why } => {
                self.note_unstored(asked, plan, &response, why, lead.as_ref());
                let status = response.status();
                end(lead, || Outcome::Apart(status));
                (Fetched::Response(response, times, why), None)
            }
            Got::Failing(status) => {
                end(lead, || Outcome::Apart(status));
                (Fetched::Failing(status), None)
            }
            Got::Failed(failure) => {
                end(lead, || Outcome::Failed(failure.clone()));
                (Fetched::Failed(failure), None)
            }
        }
    }

    /// Who comes next should not wait for what is not for him.
    fn note_unstored(
        &self,
        asked: &Asked,
        plan: &Plan,
        response: &Response,
        why: Unstorable,
        lead: Option<&Leading>,
    ) {
        if asked.head.method != Method::GET {
            return;
        }
        self.metrics.count_not_stored(why.detail());
        let is_error = response.status().is_server_error();
        let Some((_, key)) = lead.filter(|_| why.is_of_response()) else { return };
        if is_error && plan.stale.is_some() {
            return;
        }
        let usual = u64::try_from(self.settings.uncollapsed.as_millis()).unwrap_or(u64::MAX);
        let time = if is_error { usual.min(UNCOLLAPSED_AFTER_ERROR_MS) } else { usual };
        self.cache.uncollapse(*key, self.cache.runtime.now_ms().saturating_add(time));
    }

    /// Begins to take in a response. The task that is given takes in the rest.
    pub(super) fn begin_arriving(
        self: &Arc<Self>,
        asked: &Arc<Asked>,
        new: New,
        lead: Option<Leading>,
        epoch: u64,
    ) -> (Arc<Arriving>, Reader, Task) {
        let New { head, source, announced, .. } = new;
        let (writer, transfer, reader) =
            self.cache.begin_transfer(announced, self.policy.object_bytes_max);
        let marks = Marks::new(&asked.target, &head, &self.scope);
        let arriving = Arc::new(Arriving { head: Arc::new(head), marks, transfer });
        if let Some((lead, _)) = &lead {
            lead.arrives(&arriving);
        }
        let link = Arc::clone(self);
        let (primary, task_arriving) = (asked.primary, Arc::clone(&arriving));
        let rest = Box::pin(async move {
            link.take_in(primary, &task_arriving, writer, source, lead.as_ref(), epoch).await;
            // First it is stored, then nobody joins any more.
            drop(lead);
            task_arriving.transfer.close();
        });
        (arriving, reader, rest)
    }

    async fn take_in(
        &self,
        primary: Key,
        arriving: &Arriving,
        writer: Writer,
        source: Source,
        lead: Option<&Leading>,
        epoch: u64,
    ) {
        let alone = || (self.cache.runtime.sleep)(self.settings.collapse_wait);
        let drained = source.drain(writer, &self.metrics.bytes_fetched, alone).await;
        let reason = match drained {
            Ok(whole) => match arriving.as_object(whole, &self.cache).map(Arc::new) {
                Ok(object) => {
                    if self.cache.store(primary, object, epoch, &self.policy) {
                        self.metrics.stored.fetch_add(1, Relaxed);
                        return;
                    }
                    "not_admitted"
                }
                Err(why) => {
                    if let (NotKept::TooLarge, Some((_, key))) = (why, lead) {
                        let time = self.settings.uncollapsed.as_millis();
                        let time = u64::try_from(time).unwrap_or(u64::MAX);
                        let until_ms = self.cache.runtime.now_ms().saturating_add(time);
                        self.cache.uncollapse(*key, until_ms);
                    }
                    why.reason()
                }
            },
            Err(Some(_)) => "broken",
            Err(None) => "abandoned",
        };
        self.metrics.count_not_stored(reason);
    }
}

fn end(lead: Option<Leading>, outcome: impl Fn() -> Outcome) {
    if let Some((lead, _)) = lead {
        lead.ends(outcome);
    }
}
