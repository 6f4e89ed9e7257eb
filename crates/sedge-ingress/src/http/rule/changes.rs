//! Changes of header fields.

use http::HeaderMap;
use sedge_model::routing::rule::Changes;

/// Removes, then sets, then adds.
pub(crate) fn apply(changes: &Changes, headers: &mut HeaderMap) {
    for name in &changes.remove {
        // `remove` takes every value of the name.
        headers.remove(name);
    }
    for (name, value) in &changes.set {
        headers.insert(name, value.clone());
    }
    for (name, value) in &changes.add {
        headers.append(name, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn what_is_removed_may_be_set_and_what_is_set_may_be_added_to() {
        let pair = |(name, value): (&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let sent = [("a", "1"), ("a", "2"), ("b", "1"), ("c", "1"), ("c", "2"), ("d", "1")];
        let mut headers: HeaderMap = sent.map(pair).into_iter().collect();
        let changes = Changes {
            remove: ["a", "b", "absent"].map(HeaderName::from_static).to_vec(),
            set: vec![pair(("a", "set")), pair(("c", "set"))],
            add: vec![pair(("c", "added")), pair(("e", "added"))],
        };
        apply(&changes, &mut headers);
        let mut left: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().expect("text")))
            .collect();
        left.sort();
        assert_eq!(left, ["a=set", "c=added", "c=set", "d=1", "e=added"]);
    }
}
