//! The rules of a revision: what their destinations stand for, joined to handlers
//! that the gateway's table can call.

use crate::chains;
use crate::revision::DeployedFunction;
use anyhow::{Context as _, Result, bail};
use sedge_ingress::http::metrics::RouteMetrics;
use sedge_ingress::http::policy::Guard;
use sedge_ingress::http::routes::Target;
use sedge_ingress::http::rule::{RuleHandler, RuleParts};
use sedge_ingress::http::upstream::Upstreams;
use sedge_model::handler::{Answer, Context, Handler, Request};
use sedge_model::manifest::Manifest;
use sedge_model::routing::policy::Policy;
use sedge_model::routing::rule::{Action, Chain, Destination, Rule};
use std::sync::Arc;

/// One rule of a revision, ready to answer.
pub struct DeployedRule {
    /// What the manifest says of it.
    pub declared: Rule,
    /// What is counted, over all revisions.
    pub metrics: Arc<RouteMetrics>,
    /// `None` without a policy.
    guard: Option<Arc<Guard>>,
    parts: Arc<RuleParts>,
}

impl DeployedRule {
    /// What answers where the match of this index fits.
    pub(crate) fn target(&self, matched: usize, label: &Arc<str>, revision: u64) -> Target {
        Target {
            handler: Arc::new(RuleHandler::new(Arc::clone(&self.parts), matched)),
            label: Arc::clone(label),
            revision,
            has_notes: true,
            may_upgrade: self.parts.may_upgrade(),
            metrics: Some(Arc::clone(&self.metrics)),
        }
    }
}

/// Joins the rules of a manifest with its functions and upstreams; `before` are
/// those of the revision that is served, whose counters go on, and with the same
/// policy what they have counted against its limits.
///
/// # Errors
///
/// The first rule whose destination this node does not serve.
pub(crate) fn deploy(
    manifest: &Manifest,
    functions: &[Arc<DeployedFunction>],
    upstreams: &Upstreams,
    before: &[Arc<DeployedRule>],
) -> Result<Vec<Arc<DeployedRule>>> {
    let deployed = manifest.rules.iter().map(|rule| {
        let same = before.iter().find(|other| other.declared.name == rule.name);
        let kept = same.filter(|same| same.declared.policy == rule.policy);
        let guard = (rule.policy != Policy::default()).then(|| {
            let kept = kept.and_then(|same| same.guard.clone());
            kept.unwrap_or_else(|| Arc::new(Guard::new(&rule.policy)))
        });
        let ends = Ends { functions, upstreams, chains: &manifest.chains };
        let parts = join(rule, &ends, guard.as_ref());
        let parts = parts.with_context(|| format!("join route {}", rule.name))?;
        let metrics = same.map(|other| Arc::clone(&other.metrics)).unwrap_or_default();
        parts.count_copies_in(&metrics);
        Ok(Arc::new(DeployedRule { declared: rule.clone(), metrics, guard, parts }))
    });
    deployed.collect()
}

/// What destinations may name.
struct Ends<'a> {
    functions: &'a [Arc<DeployedFunction>],
    upstreams: &'a Upstreams,
    chains: &'a [Chain],
}

fn join(rule: &Rule, ends: &Ends<'_>, guard: Option<&Arc<Guard>>) -> Result<Arc<RuleParts>> {
    let ways = match &rule.action {
        Action::Forward(ways) => &ways[..],
        // What is written and not kept would be worse than a refusal.
        Action::Redirect(_) | Action::Answer(_) if guard.is_some() => {
            bail!("a redirect or a fixed answer has nothing that timeouts, retries or limits guard")
        }
        Action::Redirect(_) | Action::Answer(_) => &[],
    };
    let guarded = |to: Arc<dyn Handler>| -> Arc<dyn Handler> {
        match guard {
            None => to,
            Some(guard) => Arc::new(Guarded { guard: Arc::clone(guard), to }),
        }
    };
    let resolve = |to: &Destination| destination(to, ends);
    let ways = ways.iter().map(|way| resolve(&way.to).map(guarded)).collect::<Result<_>>()?;
    let mirrors = rule.mirrors.iter().map(|mirror| resolve(&mirror.to)).collect::<Result<_>>()?;
    Ok(RuleParts::new(rule.clone(), ways, mirrors))
}

fn destination(to: &Destination, ends: &Ends<'_>) -> Result<Arc<dyn Handler>> {
    match to {
        Destination::Function(name) => {
            let found = ends.functions.iter().find(|function| function.declared.name == *name);
            let found = found.with_context(|| format!("no function {name}"))?;
            chains::refuse_middleware(found)?;
            Ok(found.handler())
        }
        Destination::Upstream(name) => {
            ends.upstreams.handler(name).with_context(|| format!("no upstream {name}"))
        }
        Destination::Answer(fixed) => Ok(fixed_answer(fixed)),
        Destination::Chain(name) => {
            let chain = ends.chains.iter().find(|chain| chain.name == *name);
            let chain = chain.with_context(|| format!("no chain {name}"))?;
            // A chain never ends in a chain, so this does not go deeper.
            let end = destination(&chain.to, ends)?;
            chains::join(chain, ends.functions, end)
        }
        Destination::Files(files) => {
            bail!("folders of files are not served yet: {}", files.folder.display())
        }
    }
}

/// A handler of its own for a fixed answer, which may be one of several ways.
fn fixed_answer(fixed: &sedge_model::routing::rule::FixedAnswer) -> Arc<dyn Handler> {
    let rule = Rule::answering(fixed.clone());
    Arc::new(RuleHandler::new(RuleParts::new(rule, Vec::new(), Vec::new()), 0))
}

/// A way within its rule's policy.
struct Guarded {
    guard: Arc<Guard>,
    to: Arc<dyn Handler>,
}

impl Handler for Guarded {
    fn call(&self, request: Request, context: Context) -> Answer<'_> {
        self.guard.call(&self.to, request, context)
    }
}
