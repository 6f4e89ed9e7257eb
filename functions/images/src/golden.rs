//! Photographs, requests and the digests of their answers, for native code and
//! for the component alike.
//!
//! rustc 1.95 drops a SIMD instruction in a certain pattern on WebAssembly
//! (rust-lang/rust#157456), so the two are held against each other: the test
//! here checks the table natively, and a test of the node sends the same
//! requests to the component. A digest is [`crate::service::digest`], 64-bit
//! FNV-1a, of the answer's body.

use sedge_kit::image::grammar::ImageRequest;

use crate::limits::Limits;
use crate::problem::Problem;
use crate::service::{digest, prepare, render};

/// The table: lines of URL, `Accept`, source, digest, separated by tabs; `#` starts a
/// comment. Sources lie in `examples/images`, and those of `avif/` in `testdata` here.
pub const TABLE: &str = include_str!("../golden.tsv");

/// The digest of the answer to a request, made natively.
///
/// # Errors
/// The problem that the request would be answered with.
pub fn answer_digest(url: &str, accept: &str, source: &[u8]) -> Result<u64, Problem> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let request = ImageRequest::parse(path, query).map_err(Problem::Url)?;
    let prepared = prepare(&request, accept, source, &Limits::default())?;
    Ok(digest(&render(&request, &prepared, source.to_vec())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> &'static [u8] {
        match name {
            "rocket.jpg" => include_bytes!("../../../examples/images/rocket.jpg"),
            "coffee.png" => include_bytes!("../../../examples/images/coffee.png"),
            "chelsea.png" => include_bytes!("../../../examples/images/chelsea.png"),
            "wide.png" => include_bytes!("../../../examples/images/wide.png"),
            "ball.gif" => include_bytes!("../../../examples/images/ball.gif"),
            "avif/alpha420.avif" => include_bytes!("../testdata/avif/alpha420.avif"),
            "avif/alphaprem.avif" => include_bytes!("../testdata/avif/alphaprem.avif"),
            "avif/animated.avif" => include_bytes!("../testdata/avif/animated.avif"),
            "avif/clap.avif" => include_bytes!("../testdata/avif/clap.avif"),
            "avif/grain.avif" => include_bytes!("../testdata/avif/grain.avif"),
            "avif/grid420.avif" => include_bytes!("../testdata/avif/grid420.avif"),
            "avif/odd420.avif" => include_bytes!("../testdata/avif/odd420.avif"),
            "avif/p3.avif" => include_bytes!("../testdata/avif/p3.avif"),
            "avif/photo.avif" => include_bytes!("../testdata/avif/photo.avif"),
            "avif/y400d8full.avif" => include_bytes!("../testdata/avif/y400d8full.avif"),
            "avif/y422d10full.avif" => include_bytes!("../testdata/avif/y422d10full.avif"),
            "avif/y444d12limited.avif" => {
                include_bytes!("../testdata/avif/y444d12limited.avif")
            }
            other => panic!("{other} is not a source of the table"),
        }
    }

    #[test]
    fn every_answer_has_the_digest_in_the_table() {
        let mut wrong = String::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let [url, accept, name, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not four columns: {line}");
            };
            let got = answer_digest(url, accept, source(name)).expect(url);
            if format!("{got:016x}") != expected {
                wrong += &format!("{url}\t{accept}\t{name}\t{got:016x}\n");
            }
        }
        assert!(wrong.is_empty(), "answers that differ:\n{wrong}");
    }
}
