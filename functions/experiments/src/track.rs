//! What clients say that their visitors did: `POST` with JSON.

use crate::settings::Settings;
use serde_json::Value;

/// A larger body is refused.
pub const BODY_BYTES_MAX: usize = 4 << 10;
/// A larger value is refused, so that one visitor cannot drown all others.
const VALUE_MAX: f64 = 1e9;

/// What a visitor did.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// What.
    pub goal: String,
    /// How much, if that is said.
    pub value: Option<f64>,
}

impl Track {
    /// Reads the body of a request: `{"goal": "signup"}`, or with a `value`.
    ///
    /// # Errors
    ///
    /// For the client.
    pub fn read(settings: &Settings, body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not JSON: {error}"))?;
        let goal = body.get("goal").and_then(Value::as_str);
        let goal = goal.ok_or("an object with a `goal` that is a text is expected")?;
        if !settings.track_goals.iter().any(|own| own == goal) {
            return Err("there is no such goal that clients may tell of".into());
        }
        let value = match body.get("value") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let number = value.as_f64().filter(|number| number.abs() <= VALUE_MAX);
                Some(number.ok_or("a value is a number from -1e9 to 1e9")?)
            }
        };
        Ok(Track { goal: goal.to_owned(), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_expected_is_taken() {
        let settings = Settings { track_goals: vec!["signup".into()], ..Settings::default() };
        let read = |body: &str| Track::read(&settings, body.as_bytes());
        for (body, wanted) in [
            ("", "the body is not JSON"),
            ("[]", "an object with a `goal`"),
            ("{\"goal\": 1}", "an object with a `goal`"),
            ("{\"goal\": \"other\"}", "no such goal"),
            ("{\"goal\": \"signup\", \"value\": \"1\"}", "a value is a number"),
            ("{\"goal\": \"signup\", \"value\": 1e10}", "a value is a number"),
            (&"[".repeat(4_000), "the body is not JSON"),
        ] {
            let error = read(body).expect_err(body);
            assert!(error.contains(wanted), "{error}");
        }
        let track = |value| Ok(Track { goal: "signup".into(), value });
        assert_eq!(read("{\"goal\": \"signup\"}"), track(None));
        assert_eq!(read("{\"goal\": \"signup\", \"value\": null, \"x\": 1}"), track(None));
        assert_eq!(read("{\"goal\": \"signup\", \"value\": -2.5}"), track(Some(-2.5)));
    }
}
