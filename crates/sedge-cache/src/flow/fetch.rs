//! One question to what stands behind, and what its answer is to the store.

use super::arriving::Source;
use super::asked::Asked;
use super::handler::Link;
use super::object::Object;
use crate::key::Key;
use crate::rules::{
    self, Combined, Completion, Failed, Fetch, HeadUpdate, StoredHead, Times, Unstorable,
    Validated, Variants,
};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, ETAG, RANGE};
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use sedge_model::failure::{Failure, Kind};
use sedge_model::handler::{Body, Context, Request, Response, empty};
use std::sync::Arc;

/// What is asked for.
pub(super) struct Plan {
    pub(super) question: Question,
    /// What may be served if the answer is a failure.
    pub(super) stale: Option<(Key, Arc<Object>)>,
}

pub(super) enum Question {
    /// A response.
    Miss,
    /// Whether what is stored still holds.
    Validate(Key, Arc<Object>),
    /// The part that is not stored.
    Complete(Arc<Object>, Completion),
    /// A response, or which of these is the one: they answer other requests.
    Variants(Arc<Variants>),
}

/// What an answer is to the store.
pub(super) enum Got {
    /// It is going to be stored.
    New(Box<New>),
    /// What is stored still holds, with this head.
    Freshened { key: Key, object: Arc<Object>, then: Then },
    /// It is for who asked only.
    Unstored { response: Response, times: Times, why: Unstorable },
    /// What is stored may be served although the answer is this.
    Failing(StatusCode),
    /// There is none.
    Failed(Failure),
}

/// What becomes of a stored response that still holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is stored with its new head.
    Store,
    /// That head is for who asked only.
    Leave,
    /// The same, and what is stored has to go.
    Remove,
}

/// A response that is going to be stored.
pub(super) struct New {
    pub(super) head: StoredHead,
    /// The status that it came with; that of what is stored may be another.
    pub(super) code: StatusCode,
    pub(super) source: Source,
    /// How long it is going to be.
    pub(super) announced: Option<u64>,
}

impl Link {
    /// Asks, once more where the answer is for something else than what is stored.
    pub(super) async fn fetch(&self, asked: &Asked, plan: &Plan, context: Context) -> Got {
        let again = context.clone();
        match self.fetch_once(asked, plan, &plan.question, context).await {
            Some(got) => got,
            None => {
                let got = self.fetch_once(asked, plan, &Question::Miss, again).await;
                // A response to a plain question is never for something else.
                let failure =
                    || Failure::new(Kind::UpstreamProtocol, "a 304 to an unconditional request");
                got.unwrap_or_else(|| Got::Failed(failure()))
            }
        }
    }

    /// `None`: the answer is for something else.
    async fn fetch_once(
        &self,
        asked: &Asked,
        plan: &Plan,
        question: &Question,
        context: Context,
    ) -> Option<Got> {
        let mut head = asked.outgoing();
        let etags = match question {
            Question::Variants(variants) => variants.etags(),
            _ => Vec::new(),
        };
        let fetch = match question {
            Question::Miss => {
                if matches!(plan.question, Question::Complete(..)) {
                    // Parts that fit nothing are asked for as a whole.
                    head.headers.remove(RANGE);
                }
                Fetch::Miss
            }
            Question::Validate(_, object) => Fetch::Validate(&object.head),
            Question::Complete(_, completion) => Fetch::Complete(completion),
            Question::Variants(_) => Fetch::Variants(&etags),
        };
        rules::prepare(&mut head.headers, fetch, &self.policy);
        let request_ms = self.cache.runtime.now_ms();
        let answered = self.next.call(Request::from_parts(head, empty()), context).await;
        let response = match answered {
            Ok(response) => response,
            Err(failure) => return Some(Got::Failed(failure)),
        };
        let times = Times { request_ms, response_ms: self.cache.runtime.now_ms() };
        if self.is_failing(asked, plan, response.status()) {
            return Some(Got::Failing(response.status()));
        }
        match question {
            Question::Miss => Some(self.new_response(asked, response, times)),
            Question::Validate(key, object) => self.validate(asked, *key, object, response, times),
            Question::Complete(object, completion) => {
                self.complete(asked, object, completion, response, times)
            }
            Question::Variants(variants) if response.status() == StatusCode::NOT_MODIFIED => {
                let etag = response.headers().get(ETAG)?;
                let key = variants.with_etag(etag)?;
                let object = self.cache.object(&key)?;
                self.validate(asked, key, &object, response, times)
            }
            Question::Variants(_) => Some(self.new_response(asked, response, times)),
        }
    }

    fn is_failing(&self, asked: &Asked, plan: &Plan, status: StatusCode) -> bool {
        let Some((_, stale)) = plan.stale.as_ref().filter(|_| status.is_server_error()) else {
            return false;
        };
        self.may_serve_stale(asked, stale, Failed::Status(status))
    }

    /// Whether a stale response may be served instead of a failure.
    pub(super) fn may_serve_stale(&self, asked: &Asked, stale: &Object, failed: Failed) -> bool {
        let now_ms = self.cache.runtime.now_ms();
        rules::on_error(&asked.ask(&self.policy), &stale.head, failed, now_ms, &self.policy)
    }

    /// What a response is that has nothing to do with what is stored.
    pub(super) fn new_response(&self, asked: &Asked, response: Response, times: Times) -> Got {
        let ask = asked.ask(&self.policy);
        let (status, headers) = (response.status(), response.headers());
        match rules::storable(&ask, &asked.target, status, headers, times, &self.policy) {
            Err(why) => Got::Unstored { response, times, why },
            Ok(head) => {
                let announced = announced(&response);
                let source = Source::whole(response.into_body());
                Got::New(Box::new(New { head, code: status, source, announced }))
            }
        }
    }

    fn validate(
        &self,
        asked: &Asked,
        key: Key,
        object: &Arc<Object>,
        response: Response,
        times: Times,
    ) -> Option<Got> {
        let ask = asked.ask(&self.policy);
        let (status, headers) = (response.status(), response.headers());
        let stored = &object.head;
        let answered = (status, headers);
        match rules::validated(&ask, &asked.target, stored, answered, times, &self.policy) {
            Validated::Freshened(head) => {
                let object = object.freshened(*head, &asked.target, &self.scope);
                Some(Got::Freshened { key, object, then: Then::Store })
            }
            Validated::FreshenedOnce { head, remove } => {
                let object = object.freshened(*head, &asked.target, &self.scope);
                let then = if remove { Then::Remove } else { Then::Leave };
                Some(Got::Freshened { key, object, then })
            }
            Validated::Mismatch => None,
            Validated::Failed | Validated::Replaced => {
                self.note_head(asked, key, object, status, response.headers(), times);
                Some(self.new_response(asked, response, times))
            }
        }
    }

    /// An answer to HEAD tells whether what is stored still holds (RFC 9111 §4.3.5).
    fn note_head(
        &self,
        asked: &Asked,
        key: Key,
        object: &Object,
        status: StatusCode,
        headers: &HeaderMap,
        times: Times,
    ) {
        if asked.head.method != Method::HEAD || status != StatusCode::OK {
            return;
        }
        let (ask, target, stored) = (asked.ask(&self.policy), &asked.target, &object.head);
        let head = match rules::head_freshens(&ask, target, stored, headers, times, &self.policy) {
            HeadUpdate::Freshened(head) => *head,
            HeadUpdate::Stale => {
                let mut head = StoredHead::clone(stored);
                head.expire(times.response_ms);
                head
            }
        };
        let epoch = self.cache.epoch(&asked.primary);
        self.cache.freshen(asked.primary, key, object.freshened(head, target, &self.scope), epoch);
    }

    fn complete(
        &self,
        asked: &Asked,
        object: &Arc<Object>,
        completion: &Completion,
        response: Response,
        times: Times,
    ) -> Option<Got> {
        let answered = (response.status(), response.headers());
        let (ask, stored) = (asked.ask(&self.policy), &object.head);
        match rules::combine(&ask, stored, completion, answered, times, &self.policy) {
            Combined::Joined { head, insert_at, skip, take } => {
                let announced = Some(object.body_bytes.saturating_add(take));
                let (before, after) = split(&object.body, insert_at);
                let (code, body) = (response.status(), response.into_body());
                let source = Source { before, body, after, skip, take: Some(take) };
                Some(Got::New(Box::new(New { head: *head, code, source, announced })))
            }
            Combined::Replaced => Some(self.new_response(asked, response, times)),
            Combined::Mismatch => None,
        }
    }
}

/// Chunks before and behind a position.
fn split(chunks: &[Bytes], at: u64) -> (Vec<Bytes>, Vec<Bytes>) {
    let (mut before, mut after, mut left) = (Vec::new(), Vec::new(), at);
    for chunk in chunks {
        let mut rest = chunk.clone();
        // At most the chunk's length, which is a `usize`.
        let taken = left.min(chunk.len() as u64) as usize;
        left -= taken as u64;
        before.push(rest.split_to(taken));
        after.push(rest);
    }
    (before, after)
}

/// How many bytes of content a response is going to have, as far as it says.
fn announced(response: &http::Response<Body>) -> Option<u64> {
    let said = response.headers().get(CONTENT_LENGTH).map(|value| value.as_bytes());
    let digits = said.filter(|text| !text.is_empty() && text.iter().all(u8::is_ascii_digit));
    let said = digits.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    // A body that knows better is not believed more: what differs must fail.
    said.or_else(|| response.body().size_hint().exact())
}
