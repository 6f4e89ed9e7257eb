//! Why an attempt to get a certificate failed.

use super::client::ClientError;
use crate::http::metrics::reasons;
use instant_acme::Error;
use std::time::{Duration, Instant};

/// Longest text of an authority that is repeated.
const TEXT_BYTES_MAX: usize = 400;

reasons! {
    /// Why an attempt failed.
    pub(crate) enum Reason;
    /// No connection to the authority, or its certificate is not trusted.
    Connect: "connect";
    /// It took too long.
    Timeout: "timeout";
    /// An answer that is not as RFC 8555 says, or that is too large.
    Malformed: "malformed";
    /// The authority wants fewer orders.
    RateLimited: "rate_limited";
    /// The authority refuses for another reason.
    Refused: "refused";
    /// The hosts could not be proved.
    Challenge: "challenge";
    /// The certificate that came is not the one that was ordered.
    Certificate: "certificate";
    /// The data folder cannot be read or written.
    Storage: "storage";
}

/// A failed attempt.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    /// For the operator: bounded, without control characters.
    pub(crate) text: String,
    /// How long the authority wants us to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn new(reason: Reason, text: impl AsRef<str>) -> Self {
        Failure { reason, text: plain(text.as_ref()), retry_after: None }
    }

    /// Whether the authority does not know the account (any more).
    pub(crate) fn is_of(error: &Error, kind: &str) -> bool {
        let Error::Api(problem) = error else { return false };
        let found = problem.r#type.as_deref().and_then(|text| text.rsplit_once(':'));
        found.is_some_and(|(_, found)| found == kind)
    }
}

/// A text of somebody else, made fit for a line of a log.
fn plain(text: &str) -> String {
    let mut plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if plain.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|&at| plain.is_char_boundary(at));
        plain.truncate(end.unwrap_or(0));
        plain.push('…');
    }
    plain
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let reason = match &error {
            Error::Api(_) if Failure::is_of(&error, "rateLimited") => Reason::RateLimited,
            Error::Api(_) => Reason::Refused,
            Error::Timeout(_) => Reason::Timeout,
            Error::Other(inner) => {
                inner.downcast_ref::<ClientError>().map_or(Reason::Malformed, ClientError::reason)
            }
            _ => Reason::Malformed,
        };
        let mut failure = Failure::new(reason, error.to_string());
        if let Error::Timeout(Some(next)) = error {
            failure.retry_after = Some(next.saturating_duration_since(Instant::now()));
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_bounded_and_stay_on_their_line() {
        let failure = Failure::new(Reason::Refused, format!("a\n\x1b[31m{}", "é".repeat(500)));
        assert!(failure.text.len() <= TEXT_BYTES_MAX + 3, "{}", failure.text.len());
        assert!(failure.text.starts_with("a  [31mé") && failure.text.ends_with('…'));
    }

    #[test]
    fn reasons_are_told_apart() {
        let limited = r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"slower"}"#;
        let problem = serde_json::from_str::<instant_acme::Problem>(limited).expect("a problem");
        let failure = Failure::from(Error::Api(problem));
        assert_eq!(failure.reason, Reason::RateLimited);
        assert!(failure.text.contains("slower"), "{}", failure.text);
        let odd = serde_json::from_str::<instant_acme::Problem>("{}").expect("a problem");
        assert_eq!(Failure::from(Error::Api(odd)).reason, Reason::Refused);
        let later = Error::Timeout(Some(Instant::now() + Duration::from_secs(60)));
        assert!(Failure::from(later).retry_after.is_some_and(|time| time.as_secs() >= 59));
        assert_eq!(Failure::from(Error::Str("no nonce")).reason, Reason::Malformed);
    }
}
