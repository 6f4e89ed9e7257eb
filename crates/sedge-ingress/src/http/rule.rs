//! What becomes of a request that a rule has taken.
//!
//! In this order: the rule's changes of the request's head and its rewrite; a
//! way by weight and that way's changes; copies to the mirrors; the way itself,
//! within the rule's policy; the way's changes of the answer, then the rule's.

pub(crate) mod changes;
mod mirror;
mod redirect;
mod rewrite;
mod ways;

use super::forwarded;
use super::metrics::RouteMetrics;
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
    ways: Ways,
    mirrors: Mirrors,
}

impl RuleParts {
    /// `ways`: what the destinations of [`Action::Forward`] stand for, in their
    /// order; empty for the other actions. `mirrors`: the same for
    /// [`Rule::mirrors`].
    pub fn new(
        rule: Rule,
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
        Arc::new(RuleParts { rule, ends_in_files, ways, mirrors })
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

    async fn answer(&self, request: Request, context: Context) -> Result<Response<Body>, Failure> {
        let rule = &self.parts.rule;
        let (mut head, body) = request.into_parts();
        match &rule.action {
            Action::Answer(fixed) => Ok(self.changed(answer(fixed))),
            Action::Redirect(redirect) => {
                let response = redirect::answer(redirect, &self.fitted, &head, context.tls)?;
                Ok(self.changed(response))
            }
            Action::Forward(_) => {
                self.change_request(&mut head, context.forwarding)?;
                self.forward(head, body, context).await
            }
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
        let mut response = way.handler.call(request, context).await?;
        changes::apply(&way.response, response.headers_mut());
        Ok(self.changed(response))
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
