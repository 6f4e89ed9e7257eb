//! Everything that can be wrong, and how the client is told (RFC 9457).

use sedge_kit::image::accept::Format;
use sedge_kit::image::grammar::GrammarError;

/// Where a source came from: the same fault is told differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The request's body.
    Body,
    /// The URL in `src`.
    Fetched,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The path belongs to no image.
    #[error("{}", GrammarError::Path)]
    NotFound,
    /// The URL is wrong.
    #[error("{0}")]
    Url(GrammarError),
    /// The method is not GET, HEAD or POST.
    #[error("the method is not GET, HEAD or POST")]
    Method,
    /// A GET has no `src`, or a POST has one.
    #[error("GET takes its image from src, POST from its body")]
    Source,
    /// `src` is no URL that can be fetched.
    #[error("src is neither an absolute http or https URL nor a path: {0}")]
    SourceUrl(&'static str),
    /// The source is a path, and no origin is configured.
    #[error("the source is a path, but IMAGES_ORIGIN does not say of which origin")]
    NoOrigin,
    /// The function is not configured as it must be.
    #[error("{0} is not what the function needs")]
    Configuration(&'static str),
    /// The URL has no signature, or not the one that a key makes.
    #[error("the URL is not signed by a key of this function")]
    Signature,
    /// The URL was valid once.
    #[error("the URL has expired")]
    Expired,
    /// The source is on no list of those that may be fetched.
    #[error("the source is not one that IMAGES_SOURCES lists")]
    NotListed,
    /// What is to be cut off is all there is.
    #[error("trim leaves nothing of the picture")]
    Trim,
    /// `Accept` excludes every format.
    #[error("none of the formats that can be written is acceptable")]
    NotAcceptable,
    /// The source has no bytes.
    #[error("the source is empty")]
    Empty,
    /// The source has more bytes than the limit.
    #[error("the source has more than {0} bytes")]
    SourceBytes(u64),
    /// The source is of no known format, or of a variant that cannot be read.
    #[error("the source is not a JPEG, PNG, WebP, GIF or AVIF that can be read: {0}")]
    Unsupported(&'static str),
    /// The source is damaged.
    #[error("the source is damaged: {0}")]
    Damaged(String),
    /// The source has too many pixels.
    #[error("the source has {width}x{height} pixels, more than {limit} in total")]
    SourcePixels {
        /// Width of the source.
        width: u32,
        /// Height of the source.
        height: u32,
        /// The limit in pixels.
        limit: u64,
    },
    /// The answer would have too many pixels.
    #[error(
        "the answer would have {width}x{height} pixels; the limit is {side_max} along a side and {pixels_max} in total"
    )]
    OutputSize {
        /// Width of the answer.
        width: u32,
        /// Height of the answer.
        height: u32,
        /// The limit along a side.
        side_max: u32,
        /// The limit in pixels.
        pixels_max: u64,
    },
    /// The way to the answer would take too much memory.
    #[error("the image would take {needed} bytes of memory, the limit is {limit}")]
    Memory {
        /// Bytes that it would take.
        needed: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The instance has no more memory.
    #[error("no more memory")]
    OutOfMemory,
    /// The format cannot hold the answer.
    #[error("the answer has more than {0} pixels, the limit of lossy WebP here")]
    WebpPixels(u64),
    /// Nothing can write this format here.
    #[error("{} cannot be written here", .0.media_type())]
    NoEncoder(Format),
    /// The node has too much to encode already.
    #[error("too much waits to be encoded")]
    EncodersBusy,
    /// The node has not encoded in time.
    #[error("the answer was not encoded in time")]
    EncodersSlow,
    /// An encoder failed on pixels that it should take.
    #[error("the answer could not be encoded: {0}")]
    Encoding(String),
    /// The source's server could not be reached, or broke off.
    #[error("the source could not be fetched: {0}")]
    Unreachable(String),
    /// The node does not let this function fetch the URL.
    #[error("the source may not be fetched from this address")]
    Denied,
    /// The source's server answered with an error.
    #[error("the source answered with status {0}")]
    UpstreamStatus(u16),
    /// Too many redirects, or one to nowhere.
    #[error("the source redirects {0}")]
    Redirect(&'static str),
    /// The source's server was too slow.
    #[error("the source did not answer in time")]
    Timeout,
    /// The body of the request broke off.
    #[error("the body of the request broke off")]
    BodyBroken,
}

impl Problem {
    /// The name in `type`, and the status: of a fault in the image itself, 4xx
    /// with 413 and 415 only where the client sent the image in this request.
    fn name_and_status(&self, origin: Origin) -> (&'static str, u16) {
        let sent = |status: u16| if origin == Origin::Body { status } else { 422 };
        match self {
            Self::NotFound => ("not-found", 404),
            Self::Url(_) => ("bad-url", 400),
            Self::Method => ("method-not-allowed", 405),
            Self::Source => ("source-missing", 400),
            Self::SourceUrl(_) => ("bad-source-url", 400),
            Self::NoOrigin => ("no-origin", 400),
            Self::Configuration(_) => ("bad-configuration", 500),
            Self::Signature => ("bad-signature", 403),
            Self::Expired => ("expired", 403),
            Self::NotListed => ("source-not-listed", 403),
            Self::Trim => ("bad-trim", 422),
            Self::NotAcceptable => ("not-acceptable", 406),
            Self::Empty => ("empty-source", if origin == Origin::Body { 400 } else { 422 }),
            Self::SourceBytes(_) => ("source-too-large", sent(413)),
            Self::Unsupported(_) => ("unsupported-source", sent(415)),
            Self::Damaged(_) => ("damaged-source", 422),
            Self::SourcePixels { .. } => ("too-many-pixels", sent(413)),
            Self::OutputSize { .. } => ("output-too-large", 422),
            Self::Memory { .. } => ("too-much-memory", sent(413)),
            Self::OutOfMemory => ("out-of-memory", 503),
            Self::WebpPixels(_) => ("output-too-large", 422),
            Self::NoEncoder(_) => ("format-unavailable", 422),
            Self::EncodersBusy => ("encoders-busy", 503),
            Self::EncodersSlow => ("encoding-timeout", 504),
            Self::Encoding(_) => ("encoding-failed", 500),
            Self::Unreachable(_) => ("source-unreachable", 502),
            Self::Denied => ("source-denied", 403),
            Self::UpstreamStatus(404 | 410) => ("source-not-found", 404),
            Self::UpstreamStatus(_) => ("source-failed", 502),
            Self::Redirect(_) => ("source-redirects", 502),
            Self::Timeout => ("source-timeout", 504),
            Self::BodyBroken => ("body-broken", 400),
        }
    }

    /// The status of the answer.
    pub fn status(&self, origin: Origin) -> u16 {
        self.name_and_status(origin).1
    }

    /// The answer's body, `application/problem+json`.
    pub fn to_json(&self, origin: Origin) -> String {
        let (name, status) = self.name_and_status(origin);
        let title = name.replace('-', " ");
        let detail = escape(&self.to_string());
        format!(
            "{{\"type\":\"urn:sedge:images:{name}\",\"title\":\"{title}\",\
             \"status\":{status},\"detail\":\"{detail}\"}}\n"
        )
    }
}

/// The inside of a JSON string (RFC 8259 §7).
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_wrote_cannot_break_out_of_the_json() {
        let problem = Problem::Url(GrammarError::Fit("a\"b\\c\n\u{1}".into()));
        let json = problem.to_json(Origin::Body);
        assert!(json.contains(r#"the fit `a\"b\\c\u000a\u0001` is not one of"#), "{json}");
        assert!(json.contains(r#""status":400"#), "{json}");
    }

    #[test]
    fn the_same_fault_has_another_status_where_the_client_sent_the_image() {
        for (problem, body, fetched) in [
            (Problem::SourceBytes(1), 413, 422),
            (Problem::Unsupported("x"), 415, 422),
            (Problem::Damaged(String::new()), 422, 422),
            (Problem::UpstreamStatus(404), 404, 404),
            (Problem::UpstreamStatus(500), 502, 502),
        ] {
            assert_eq!(problem.status(Origin::Body), body, "{problem}");
            assert_eq!(problem.status(Origin::Fetched), fetched, "{problem}");
        }
    }
}
