//! What visitors of experiments send: cookies, events of a topic that others may publish to,
//! questions by OFREP; and visitors as they are kept.

use super::texts;
use experiments::cookies::{self, ID_BYTES};
use experiments::events::{self, Done, Exposure};
use experiments::flags::Flags;
use experiments::head::Fields;
use experiments::ofrep;
use experiments::results::visitors::Shard;
use experiments::seal::{Keys, Use};
use experiments::settings::Settings;
use experiments::track::Track;

/// Words that mean something.
pub(super) const WORDS: &[&str] = &[
    "sedge-exp=1",
    "; sedge-exp-sticky=1",
    "AAAAAAAAAAAAAAAAAAAAAA",
    ".",
    ",\"seal\":\"",
    "\"context\":{",
    "\"targetingKey\":\"",
    "{\"goal\":\"signup\",\"value\":",
    "/ofrep/v1/evaluate/flags/",
    "%2f",
];

/// A `Cookie` field, an event, a path and a body, each in a line.
pub(super) fn requests() -> Vec<Vec<u8>> {
    let keys = keys();
    let id = cookies::of_id(&keys, &cookies::new_id(&[7; ID_BYTES]));
    let done = Done { goal: "signup".into(), visitors: vec![], value: Some(1.5), time_ms: 7 };
    let event = events::write(&keys, &done).unwrap_or_default();
    let good = format!(
        "sedge-exp={id}; a=b\n{event}\n/ofrep/v1/evaluate/flags/a\n{{\"context\":{{\"targetingKey\":\"x\"}}}}"
    );
    texts(&[
        &good,
        "sedge-exp=x; sedge-exp=\n{\"goal\":1,\"seal\":\"AAAAAAAAAAAAAAAAAAAAAA\"}\n/ofrep/v1/evaluate/flags\n{}",
        "\n\n/ofrep/v1/evaluate/flags/%ff\n{\"goal\":\"signup\",\"value\":-1e9}",
    ])
}

fn keys() -> Keys {
    Keys::parse("a-secret-of-the-fuzz-targets").expect("a secret")
}

/// Whatever comes, nothing is believed that was not sealed here.
pub(super) fn request(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (cookie, event, path, body) = (line(), line(), line(), line());
    let keys = keys();
    if let Some(id) = cookies::id(&keys, &[cookie], "sedge-exp") {
        let own = format!("sedge-exp={}", cookies::of_id(&keys, id));
        assert!(cookie.contains(&own), "an id that was not sealed");
    }
    // As if it had been sealed: what is inside may be anything.
    let sealed = keys.seal(Use::Sticky, &format!("1{}", experiments::seal::text_of(data)));
    let line = format!("s={sealed}");
    if let Some(documents) = cookies::sticky(&keys, &[&line], "s")
        && let Some(value) = cookies::of_sticky(&keys, &documents)
    {
        let line = format!("s={value}");
        assert_eq!(cookies::sticky(&keys, &[&line], "s"), Some(documents));
    }
    if let Ok(done) = events::read::<Done>(&keys, event.as_bytes()) {
        assert!(events::write(&keys, &done).is_some());
    }
    let _ = events::read::<Exposure>(&keys, event.as_bytes());
    let settings = Settings { track_goals: vec!["signup".into()], ..Settings::default() };
    if let Ok(track) = Track::read(&settings, body.as_bytes()) {
        assert!(track.goal == "signup" && track.value.is_none_or(f64::is_finite));
    }
    let flags =
        Flags::read("{\"features\":{\"a\":{\"defaultValue\":1}}}", None).expect("a payload");
    let fields = Fields::from([("if-none-match", cookie)]);
    if let Some(Ok(question)) = ofrep::question("POST", path, &fields, None) {
        let answer = ofrep::answer(Some(&flags), &question, &fields, body.as_bytes());
        let has_error = answer.body.as_ref().is_some_and(|body| body.get("errorCode").is_some());
        assert_eq!(has_error, answer.status >= 400);
    }
}

/// Visitors of one part, and one more.
pub(super) fn parts() -> Vec<Vec<u8>> {
    let mut shard = Shard::default();
    for visitor in 0..3 {
        shard.expose(&[visitor; 12], visitor);
        shard.done(&[visitor; 12], 1, 2.5);
    }
    vec![shard.bytes().to_vec(), vec![0; 15], vec![0xff; 40]]
}

/// What is damaged is cut off; what is left is read as it is written, before and after changes.
pub(super) fn part(data: &[u8]) {
    let mut shard = Shard::read(data);
    assert!(data.starts_with(shard.bytes()));
    let name = |at: usize| -> Option<[u8; 12]> { shard.bytes().get(at..at + 12)?.try_into().ok() };
    for name in [name(0), name(15), Some([1; 12])].into_iter().flatten() {
        let before = shard.variation(&name);
        shard.expose(&name, data.first().copied().unwrap_or_default());
        assert!(before.is_none() || shard.variation(&name) == before);
        if let Some(change) = shard.done(&name, 3, data.len() as f64) {
            assert!(change.after.is_finite());
        }
        assert_eq!(Shard::read(shard.bytes()).bytes(), shard.bytes());
    }
}
