//! Who a client is, asked of somebody who answers requests: what is asked, and what an answer
//! means. Pure; whoever has the function calls it.
//!
//! The question is `POST /mqtt/authenticate` with an object in JSON; the answer is a status,
//! and for 200 perhaps an object with the client's name and rights. `docs/guides/mqtt.md`
//! has both.

use super::{Acl, Credentials, Denied, Identity};
use crate::http::tls::base64;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Where the question is asked.
pub const QUESTION_PATH: &str = "/mqtt/authenticate";
/// Bytes of an answer, at most.
pub const VERDICT_BYTES_MAX: usize = 64 << 10;
/// Patterns of an answer, at most.
const PATTERNS_MAX: usize = 1_000;
/// Bytes of a name, at most.
const USERNAME_BYTES_MAX: usize = 256;

/// The body of the question.
pub fn question(credentials: &Credentials) -> Vec<u8> {
    let mut asked = json!({
        "client": &*credentials.client,
        "username": credentials.username,
        "peer": credentials.peer.to_string(),
        "encrypted": credentials.encrypted,
    });
    match credentials.password.as_deref().map(|bytes| (str::from_utf8(bytes), bytes)) {
        None => asked["password"] = json!(null),
        Some((Ok(text), _)) => asked["password"] = text.into(),
        Some((Err(_), bytes)) => asked["password_base64"] = base64(bytes).into(),
    }
    if let Some(holder) = &credentials.certificate {
        asked["certificate"] = json!({
            "subject": holder.subject,
            "common_name": holder.common_name(),
            "names": holder.names,
            "fingerprint": holder.fingerprint,
        });
    }
    asked.to_string().into_bytes()
}

/// An answer of 200.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Verdict {
    username: Option<String>,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

/// What an answer means for who gave `username`.
///
/// # Errors
/// The client is not let in: by the answer (401, 403), or because the answer means nothing.
pub fn verdict(status: u16, body: &[u8], username: Option<String>) -> Result<Identity, Denied> {
    let unclear = |why: String| Err(Denied::Unavailable(why));
    match status {
        200 | 204 => {}
        401 => return Err(Denied::BadCredentials),
        403 => return Err(Denied::NotAuthorized),
        other => return unclear(format!("the function has answered {other}")),
    }
    let verdict = match body.trim_ascii() {
        [] => Verdict::default(),
        // An array would be taken for the members in their order.
        [first, ..] if *first != b'{' => {
            return unclear("the function's answer is no object in JSON".to_owned());
        }
        body => match serde_json::from_slice::<Verdict>(body) {
            Ok(verdict) => verdict,
            Err(error) => {
                return unclear(format!("the function's answer is not as it should be: {error}"));
            }
        },
    };
    let username = verdict.username.or(username);
    if username.as_ref().is_some_and(|name| name.is_empty() || name.len() > USERNAME_BYTES_MAX) {
        return unclear(format!(
            "the function's answer has no name of 1 to {USERNAME_BYTES_MAX} bytes"
        ));
    }
    let has_rights = verdict.read.is_some() || verdict.write.is_some() || verdict.deny.is_some();
    let acl = match has_rights {
        false => None,
        true => match rights(&verdict.read, &verdict.write, &verdict.deny) {
            Ok(acl) => Some(Arc::new(acl)),
            Err(why) => return unclear(why),
        },
    };
    Ok(Identity { username: username.map(Arc::from), acl })
}

type Patterns = Option<Vec<String>>;

fn rights(read: &Patterns, write: &Patterns, deny: &Patterns) -> Result<Acl, String> {
    let all = |patterns: &Patterns| patterns.iter().flatten().count();
    if all(read) + all(write) + all(deny) > PATTERNS_MAX {
        return Err(format!("the function's answer has more patterns than {PATTERNS_MAX}"));
    }
    let each = |patterns: &Patterns| patterns.clone().unwrap_or_default();
    Acl::of(&each(read), &each(write), &each(deny)).map_err(|(pattern, what, hint)| {
        let pattern: String = pattern.chars().take(64).collect();
        format!("the function's answer has the pattern {pattern:?}: {what}; {hint}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::auth::{Access, Holder};
    use proptest::prelude::*;
    use serde_json::Value;

    fn credentials() -> Credentials {
        Credentials {
            client: "pump-7".into(),
            username: Some("pump".to_owned()),
            password: Some(b"se\"cret".to_vec()),
            certificate: None,
            peer: ([10, 0, 0, 7], 5_000).into(),
            encrypted: true,
        }
    }

    fn asked(credentials: &Credentials) -> Value {
        serde_json::from_slice(&question(credentials)).expect("JSON")
    }

    #[test]
    fn a_question_has_all_that_is_known() {
        let expected = json!({
            "client": "pump-7", "username": "pump", "password": "se\"cret",
            "peer": "10.0.0.7:5000", "encrypted": true,
        });
        assert_eq!(asked(&credentials()), expected);
        let holder = Holder {
            subject: "CN=pump,O=x".to_owned(),
            names: vec!["dns:pump".to_owned()],
            fingerprint: "ab".to_owned(),
        };
        let more = Credentials {
            username: None,
            password: Some(vec![0xff, 0]),
            certificate: Some(holder),
            ..credentials()
        };
        let told = asked(&more);
        assert_eq!(told["username"], json!(null));
        assert_eq!((&told["password"], &told["password_base64"]), (&json!(null), &json!("/wA=")));
        assert_eq!(told["certificate"]["common_name"], "pump");
        let nothing = Credentials { password: None, ..credentials() };
        assert_eq!(asked(&nothing)["password"], json!(null));
    }

    #[test]
    fn what_means_nothing_lets_nobody_in() {
        let long = format!("{{\"username\":\"{}\"}}", "n".repeat(257));
        let many = format!("{{\"read\":[{}]}}", vec!["\"a\""; 1_001].join(","));
        for (status, body) in [
            (500, ""),
            (302, ""),
            (404, ""),
            (200, "yes"),
            (200, "[]"),
            (200, "{\"username\":7}"),
            (200, "{\"username\":\"\"}"),
            (200, &long),
            (200, "{\"admin\":true}"),
            (200, "{\"read\":\"a\"}"),
            (200, "{\"read\":[\"a#\"]}"),
            (200, "{\"write\":[\"\"]}"),
            (200, &many),
        ] {
            let told = verdict(status, body.as_bytes(), None);
            assert!(matches!(told, Err(Denied::Unavailable(_))), "{status} {body}: {told:?}");
        }
        assert_eq!(verdict(401, b"", None).expect_err("no"), Denied::BadCredentials);
        assert_eq!(verdict(403, b"{}", None).expect_err("no"), Denied::NotAuthorized);
    }

    #[test]
    fn who_is_let_in_has_the_name_and_the_rights_of_the_answer() {
        let name = |status, body: &str, username: Option<&str>| {
            let told = verdict(status, body.as_bytes(), username.map(str::to_owned));
            let identity = told.expect("let in");
            assert!(identity.acl.is_none());
            identity.username.map(|name| name.to_string())
        };
        assert_eq!(name(204, "", Some("a")).as_deref(), Some("a"));
        assert_eq!(name(200, " {}\n", None), None);
        assert_eq!(name(200, "{\"username\":\"b\"}", Some("a")).as_deref(), Some("b"));
        let body = br#"{"read":["cmd/%u/#"],"write":["up/%c"],"deny":["cmd/+/secret"]}"#;
        let acl = verdict(200, body, Some("a".to_owned())).expect("let in").acl.expect("rights");
        let may = |access, topic| acl.allows(access, "c", Some("a"), topic);
        assert!(may(Access::Read, "cmd/a/x") && may(Access::Write, "up/c"));
        assert!(!may(Access::Write, "cmd/a/x") && !may(Access::Read, "cmd/b/x"));
        assert!(!may(Access::Read, "cmd/a/secret") && !may(Access::Read, "up/c"));
        // No rights at all are rights that were given.
        let none = verdict(200, b"{\"read\":[]}", None).expect("let in").acl.expect("rights");
        assert!(!none.allows(Access::Read, "c", None, "a"));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(
            status in 100..600_u16,
            body in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let told = verdict(status, &body, None);
            prop_assert!(told.is_err() || matches!(status, 200 | 204));
        }
    }
}
