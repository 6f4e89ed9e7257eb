//! What others are told of an alert.

use sedge_kit::alert::AlertLevel;
use sedge_kit::analytics::users::Excess;
use sedge_kit::analytics::watch::Cause;
use sedge_kit::analytics::{Alert, Subject};
use serde::{Deserialize, Serialize};

/// A level that was raised or cleared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The end of the minute that was one too many, or one calm enough; milliseconds since 1970.
    pub time_ms: i64,
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// `normal`, `warning` or `critical`.
    pub level: String,
    /// What that minute had: a share, or a number of requests.
    pub value: f64,
    /// Where it is still well.
    pub limit: f64,
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct About {
    /// `node`, `route` or `user`.
    pub subject: String,
    /// The class of paths, or the user's name of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `errors`, `latency`, `rise` or `fall`; of a user `requests` or `failures`.
    pub cause: String,
}

impl About {
    pub(crate) fn of(subject: &Subject) -> Self {
        let (what, name, cause) = match subject {
            Subject::Node(cause) => ("node", None, named(*cause)),
            Subject::Route(name, cause) => ("route", Some(name.clone()), named(*cause)),
            // No class is beyond those that are told apart: there are as many as the kit has room for.
            Subject::Others(cause) => ("others", None, named(*cause)),
            Subject::User(user, Excess::Requests) => ("user", Some(shown(*user)), "requests"),
            Subject::User(user, Excess::Failures) => ("user", Some(shown(*user)), "failures"),
        };
        About { subject: what.to_owned(), name, cause: cause.to_owned() }
    }
}

fn shown(user: u64) -> String {
    format!("{user:016x}")
}

fn named(cause: Cause) -> &'static str {
    match cause {
        Cause::Errors => "errors",
        Cause::Latency => "latency",
        Cause::Rise => "rise",
        Cause::Fall => "fall",
    }
}

impl Told {
    /// What is told of an alert.
    pub fn of(alert: &Alert) -> Self {
        Told {
            time_ms: alert.time_ms,
            about: About::of(&alert.subject),
            level: alert.level.name().to_owned(),
            value: alert.seen.value,
            limit: alert.seen.limit,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and finite numbers always can be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A level above the usual, for who asks what is raised now.
pub(crate) fn raised(subject: &Subject, level: AlertLevel) -> (About, String) {
    (About::of(subject), level.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_kit::analytics::watch::Seen;

    #[test]
    fn an_alert_is_told_and_read() {
        let told = |subject| {
            let seen = Seen { value: 0.5, limit: 0.1 };
            let alert = Alert { time_ms: 60_000, subject, level: AlertLevel::Critical, seen };
            let told = Told::of(&alert);
            let json = told.to_json();
            assert_eq!(serde_json::from_slice::<Told>(&json).ok(), Some(told));
            String::from_utf8(json).expect("text")
        };
        assert_eq!(
            told(Subject::Route("shop".into(), Cause::Errors)),
            r#"{"time_ms":60000,"subject":"route","name":"shop","cause":"errors","level":"critical","value":0.5,"limit":0.1}"#
        );
        assert!(told(Subject::Node(Cause::Fall)).contains(r#""subject":"node","cause":"fall""#));
        let user = told(Subject::User(10, Excess::Failures));
        assert!(user.contains(r#""name":"000000000000000a","cause":"failures""#), "{user}");
    }
}
