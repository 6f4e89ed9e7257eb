//! The rules of a revision: what their destinations stand for, joined to handlers
//! that the gateway's table can call.

use crate::chains::{self, DeployedChain, Joint};
use crate::revision::DeployedFunction;
use anyhow::{Context as _, Result, bail};
use sedge_cache::flow::Cache;
use sedge_ingress::http::files::{Disk, FileServer};
use sedge_ingress::http::metrics::RouteMetrics;
use sedge_ingress::http::policy::Guard;
use sedge_ingress::http::routes::Target;
use sedge_ingress::http::rule::{RuleHandler, RuleParts};
use sedge_ingress::http::upstream::Upstreams;
use sedge_model::handler::Handler;
use sedge_model::manifest::Manifest;
use sedge_model::routing::policy::{FaultMode, Policy};
use sedge_model::routing::rule::{Action, Destination, Rule};
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
    /// Whether some way leads to a chain that says something before its answers.
    may_interim: bool,
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
            may_interim: self.may_interim,
            metrics: Some(Arc::clone(&self.metrics)),
        }
    }
}

/// Joins the rules of a manifest with what they lead to; `before` are
/// those of the revision that is served, whose counters go on, and with the same
/// policy what they have counted against its limits.
///
/// # Errors
///
/// The first rule whose destination this node does not serve.
pub(crate) fn deploy(
    manifest: &Manifest,
    ends: &Ends<'_>,
    chains: &[Arc<DeployedChain>],
    before: &[Arc<DeployedRule>],
) -> Result<Vec<Arc<DeployedRule>>> {
    let deployed = manifest.rules.iter().map(|rule| {
        let same = before.iter().find(|other| other.declared.name == rule.name);
        let kept = same.filter(|same| same.declared.policy == rule.policy);
        let guard = (rule.policy != Policy::default()).then(|| {
            let kept = kept.and_then(|same| same.guard.clone());
            kept.unwrap_or_else(|| Arc::new(Guard::new(&rule.policy)))
        });
        let parts = join(rule, ends, chains, guard.clone());
        let parts = parts.with_context(|| format!("join route {}", rule.name))?;
        let metrics = same.map(|other| Arc::clone(&other.metrics)).unwrap_or_default();
        parts.count_copies_in(&metrics);
        let (declared, may_interim) = (rule.clone(), may_interim(rule, chains));
        Ok(Arc::new(DeployedRule { declared, metrics, guard, parts, may_interim }))
    });
    deployed.collect()
}

/// Joins the chains of a manifest, each once, so that what a link counts is counted
/// for all rules that lead to it; `before` are those of the revision that is served.
///
/// # Errors
///
/// The first chain that cannot be joined.
pub(crate) fn deploy_chains(
    manifest: &Manifest,
    ends: &Ends<'_>,
    before: &[Arc<DeployedChain>],
) -> Result<Vec<Arc<DeployedChain>>> {
    let deployed = manifest.chains.iter().map(|chain| {
        // A chain never ends in a chain.
        let end = destination(&chain.to, ends, &[])
            .with_context(|| format!("join chain {}", chain.name))?;
        let same = before.iter().find(|other| other.declared.name == chain.name);
        let joint = Joint { app: &manifest.name, functions: ends.functions, cache: ends.cache };
        DeployedChain::join(chain, &joint, end, same.map(|same| &**same)).map(Arc::new)
    });
    deployed.collect()
}

/// What destinations may name, apart from chains.
pub(crate) struct Ends<'a> {
    pub(crate) functions: &'a [Arc<DeployedFunction>],
    pub(crate) upstreams: &'a Upstreams,
    pub(crate) disk: &'a Arc<Disk>,
    pub(crate) cache: &'a Arc<Cache>,
}

fn join(
    rule: &Rule,
    ends: &Ends<'_>,
    chains: &[Arc<DeployedChain>],
    guard: Option<Arc<Guard>>,
) -> Result<Arc<RuleParts>> {
    let ways = match &rule.action {
        Action::Forward(ways) => &ways[..],
        // What is written and not kept would be worse than a refusal.
        Action::Redirect(_) | Action::Answer(_) if has_clock(&rule.policy) => {
            bail!("a redirect or a fixed answer has nothing that a timeout or retries guard")
        }
        Action::Redirect(_) | Action::Answer(_) => &[],
    };
    let resolve = |to: &Destination| destination(to, ends, chains);
    let ways = ways.iter().map(|way| resolve(&way.to)).collect::<Result<_>>()?;
    let mirrors = rule.mirrors.iter().map(|mirror| resolve(&mirror.to)).collect::<Result<_>>()?;
    Ok(RuleParts::new(rule.clone(), guard, ways, mirrors))
}

fn may_interim(rule: &Rule, chains: &[Arc<DeployedChain>]) -> bool {
    let Action::Forward(ways) = &rule.action else { return false };
    let mut joined = chains.iter().filter(|chain| {
        let name = &chain.declared.name;
        ways.iter().any(|way| matches!(&way.to, Destination::Chain(to) if to == name))
    });
    joined.any(|chain| chain.may_interim())
}

/// Whether a policy guards more than who comes in.
fn has_clock(policy: &Policy) -> bool {
    let is_within = policy.faults.mode == FaultMode::PerAttempt
        && (policy.faults.delay.is_some() || policy.faults.abort.is_some());
    policy.timeout.is_some() || policy.retries.is_some() || is_within
}

fn destination(
    to: &Destination,
    ends: &Ends<'_>,
    chains: &[Arc<DeployedChain>],
) -> Result<Arc<dyn Handler>> {
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
            let chain = chains.iter().find(|chain| chain.declared.name == *name);
            Ok(chain.with_context(|| format!("no chain {name}"))?.handler())
        }
        Destination::Files(files) => {
            Ok(Arc::new(FileServer::new(files.clone(), Arc::clone(ends.disk))))
        }
    }
}

/// A handler of its own for a fixed answer, which may be one of several ways.
fn fixed_answer(fixed: &sedge_model::routing::rule::FixedAnswer) -> Arc<dyn Handler> {
    let rule = Rule::answering(fixed.clone());
    Arc::new(RuleHandler::new(RuleParts::new(rule, None, Vec::new(), Vec::new()), 0))
}
