//! From chains as written to those as meant.

use super::raw_chain::{RawChain, RawEarlyHints, RawFail, RawLink, RawLinkTable};
use super::raw_route::RawTargets;
use super::resolve::{Named, Resolver};
use crate::document::{Invalid, child};
use crate::routing::policy::Policy;
use crate::routing::rule::{Chain, EarlyHints, Fail, Link};
use std::collections::HashSet;
use std::time::Duration;

impl Resolver<'_> {
    pub(super) fn chain(&mut self, at: &str, raw: RawChain) -> Option<Chain> {
        let RawChain { name, links: raw_links, function, upstream, files } = raw;
        self.unique(at, Named::Chain, &name);
        let links_at = child(at, "links");
        let (mut links, mut scopes) = (Vec::new(), HashSet::new());
        for (index, link) in raw_links.into_iter().enumerate() {
            let at = child(&links_at, index);
            let link = match link {
                RawLink::Text(name) => self.function_link(&at, name, None),
                RawLink::Table(table) => self.link(&at, *table),
            };
            if let Some(Link::Cache(settings)) = &link
                && let Some(scope) = &settings.scope
                && !scopes.insert(scope.clone())
            {
                let message = format!("two links of the chain have the scope `{scope}`");
                let hint = "give one of them another: a request would wait for itself";
                self.draft
                    .reject(&child(&child(&at, "cache"), "scope"), Invalid::new(message, hint));
            }
            links.extend(link);
        }
        let targets = RawTargets { function, upstream, chain: None, files };
        let found = self.targets(at, targets);
        let to = self.only(at, found, "function, upstream or files", "the chain")?;
        Some(Chain { name, links, to })
    }

    fn link(&mut self, at: &str, raw: RawLinkTable) -> Option<Link> {
        let RawLinkTable { function, fail, headers, cache, early_hints, .. } = raw;
        let RawLinkTable { rate, concurrency_max, timeout_ms, .. } = raw;
        if fail.is_some() && function.is_none() && self.draft.is_complete(at) {
            let message = "`fail` is about a link that is a function";
            let hint = "remove it: this link cannot fail, it lets a request pass or answers it";
            self.draft.reject_key(&child(at, "fail"), Invalid::new(message, hint));
        }
        let mut found = Vec::new();
        if let Some(name) = function {
            let link = self.function_link(&child(at, "function"), name, fail);
            found.push(("function", link));
        }
        if let Some(raw) = headers {
            let at = child(at, "headers");
            let request = self.changes(&child(&at, "request"), raw.request);
            let response = self.changes(&child(&at, "response"), raw.response);
            found.push(("headers", Some(Link::Headers { request, response })));
        }
        if let Some(raw) = cache {
            let settings = self.cache(&child(at, "cache"), raw);
            found.push(("cache", Some(Link::Cache(Box::new(settings)))));
        }
        if let Some(raw) = early_hints {
            let link = self.early_hints(&child(at, "early_hints"), &raw);
            found.push(("early_hints", Some(link)));
        }
        let guard = |policy: Policy| Some(Link::Guard(policy));
        if let Some(rate) = rate {
            let rate = self.rate(&child(at, "rate"), rate);
            let link =
                rate.and_then(|rate| guard(Policy { rate: Some(rate), ..Policy::default() }));
            found.push(("rate", link));
        }
        if concurrency_max.is_some() {
            found.push(("concurrency_max", guard(Policy { concurrency_max, ..Policy::default() })));
        }
        if let Some(time) = timeout_ms {
            let timeout = Some(Duration::from_millis(time));
            found.push(("timeout_ms", guard(Policy { timeout, ..Policy::default() })));
        }
        let keys = "function, headers, cache, early_hints, rate, concurrency_max or timeout_ms";
        self.one_of(at, found, keys, "the link")
    }

    fn early_hints(&mut self, at: &str, raw: &RawEarlyHints) -> Link {
        let &RawEarlyHints { http1, learn, pass_on, pages_max, age_s_max } = raw;
        if !learn && !pass_on {
            let hint = "leave one of them out, or the link";
            let invalid = Invalid::new("the link neither learns hints nor passes them on", hint);
            self.draft.reject(at, invalid);
        }
        let age_max = Duration::from_secs(age_s_max);
        Link::EarlyHints(EarlyHints { http1, learn, pass_on, pages_max, age_max })
    }

    fn function_link(&mut self, at: &str, name: String, fail: Option<RawFail>) -> Option<Link> {
        let known = self.known(at, Named::Function, &name);
        let fail = match fail {
            Some(RawFail::Open) => Fail::Open,
            Some(RawFail::Closed) | None => Fail::Closed,
        };
        known.then_some(Link::Function { name, fail })
    }
}
