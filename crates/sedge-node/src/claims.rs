//! Which app owns which name and which route. Two functions that claim the same
//! requests are a mistake that must be seen when it is made, not when the wrong
//! one answers. Within one app the manifest's reader has seen it already.

use crate::revision::Revision;
use anyhow::{Result, bail};
use sedge_model::route::{Host, Path, Route};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Names and routes of the revisions that are served.
#[derive(Default)]
pub(crate) struct Claims {
    apps: HashMap<String, PathBuf>,
    routes: HashMap<Place, Vec<(Route, String)>>,
}

/// Where routes can collide.
type Place = (Option<Host>, Path);

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
        for function in &revision.functions {
            for route in &function.declared.routes {
                let owner = format!("{}/{}", revision.app, function.declared.name);
                let key = (route.host.clone(), route.path.clone());
                self.routes.entry(key).or_default().push((route.clone(), owner));
            }
        }
    }

    /// Fails if a revision claims a name or a route that another app has.
    pub(crate) fn check(&self, revision: &Revision) -> Result<()> {
        if let Some(other) = self.apps.get(&revision.app) {
            bail!("an app named {} is served already, from {}", revision.app, other.display());
        }
        for function in &revision.functions {
            for route in &function.declared.routes {
                if let Some((claimed, owner)) = self.owner(route) {
                    let name = &function.declared.name;
                    bail!(
                        "function {name} claims {claimed} of the route {route}, which {owner} has"
                    );
                }
            }
        }
        Ok(())
    }

    /// What of a route is taken, and by which function.
    fn owner(&self, route: &Route) -> Option<(String, &str)> {
        let others = self.routes.get(&(route.host.clone(), route.path.clone()))?;
        others.iter().find_map(|(other, owner)| Some((route.conflict(other)?, owner.as_str())))
    }
}
