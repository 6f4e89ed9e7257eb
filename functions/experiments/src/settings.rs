//! What the manifest says: environment variables, checked before anything is done.

mod words;

use crate::cookies::Attributes;
use crate::field::is_key;
use std::fmt::Write;
pub use words::{Goal, Origin, Rewrite, is_goal_name};
use words::{attributes, field_name, goals, names, number, one_of, origins, path, store_name};

/// Features that are evaluated for one request.
pub const FEATURES_MAX: usize = 64;

/// The settings of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The features that are evaluated for each request, in the order of their names; none:
    /// all that a field can name, up to [`FEATURES_MAX`].
    pub features: Option<Vec<String>>,
    /// The namespace of kv in which the payload may lie, and to which reports are written.
    pub store: Option<String>,
    /// How long a payload in kv is used before it is looked at again.
    pub refresh_ms: u64,
    /// The name of the secret by which ids are sealed.
    pub secret: String,
    /// The name of the secret with which the payload is decrypted.
    pub payload_secret: Option<String>,
    /// Attributes of visitors from fields of the request: name, field.
    pub attributes: Vec<(String, String)>,
    /// Visitors of whom nobody says who they are get an id in a cookie.
    pub is_anonymous: bool,
    /// The name of that cookie.
    pub cookie: String,
    /// How cookies are set.
    pub cookie_attributes: Attributes,
    /// Visitors stay in variations, by a second cookie.
    pub is_sticky: bool,
    /// Programs that visit by themselves take part, too.
    pub takes_bots: bool,
    /// The field of the request by which those behind are told.
    pub field: String,
    /// Answers say which variations there were.
    pub tells_client: bool,
    /// Answers may be kept by caches of others, as they say themselves.
    pub keeps_caching: bool,
    /// Requests that go elsewhere.
    pub origins: Vec<Origin>,
    /// A parameter of the URL may choose a variation.
    pub may_override: bool,
    /// The topic below which events are emitted; none: there are none.
    pub topic: Option<String>,
    /// The path at which clients say what they did.
    pub track: Option<String>,
    /// What they may say there.
    pub track_goals: Vec<String>,
    /// What answers say of what was done.
    pub goals: Vec<Goal>,
    /// Who may ask by OFREP.
    pub ofrep: Ofrep,
    /// Visitors at which results are to be the most exact.
    pub visitors_expected: u64,
    /// How long the visitors of an experiment are known that gets no more of them.
    pub keep_days: u64,
}

/// Who may ask by OFREP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ofrep {
    /// Nobody: its paths are like others.
    Off,
    /// Everybody who reaches the link.
    Open,
    /// Who has the secret of this name.
    Secret(String),
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            features: None,
            store: None,
            refresh_ms: 10_000,
            secret: "experiments".into(),
            payload_secret: None,
            attributes: Vec::new(),
            is_anonymous: true,
            cookie: "sedge-exp".into(),
            cookie_attributes: Attributes { age_s_max: 365 * 86_400, domain: None },
            is_sticky: false,
            takes_bots: false,
            field: "Sedge-Experiments".into(),
            tells_client: false,
            keeps_caching: false,
            origins: Vec::new(),
            may_override: false,
            topic: Some("experiments".into()),
            track: None,
            track_goals: Vec::new(),
            goals: Vec::new(),
            ofrep: Ofrep::Off,
            visitors_expected: 20_000,
            keep_days: 30,
        }
    }
}

/// All variables, so that one that is misspelled is found.
const NAMES: [&str; 24] = [
    "EXPERIMENTS_FEATURES",
    "EXPERIMENTS_STORE",
    "EXPERIMENTS_REFRESH_MS",
    "EXPERIMENTS_SECRET",
    "EXPERIMENTS_PAYLOAD_SECRET",
    "EXPERIMENTS_ATTRIBUTES",
    "EXPERIMENTS_ANONYMOUS",
    "EXPERIMENTS_COOKIE",
    "EXPERIMENTS_COOKIE_S",
    "EXPERIMENTS_COOKIE_DOMAIN",
    "EXPERIMENTS_STICKY",
    "EXPERIMENTS_BOTS",
    "EXPERIMENTS_FIELD",
    "EXPERIMENTS_RESPONSE",
    "EXPERIMENTS_CACHING",
    "EXPERIMENTS_ORIGINS",
    "EXPERIMENTS_OVERRIDE",
    "EXPERIMENTS_TOPIC",
    "EXPERIMENTS_TRACK",
    "EXPERIMENTS_TRACK_GOALS",
    "EXPERIMENTS_GOALS",
    "EXPERIMENTS_OFREP",
    "EXPERIMENTS_VISITORS_EXPECTED",
    "EXPERIMENTS_KEEP_DAYS",
];

impl Settings {
    /// The defaults, changed by the variables; others than those that begin with
    /// `EXPERIMENTS_` are none of ours.
    ///
    /// # Errors
    /// All that is wrong, in one text.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut settings = Settings::default();
        let mut problems = String::new();
        for (name, value) in variables {
            if !name.starts_with("EXPERIMENTS_") {
                continue;
            }
            if let Err(wanted) = settings.set(&name, value.trim()) {
                let separator = if problems.is_empty() { "" } else { "; " };
                let _ = write!(problems, "{separator}{name} = {value:?}: {wanted}");
            }
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        const SWITCH: [(&str, bool); 2] = [("on", true), ("off", false)];
        match name {
            "EXPERIMENTS_FEATURES" => self.features = features(value)?,
            "EXPERIMENTS_STORE" => self.store = off_or(value, store_name)?,
            "EXPERIMENTS_REFRESH_MS" => self.refresh_ms = number(value, 100, 3_600_000)?,
            "EXPERIMENTS_SECRET" => self.secret = store_name(value)?,
            "EXPERIMENTS_PAYLOAD_SECRET" => self.payload_secret = off_or(value, store_name)?,
            "EXPERIMENTS_ATTRIBUTES" => self.attributes = attributes(value)?,
            "EXPERIMENTS_ANONYMOUS" => self.is_anonymous = one_of(value, SWITCH)?,
            "EXPERIMENTS_COOKIE" => self.cookie = field_name(value)?,
            "EXPERIMENTS_COOKIE_S" => {
                // Browsers keep none for longer (RFC 6265bis §5.5).
                self.cookie_attributes.age_s_max = number(value, 60, 400 * 86_400)?;
            }
            "EXPERIMENTS_COOKIE_DOMAIN" => {
                self.cookie_attributes.domain = off_or(value, words::host)?;
            }
            "EXPERIMENTS_STICKY" => {
                self.is_sticky = one_of(value, [("cookie", true), ("off", false)])?;
            }
            "EXPERIMENTS_BOTS" => self.takes_bots = one_of(value, SWITCH)?,
            "EXPERIMENTS_FIELD" => self.field = field_name(value)?,
            "EXPERIMENTS_RESPONSE" => self.tells_client = one_of(value, SWITCH)?,
            "EXPERIMENTS_CACHING" => {
                self.keeps_caching = one_of(value, [("keep", true), ("private", false)])?;
            }
            "EXPERIMENTS_ORIGINS" => self.origins = origins(value)?,
            "EXPERIMENTS_OVERRIDE" => self.may_override = one_of(value, SWITCH)?,
            "EXPERIMENTS_TOPIC" => self.topic = off_or(value, words::topic)?,
            "EXPERIMENTS_TRACK" => self.track = off_or(value, path)?,
            "EXPERIMENTS_TRACK_GOALS" => self.track_goals = names(value)?,
            "EXPERIMENTS_GOALS" => self.goals = goals(value)?,
            "EXPERIMENTS_OFREP" => self.ofrep = ofrep(value)?,
            "EXPERIMENTS_VISITORS_EXPECTED" => {
                self.visitors_expected = number(value, 200, 1_000_000_000)?;
            }
            "EXPERIMENTS_KEEP_DAYS" => self.keep_days = number(value, 1, 400)?,
            _ => return Err(format!("no such setting; there are {}", NAMES.join(", "))),
        }
        Ok(())
    }

    /// The topic of those who saw a variation.
    pub fn exposures_topic(&self) -> Option<String> {
        self.topic.as_ref().map(|topic| format!("{topic}/exposures"))
    }

    /// The topic of what they did.
    pub fn goals_topic(&self) -> Option<String> {
        self.topic.as_ref().map(|topic| format!("{topic}/goals"))
    }

    /// The name of the cookie with variations.
    pub fn sticky_cookie(&self) -> String {
        format!("{}-sticky", self.cookie)
    }
}

fn off_or<T>(
    value: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if value == "off" { Ok(None) } else { read(value).map(Some) }
}

fn features(value: &str) -> Result<Option<Vec<String>>, String> {
    if value == "all" {
        return Ok(None);
    }
    let mut features = Vec::new();
    for item in words::list(value) {
        if !is_key(item) {
            return Err(format!(
                "{item:?} cannot be told in a field: lower-case letters, digits, _, -, . and * are"
            ));
        }
        features.push(item.to_owned());
    }
    features.sort();
    features.dedup();
    match features.len() {
        0 if value != "off" => Err("empty; off is for none".into()),
        0..=FEATURES_MAX => Ok(Some(features)),
        _ => Err(format!("more than {FEATURES_MAX}")),
    }
}

fn ofrep(value: &str) -> Result<Ofrep, String> {
    match value.strip_prefix("secret:") {
        Some(name) => store_name(name.trim()).map(Ofrep::Secret),
        None => one_of(value, [("off", Ofrep::Off), ("open", Ofrep::Open)])
            .map_err(|wanted| format!("{wanted}, secret:NAME")),
    }
}

#[cfg(test)]
mod tests;
