//! What becomes of a request that a rule has taken.
//!
//! In this order: what the rule's policy lets in, and its faults; a preflight's
//! answer; the rule's changes of the request's head and its rewrite; a way by
//! weight and that way's changes; copies to the mirrors; the way itself, within the
//! policy's clocks and tries; the way's changes of the answer, then the rule's, then
//! the permission for other origins. Failures are changed like answers.

pub(crate) mod changes;
mod cors;
mod mirror;
mod redirect;
mod rewrite;
mod ways;

use super::forwarded;
use super::metrics::RouteMetrics;
use super::policy::Guard;
use super::upgrade;
use http::Response;
use http::request::Parts;
use http_body::Body as _;
use mirror::Mirrors;
use sedge_model::failure::Failure;
use sedge_model::handler::{self, Answer, Body, Context, Forwarding, Handler, Request};
use sedge_model::routing::rule::{Action, Destination, FixedAnswer, PathMatch, PathRewrite, Rule};
use std::sync::Arc;
use ways::Ways;

/// In the extensions of a request whose path a rule has rewritten: what a client
/// knows of it. Without this, the path is as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SentPath {
    /// This one, of which the end is still the same.
    Same(String),
    /// One that has nothing to do with it.
    Other,
}

impl SentPath {
    fn of(rewrite: &PathRewrite, sent: &str) -> Self {
        match rewrite {
            PathRewrite::Prefix(_) | PathRewrite::Pattern { .. } => SentPath::Same(sent.to_owned()),
            PathRewrite::Full(_) | PathRewrite::Template(_) => SentPath::Other,
        }
    }
}

/// What every match of a rule shares.
pub struct RuleParts {
    rule: Rule,
    /// Whether one of its ways may end in a folder of files.
    ends_in_files: bool,
    /// `None` without a policy.
    guard: Option<Arc<Guard>>,
    ways: Ways,
    mirrors: Mirrors,
}

impl RuleParts {
    /// `guard`: the rule's policy at work, which may outlive this. `ways`: what the
    /// destinations of [`Action::Forward`] stand for, in their order; empty for the
    /// other actions. `mirrors`: the same for [`Rule::mirrors`].
    pub fn new(
        rule: Rule,
        guard: Option<Arc<Guard>>,
        ways: Vec<Arc<dyn Handler>>,
        mirrors: Vec<Arc<dyn Handler>>,
    ) -> Arc<Self> {
        let weighted: &[_] = match &rule.action {
            Action::Forward(weighted) => weighted,
            Action::Redirect(_) | Action::Answer(_) => &[],
        };
        let ends_in_files = weighted
            .iter()
            .any(|way| matches!(way.to, Destination::Files(_) | Destination::Chain(_)));
        let ways = Ways::new(weighted, ways);
        let mirrors = Mirrors::new(&rule.mirrors, mirrors);
        Arc::new(RuleParts { rule, guard, ends_in_files, ways, mirrors })
    }

    /// Whether a connection may become another protocol's: some way leads to an
    /// upstream, and the rule allows a protocol.
    pub fn may_upgrade(&self) -> bool {
        !self.rule.upgrades.0.is_empty() && self.ways.iter().any(|way| way.may_upgrade)
    }

    /// Counts copies along with what is counted of the rule's requests, over all
    /// revisions. Called before the first request.
    pub fn count_copies_in(&self, metrics: &RouteMetrics) {
        self.mirrors.count_in(metrics.copies());
    }
}

/// A rule, for requests that fit one of its matches.
pub struct RuleHandler {
    parts: Arc<RuleParts>,
    /// What the path has fitted.
    fitted: PathMatch,
}

impl RuleHandler {
    /// `matched`: the index of the match; whatever, if the rule has none.
    pub fn new(parts: Arc<RuleParts>, matched: usize) -> Self {
        let fitted = parts.rule.matches.get(matched).map(|one| one.path.clone());
        RuleHandler { parts, fitted: fitted.unwrap_or_default() }
    }

    /// Within what the policy lets in.
    async fn answer(&self, request: Request, context: Context) -> Result<Response<Body>, Failure> {
        let Some(guard) = &self.parts.guard else { return self.asked(request, context).await };
        let slot = guard.enter(&request, &context)?;
        if let Some(aborted) = guard.inject(&context).await {
            return self.in_place_of_a_way(aborted);
        }
        let response = self.asked(request, context).await?;
        Ok(Guard::held(response, slot))
    }

    /// An abort stands in the place of a destination's answer, and is changed like
    /// one; Envoy changes no other.
    fn in_place_of_a_way(&self, mut aborted: Response<Body>) -> Result<Response<Body>, Failure> {
        if !matches!(self.parts.rule.action, Action::Forward(_)) {
            return Ok(aborted);
        }
        changes::apply(&self.parts.ways.pick()?.response, aborted.headers_mut());
        Ok(self.changed(aborted))
    }

    /// With what is said to browsers.
    async fn asked(&self, request: Request, context: Context) -> Result<Response<Body>, Failure> {
        let Some(cors) = &self.parts.rule.cors else { return self.act(request, context).await };
        match cors::ask(cors, request.method(), request.headers()) {
            cors::Asked::Preflight(response) => Ok(response),
            cors::Asked::Other(permission) => match self.act(request, context).await {
                Ok(mut response) => {
                    changes::apply(&permission, response.headers_mut());
                    Ok(response)
                }
                Err(failure) => Err(failure.changed(&permission)),
            },
        }
    }

    async fn act(&self, request: Request, context: Context) -> Result<Response<Body>, Failure> {
        let rule = &self.parts.rule;
        let (mut head, body) = request.into_parts();
        let answered = match &rule.action {
            Action::Answer(fixed) => Ok(answer(fixed)),
            Action::Redirect(redirect) => {
                redirect::answer(redirect, &self.fitted, &head, context.tls)
            }
            Action::Forward(_) => match self.change_request(&mut head, context.forwarding) {
                Ok(()) => self.forward(head, body, context).await,
                Err(failure) => Err(failure),
            },
        };
        match answered {
            Ok(response) => Ok(self.changed(response)),
            Err(failure) => Err(failure.changed(&rule.response)),
        }
    }

    fn change_request(&self, head: &mut Parts, forwarding: Forwarding) -> Result<(), Failure> {
        let rule = &self.parts.rule;
        // The path that the client sent is what the match has fitted.
        if let Some(path) = &rule.rewrite.path {
            if self.parts.ends_in_files {
                head.extensions.insert(SentPath::of(path, head.uri.path()));
            }
            rewrite::path(path, &self.fitted, head)?;
        }
        if let Some(host) = &rule.rewrite.host {
            forwarded::keep_host(head, forwarding);
            rewrite::host(host, head)?;
        }
        changes::apply(&rule.request, &mut head.headers);
        Ok(())
    }

    async fn forward(
        &self,
        mut head: Parts,
        body: Body,
        context: Context,
    ) -> Result<Response<Body>, Failure> {
        let way = self.parts.ways.pick()?;
        context.notes.note(|noted| noted.target = Some(way.name.clone()));
        changes::apply(&way.request, &mut head.headers);
        // Most requests have none.
        if !head.extensions.is_empty() {
            let allowed = if way.may_upgrade { &self.parts.rule.upgrades.0[..] } else { &[] };
            upgrade::grant(&mut head, !body.is_end_stream(), allowed)?;
        }
        let body = self.parts.mirrors.copy(&head, body, &context);
        let request = Request::from_parts(head, body);
        let answered = match &self.parts.guard {
            None => way.handler.call(request, context).await,
            Some(guard) => guard.call(&way.handler, request, context).await,
        };
        match answered {
            Ok(mut response) => {
                changes::apply(&way.response, response.headers_mut());
                Ok(response)
            }
            Err(failure) => Err(failure.changed(&way.response)),
        }
    }

    fn changed(&self, mut response: Response<Body>) -> Response<Body> {
        changes::apply(&self.parts.rule.response, response.headers_mut());
        response
    }
}

impl Handler for RuleHandler {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        Box::pin(self.answer(request, context))
    }
}

fn answer(fixed: &FixedAnswer) -> Response<Body> {
    let mut response = Response::new(handler::full(fixed.body.clone()));
    *response.status_mut() = fixed.status;
    for (name, value) in &fixed.headers {
        response.headers_mut().append(name, value.clone());
    }
    response
}

#[cfg(test)]
mod tests;
