//! Which app owns which name and which route. Two functions that claim the same
//! requests are a mistake that must be seen when it is made, not when the wrong
//! one answers. Within one app the manifest's reader has seen it already.

use crate::hint::WithHint;
use crate::revision::Revision;
use anyhow::{Result, anyhow, bail};
use sedge_model::manifest::Function;
use sedge_model::routing::claim::Claim;
use sedge_model::routing::rule::Rule;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names and routes of the revisions that are served.
#[derive(Default)]
pub(crate) struct Claims {
    apps: HashMap<String, PathBuf>,
    /// By the place where claims can collide; with the owner of each.
    taken: HashMap<String, Vec<(Claim, String)>>,
    /// The path of the node's own.
    reserved: Option<String>,
}

impl Claims {
    /// What these revisions claim; they do not conflict, or they would not be
    /// served. `reserved`: a path that no app can have.
    pub(crate) fn of<'a>(
        revisions: impl Iterator<Item = &'a Arc<Revision>>,
        reserved: Option<&str>,
    ) -> Self {
        let reserved = reserved.map(ToOwned::to_owned);
        let mut claims = Claims { reserved, ..Claims::default() };
        for revision in revisions {
            claims.take(&revision.app, &revision.source.manifest, revision.claims());
        }
        claims
    }

    /// Adds an app.
    pub(crate) fn take(&mut self, app: &str, manifest: &Path, claims: Vec<Claimed>) {
        self.apps.insert(app.to_owned(), manifest.to_owned());
        for (claim, owner) in claims {
            let owner = format!("{owner} of app {app}");
            self.taken.entry(claim.place()).or_default().push((claim, owner));
        }
    }

    /// Fails if an app claims a name or a route that another app has.
    pub(crate) fn check(&self, app: &str, claims: &[Claimed]) -> Result<()> {
        if let Some(other) = self.apps.get(app) {
            bail!("an app named {app} is served already, from {}", other.display());
        }
        for (claim, claimer) in claims {
            if let Some(path) = self.reserved.as_deref().filter(|path| claim.is_below(path)) {
                let error = anyhow!(
                    "{claimer} has the route {claim}, but readings of devices arrive at {path}"
                );
                let hint =
                    "give it another path, or set path of [ingest] in the node's configuration";
                return Err(WithHint::new(error, hint));
            }
            if let Some((claimed, owner)) = self.owner(claim) {
                bail!("{claimer} claims {claimed} of the route {claim}, which {owner} has");
            }
        }
        Ok(())
    }

    /// What of a claim is taken, and by whom.
    fn owner(&self, claim: &Claim) -> Option<(String, &str)> {
        let others = self.taken.get(&claim.place())?;
        others.iter().find_map(|(other, owner)| Some((claim.conflict(other)?, owner.as_str())))
    }
}

/// A claim, and what of its app makes it.
pub(crate) type Claimed = (Claim, String);

/// What functions and rules take of a node's requests.
pub(crate) fn of<'a>(
    functions: impl Iterator<Item = &'a Function>,
    rules: impl Iterator<Item = &'a Rule>,
) -> Vec<Claimed> {
    let mut claims = Vec::new();
    for function in functions {
        let owner = format!("function {}", function.name);
        claims.extend(function.routes.iter().map(|route| (Claim::of_route(route), owner.clone())));
    }
    for rule in rules {
        let owner = format!("route {}", rule.name);
        let of_rule = Claim::of_rule(rule).into_iter();
        claims.extend(of_rule.map(|(_, claim)| (claim, owner.clone())));
    }
    claims
}
