//! What the manifest says: environment variables, checked before anything is done.

use std::fmt::Write;

use sedge_kit::analytics::AnalyticsOptions;
use sedge_kit::sessions::SessionOptions;

use crate::person::Source;
use crate::routes::Routes;

/// The settings of one function.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where the link answers by itself, `/analytics`; `None`: nowhere.
    pub path: Option<String>,
    /// Whether everybody may ask.
    pub is_open: bool,
    /// The name of the secret that whoever asks has to know.
    pub token: String,
    /// Classes of paths.
    pub routes: Routes,
    /// By what a user is known: the first of these that a request has.
    pub users: Vec<Source>,
    /// The namespace of the node's key-value store.
    pub kv: String,
    /// The topic of records.
    pub records: String,
    /// The topic of alerts.
    pub alerts: String,
    /// The topic by which MQTT clients are told of alerts; `None`: they are not.
    pub publish: Option<String>,
    /// How often what can be asked for is written, at most.
    pub refresh_ms: i64,
    /// The bounds of what is kept.
    pub options: AnalyticsOptions,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            path: None,
            is_open: false,
            token: "analytics-token".to_owned(),
            routes: Routes::default(),
            users: vec![Source::Client],
            kv: "analytics".to_owned(),
            records: "analytics/requests".to_owned(),
            alerts: "analytics/alerts".to_owned(),
            publish: None,
            refresh_ms: 5_000,
            options: AnalyticsOptions::default(),
        }
    }
}

impl Settings {
    /// The defaults, changed by the variables; others than those that begin with
    /// `ANALYTICS_` are none of ours.
    ///
    /// # Errors
    /// All that is wrong, in one text.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        let mut settings = Settings::default();
        let mut problems = String::new();
        for (name, value) in variables {
            if !name.starts_with("ANALYTICS_") {
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
        let options = &mut self.options;
        let SessionOptions { users_max, gap_ms, .. } = &mut options.sessions;
        match name {
            "ANALYTICS_PATH" => self.path = Some(path(value)?),
            "ANALYTICS_OPEN" => self.is_open = one_of(value, [("true", true), ("false", false)])?,
            "ANALYTICS_TOKEN" => self.token = word(value)?,
            "ANALYTICS_ROUTES" => self.routes = Routes::parse(value)?,
            "ANALYTICS_USERS" => self.users = sources(value)?,
            "ANALYTICS_KV" => self.kv = word(value)?,
            "ANALYTICS_TOPIC" => self.records = topic(value)?,
            "ANALYTICS_ALERTS" => self.alerts = topic(value)?,
            "ANALYTICS_PUBLISH" => self.publish = Some(topic(value)?),
            "ANALYTICS_REFRESH_S" => self.refresh_ms = i64::from(number(value, 1, 3_600)?) * 1_000,
            "ANALYTICS_USERS_MAX" => *users_max = number(value, 1, 20_000)? as usize,
            "ANALYTICS_IDLE_S" => *gap_ms = i64::from(number(value, 60, 86_400)?) * 1_000,
            "ANALYTICS_FALSE_ALARMS_PER_DAY" => options.false_alarms_per_day = rate(value)?,
            "ANALYTICS_USER_FALSE_ALARMS_PER_DAY" => {
                options.user_false_alarms_per_day = rate(value)?;
            }
            _ => return Err("there is no such setting".to_owned()),
        }
        Ok(())
    }
}

fn one_of<T: Copy, const N: usize>(value: &str, known: [(&str, T); N]) -> Result<T, String> {
    let found = known.iter().find(|(name, _)| *name == value);
    found.map(|(_, meant)| *meant).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        format!("it is one of {}", names.join(", "))
    })
}

fn number(value: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("it is a number from {least} to {most}"))
}

fn rate(value: &str) -> Result<f64, String> {
    let rate = value.parse().ok().filter(|rate| (1e-6..=1.0).contains(rate));
    rate.ok_or_else(|| "it is a number from 0.000001 to 1".to_owned())
}

/// A path of its own: `/` belongs to what stands behind.
fn path(value: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
    let parts = value.strip_prefix('/').map(|rest| rest.split('/'));
    let is_right = parts
        .is_some_and(|mut parts| parts.all(|part| !matches!(part, "" | "." | "..")))
        && value.bytes().all(is_plain)
        && value.len() <= 200;
    if is_right { Ok(value.to_owned()) } else { Err("it is a path as /analytics".to_owned()) }
}

fn word(value: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_right = (1..=63).contains(&value.len()) && value.bytes().all(is_plain);
    let wanted = "it is a name of letters, digits, `-`, `_` and `.`";
    if is_right { Ok(value.to_owned()) } else { Err(wanted.to_owned()) }
}

fn topic(value: &str) -> Result<String, String> {
    let is_right = (1..=200).contains(&value.len())
        && !value.starts_with('$')
        && !value.contains(['#', '+', '\0']);
    if is_right { Ok(value.to_owned()) } else { Err("it is a topic without wildcards".to_owned()) }
}

fn sources(value: &str) -> Result<Vec<Source>, String> {
    if value == "none" {
        return Ok(Vec::new());
    }
    let sources: Vec<_> = value.split(',').map(|source| Source::parse(source.trim())).collect();
    if sources.len() > 8 {
        return Err("there are 8 at most".to_owned());
    }
    sources.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES_MAX;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::read(variables.iter().map(|(name, value)| (name.to_string(), value.to_string())))
    }

    #[test]
    fn mistakes_are_told_all_at_once() {
        for (name, value) in [
            ("ANALYTICS_PATH", "/"),
            ("ANALYTICS_PATH", "analytics"),
            ("ANALYTICS_PATH", "/a/../b"),
            ("ANALYTICS_PATH", "/a b"),
            ("ANALYTICS_PATH", "/a//b"),
            ("ANALYTICS_OPEN", "yes"),
            ("ANALYTICS_TOKEN", ""),
            ("ANALYTICS_ROUTES", "shop"),
            ("ANALYTICS_USERS", "cookie:"),
            ("ANALYTICS_KV", "a/b"),
            ("ANALYTICS_TOPIC", "a/#"),
            ("ANALYTICS_ALERTS", "$node/a"),
            ("ANALYTICS_PUBLISH", ""),
            ("ANALYTICS_REFRESH_S", "0"),
            ("ANALYTICS_USERS_MAX", "20001"),
            ("ANALYTICS_IDLE_S", "-1"),
            ("ANALYTICS_FALSE_ALARMS_PER_DAY", "NaN"),
            ("ANALYTICS_USER_FALSE_ALARMS_PER_DAY", "2"),
            ("ANALYTICS_REFRESH", "1"),
        ] {
            let mistakes = read(&[(name, value), ("ANALYTICS_KV", "")]).expect_err(name);
            assert!(mistakes.contains(&format!("{name} = {value:?}: ")), "{mistakes}");
            assert!(mistakes.contains("; ANALYTICS_KV = \"\": it is a name"), "{mistakes}");
        }
    }

    #[test]
    fn settings_are_read() {
        assert_eq!(read(&[("PATH", "/bin")]), Ok(Settings::default()));
        let settings = read(&[
            ("ANALYTICS_PATH", " /_/analytics "),
            ("ANALYTICS_USERS", "field:X-User, cookie:sid, client"),
            ("ANALYTICS_ROUTES", "shop=/shop/*, api=/api/*"),
            ("ANALYTICS_IDLE_S", "600"),
        ]);
        let settings = settings.expect("settings");
        assert_eq!(settings.path.as_deref(), Some("/_/analytics"));
        assert_eq!(settings.users.len(), 3);
        // What was counted stays when classes come and go, as long as this does not change.
        assert_eq!(settings.options.routes_max, ROUTES_MAX + 1);
        assert_eq!(settings.options.sessions.gap_ms, 600_000);
        assert_eq!(read(&[("ANALYTICS_USERS", "none")]).map(|read| read.users), Ok(vec![]));
    }
}
