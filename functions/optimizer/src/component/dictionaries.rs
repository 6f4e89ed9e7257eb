//! Dictionaries in the node's cache, in the scope that the settings name.

mod bindings {
    wasip3::wit_bindgen::generate!({
        inline: "package sedge:optimizer; world cache { import sedge:cache/store@0.1.0; }",
        path: "../../wit/deps/sedge-cache",
        world: "sedge:optimizer/cache",
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
    });
}

use crate::dictionary::{Dictionary, address, digest};
use bindings::sedge::cache::store::{Lifetime, Request, Response, Scope};
use sedge_kit::content::dictionary::Digest;

/// How long one is of use: a client forgets what it has not asked for as long.
const TTL_MS: u64 = 30 * 86_400 * 1_000;

/// The dictionary of a digest; `None` where it is not there any longer, or the scope is
/// not granted.
pub(super) fn get(scope: &str, digest: Digest) -> Option<Dictionary> {
    let scope = Scope::open(scope).ok()?;
    let stored = scope.get(&request(&digest)).ok()??;
    Dictionary::new(digest, stored.body)
}

/// Keeps what a client was sent, as it has it; whether it could be kept.
pub(super) fn put(scope: &str, content: Vec<u8>) -> bool {
    let Ok(scope) = Scope::open(scope) else { return false };
    let request = request(&digest(&content));
    let is_kept = scope.get(&request).is_ok_and(|stored| stored.is_some());
    let response = Response { status: 200, fields: Vec::new(), body: content };
    let life = Lifetime { ttl_ms: Some(TTL_MS), stale_while_revalidate_ms: None, tags: Vec::new() };
    is_kept || scope.put(&request, &response, &life).is_ok()
}

fn request(digest: &Digest) -> Request {
    Request { url: address(digest), fields: Vec::new() }
}
