//! A request in JSON as the optimizer's own words, and back.

use optimizer::head::{Fields, Head};
use optimizer::held;
use optimizer::plan::Plan;
use optimizer::request::{Configured, Intent};
use optimizer::settings::Settings;
use portable::Fault;
use portable::fault::Code;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Bytes of a request.
pub const REQUEST_BYTES_MAX: usize = 64 << 10;
/// Bytes of content.
pub const CONTENT_BYTES_MAX: usize = 16 << 20;

/// What is asked for. Names and values are those of the article, but that the content goes
/// beside it and what the client can decompress is said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The content's `Content-Type`.
    pub content_type: String,
    /// What is known of the client.
    #[serde(default)]
    pub client_hints: ClientHints,
    /// The client's `Accept-Encoding`; without it nothing is compressed.
    #[serde(default)]
    pub accept_encoding: String,
    /// Path and query of what was asked for, by which references in HTML are resolved.
    #[serde(default)]
    pub target: String,
    /// The settings of the function `optimizer`, by their names (`OPTIMIZER_…`).
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// What is known of a client.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientHints {
    /// `mobile`, `tablet` or `desktop`; anything else is a desktop.
    pub device_type: String,
    /// `slow-2g`, `2g`, `3g`, `4g` or `5g`; anything else is fast.
    pub connection: String,
    /// CSS pixels; 0 is unknown.
    pub viewport_width: u32,
    /// The client asks for fewer bytes.
    pub save_data: bool,
    /// It can show WebP. This is for pictures, which pass untouched here.
    pub supports_webp: bool,
    /// It can show AVIF; likewise.
    pub supports_avif: bool,
}

/// What was done.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Answer {
    /// As it was asked.
    pub content_type: String,
    /// `Content-Encoding`, if it was compressed.
    pub content_encoding: Option<String>,
    /// Seconds for which a shared cache may keep it: 3600 after more than three
    /// optimizations, else 1800, as in the article.
    pub cache_ttl: u32,
    /// What was done; nothing if the content is as it came.
    pub optimizations_applied: Vec<String>,
}

/// Makes content smaller, or leaves it as it is; never larger.
///
/// # Errors
/// [`Code::TooLarge`]; [`Code::Argument`] for a request that is not one or has settings that
/// there are not.
pub fn optimize<'a>(request: &[u8], content: &'a [u8]) -> Result<(Answer, Cow<'a, [u8]>), Fault> {
    if request.len() > REQUEST_BYTES_MAX || content.len() > CONTENT_BYTES_MAX {
        let message = "a request has at most 65536 bytes, content 16777216";
        return Err(Fault::new(Code::TooLarge, message));
    }
    let argument = |error: String| Fault::new(Code::Argument, error);
    let request: Request =
        serde_json::from_slice(request).map_err(|error| argument(error.to_string()))?;
    // What is made for a client that is known is made for its connection, as in the article;
    // a lifetime would say that it is made once for all, and compressed as well as can be.
    let defaults = [("OPTIMIZER_LIFETIME", "off"), ("OPTIMIZER_BYTES_MAX", "16777216")];
    let mut settings: BTreeMap<String, String> =
        defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    settings.extend(request.settings.clone());
    let settings = Settings::read(settings).map_err(argument)?;
    let configured = Configured::new(settings);
    let intent = configured.read("GET", &mut request.fields());
    let Intent::Work(mut asked) = intent else { return Ok((request.untouched(), content.into())) };
    asked.target = request.target.clone();
    let fields = Fields(vec![
        ("content-type".into(), request.content_type.clone().into_bytes()),
        ("content-length".into(), content.len().to_string().into_bytes()),
    ]);
    let head = Head { status: 200, fields };
    let Plan::Work(work) = Plan::of(&configured.settings, &asked, &head) else {
        return Ok((request.untouched(), content.into()));
    };
    let internal = |error: std::io::Error| Fault::new(Code::Internal, error.to_string());
    let whole = held::whole(&work, content.to_vec()).map_err(internal)?;
    let mut names: Vec<String> = whole.done.names.iter().map(|name| (*name).to_owned()).collect();
    names.extend(whole.done.coding.map(|_| work.level.name().to_owned()));
    let answer = Answer {
        content_encoding: whole.done.coding.map(|coding| coding.token().to_owned()),
        cache_ttl: if names.len() > 3 { 3600 } else { 1800 },
        content_type: request.content_type,
        optimizations_applied: names,
    };
    Ok((answer, whole.body.into()))
}

impl Request {
    /// The request as its fields would have it.
    fn fields(&self) -> Fields {
        let hints = &self.client_hints;
        let form = match hints.device_type.as_str() {
            "mobile" => "\"Mobile\"",
            "tablet" => "\"Tablet\"",
            _ => "\"Desktop\"",
        };
        let connection = match hints.connection.as_str() {
            known @ ("slow-2g" | "2g" | "3g") => known,
            _ => "4g",
        };
        let width = (hints.viewport_width > 0).then(|| hints.viewport_width.to_string());
        let all = [
            ("accept-encoding", Some(self.accept_encoding.clone())),
            ("sec-ch-ua-form-factors", Some(form.to_owned())),
            ("ect", Some(connection.to_owned())),
            ("sec-ch-viewport-width", width),
            ("save-data", hints.save_data.then(|| "on".to_owned())),
        ];
        let said = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        Fields(said.map(|(name, value)| (name.to_owned(), value.into_bytes())).collect())
    }

    fn untouched(&self) -> Answer {
        Answer {
            content_type: self.content_type.clone(),
            content_encoding: None,
            cache_ttl: 1800,
            optimizations_applied: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
