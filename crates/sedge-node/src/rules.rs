//! The rules of a revision: what their destinations stand for, joined to handlers
//! that the gateway's table can call.

use crate::chains;
use crate::revision::DeployedFunction;
use anyhow::{Context as _, Result, bail};
use sedge_ingress::http::metrics::RouteMetrics;
use sedge_ingress::http::routes::Target;
use sedge_ingress::http::rule::{RuleHandler, RuleParts};
use sedge_model::handler::Handler;
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
            metrics: Some(Arc::clone(&self.metrics)),
        }
    }
}

/// Joins the rules of a manifest with its functions; `before` are those of the
/// revision that is served, whose counters go on.
///
/// # Errors
///
/// The first rule whose destination this node does not serve.
pub(crate) fn deploy(
    manifest: &Manifest,
    functions: &[Arc<DeployedFunction>],
    before: &[Arc<DeployedRule>],
) -> Result<Vec<Arc<DeployedRule>>> {
    let deployed = manifest.rules.iter().map(|rule| {
        let found = join(rule, functions, &manifest.chains);
        let parts = found.with_context(|| format!("join route {}", rule.name))?;
        let same = before.iter().find(|other| other.declared.name == rule.name);
        let metrics = same.map(|other| Arc::clone(&other.metrics)).unwrap_or_default();
        Ok(Arc::new(DeployedRule { declared: rule.clone(), metrics, parts }))
    });
    deployed.collect()
}

fn join(
    rule: &Rule,
    functions: &[Arc<DeployedFunction>],
    chains: &[Chain],
) -> Result<Arc<RuleParts>> {
    // What is written and not kept would be worse than a refusal.
    if rule.policy != Policy::default() {
        bail!("timeouts, retries, faults and limits of routes are not served yet");
    }
    let ways = match &rule.action {
        Action::Forward(ways) => &ways[..],
        Action::Redirect(_) | Action::Answer(_) => &[],
    };
    let resolve = |to: &Destination| destination(to, functions, chains);
    let ways = ways.iter().map(|way| resolve(&way.to)).collect::<Result<_>>()?;
    let mirrors = rule.mirrors.iter().map(|mirror| resolve(&mirror.to)).collect::<Result<_>>()?;
    Ok(RuleParts::new(rule.clone(), ways, mirrors))
}

fn destination(
    to: &Destination,
    functions: &[Arc<DeployedFunction>],
    chains: &[Chain],
) -> Result<Arc<dyn Handler>> {
    match to {
        Destination::Function(name) => {
            let found = functions.iter().find(|function| function.declared.name == *name);
            let found = found.with_context(|| format!("no function {name}"))?;
            chains::refuse_middleware(found)?;
            Ok(found.handler())
        }
        Destination::Upstream(name) => bail!("upstreams are not served yet: {name}"),
        Destination::Answer(fixed) => Ok(fixed_answer(fixed)),
        Destination::Chain(name) => {
            let chain = chains.iter().find(|chain| chain.name == *name);
            let chain = chain.with_context(|| format!("no chain {name}"))?;
            // A chain never ends in a chain, so this does not go deeper.
            let end = destination(&chain.to, functions, chains)?;
            chains::join(chain, functions, end)
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
