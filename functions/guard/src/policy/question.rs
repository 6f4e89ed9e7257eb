//! What policies are asked: who wants to do what with what, and what is known of it.

use super::{request, uid};
use crate::token::Claims;
use cedar_policy::{Context, Entity, EntityUid, Request, RestrictedExpression, Schema};
use sedge_kit::guard::decision::Decision;
use sedge_kit::guard::facts::{Facts, Traits};
use std::collections::{HashMap, HashSet};

/// How many parts of a path are entities of their own; what lies deeper is in the last of them.
const PARTS_MAX: usize = 32;
/// Methods that are actions of their own.
const METHODS: [&str; 7] = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

/// A request, as policies see it.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// What is known.
    pub facts: &'a Facts,
    /// What a token claims, if there is a good one.
    pub claims: Option<&'a Claims>,
    /// Who a certificate says that it is, if there is one.
    pub workload: Option<&'a str>,
    /// Which host was asked: its name in small letters.
    pub host: Option<&'a str>,
    /// What the rules say.
    pub decision: &'a Decision,
    /// The time in seconds since 1970.
    pub now_s: u64,
}

impl Question<'_> {
    /// As Cedar's request, checked by a schema if there is one.
    pub(super) fn request(&self, schema: Option<&Schema>) -> Result<Request, String> {
        let method = self.facts.method.as_deref().filter(|method| METHODS.contains(method));
        let action = method.unwrap_or("OTHER");
        let uids = [self.principal()?, uid("Action", action)?, uid("Path", self.path())?];
        let context = Context::from_pairs(self.context()).map_err(|error| error.to_string())?;
        request(uids, context, schema)
    }

    /// The entities that there are for this request only.
    pub(super) fn entities(&self) -> Result<Vec<Entity>, String> {
        let mut all = vec![self.principal_entity()?];
        let ancestors = ancestors(self.path());
        let mut above = HashSet::new();
        for path in ancestors {
            let name = uid("Path", path)?;
            let attributes = self.path_attributes(path);
            let entity = Entity::new(name.clone(), attributes, above);
            all.push(entity.map_err(|error| error.to_string())?);
            above = HashSet::from([name]);
        }
        Ok(all)
    }

    fn path(&self) -> &str {
        self.facts.path.as_deref().unwrap_or("/")
    }

    fn path_attributes(&self, path: &str) -> HashMap<String, RestrictedExpression> {
        let host = self.host.map(|host| ("host".to_owned(), text(host)));
        host.into_iter().chain([("path".to_owned(), text(path))]).collect()
    }

    fn principal(&self) -> Result<EntityUid, String> {
        match (self.claims, self.workload) {
            (Some(claims), _) => uid("User", &claims.subject),
            (None, Some(workload)) => uid("Workload", workload),
            (None, None) => uid("Anonymous", "anonymous"),
        }
    }

    fn principal_entity(&self) -> Result<Entity, String> {
        let Some(claims) = self.claims else { return Ok(Entity::with_uid(self.principal()?)) };
        let groups = claims.groups.iter().map(|group| uid("Group", group));
        let mut attributes = HashMap::from([
            ("issuer".to_owned(), text(&claims.issuer)),
            ("scopes".to_owned(), set(claims.scopes.iter().map(|it| &**it))),
            ("methods".to_owned(), set(claims.methods.iter().map(|it| &**it))),
        ]);
        if let Some(class) = &claims.context_class {
            attributes.insert("acr".into(), text(class));
        }
        let entity = Entity::new(self.principal()?, attributes, groups.collect::<Result<_, _>>()?);
        entity.map_err(|error| error.to_string())
    }

    fn context(&self) -> Vec<(String, RestrictedExpression)> {
        let Facts { place, network, .. } = self.facts;
        let facts = self.facts;
        let hundredths = |share: f64| long(share * 100.0);
        let methods = self.claims.map_or(&[][..], |claims| &claims.methods);
        let class = self.claims.and_then(|claims| claims.context_class.as_deref());
        let authenticated_s = self.claims.and_then(|claims| claims.authenticated_s);
        let age_s = authenticated_s.map(|at_s| self.now_s.saturating_sub(at_s) as f64);
        let traits = network.traits.map(|traits| {
            let given = Traits::NAMES.into_iter().zip(traits.values());
            set(given.filter(|(_, is_so)| *is_so).map(|(name, _)| name))
        });
        let ip = network.address.map(|ip| RestrictedExpression::new_ip(ip.to_string()));
        let all = [
            ("risk", Some(hundredths(self.decision.risk))),
            ("outcome", Some(text(self.decision.outcome.name()))),
            ("factors", Some(set(self.decision.factors.iter().map(|it| &**it)))),
            ("evidence", Some(hundredths(self.decision.evidence))),
            ("proof", Some(text(facts.proof.name()))),
            ("acr", class.map(text)),
            ("amr", Some(set(methods.iter().map(|it| &**it)))),
            ("authenticated_s", age_s.map(long)),
            ("ip", ip),
            ("continent", place.continent.as_deref().map(text)),
            ("country", place.country.as_deref().map(text)),
            ("region", place.region.as_deref().map(text)),
            ("city", place.city.as_deref().map(text)),
            ("autonomous_system", network.autonomous_system.map(|number| long(number.into()))),
            ("traits", traits),
            ("user_agent", facts.user_agent.as_deref().map(text)),
            ("agent", facts.agent.map(|agent| text(agent.name()))),
            ("tls", facts.tls.map(|tls| text(tls.name()))),
            ("cipher", facts.cipher.as_deref().map(text)),
            ("ja4", facts.ja4.as_deref().map(text)),
            ("device", facts.device.as_deref().map(text)),
            ("reputation", facts.reputation.map(hundredths)),
            ("velocity_kmh", facts.velocity_kmh.map(long)),
            ("familiar", facts.is_familiar.map(RestrictedExpression::new_bool)),
            ("rate_per_minute", facts.rate_per_minute.map(long)),
            ("hour_utc", facts.hour_utc.map(|hour| long(hour.into()))),
        ];
        let known = |(name, value): (&str, Option<_>)| Some((name.to_owned(), value?));
        all.into_iter().filter_map(known).collect()
    }
}

/// A path and what it lies in, from `/` on: `/`, `/a`, `/a/b`.
fn ancestors(path: &str) -> Vec<&str> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| (1..path.len()).contains(at));
    let mut all: Vec<&str> = Vec::new();
    if path.starts_with('/') && path.len() > 1 {
        all.push("/");
    }
    all.extend(ends.take(PARTS_MAX).map(|end| &path[..end]));
    all.push(path);
    all.dedup();
    all
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn set<'a>(values: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.map(text))
}

/// The nearest whole number.
fn long(value: f64) -> RestrictedExpression {
    RestrictedExpression::new_long(value.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::ancestors;

    #[test]
    fn a_path_lies_in_all_above_it() {
        assert_eq!(ancestors("/a/b/c"), ["/", "/a", "/a/b", "/a/b/c"]);
        assert_eq!(ancestors("/"), ["/"]);
        assert_eq!(ancestors("/a/"), ["/", "/a", "/a/"]);
        assert_eq!(ancestors("//"), ["/", "//"]);
        assert_eq!(ancestors("*"), ["*"]);
        assert_eq!(ancestors(""), [""]);
        assert_eq!(ancestors(&"/a".repeat(1_000)).len(), 34);
    }
}
