//! Reading JSON that another program wrote, with errors that name the key.

use anyhow::{Context, Result};
use serde_json::Value;

/// The text at `key` of an object.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("reading JSON: `{key}` is not a text"))
}

/// The number at `key` of an object.
pub(crate) fn number(value: &Value, key: &str) -> Result<f64> {
    value[key].as_f64().with_context(|| format!("reading JSON: `{key}` is not a number"))
}

/// The elements at `key` of an object.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value]> {
    let list = value[key].as_array();
    list.map(Vec::as_slice).with_context(|| format!("reading JSON: `{key}` is not a list"))
}
