//! How long an answer may be kept: as long as its source, and no longer than
//! its URL is valid.

use crate::problem::Problem;

/// The seconds that a URL is still valid; `None` where it does not expire.
///
/// # Errors
/// [`Problem::Expired`].
pub fn validity_s(expires_s: Option<u64>, now_s: u64) -> Result<Option<u64>, Problem> {
    match expires_s {
        None => Ok(None),
        Some(expires_s) if expires_s > now_s => Ok(Some(expires_s - now_s)),
        Some(_) => Err(Problem::Expired),
    }
}

/// The caching fields of an answer to a URL that is valid for so long: what the
/// source says is kept where it forbids to store or to reuse without asking;
/// else the answer is fresh for that time at most, and not to be used when it is
/// stale.
pub fn bounded(source: Vec<(String, Vec<u8>)>, validity_s: Option<u64>) -> Vec<(String, Vec<u8>)> {
    let Some(validity_s) = validity_s else { return source };
    let control: Vec<String> = source
        .iter()
        .filter(|(name, _)| name == "cache-control")
        .map(|(_, value)| String::from_utf8_lossy(value).to_ascii_lowercase())
        .collect();
    let directives = || control.iter().flat_map(|line| line.split(',')).map(str::trim);
    let forbids = |directive: &str| {
        ["no-store", "no-cache", "private"].iter().any(|word| directive.starts_with(word))
    };
    let mut fields: Vec<_> = source
        .iter()
        .filter(|(name, _)| {
            name == "last-modified" || name == "cache-control" && directives().any(forbids)
        })
        .cloned()
        .collect();
    let lifetime = |name: &str| {
        directives().find_map(|directive| directive.strip_prefix(name)?.parse::<u64>().ok())
    };
    // What says nothing of its own, or speaks of a moment (`Expires`), which
    // takes a clock to be read, is fresh for no time: it is validated.
    let fresh_s = lifetime("s-maxage=").or(lifetime("max-age=")).unwrap_or(0).min(validity_s);
    if !directives().any(forbids) {
        let value = format!("max-age={fresh_s}, must-revalidate");
        fields.push(("cache-control".to_owned(), value.into_bytes()));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_valid_until_its_second() {
        assert_eq!(validity_s(None, 5).ok(), Some(None));
        assert_eq!(validity_s(Some(6), 5).ok(), Some(Some(1)));
        for late in [0, 4, 5] {
            assert!(matches!(validity_s(Some(late), 5), Err(Problem::Expired)), "{late}");
        }
    }

    fn check(source: &[(&str, &str)], validity_s: Option<u64>, expected: &[(&str, &str)]) {
        let fields = |pairs: &[(&str, &str)]| -> Vec<(String, Vec<u8>)> {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        assert_eq!(bounded(fields(source), validity_s), fields(expected), "{source:?}");
    }

    #[test]
    fn an_answer_is_fresh_no_longer_than_its_url_is_valid() {
        let long = [("cache-control", "public, max-age=86400"), ("expires", "x")];
        check(&long, None, &long);
        check(&long, Some(60), &[("cache-control", "max-age=60, must-revalidate")]);
        check(&long, Some(90_000), &[("cache-control", "max-age=86400, must-revalidate")]);
        let stale = [("cache-control", "Max-Age=5, stale-while-revalidate=600")];
        check(&stale, Some(60), &[("cache-control", "max-age=5, must-revalidate")]);
        let private = [("cache-control", "private, max-age=60")];
        check(&private, Some(9), &private);
        let validated = [("expires", "x"), ("last-modified", "y")];
        let expected = [("last-modified", "y"), ("cache-control", "max-age=0, must-revalidate")];
        check(&validated, Some(9), &expected);
    }
}
