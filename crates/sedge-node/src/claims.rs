//! Which app owns which name and which route. Two functions that claim the same
//! requests are a mistake that must be seen when it is made, not when the wrong
//! one answers. Within one app the manifest's reader has seen it already.

use crate::revision::Revision;
use anyhow::{Result, bail};
use sedge_model::routing::claim::Claim;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Names and routes of the revisions that are served.
#[derive(Default)]
pub(crate) struct Claims {
    apps: HashMap<String, PathBuf>,
    /// By the place where claims can collide; with the owner of each.
    taken: HashMap<String, Vec<(Claim, String)>>,
}

impl Claims {
    /// What these revisions claim; they do not conflict, or they would not be
    /// served.
    pub(crate) fn of<'a>(revisions: impl Iterator<Item = &'a Arc<Revision>>) -> Self {
        let mut claims = Claims::default();
        for revision in revisions {
            claims.take(revision);
        }
        claims
    }

    /// Adds a revision.
    pub(crate) fn take(&mut self, revision: &Revision) {
        self.apps.insert(revision.app.clone(), revision.source.manifest.clone());
        for (claim, owner) in revision.claims() {
            let owner = format!("{owner} of app {}", revision.app);
            self.taken.entry(claim.place()).or_default().push((claim, owner));
        }
    }

    /// Fails if a revision claims a name or a route that another app has.
    pub(crate) fn check(&self, revision: &Revision) -> Result<()> {
        if let Some(other) = self.apps.get(&revision.app) {
            bail!("an app named {} is served already, from {}", revision.app, other.display());
        }
        for (claim, claimer) in revision.claims() {
            if let Some((claimed, owner)) = self.owner(&claim) {
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
