//! The media types of files, by the ends of their names.

use http::HeaderValue;

/// Ends of names in lower case, sorted, each with its type (IANA's registry where
/// it has one; WHATWG's for what browsers run). Texts are UTF-8.
#[rustfmt::skip]
const TYPES: &[(&str, &str)] = &[
    ("aac", "audio/aac"),
    ("apng", "image/apng"),
    ("atom", "application/atom+xml"),
    ("avif", "image/avif"),
    ("bin", "application/octet-stream"),
    ("bmp", "image/bmp"),
    ("br", "application/octet-stream"),
    ("cjs", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("eot", "application/vnd.ms-fontobject"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json"),
    ("gif", "image/gif"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar; charset=utf-8"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("jsonld", "application/ld+json"),
    ("jxl", "image/jxl"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("mpd", "application/dash+xml"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rss", "application/rss+xml"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("ts", "video/mp2t"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xhtml", "application/xhtml+xml"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// The longest end in the table.
const END_BYTES_MAX: usize = 16;

/// The type of a file; what is not known is bytes, which no browser runs.
pub(super) fn of(name: &[u8]) -> HeaderValue {
    let file = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let dot = file.iter().rposition(|byte| *byte == b'.');
    // A name that begins with its only dot has no end.
    let end = dot.filter(|at| *at > 0).map(|at| &file[at + 1..]);
    let end = end.filter(|end| end.len() <= END_BYTES_MAX).map(<[u8]>::to_ascii_lowercase);
    let found = end.and_then(|end| {
        let index = TYPES.binary_search_by(|(known, _)| known.as_bytes().cmp(&end)).ok()?;
        Some(TYPES[index].1)
    });
    HeaderValue::from_static(found.unwrap_or("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_searched() {
        assert!(TYPES.is_sorted_by(|(a, _), (b, _)| a < b));
        for (end, media_type) in TYPES {
            assert!(end.len() <= END_BYTES_MAX && media_type.contains('/'), "{end}");
            assert_eq!(of(format!("a/b.{end}").as_bytes()), *media_type);
        }
    }

    #[test]
    fn what_is_not_known_is_bytes() {
        for name in ["", "a", "a.", ".html", "a/.css", "html", "a.html.exe", "a.html/b", "a.\u{e4}"]
        {
            assert_eq!(of(name.as_bytes()), "application/octet-stream", "{name}");
        }
        assert_eq!(of(b"A/INDEX.HtMl"), "text/html; charset=utf-8");
        assert_eq!(of(b"a.min.js"), "text/javascript; charset=utf-8");
        assert_eq!(of(b"a.tar.gz"), "application/gzip");
    }
}
