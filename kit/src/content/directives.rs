//! `Cache-Control` and `Vary`, as far as they concern whoever changes content.

use super::list::{members, trim};
use alloc::string::String;
use alloc::vec::Vec;

/// Whether a list of directives has one of this name (RFC 9111 §5.2).
pub fn has_directive(value: &str, name: &str) -> bool {
    members(value).any(|member| {
        let own = member.split_once('=').map_or(member, |(own, _)| trim(own));
        own.eq_ignore_ascii_case(name)
    })
}

/// Adds names to a `Vary` (RFC 9110 §12.5.5): each once, and none beside `*`.
pub fn add_to_vary(value: &str, names: &[&str]) -> String {
    // Names of fields are never quoted, so that a stray quote hides none of them.
    let own = || value.split(',').map(trim).filter(|name| !name.is_empty());
    let is_named = |name: &str| own().any(|own| own.eq_ignore_ascii_case(name));
    let is_all = is_named("*");
    let added = names.iter().copied().filter(|name| !is_all && !is_named(name));
    own().chain(added).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_by_name() {
        assert!(has_directive("max-age=3, No-Transform", "no-transform"));
        assert!(has_directive("private=\"set-cookie\"", "private"));
        assert!(!has_directive("x=\"no-store, no-transform\"", "no-transform"), "quoted");
        assert!(!has_directive("no-transformer, =no-transform", "no-transform"));
        assert!(!has_directive("", "private"));
    }

    #[test]
    fn vary_names_each_once() {
        let add = |value| add_to_vary(value, &["Accept-Encoding", "Save-Data"]);
        assert_eq!(add(""), "Accept-Encoding, Save-Data");
        assert_eq!(add("accept-encoding"), "accept-encoding, Save-Data");
        assert_eq!(add("Origin, *"), "Origin, *");
        assert_eq!(add("a\"b"), "a\"b, Accept-Encoding, Save-Data");
        assert_eq!(add(" , "), "Accept-Encoding, Save-Data");
    }
}
