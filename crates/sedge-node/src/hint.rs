//! What a person can do about an error, kept apart from what went wrong.

use anyhow::Error;
use std::fmt;

/// An error with advice. It shows itself as the error; the advice is read by
/// [`of`], through any context that was added later.
pub struct WithHint {
    error: Error,
    hint: String,
}

impl WithHint {
    /// Adds advice to an error.
    #[allow(clippy::new_ret_no_self, reason = "the wrapper is only ever used as an error")]
    pub fn new(error: impl Into<Error>, hint: impl Into<String>) -> Error {
        Error::new(WithHint { error: error.into(), hint: hint.into() })
    }
}

/// The advice that came with an error or one of its causes.
pub fn of(error: &Error) -> Option<&str> {
    error.downcast_ref::<WithHint>().map(|with| with.hint.as_str())
}

impl fmt::Display for WithHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl fmt::Debug for WithHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl std::error::Error for WithHint {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn advice_is_found_through_context_and_not_repeated() {
        assert_eq!(of(&anyhow!("plain")), None);
        let cause = anyhow!("cause").context("what");
        let error = Err::<(), _>(WithHint::new(cause, "do this")).context("outer");
        let error = error.expect_err("an error");
        assert_eq!(of(&error), Some("do this"));
        let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
        assert_eq!(chain, ["outer", "what", "cause"]);
    }
}
