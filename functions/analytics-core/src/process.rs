//! An event in JSON, and what is known of its user's session.

use analytics::events;
use analytics::record::{Record, What};
use portable::Fault;
use portable::fault::Code;
use sedge_kit::privacy::Pseudonyms;
use sedge_kit::sessions::{Event, Session, SessionOptions, Sessions, Taken};
use serde::Serialize;

/// From which score on a session is told as unusual, as in the article.
pub const ANOMALY_SCORE: f64 = 0.8;
/// Milliseconds since 1970 that a clock may show: up to the year 2286.
const CLOCK_MS_MAX: f64 = 1e13;

/// What is known after an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Processed {
    /// As it was said.
    pub event_type: String,
    /// When it was, milliseconds since 1970.
    pub timestamp: i64,
    /// Whether the event counts: `began` a session, `joined` one; or not, as it was too `late`.
    pub taken: &'static str,
    /// The user's session; absent if there is none.
    pub session: Option<Known>,
    /// What is unusual about it; absent if nothing is.
    pub anomaly: Option<Anomaly>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// Events so far.
    pub events: u32,
    /// Milliseconds from the first to the last.
    pub duration: i64,
    /// Those that failed.
    pub error_count: u32,
    /// Views of pages.
    pub views: u32,
    /// How unusual it is, 0 to 1.
    pub score: f64,
}

/// Something unusual.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Anomaly {
    /// The session's score.
    pub score: f64,
    /// Why it is told.
    pub reason: &'static str,
    /// When, milliseconds since 1970.
    pub timestamp: i64,
}

/// The sessions of all users.
pub struct Processor {
    names: Pseudonyms,
    sessions: Sessions,
}

/// 10,000 sessions at most, which end after half an hour of idleness or a day.
impl Default for Processor {
    fn default() -> Self {
        // Names stay within the module, which has nothing that is random.
        let names = Pseudonyms::new(&[0; 32]);
        Processor { names, sessions: Sessions::new(SessionOptions::default()) }
    }
}

impl Processor {
    /// Takes an event: `{"userId", "eventType", "timestamp", "data"}`, as
    /// [`analytics::events`] reads it. `now_ms` is the host's clock.
    ///
    /// # Errors
    /// [`Code::TooLarge`]; [`Code::Argument`] for what is no event, or no time.
    pub fn process(&mut self, event: &[u8], now_ms: f64) -> Result<Processed, Fault> {
        let argument = |reason: &str| Fault::new(Code::Argument, reason);
        if event.len() > events::BODY_BYTES_MAX {
            let reason = format!("an event has at most {} bytes", events::BODY_BYTES_MAX);
            return Err(Fault::new(Code::TooLarge, reason));
        }
        if !(0.0..CLOCK_MS_MAX).contains(&now_ms) {
            return Err(argument("the clock is in milliseconds since 1970"));
        }
        let now_ms = now_ms as i64;
        let records = events::read(event, now_ms, &self.names, None);
        let records = records.map_err(|refusal| argument(&refusal.reason))?;
        let [record] = &records[..] else {
            return Err(argument("one event is processed at a time"));
        };
        // What was written just now can be read, and always says who it was.
        let Some(Record { what: What::Event(said), .. }) = Record::read(record) else {
            return Err(Fault::new(Code::Internal, "an event is no record"));
        };
        let user = said.user.unwrap_or_default();
        let time_ms = now_ms - said.ago_ms;
        let act = Event { user, time_ms, page: said.page, failed: said.failed };
        let taken = self.sessions.observe(now_ms, &act, &mut |_, _| {});
        let session = self.sessions.of(user).map(Known::of);
        let score = session.as_ref().map_or(0.0, |session| session.score);
        let reason = "unusual_behavior";
        Ok(Processed {
            event_type: said.name.to_owned(),
            timestamp: time_ms,
            taken: named(taken),
            anomaly: (score > ANOMALY_SCORE).then_some(Anomaly {
                score,
                reason,
                timestamp: now_ms,
            }),
            session,
        })
    }
}

fn named(taken: Taken) -> &'static str {
    match taken {
        Taken::Began => "began",
        Taken::Joined => "joined",
        Taken::Late => "late",
        // It was refused before.
        Taken::Future => "future",
    }
}

impl Known {
    fn of(session: &Session) -> Self {
        Known {
            events: session.events,
            duration: session.duration_ms(),
            error_count: session.failed,
            views: session.views,
            score: session.score(),
        }
    }
}

impl Processed {
    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and finite numbers always can be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW_MS: f64 = 1_795_850_000_000.0;

    fn event(user: &str, failed: bool) -> String {
        format!(r#"{{"userId":"{user}","eventType":"see","data":{{"error":{failed}}}}}"#)
    }

    #[test]
    fn what_is_no_event_is_refused_and_counts_for_nothing() {
        let mut processor = Processor::default();
        let huge = " ".repeat(70_000);
        let good = event("a", false);
        for (body, now_ms, code) in [
            ("", NOW_MS, Code::Argument),
            ("{}", NOW_MS, Code::Argument),
            ("[]", NOW_MS, Code::Argument),
            (r#"{"eventType":"see"}"#, NOW_MS, Code::Argument),
            (&format!("[{good},{good}]"), NOW_MS, Code::Argument),
            (&good, f64::NAN, Code::Argument),
            (&good, -1.0, Code::Argument),
            (&good, 1e13, Code::Argument),
            (&huge, NOW_MS, Code::TooLarge),
        ] {
            let refused = processor.process(body.as_bytes(), now_ms);
            assert_eq!(refused.expect_err(body).code, code, "{now_ms}");
        }
        assert_eq!(processor.sessions.open().len(), 0);
    }

    #[test]
    fn a_session_is_known_by_its_events_and_an_unusual_one_is_told() {
        let mut processor = Processor::default();
        let first = processor.process(event("a", false).as_bytes(), NOW_MS).expect("an event");
        assert_eq!((first.taken, first.anomaly), ("began", None));
        let mut last = None;
        for at in 1..=200 {
            let now_ms = NOW_MS + 10.0 * f64::from(at);
            let body = event("a", at % 2 == 0);
            last = processor.process(body.as_bytes(), now_ms).ok();
            processor.process(event("b", false).as_bytes(), now_ms + 1.0).expect("an event");
        }
        let last = last.expect("an event");
        let session = last.session.expect("a session");
        assert_eq!((session.events, session.duration, session.error_count), (201, 2_000, 100));
        let anomaly = last.anomaly.expect("something unusual");
        assert!(anomaly.score > 0.9 && anomaly.score == session.score);
        let old = r#"{"userId":"c","eventType":"see","timestamp":1795845000000}"#;
        let late = processor.process(old.as_bytes(), NOW_MS + 3_000.0).expect("an event");
        assert_eq!((late.taken, late.session), ("late", None));
    }

    proptest! {
        #[test]
        fn any_bytes_and_clock_are_taken_or_refused(body: Vec<u8>, now_ms in proptest::num::f64::ANY) {
            let mut processor = Processor::default();
            let _ = processor.process(&body, now_ms);
            if let Ok(made) = processor.process(event("a", true).as_bytes(), now_ms) {
                let is_told = made.to_json().starts_with(br#"{"eventType":"see","timestamp":"#);
                prop_assert!(is_told);
            }
        }
    }
}
