//! Joins the links of a chain: from its end outwards, each function with what
//! stands behind it.

use crate::hint::WithHint;
use crate::revision::DeployedFunction;
use anyhow::{Context, Result, anyhow};
use sedge_flavors::wasi_http::Link;
use sedge_model::handler::Handler;
use sedge_model::routing::rule::Chain;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Links that a chain may have. Each of them holds an instance for as long as a
/// request is under way.
const LINKS_MAX: usize = 16;

/// Puts the links of `chain` before `end`. What comes out answers like any other
/// handler.
///
/// # Errors
///
/// If a link is no middleware, or there are more than 16.
pub fn join(
    chain: &Chain,
    functions: &[Arc<DeployedFunction>],
    end: Arc<dyn Handler>,
) -> Result<Arc<dyn Handler>> {
    let name = &chain.name;
    if chain.links.len() > LINKS_MAX {
        let problem = anyhow!("chain {name} has {} links", chain.links.len());
        return Err(WithHint::new(problem, format!("a chain has at most {LINKS_MAX}")));
    }
    let mut joined = end;
    for link in chain.links.iter().rev() {
        let function = &link.function;
        let found = functions.iter().find(|deployed| deployed.declared.name == *function);
        let deployed = found.with_context(|| format!("chain {name} has no function {function}"))?;
        if !deployed.function.is_middleware() {
            let problem =
                anyhow!("{function} cannot be a link of chain {name}: it is no middleware");
            let hint = "a link imports `wasi:http/handler@0.3` beside exporting it; a function \
                        that does not can stand at a chain's end";
            return Err(WithHint::new(problem, hint));
        }
        joined = Arc::new(Link::new(deployed.function.clone(), joined, link.fail));
    }
    Ok(joined)
}

/// Refuses a middleware that stands where nothing is behind it.
///
/// # Errors
///
/// If `deployed` is one.
pub fn refuse_middleware(deployed: &DeployedFunction) -> Result<()> {
    if !deployed.function.is_middleware() {
        return Ok(());
    }
    let name = &deployed.declared.name;
    let problem = anyhow!("{name} is a middleware, and nothing stands behind it");
    let hint = "it imports `wasi:http/handler@0.3`: name it as a link of a chain, and give the \
                route to the chain";
    Err(WithHint::new(problem, hint))
}
