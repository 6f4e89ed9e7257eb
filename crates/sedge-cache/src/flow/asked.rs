//! A request, as long as its answer is looked for.

use crate::key::Key;
use crate::rules::{Ask, Policy, Target};
use http::header::HOST;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

/// What a client asked for, as it asked.
pub(super) struct Asked {
    pub(super) head: Parts,
    pub(super) has_body: bool,
    pub(super) target: Target,
    /// What its responses lie under, apart from their variants.
    pub(super) primary: Key,
}

impl Asked {
    /// Reads a request's head. `scope` sets those of one link apart from those of
    /// others that lead elsewhere.
    pub(super) fn new(
        head: Parts,
        has_body: bool,
        is_secure: bool,
        scope: &Key,
        policy: &Policy,
    ) -> Self {
        let scheme = if is_secure { "https" } else { "http" };
        // As the origin will be told it: `Host` comes before what HTTP/2 has for it.
        let named = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = named.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let target = Target::new(scheme, authority.unwrap_or_default(), path, policy);
        let primary = within(scope, &target.key(&head.headers, policy));
        Asked { head, has_body, target, primary }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// What it says to a cache.
    pub(super) fn ask(&self, policy: &Policy) -> Ask<'_> {
        Ask::new(&self.head.method, &self.head.headers, self.has_body, policy)
    }

    /// Its head, with the target that the key stands for.
    pub(super) fn outgoing(&self) -> Parts {
        let mut head = self.head.clone();
        aim(&mut head, &self.target);
        head
    }

    /// The same, if nobody asks any further.
    pub(super) fn into_outgoing(self) -> (Parts, Target) {
        let mut head = self.head;
        aim(&mut head, &self.target);
        (head, self.target)
    }
}

/// A key within a scope. Both are digests, so that no two pairs meet.
pub(super) fn within(scope: &Key, key: &Key) -> Key {
    Key(std::array::from_fn(|index| scope.0[index] ^ key.0[index]))
}

/// What is keyed must be what the origin sees.
fn aim(head: &mut Parts, target: &Target) {
    let path = target.path_and_query();
    if head.uri.path_and_query().is_some_and(|sent| sent.as_str() == path) {
        return;
    }
    let Ok(path) = path.parse::<PathAndQuery>() else { return };
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    parts.path_and_query = Some(path);
    head.uri = Uri::from_parts(parts).unwrap_or_default();
}
