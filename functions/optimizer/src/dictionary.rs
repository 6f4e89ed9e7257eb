//! Dictionaries that client and server share (RFC 9842): what was sent before is what a
//! later version of it is compressed with. As `dcz` only, not as `dcb`: there was no other
//! decoder at hand that reads what the `brotli` crate writes with a dictionary.

use crate::encoder::Level;
use crate::head::Head;
use crate::request::Asked;
use sedge_kit::content::coding::Coding;
use sedge_kit::content::dictionary::{DCZ_MAGIC, Digest};
use sedge_kit::content::directives::has_directive;
use sedge_kit::content::media::{Kind, Media};
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};
use structured_zstd::decoding::Dictionary as RawDictionary;
use structured_zstd::encoding::{CompressionLevel, EncoderDictionary, StreamingEncoder};

/// What a client has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary {
    digest: Digest,
    content: Vec<u8>,
}

/// The digest by which a dictionary is known.
pub fn digest(content: &[u8]) -> Digest {
    Sha256::digest(content).into()
}

/// What it is stored under. Nothing that a client asks for is there.
pub fn address(digest: &Digest) -> String {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("https://dictionary.invalid/{hex}")
}

impl Dictionary {
    /// The dictionary of this digest, if its content is that.
    pub fn new(digest: Digest, content: Vec<u8>) -> Option<Self> {
        let is_it = !content.is_empty() && self::digest(&content) == digest;
        is_it.then_some(Dictionary { digest, content })
    }

    /// All of it as `dcz`. The window is that of the level, 8 MiB at most, and no larger
    /// than the content, as RFC 9842 §5 has it.
    ///
    /// # Errors
    /// None that is known of; the encoder has a word for what is set too late.
    pub fn encode(&self, level: Level, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = DCZ_MAGIC.to_vec();
        out.extend_from_slice(&self.digest);
        let own = CompressionLevel::from_level(level.of(Coding::DictionaryZstd) as i32);
        let raw = RawDictionary::from_raw_content(0, self.content.clone());
        let raw = raw.map_err(|error| io::Error::other(error.to_string()))?;
        let mut encoder = StreamingEncoder::new(out, own);
        let told = |_| io::Error::other("a dictionary was set too late");
        encoder.set_encoder_dictionary(EncoderDictionary::from_dictionary(raw)).map_err(told)?;
        encoder.set_source_size_hint(bytes.len() as u64).map_err(told)?;
        encoder.write_all(bytes)?;
        encoder.finish().map_err(io::Error::other)
    }
}

/// Whether an answer may be a dictionary, or be compressed with one: content that is the
/// same for all, says for how long, and was asked for by a page of the same origin, as far
/// as the client tells (RFC 9842 §9.3).
pub fn may_be_shared(asked: &Asked, head: &Head, media: Media, gets_lifetime: bool) -> bool {
    let text = |name: &str| head.fields.get(name).unwrap_or_default();
    let control = text("cache-control");
    let is = |name: &str| has_directive(&control, name);
    let is_static = match media.kind {
        Kind::Css | Kind::Script | Kind::Json => true,
        Kind::Compressible => text("content-type").starts_with("application/wasm"),
        Kind::Html | Kind::Opaque => false,
    };
    let is_own = is("private") || is("no-store") || is("no-cache") || head.fields.has("set-cookie");
    let is_for_all = is("public") || is("s-maxage") || is("immutable");
    let is_stored = is("max-age") || is("s-maxage") || gets_lifetime;
    let vary = text("vary").to_ascii_lowercase();
    let mut varies = vary.split(',').map(str::trim);
    let is_one = varies.all(|name| matches!(name, "" | "accept-encoding"));
    let may_be_seen = !asked.is_authorized && (!asked.has_credentials || is_for_all);
    head.status == 200
        && is_static
        && is_stored
        && !is_own
        && is_one
        && may_be_seen
        && asked.is_same_origin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::tests::noise;
    use std::io::Read;

    fn decode(dictionary: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        let decoder = zstd::stream::read::Decoder::with_dictionary(bytes, dictionary);
        decoder.expect("one").read_to_end(&mut read).expect("read to its end");
        read
    }

    #[test]
    fn only_what_it_is_said_to_be_is_one() {
        assert_eq!(Dictionary::new(digest(b"a"), b"b".to_vec()), None);
        assert_eq!(Dictionary::new(digest(b""), Vec::new()), None);
        assert!(
            address(&digest(b"a"))
                .ends_with("/ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")
        );
    }

    #[test]
    fn who_has_the_dictionary_reads_it_with_the_library_of_others() {
        let old = noise(200_000);
        // What looks like a dictionary of zstd's own is content like any other.
        let odd = [b"\x37\xa4\x30\xec\x01\x00\x00\x00".as_slice(), &old].concat();
        for content in [old.clone(), odd, b"x".to_vec()] {
            let dictionary = Dictionary::new(digest(&content), content.clone()).expect("one");
            let mut new = old.clone();
            new.splice(70_000..70_100, *b"something else");
            for level in [Level::Light, Level::Balanced, Level::Aggressive, Level::Stored] {
                for bytes in [&new[..], b"", b"y"] {
                    let encoded = dictionary.encode(level, bytes).expect("encoded");
                    assert!(encoded.starts_with(&DCZ_MAGIC) && encoded[8..40] == digest(&content));
                    // Only the library's raw dictionaries are read from bytes of any kind.
                    if !content.starts_with(b"\x37\xa4") {
                        assert_eq!(decode(&content, &encoded[40..]), bytes, "{level:?}");
                    }
                    let is_small = content.len() == 1 || encoded.len() < 2_000;
                    assert!(is_small || bytes.len() < 2, "{level:?}: {}", encoded.len());
                }
            }
        }
    }
}
