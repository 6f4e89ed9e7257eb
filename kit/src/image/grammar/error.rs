//! Why a URL is not an image request.

use alloc::string::String;
use core::fmt;

use super::options::NAMES;
use crate::image::geometry::Fit;

/// Why a URL is not an image request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrammarError {
    /// The path has neither `/img/<width>x<height>/<fit>` at its end nor
    /// `/cdn-cgi/image/<options>/` anywhere.
    Path,
    /// A side is neither a number from 0 to 99999 nor `auto` nor empty.
    Side(String),
    /// No fit has this name.
    Fit(String),
    /// No parameter of a query has this name.
    UnknownParameter(String),
    /// No option of a path has this name.
    UnknownOption(String),
    /// The options of a path are empty.
    NoOption,
    /// The options of a path are too long.
    OptionBytes,
    /// The parameter or option appears twice.
    RepeatedParameter(&'static str),
    /// The parameter's value is not one that it takes: name, value, what it takes.
    Value(&'static str, String, &'static str),
    /// The source is itself an image request.
    Loop,
    /// A `%` is not followed by two hexadecimal digits, or the decoded bytes
    /// are not UTF-8.
    Encoding,
}

impl fmt::Display for GrammarError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => out.write_str(
                "the path is not /img/<width>x<height>/<fit> or /cdn-cgi/image/<options>/<source>",
            ),
            Self::Side(side) => {
                write!(out, "the side `{side}` is not a number below 100000, `auto` or empty")
            }
            Self::Fit(name) => {
                write!(out, "the fit `{name}` is not one of")?;
                Fit::NAMES.iter().try_for_each(|(known, _)| write!(out, " {known}"))
            }
            Self::UnknownParameter(name) => {
                write!(out, "the parameter `{name}` is not one of src")?;
                let others = NAMES.iter().filter(|name| !["width", "height", "fit"].contains(name));
                others.into_iter().try_for_each(|known| write!(out, " {known}"))?;
                out.write_str("; a src with a query of its own must be percent-encoded")
            }
            Self::UnknownOption(name) => {
                write!(out, "the option `{name}` is not one of")?;
                NAMES.iter().try_for_each(|known| write!(out, " {known}"))
            }
            Self::NoOption => out.write_str("there is no option, as in /cdn-cgi/image/width=80/"),
            Self::OptionBytes => out.write_str("the options are longer than 1 kB"),
            Self::RepeatedParameter(name) => write!(out, "the parameter `{name}` appears twice"),
            Self::Value(name, value, takes) => {
                write!(out, "the parameter `{name}` takes {takes}, not `{value}`")
            }
            Self::Loop => out.write_str("the source is itself an image request"),
            Self::Encoding => out.write_str("the percent-encoding is broken"),
        }
    }
}

impl core::error::Error for GrammarError {}
