//! Requests that a cache only looks after.

use super::asked::{Asked, within};
use super::fetch::Got;
use super::handler::Link;
use super::object::hash;
use crate::purge::Purge;
use crate::rules::{self, CacheStatus, Fetch, Fwd, Pass, Tag, TagKind, Target, Times, Unstorable};
use http::{HeaderMap, Method, StatusCode};
use sedge_model::failure::Failure;
use sedge_model::handler::{Body, Context, Request, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Link {
    /// Lets a request pass that is none of a cache's business.
    pub(super) async fn pass(
        &self,
        asked: Asked,
        body: Body,
        why: Pass,
        context: Context,
    ) -> Result<Response, Failure> {
        self.metrics.passed.fetch_add(1, Relaxed);
        let (mut head, _) = asked.into_outgoing();
        rules::prepare(&mut head.headers, Fetch::Pass, &self.policy);
        let mut response = self.next.call(Request::from_parts(head, body), context).await?;
        let fwd = match why {
            Pass::Method => Fwd::Method,
            Pass::Body | Pass::Precondition => Fwd::Bypass,
            Pass::NoStore => Fwd::Request,
        };
        let status = CacheStatus::forward(fwd).fwd_status(response.status());
        status.append_to(response.headers_mut(), &self.policy);
        Ok(response)
    }

    /// Lets a request pass that may change what is stored (RFC 9111 §4.4).
    pub(super) async fn change(
        self: &Arc<Self>,
        asked: Asked,
        body: Body,
        context: Context,
    ) -> Result<Response, Failure> {
        self.metrics.passed.fetch_add(1, Relaxed);
        let mut head = asked.outgoing();
        rules::prepare(&mut head.headers, Fetch::Pass, &self.policy);
        let request_ms = self.cache.runtime.now_ms();
        let response = self.next.call(Request::from_parts(head, body), context).await?;
        let times = Times { request_ms, response_ms: self.cache.runtime.now_ms() };
        self.invalidate(&asked, response.status(), response.headers());
        if asked.head.method == Method::POST {
            return Ok(self.store_for_get(asked, response, times));
        }
        Ok(self.passed(response))
    }

    fn passed(&self, mut response: Response) -> Response {
        let status = CacheStatus::forward(Fwd::Method).fwd_status(response.status());
        status.append_to(response.headers_mut(), &self.policy);
        response
    }

    /// The response to a POST may say that it answers a later GET (RFC 9110 §9.3.3).
    fn store_for_get(self: &Arc<Self>, asked: Asked, response: Response, times: Times) -> Response {
        let epoch = self.cache.epoch(&asked.primary);
        match self.new_response(&asked, response, times) {
            Got::New(new) => {
                let (code, asked) = (new.head.status, Arc::new(asked));
                let (arriving, reader, task) = self.begin_arriving(&asked, *new, None, epoch);
                self.cache.runtime.spawn(task);
                let mut response = Response::new(Body::new(reader));
                *response.status_mut() = code;
                *response.headers_mut() = arriving.head.headers.clone();
                let status = CacheStatus::forward(Fwd::Method).fwd_status(code).stored(true);
                status.append_to(response.headers_mut(), &self.policy);
                response
            }
            Got::Unstored { response, .. } => self.passed(response),
            Got::Freshened { .. } | Got::Failing(_) | Got::Failed(_) => Response::default(),
        }
    }

    fn invalidate(&self, asked: &Asked, status: StatusCode, headers: &HeaderMap) {
        let method = &asked.head.method;
        let invalid = rules::invalidated(method, &asked.target, status, headers, &self.policy);
        let groups = invalid.groups.into_iter().map(|name| Tag { kind: TagKind::Group, name });
        let mut groups: Vec<u64> = groups.map(|tag| hash(&tag, &asked.target)).collect();
        for target in &invalid.targets {
            for object in self.cache.invalidate(self.primary(target, asked.headers())) {
                // RFC 9875 §2.2: what shares a group with it goes with it.
                let tags = object.head.tags.iter().filter(|tag| tag.kind == TagKind::Group);
                groups.extend(tags.map(|tag| hash(tag, target)));
            }
            if !self.policy.key_fields.is_empty() {
                // There are others, for requests that say something else.
                self.cache.purge_url(target.url(), Purge::Hard);
            }
        }
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            self.cache.purge_hash(group, Purge::Hard);
        }
    }

    fn primary(&self, target: &Target, headers: &HeaderMap) -> crate::key::Key {
        within(&self.scope, &target.key(headers, &self.policy))
    }

    /// A response that is for one request only.
    pub(super) fn forward(
        &self,
        asked: &Asked,
        response: Response,
        times: Times,
        why: Unstorable,
        fwd: Fwd,
    ) -> Response {
        let ask = asked.ask(&self.policy);
        let (code, headers) = (response.status(), response.headers());
        let status = CacheStatus::forward(fwd).fwd_status(code).detail(why.detail());
        let mut response = match rules::answer_unstored(&ask, code, headers, times) {
            None => response,
            Some(answer) => {
                let mut shorter = Response::new(sedge_model::handler::empty());
                *shorter.status_mut() = answer.status;
                *shorter.headers_mut() = answer.headers;
                shorter
            }
        };
        status.append_to(response.headers_mut(), &self.policy);
        response
    }
}
