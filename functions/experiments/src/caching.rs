//! What answers say to caches before this link, when they are of one visitor.

use crate::head::Fields;

/// Directives by which shared caches keep an answer (RFC 9111 §5.2.2, RFC 5861).
const SHARED: [&str; 4] = ["public", "s-maxage", "stale-while-revalidate", "stale-if-error"];
/// Fields that speak to shared caches only (RFC 9213 and others before it).
const TARGETED: [&str; 3] = ["cdn-cache-control", "surrogate-control", "edge-control"];

/// Keeps an answer from being given to other visitors. Its visitor's own browser may keep it
/// as long as it might before.
pub fn keep_private(fields: &mut Fields) {
    for name in TARGETED {
        fields.remove(name);
    }
    let said: Vec<String> = fields.lines("cache-control").map(str::to_owned).collect();
    let mut kept: Vec<&str> = Vec::new();
    for directive in said.iter().flat_map(|line| split(line)) {
        let name = directive.split('=').next().unwrap_or_default().trim();
        let is_dropped = |dropped: &str| name.eq_ignore_ascii_case(dropped);
        // With a list of fields it would be private for these alone.
        if !name.eq_ignore_ascii_case("private") && !SHARED.iter().any(|one| is_dropped(one)) {
            kept.push(directive);
        }
    }
    kept.insert(0, "private");
    fields.set("cache-control", kept.join(", "));
}

/// The directives of a line, commas in quotes left alone.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = line.split(move |letter: char| {
        is_quoted ^= letter == '"';
        letter == ',' && !is_quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_caches_are_told_nothing_else() {
        for (said, wanted) in [
            (&[][..], "private"),
            (&[("cache-control", "max-age=60")], "private, max-age=60"),
            (&[("cache-control", "Public, S-MaxAge = 9, max-age=60")], "private, max-age=60"),
            (&[("cache-control", "private=\"a, b\", no-cache")], "private, no-cache"),
            (
                &[
                    ("cache-control", "public"),
                    ("Cache-Control", "no-store,,"),
                    ("CDN-Cache-Control", "max-age=9"),
                ],
                "private, no-store",
            ),
        ] {
            let owned =
                said.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
            let mut fields = Fields(owned.collect());
            keep_private(&mut fields);
            assert_eq!(fields.one("cache-control"), Some(wanted));
            assert_eq!(fields.0.len(), 1);
        }
    }
}
