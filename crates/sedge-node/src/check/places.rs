//! Can each function stand where the manifest puts it? A middleware needs something
//! behind it, and a link must be one.

use super::{Finding, Report};
use crate::chains;
use sedge_engine::inspect::Inspection;
use sedge_flavors::wasi_http::World;
use sedge_model::manifest::Manifest;
use sedge_model::routing::rule::{Action, Destination, Link};

/// `inspections`: what was found in the artifacts of the manifest's functions, in
/// their order; `None` says nothing.
pub(super) fn check(manifest: &Manifest, inspections: &[Option<Inspection>], report: &mut Report) {
    let is_middleware = |name: &str| {
        let at = manifest.functions.iter().position(|function| function.name == name)?;
        inspections.get(at)?.as_ref().map(World::is_middleware)
    };
    for chain in &manifest.chains {
        for link in &chain.links {
            if let Link::Function { name, .. } = link
                && is_middleware(name) == Some(false)
            {
                report.problems.push(Finding {
                    message: chains::no_middleware(name, &chain.name),
                    hint: Some(chains::LINK_HINT.to_owned()),
                });
            }
        }
    }
    let ends = ends(manifest);
    for (declared, found) in manifest.functions.iter().zip(&mut report.functions) {
        let is_end = !declared.routes.is_empty() || ends.contains(&declared.name.as_str());
        if is_end && is_middleware(&declared.name) == Some(true) {
            found.problems.push(Finding {
                message: chains::nothing_behind(&declared.name),
                hint: Some(chains::BEHIND_HINT.to_owned()),
            });
        }
    }
}

/// The functions that stand at the end of something.
fn ends(manifest: &Manifest) -> Vec<&str> {
    let of_rules = manifest.rules.iter().flat_map(|rule| {
        let ways = match &rule.action {
            Action::Forward(ways) => &ways[..],
            Action::Redirect(_) | Action::Answer(_) => &[],
        };
        let mirrors = rule.mirrors.iter().map(|mirror| &mirror.to);
        ways.iter().map(|way| &way.to).chain(mirrors)
    });
    let of_chains = manifest.chains.iter().map(|chain| &chain.to);
    let functions = of_rules.chain(of_chains).filter_map(|to| match to {
        Destination::Function(name) => Some(name.as_str()),
        _ => None,
    });
    functions.collect()
}
