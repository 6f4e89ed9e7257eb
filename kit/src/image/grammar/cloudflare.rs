//! Cloudflare's grammar: options in one segment of the path, then the source
//! as it is, with the query of the URL.

use alloc::format;
use alloc::string::{String, ToString};

use super::options::Options;
use super::values::percent_decoded;
use super::{GrammarError, ImageRequest};
use crate::image::geometry::{Bounds, Fit};

/// The longest segment of options, in bytes. All of them, each once, take less.
const OPTION_BYTES_MAX: usize = 1 << 10;

/// Parses what follows `/cdn-cgi/image/`.
pub(super) fn parse(rest: &str, query: &str) -> Result<ImageRequest, GrammarError> {
    let (options, source) = rest.split_once('/').ok_or(GrammarError::Path)?;
    if options.len() > OPTION_BYTES_MAX {
        return Err(GrammarError::OptionBytes);
    }
    let whole = Bounds { width: None, height: None };
    let mut parsed = Options::new(whole, Fit::ScaleDown);
    // A comma within a value is percent-encoded.
    let mut pairs = options.split(',').filter(|pair| !pair.is_empty()).peekable();
    if pairs.peek().is_none() {
        return Err(GrammarError::NoOption);
    }
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parsed.set(name, percent_decoded(value)?, GrammarError::UnknownOption)?;
    }
    if !source.is_empty() {
        parsed.set_source(source_of(source, query)?)?;
    }
    parsed.finish()
}

/// An absolute URL, as it is or percent-encoded as a whole, or else a path on
/// the own origin. The query of the request is the source's.
fn source_of(rest: &str, query: &str) -> Result<String, GrammarError> {
    let with_query = |source: &str| match query {
        "" => source.to_string(),
        query => format!("{source}?{query}"),
    };
    let starts = |prefix: &str| {
        rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    for scheme in ["http", "https"] {
        if starts(&format!("{scheme}%3A")) {
            return Ok(with_query(&percent_decoded(rest)?));
        }
        // Some proxies make one slash of two.
        if starts(&format!("{scheme}:/")) {
            let path = rest[scheme.len() + 1..].trim_start_matches('/');
            return Ok(with_query(&format!("{scheme}://{path}")));
        }
    }
    Ok(with_query(&format!("/{rest}")))
}
