//! Joins the links of a chain: from its end outwards, each with what stands behind
//! it.

use crate::caching;
use crate::hint::WithHint;
use crate::revision::DeployedFunction;
use anyhow::{Context, Result, anyhow};
use sedge_cache::flow::{Cache, CacheHandler, CacheMetrics};
use sedge_flavors::wasi_http::Link as FunctionLink;
use sedge_ingress::http::links::{
    Bound, BoundLink, EarlyHintsLink, HeaderLink, HintMetrics, Hints, LinkMetrics,
};
use sedge_model::handler::Handler;
use sedge_model::routing::rule::{Chain, EarlyHints, Link};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Links that a chain may have. Each of them holds an instance for as long as a
/// request is under way.
const LINKS_MAX: usize = 16;

/// One chain of a revision, joined.
pub struct DeployedChain {
    /// What the manifest says of it.
    pub declared: Chain,
    /// What is kept of each of its links, in their order.
    kept: Vec<Kept>,
    handler: Arc<dyn Handler>,
}

/// What of a link outlives a revision.
#[derive(Clone)]
enum Kept {
    /// A function has its own counters.
    Function,
    Headers(Arc<LinkMetrics>),
    Bound(Arc<Bound>, Arc<LinkMetrics>),
    Cache(Arc<CacheMetrics>, CachingLink),
    EarlyHints(Arc<Hints>, Arc<HintMetrics>),
}

/// A link that is a cache, as operators ask it.
#[derive(Clone)]
pub(crate) struct CachingLink {
    /// With whom it shares what is stored: `<app>/<scope>`, or a name of its own.
    pub(crate) scope: String,
    pub(crate) handler: CacheHandler,
}

/// What links are joined from.
pub(crate) struct Joint<'a> {
    /// The app's name.
    pub(crate) app: &'a str,
    pub(crate) functions: &'a [Arc<DeployedFunction>],
    pub(crate) cache: &'a Arc<Cache>,
}

impl DeployedChain {
    /// Puts the links of `chain` before `end`. The counters of links that stand
    /// where they stood in `before` go on, and what a bound that is the same has
    /// counted against its limit.
    ///
    /// # Errors
    ///
    /// If a link is a function that is no middleware, or there are more than 16.
    pub(crate) fn join(
        chain: &Chain,
        joint: &Joint<'_>,
        end: Arc<dyn Handler>,
        before: Option<&DeployedChain>,
    ) -> Result<Self> {
        let name = &chain.name;
        if chain.links.len() > LINKS_MAX {
            let problem = anyhow!("chain {name} has {} links", chain.links.len());
            return Err(WithHint::new(problem, format!("a chain has at most {LINKS_MAX}")));
        }
        let mut handler = end;
        let mut kept = Vec::with_capacity(chain.links.len());
        for (index, link) in chain.links.iter().enumerate().rev() {
            let before = before.and_then(|before| before.link(index));
            let (one, joined) = match link {
                Link::Function { name: function, fail } => {
                    let deployed = middleware(chain, function, joint.functions)?;
                    let link = FunctionLink::new(deployed.function.clone(), handler, *fail);
                    (Kept::Function, Arc::new(link) as Arc<dyn Handler>)
                }
                Link::Headers { request, response } => {
                    let metrics = metrics(before, link);
                    let (request, response) = (request.clone(), response.clone());
                    let link = HeaderLink::new(request, response, Arc::clone(&metrics), handler);
                    (Kept::Headers(metrics), Arc::new(link) as _)
                }
                Link::Cache(settings) => {
                    let metrics = match before {
                        Some((_, Kept::Cache(metrics, _))) => Arc::clone(metrics),
                        _ => Arc::default(),
                    };
                    let scope = match &settings.scope {
                        Some(scope) => caching::shared_scope(joint.app, scope),
                        // Two links of a chain must not wait for one another's fetches.
                        None => format!("{}/{name}/{}", joint.app, index + 1),
                    };
                    let counted = Arc::clone(&metrics);
                    let link = caching::link(joint.cache, &scope, settings, metrics, handler);
                    let handler = link.clone();
                    (Kept::Cache(counted, CachingLink { scope, handler }), Arc::new(link) as _)
                }
                Link::EarlyHints(settings) => early_hints(before, settings, handler),
                Link::Guard(policy) => {
                    let metrics = metrics(before, link);
                    let bound = match before {
                        Some((same, Kept::Bound(bound, _))) if same == link => Arc::clone(bound),
                        _ => Bound::new(policy, Arc::clone(&metrics)),
                    };
                    let link = BoundLink::new(Arc::clone(&bound), handler);
                    (Kept::Bound(bound, metrics), Arc::new(link) as _)
                }
            };
            handler = joined;
            kept.push(one);
        }
        kept.reverse();
        Ok(DeployedChain { declared: chain.clone(), kept, handler })
    }

    /// What answers.
    pub(crate) fn handler(&self) -> Arc<dyn Handler> {
        Arc::clone(&self.handler)
    }

    /// Whether something may be said before its answers.
    pub(crate) fn may_interim(&self) -> bool {
        self.kept.iter().any(|kept| matches!(kept, Kept::EarlyHints(..)))
    }

    fn link(&self, index: usize) -> Option<(&Link, &Kept)> {
        self.declared.links.get(index).zip(self.kept.get(index))
    }

    /// The counters of the links that are no functions, each with its place from 1
    /// and its kind.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = (usize, &'static str, &Arc<LinkMetrics>)> {
        let links = self.declared.links.iter().zip(&self.kept).enumerate();
        links.filter_map(|(index, (link, kept))| match kept {
            Kept::Function | Kept::Cache(..) | Kept::EarlyHints(..) => None,
            Kept::Headers(metrics) | Kept::Bound(_, metrics) => {
                Some((index + 1, link.kind(), metrics))
            }
        })
    }
}

impl DeployedChain {
    /// The counters of the links that are caches, each with its place from 1.
    pub(crate) fn cache_metrics(&self) -> impl Iterator<Item = (usize, &Arc<CacheMetrics>)> {
        self.kept.iter().enumerate().filter_map(|(index, kept)| match kept {
            Kept::Cache(metrics, _) => Some((index + 1, metrics)),
            _ => None,
        })
    }

    /// The counters of the links that give early hints, each with its place from 1.
    pub(crate) fn hint_metrics(&self) -> impl Iterator<Item = (usize, &Arc<HintMetrics>)> {
        self.kept.iter().enumerate().filter_map(|(index, kept)| match kept {
            Kept::EarlyHints(_, metrics) => Some((index + 1, metrics)),
            _ => None,
        })
    }

    /// The links that are caches, each with its place from 1.
    pub(crate) fn caching_links(&self) -> impl Iterator<Item = (usize, &CachingLink)> {
        self.kept.iter().enumerate().filter_map(|(index, kept)| match kept {
            Kept::Cache(_, link) => Some((index + 1, link)),
            _ => None,
        })
    }
}

/// Early hints; what is known of pages is kept if the link has not changed.
fn early_hints(
    before: Option<(&Link, &Kept)>,
    settings: &EarlyHints,
    next: Arc<dyn Handler>,
) -> (Kept, Arc<dyn Handler>) {
    let (hints, metrics) = match before {
        Some((Link::EarlyHints(same), Kept::EarlyHints(hints, metrics))) => {
            ((same == settings).then(|| Arc::clone(hints)), Arc::clone(metrics))
        }
        _ => (None, Arc::default()),
    };
    let hints = hints.unwrap_or_else(|| Hints::new(settings));
    let kept = Kept::EarlyHints(Arc::clone(&hints), Arc::clone(&metrics));
    (kept, Arc::new(EarlyHintsLink::new(settings.clone(), hints, metrics, next)))
}

/// Those of the link that stood here, if it was of the same kind.
fn metrics(before: Option<(&Link, &Kept)>, link: &Link) -> Arc<LinkMetrics> {
    match before.filter(|(same, _)| same.kind() == link.kind()) {
        Some((_, Kept::Headers(metrics) | Kept::Bound(_, metrics))) => Arc::clone(metrics),
        _ => Arc::default(),
    }
}

fn middleware<'a>(
    chain: &Chain,
    function: &str,
    functions: &'a [Arc<DeployedFunction>],
) -> Result<&'a DeployedFunction> {
    let found = functions.iter().find(|deployed| deployed.declared.name == *function);
    let deployed =
        found.with_context(|| format!("chain {} has no function {function}", chain.name))?;
    if !deployed.function.is_middleware() {
        return Err(WithHint::new(anyhow!(no_middleware(function, &chain.name)), LINK_HINT));
    }
    Ok(deployed)
}

/// What is said of a link that is none, by the deployment and by `sedge check`.
pub(crate) fn no_middleware(function: &str, chain: &str) -> String {
    format!("{function} cannot be a link of chain {chain}: it is no middleware")
}

/// What to do about it.
pub(crate) const LINK_HINT: &str = "a link imports `wasi:http/handler@0.3` beside exporting it; \
                                    a function that does not can stand at a chain's end";

/// What is said of a middleware that stands where nothing is behind it.
pub(crate) fn nothing_behind(function: &str) -> String {
    format!("{function} is a middleware, and nothing stands behind it")
}

/// What to do about it.
pub(crate) const BEHIND_HINT: &str = "it imports `wasi:http/handler@0.3`: name it as a link of a \
                                      chain, and give the route to the chain";

/// Refuses a middleware that stands where nothing is behind it.
///
/// # Errors
///
/// If `deployed` is one.
pub fn refuse_middleware(deployed: &DeployedFunction) -> Result<()> {
    if !deployed.function.is_middleware() {
        return Ok(());
    }
    Err(WithHint::new(anyhow!(nothing_behind(&deployed.declared.name)), BEHIND_HINT))
}
