//! From routes as written to those as meant.

use super::raw_route::{RawAnswer, RawMirror, RawOrder, RawRedirect, RawRule, RawTargets, RawWay};
use super::resolve::{Named, Resolver};
use crate::document::{Invalid, child};
use crate::route::Host;
use crate::routing::rule::{
    Action, Changes, Destination, FixedAnswer, Match, Mirror, Order, Rule, Upgrades, Weighted,
};
use http::StatusCode;
use http::header::{self, HeaderValue};

impl Resolver<'_> {
    pub(super) fn rule(&mut self, at: &str, raw: RawRule) -> Option<Rule> {
        self.unique(at, Named::Route, &raw.name);
        let hosts_at = child(at, "hosts");
        let hosts = raw.hosts.iter().enumerate();
        let hosts: Vec<Host> = hosts
            .filter_map(|(index, host)| self.part(&child(&hosts_at, index), Host::parse(host)))
            .collect();
        let matches_at = child(at, "match");
        let count = raw.matches.len();
        let matches = raw.matches.into_iter().enumerate();
        let matches: Vec<Match> = matches
            .filter_map(|(index, one)| self.one_match(&child(&matches_at, index), one))
            .collect();
        let whole = matches.len() == count;
        let order = match raw.order {
            RawOrder::Specific => Order::Specific,
            RawOrder::First => Order::First,
        };
        let rewrite = self.rewrite(&child(at, "rewrite"), raw.rewrite, &matches);
        let action = self.action(at, raw.to, raw.split, raw.redirect, raw.answer, &matches);
        let mirrors_at = child(at, "mirror");
        let mirrors = raw.mirror.into_iter().enumerate();
        let mirrors = mirrors
            .filter_map(|(index, mirror)| self.mirror(&child(&mirrors_at, index), mirror))
            .collect();
        let upgrades = self.upgrades(at, raw.upgrades, action.as_ref());
        let policy =
            self.policy(at, raw.timeout_ms, raw.retries, raw.faults, raw.concurrency_max, raw.rate);
        let rule = Rule {
            name: raw.name,
            hosts,
            matches,
            order,
            request: self.changes(&child(at, "request"), raw.request),
            response: self.changes(&child(at, "response"), raw.response),
            rewrite,
            mirrors,
            upgrades,
            cors: raw.cors.map(|cors| self.cors(&child(at, "cors"), cors)),
            action: action?,
            policy,
        };
        // What is half read cannot be said to collide.
        if whole {
            self.claim(at, &rule);
        }
        Some(rule)
    }

    /// What connections may be switched to. What is written and can never happen
    /// is a mistake.
    fn upgrades(
        &mut self,
        at: &str,
        raw: Option<Vec<String>>,
        action: Option<&Action>,
    ) -> Upgrades {
        let Some(names) = raw else { return Upgrades::default() };
        let at = child(at, "upgrades");
        let ways = match action {
            Some(Action::Forward(ways)) => &ways[..],
            _ => &[],
        };
        let is_possible = ways.iter().any(|way| matches!(way.to, Destination::Upstream(_)));
        if action.is_some() && !names.is_empty() && !is_possible {
            let message = "the route leads to no upstream, so nothing can be upgraded";
            let hint = "remove it: functions, chains and files answer without upgrades";
            self.draft.reject_key(&at, Invalid::new(message, hint));
        }
        let names = names.iter().enumerate();
        let names = names
            .filter_map(|(index, name)| self.part(&child(&at, index), Upgrades::parse(name)))
            .collect();
        Upgrades(names)
    }

    fn action(
        &mut self,
        at: &str,
        targets: RawTargets,
        split: Option<Vec<RawWay>>,
        redirect: Option<RawRedirect>,
        answer: Option<RawAnswer>,
        matches: &[Match],
    ) -> Option<Action> {
        let mut found = Vec::new();
        for (key, to) in self.targets(at, targets) {
            let to = to.map(|to| {
                let (request, response) = (Changes::default(), Changes::default());
                Action::Forward(vec![Weighted { to, weight: 1, request, response }])
            });
            found.push((key, to));
        }
        if let Some(ways) = split {
            found.push(("split", self.split(&child(at, "split"), ways)));
        }
        if let Some(raw) = redirect {
            let redirect = self.redirect(&child(at, "redirect"), raw, matches);
            found.push(("redirect", redirect.map(Action::Redirect)));
        }
        if let Some(raw) = answer {
            let answer = self.answer(&child(at, "answer"), raw);
            found.push(("answer", answer.map(Action::Answer)));
        }
        self.only(
            at,
            found,
            "function, upstream, chain, files, split, redirect or answer",
            "the route",
        )
    }

    /// The one of several keys; none and two are mistakes.
    pub(super) fn only<T>(
        &mut self,
        at: &str,
        mut found: Vec<(&'static str, Option<T>)>,
        keys: &str,
        what: &str,
    ) -> Option<T> {
        if found.len() > 1 {
            for (key, _) in &found[1..] {
                let message = format!("{what} leads to two targets, `{}` and `{key}`", found[0].0);
                let hint = "keep one; several ways are written split = [{ weight = 1, … }]";
                self.draft.reject_key(&child(at, key), Invalid::new(message, hint));
            }
            return None;
        }
        match found.pop() {
            Some((_, value)) => value,
            // A refused target was reported where it stands.
            None if !self.draft.is_complete(at) => None,
            None => {
                let message = format!("{what} leads nowhere");
                self.draft.reject(at, Invalid::new(message, format!("write one of {keys}")));
                None
            }
        }
    }

    /// What of these is said, and where it leads if that is known.
    pub(super) fn targets(
        &mut self,
        at: &str,
        raw: RawTargets,
    ) -> Vec<(&'static str, Option<Destination>)> {
        let mut found = Vec::new();
        if let Some(name) = raw.function {
            let known = self.known(&child(at, "function"), Named::Function, &name);
            found.push(("function", known.then_some(Destination::Function(name))));
        }
        if let Some(name) = raw.upstream {
            let known = self.known(&child(at, "upstream"), Named::Upstream, &name);
            found.push(("upstream", known.then_some(Destination::Upstream(name))));
        }
        if let Some(name) = raw.chain {
            let known = self.known(&child(at, "chain"), Named::Chain, &name);
            found.push(("chain", known.then_some(Destination::Chain(name))));
        }
        if let Some(files) = raw.files {
            let files = self.files(&child(at, "files"), files);
            found.push(("files", files.map(Destination::Files)));
        }
        found
    }

    fn split(&mut self, at: &str, ways: Vec<RawWay>) -> Option<Action> {
        if !ways.is_empty() && ways.iter().all(|way| way.weight == 0) {
            let hint = "a share is the weight over the sum of all weights";
            self.draft.reject(at, Invalid::new("all weights are 0", hint));
        }
        let mut resolved = Vec::new();
        for (index, way) in ways.into_iter().enumerate() {
            let at = child(at, index);
            let found = self.targets(&at, way.to);
            let to = self.only(&at, found, "function, upstream, chain or files", "the way");
            let request = self.changes(&child(&at, "request"), way.request);
            let response = self.changes(&child(&at, "response"), way.response);
            resolved.extend(to.map(|to| Weighted { to, weight: way.weight, request, response }));
        }
        Some(Action::Forward(resolved))
    }

    fn mirror(&mut self, at: &str, raw: RawMirror) -> Option<Mirror> {
        let RawMirror { function, upstream, chain, percent } = raw;
        let targets = RawTargets { function, upstream, chain, files: None };
        let found = self.targets(at, targets);
        let to = self.only(at, found, "function, upstream or chain", "the mirror")?;
        Some(Mirror { to, fraction: percent.unwrap_or(100.0) / 100.0, shadow: false })
    }

    fn answer(&mut self, at: &str, raw: RawAnswer) -> Option<FixedAnswer> {
        let mut headers = self.fields(&child(at, "headers"), raw.headers);
        let typed = headers.iter().any(|(name, _)| *name == header::CONTENT_TYPE);
        if !typed && !raw.body.is_empty() {
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            headers.push((header::CONTENT_TYPE, text));
        }
        let status = StatusCode::from_u16(raw.status).ok()?;
        if matches!(raw.status, 204 | 205 | 304) && !raw.body.is_empty() {
            let message = format!("an answer with status {} has no body", raw.status);
            self.draft.reject(&child(at, "body"), Invalid::new(message, "remove it"));
        }
        Some(FixedAnswer { status, headers, body: raw.body.into_bytes() })
    }
}
