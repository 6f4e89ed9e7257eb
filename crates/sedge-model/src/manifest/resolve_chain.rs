//! From chains as written to those as meant.

use super::raw_chain::{RawChain, RawFail, RawLink, RawLinkTable};
use super::raw_route::RawTargets;
use super::resolve::{Named, Resolver};
use crate::document::child;
use crate::routing::rule::{Chain, Fail, Link};

impl Resolver<'_> {
    pub(super) fn chain(&mut self, at: &str, raw: RawChain) -> Option<Chain> {
        let RawChain { name, links: raw_links, function, upstream, files } = raw;
        self.unique(at, Named::Chain, &name);
        let links_at = child(at, "links");
        let mut links = Vec::new();
        for (index, link) in raw_links.into_iter().enumerate() {
            let entry = child(&links_at, index);
            let (at, table) = match link {
                RawLink::Text(function) => (entry, RawLinkTable { function, ..Default::default() }),
                RawLink::Table(table) => (child(&entry, "function"), table),
            };
            self.known(&at, Named::Function, &table.function);
            let fail = match table.fail {
                RawFail::Open => Fail::Open,
                RawFail::Closed => Fail::Closed,
            };
            links.push(Link { function: table.function, fail });
        }
        let targets = RawTargets { function, upstream, chain: None, files };
        let found = self.targets(at, targets);
        let to = self.only(at, found, "function, upstream or files", "the chain")?;
        Some(Chain { name, links, to })
    }
}
