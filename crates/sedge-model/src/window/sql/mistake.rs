//! What is wrong with a query, and where.

use sqlparser::ast::Spanned;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Span;
use thiserror::Error;

/// What is wrong with a query.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct SqlMistake {
    /// Line and column in characters, both from 1; `None`: it is the query as a whole.
    pub place: Option<(u64, u64)>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl SqlMistake {
    pub(super) fn whole(message: impl Into<String>) -> Self {
        SqlMistake { place: None, message: message.into(), hint: None }
    }

    pub(super) fn on(span: Span, message: impl Into<String>) -> Self {
        let (line, column) = (span.start.line, span.start.column);
        // What the parser has made up itself lies nowhere.
        SqlMistake { place: (line > 0).then_some((line, column)), ..Self::whole(message) }
    }

    pub(super) fn at(part: &impl Spanned, message: impl Into<String>) -> Self {
        Self::on(part.span(), message)
    }

    /// A clause that SQL has and windows do not.
    pub(super) fn unknown(part: &impl Spanned, what: &str) -> Self {
        Self::at(part, format!("a window has no {what}"))
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        SqlMistake { hint: Some(hint.into()), ..self }
    }

    /// What the parser says. It writes the place into its text.
    pub(super) fn of(error: &ParserError) -> Self {
        let text = match error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
            ParserError::RecursionLimitExceeded => {
                return Self::whole("the query is nested too deeply");
            }
        };
        let (message, place) = match text.rsplit_once(" at Line: ") {
            Some((message, place)) => (message, place.split_once(", Column: ")),
            None => (&**text, None),
        };
        let number = |text: &str| text.trim().parse().ok();
        let place = place.and_then(|(line, column)| number(line).zip(number(column)));
        let mut letters = message.trim_end_matches('.').chars();
        let first = letters.next().map(|first| first.to_lowercase().to_string());
        let message = format!("{}{}", first.unwrap_or_default(), letters.as_str());
        SqlMistake { place, ..Self::whole(message) }
    }
}
