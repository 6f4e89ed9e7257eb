//! One request and its answer, without IO: first the head is judged, then, if
//! it was good, the body.

use crate::csv::parse_csv;
use crate::json::parse_document;
use crate::problem::Problem;
use crate::report::{self, Report};
use crate::settings::{DEFAULTS_VARIABLE, Settings, decode_query};

/// Larger bodies are refused with 413.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

const USAGE: &str = include_str!("usage.txt");
const ALLOW: &str = "GET, HEAD, POST";

/// The head of a request, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Path and query; the path does not matter.
    pub path_with_query: &'a str,
    /// The `content-type`, if there is one.
    pub content_type: Option<&'a str>,
    /// The `content-encoding`, if there is one.
    pub content_encoding: Option<&'a str>,
    /// The `content-length`, if there is one.
    pub content_length: Option<&'a str>,
    /// Settings of the operator, written like a query.
    pub defaults: &'a str,
    /// What is wrong with the settings for messages.
    pub mistakes: &'a [String],
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `content-type`.
    pub content_type: &'static str,
    /// The `allow` header, which a 405 must have.
    pub allow: Option<&'static str>,
    /// The body; not to be sent in answer to `HEAD`.
    pub body: Vec<u8>,
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let mut body = serde_json::to_vec_pretty(&problem).unwrap_or_default();
        body.push(b'\n');
        let allow = (problem.status == 405).then_some(ALLOW);
        Reply { status: problem.status, content_type: "application/problem+json", allow, body }
    }
}

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    /// No content type: told by the first byte.
    Guess,
}

/// A request whose head was good: its body can be read.
#[derive(Debug)]
pub struct Question {
    format: Format,
    defaults: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

/// Judges the head of a request: `Ok` if its body is to be read and handed to
/// [`Question::answer`], `Err` if there is an answer already.
pub fn begin(head: &Head<'_>) -> Result<Question, Reply> {
    match head.method {
        "GET" | "HEAD" => {
            let body = usage(head).into_bytes();
            let content_type = "text/plain; charset=utf-8";
            return Err(Reply { status: 200, content_type, allow: None, body });
        }
        "POST" => {}
        _ => {
            let detail = "post readings, or get the usage";
            return Err(Problem::new(405, "the method is not allowed", detail).into());
        }
    }
    let format = format_of(head)?;
    let length = head.content_length.and_then(|length| length.trim().parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(body_too_large().into());
    }
    let query = head.path_with_query.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let question =
        Question { format, defaults: decode_query(head.defaults), query: decode_query(query) };
    // Mistakes in the settings are told before the body is sent for nothing.
    question.settings(&[])?;
    Ok(question)
}

/// The usage, and above it what is wrong with the operator's settings.
fn usage(head: &Head<'_>) -> String {
    let defaults = decode_query(head.defaults);
    let given = defaults.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut mistakes = head.mistakes.to_vec();
    if let Err(problem) = Settings::read(given).and_then(|settings| settings.thresholds(false)) {
        mistakes.insert(0, format!("{DEFAULTS_VARIABLE}: {}", problem.detail));
    }
    if mistakes.is_empty() {
        return USAGE.to_owned();
    }
    let listed: String = mistakes.iter().map(|mistake| format!("  {mistake}\n")).collect();
    format!("THE SETTINGS IN THE MANIFEST ARE WRONG:\n\n{listed}\n{USAGE}")
}

/// The problem of a body that is too large.
pub fn body_too_large() -> Problem {
    Problem::too_large(format!("the body is larger than {BODY_BYTES_MAX} bytes"))
}

fn format_of(head: &Head<'_>) -> Result<Format, Problem> {
    let unsupported =
        |detail: String| Problem::new(415, "the content type or encoding is not supported", detail);
    if let Some(encoding) = head.content_encoding
        && !encoding.trim().eq_ignore_ascii_case("identity")
    {
        return Err(unsupported("send the body without content-encoding".to_owned()));
    }
    let Some(content_type) = head.content_type else { return Ok(Format::Guess) };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "text/json" => Ok(Format::Json),
        "text/csv" | "application/csv" => Ok(Format::Csv),
        _ => {
            let shown: String = essence.chars().take(80).collect();
            Err(unsupported(format!("send application/json or text/csv, not {shown:?}")))
        }
    }
}

impl Question {
    fn settings(&self, options: &[(String, String)]) -> Result<Settings, Problem> {
        let all = self.defaults.iter().chain(options).chain(&self.query);
        Settings::read(all.map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The answer to the request with this body.
    pub fn answer(&self, body: &[u8]) -> Reply {
        match self.report(body) {
            Ok(report) => {
                let mut body = serde_json::to_vec_pretty(&report).unwrap_or_default();
                body.push(b'\n');
                Reply { status: 200, content_type: "application/json", allow: None, body }
            }
            Err(problem) => problem.into(),
        }
    }

    fn report(&self, body: &[u8]) -> Result<Report, Problem> {
        if body.len() > BODY_BYTES_MAX {
            return Err(body_too_large());
        }
        let is_json = match self.format {
            Format::Json => true,
            Format::Csv => false,
            Format::Guess => matches!(body.trim_ascii_start().first(), Some(b'[' | b'{')),
        };
        if is_json {
            let document = parse_document(body)?;
            let settings = self.settings(document.options())?;
            let readings = document.readings(settings.field.as_deref())?;
            report::report(&readings, &settings)
        } else {
            let settings = self.settings(&[])?;
            let readings = parse_csv(body, settings.field.as_deref())?;
            report::report(&readings, &settings)
        }
    }
}

#[cfg(test)]
mod tests;
