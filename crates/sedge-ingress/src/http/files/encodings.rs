//! Which of the files that lie beside another, compressed, is sent in its place
//! (RFC 9110 §12.5.3).

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

/// A coding of files that are compressed beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coding {
    /// Its name in HTTP.
    pub(super) name: &'static str,
    /// The end of a file's name.
    pub(super) end: &'static str,
}

/// In the order in which they are preferred where the client has no preference: the
/// smallest first.
const CODINGS: [Coding; 3] = [
    Coding { name: "br", end: ".br" },
    Coding { name: "zstd", end: ".zst" },
    Coding { name: "gzip", end: ".gz" },
];

/// Entries of the field that are read.
const ENTRIES_MAX: usize = 32;

/// Weights in thousandths (RFC 9110 §12.4.2 has three digits).
type Weight = u16;

/// The codings that a client takes rather than none, the best first.
pub(super) fn wanted(headers: &HeaderMap) -> Vec<Coding> {
    let lists = headers.get_all(ACCEPT_ENCODING).iter();
    let lists = lists.filter_map(|value: &HeaderValue| value.to_str().ok());
    let entries: Vec<(&str, Weight)> =
        lists.flat_map(|list| list.split(',')).take(ENTRIES_MAX).filter_map(entry).collect();
    let weight = |name: &str| {
        let named = entries.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
        let any = || entries.iter().find(|(one, _)| *one == "*");
        named.or_else(any).map(|(_, weight)| *weight)
    };
    // Without a word about it, the file as it is will always do, but is not what
    // the client would rather have.
    let plain = entries.iter().find(|(name, _)| name.eq_ignore_ascii_case("identity"));
    let plain = plain.map_or(0, |(_, weight)| *weight);
    let is_wanted = |weight: Weight| weight > 0 && weight >= plain;
    let mut found: Vec<(Coding, Weight)> = CODINGS
        .into_iter()
        .filter_map(|coding| Some((coding, weight(coding.name).filter(|&one| is_wanted(one))?)))
        .collect();
    // A stable sort: of equals, ours comes first.
    found.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    found.into_iter().map(|(coding, _)| coding).collect()
}

/// `gzip;q=0.5`; what is not of this form is no entry.
fn entry(text: &str) -> Option<(&str, Weight)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let name = if name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { name };
    let Some(parameter) = parts.next() else { return Some((name, 1_000)) };
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    Some((name, weight(value)?)).filter(|_| parts.next().is_none())
}

/// `0`, `0.5`, `1.000`.
fn weight(text: &str) -> Option<Weight> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = rest.len() <= 3 && rest.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: Weight = format!("{rest:0<3}").parse().ok().filter(|_| is_digits)?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> String {
        let values = values.iter().map(|value| HeaderValue::from_str(value).expect("a value"));
        let headers: HeaderMap = values.map(|value| (ACCEPT_ENCODING, value)).collect();
        let names = wanted(&headers).into_iter().map(|coding| coding.name);
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_not_understood_takes_no_coding() {
        for value in [
            "",
            ",",
            ";",
            "q=1",
            "gzip;q=",
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=-1",
            "gzip;q=0.0000",
            "gzip;q=0,5",
            "gzip;level=1",
            "gzip;q=1;q=0",
            "deflate",
            "compress",
            "gzip2",
            "identity",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "gzip;q=.5",
            "br;q=0, *;q=0",
        ] {
            let found = of(&[value]);
            // `gzip;q=0,5` is two entries, of which the first refuses.
            assert_eq!(found, "", "{value}");
        }
        assert_eq!(of(&[]), "");
        let late = format!("{}gzip", "x,".repeat(ENTRIES_MAX));
        assert_eq!(of(&[&late]), "");
    }

    #[test]
    fn the_client_prefers_and_then_we_do() {
        for (values, expected) in [
            (&["gzip"][..], "gzip"),
            (&["GZIP"], "gzip"),
            (&["x-gzip"], "gzip"),
            (&["gzip, deflate, br, zstd"], "br zstd gzip"),
            (&["gzip, br;q=0.9"], "gzip br"),
            (&["gzip;q=0.001 , zstd ; q=0.5"], "zstd gzip"),
            (&["*"], "br zstd gzip"),
            (&["*;q=0.5, br;q=0"], "zstd gzip"),
            (&["gzip;q=1.000", "br;q=1"], "br gzip"),
            (&["identity;q=0.5, gzip;q=0.4, br;q=0.6"], "br"),
            (&["identity, gzip"], "gzip"),
            (&["identity;q=0, gzip"], "gzip"),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }
}
