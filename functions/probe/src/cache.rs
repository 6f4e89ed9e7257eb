//! `sedge:cache`: one operation per path, errors as status and words.

use crate::call::Call;
use crate::services::bindings::sedge::cache::store::{
    Error, Fields, Fill, Found, Lifetime, Request, Response, Scope, Stored,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Answers `/cache/<operation>?scope=…&url=…`.
pub fn answer(call: Call) {
    match Scope::open(call.text_of("scope")).and_then(|scope| operate(&call, &scope)) {
        Ok(value) => call.json(&value),
        Err(error) => {
            let (status, words) = told(error);
            call.text(status, &format!("{words}\n"));
        }
    }
}

fn told(error: Error) -> (u16, String) {
    match error {
        Error::NoSuchScope => (404, "no-such-scope".into()),
        Error::AccessDenied => (403, "access-denied".into()),
        Error::InvalidUrl => (400, "invalid-url".into()),
        Error::InvalidField => (400, "invalid-field".into()),
        Error::TooLarge => (413, "too-large".into()),
        Error::NotStorable(why) => (422, format!("not-storable: {why}")),
        Error::TimedOut => (504, "timed-out".into()),
        Error::Other(message) => (500, message),
    }
}

fn operate(call: &Call, scope: &Scope) -> Result<Value, Error> {
    let request = request(call);
    Ok(match call.path.trim_start_matches("/cache/") {
        "get" => scope.get(&request)?.map_or(Value::Null, |stored| shown(&stored)),
        "put" => {
            scope.put(&request, &response(call), &lifetime(call))?;
            json!("put")
        }
        "delete" => {
            scope.delete(&request)?;
            json!("deleted")
        }
        "purge" => {
            scope.purge_tag(call.text_of("tag"), call.text_of("soft") == "true")?;
            json!("purged")
        }
        "fill" => fill(call, scope, &request)?,
        "abandon" => match scope.get_or_begin(&request, 0)? {
            Found::Stored(stored) => shown(&stored),
            Found::Begin(_) => json!("abandoned"),
        },
        "hold" => {
            let mut held = Vec::new();
            for number in 0..call.number_of("count", 1) {
                let request = Request { url: format!("{}{number}", request.url), ..empty() };
                held.push(scope.get_or_begin(&request, 0)?);
            }
            json!(held.len())
        }
        other => return Err(Error::Other(format!("the probe has no operation {other}"))),
    })
}

/// Gets what is stored, or makes it; `spin_ms` is how long that takes.
fn fill(call: &Call, scope: &Scope, request: &Request) -> Result<Value, Error> {
    match scope.get_or_begin(request, call.number_of("wait_ms", 10_000))? {
        Found::Stored(stored) => Ok(json!({ "made": false, "stored": shown(&stored) })),
        Found::Begin(fill) => {
            let stale = fill.stale()?.map(|stored| shown(&stored));
            let (begin, time) = (Instant::now(), call.number_of("spin_ms", 0));
            while begin.elapsed() < Duration::from_millis(time) {
                std::hint::spin_loop();
            }
            Fill::finish(fill, &response(call), &lifetime(call))?;
            Ok(json!({ "made": true, "stale": stale }))
        }
    }
}

fn empty() -> Request {
    Request { url: String::new(), fields: Vec::new() }
}

/// For `url`, made longer by `pad` bytes than the target of a request can be.
fn request(call: &Call) -> Request {
    let url = call.text_of("url").to_string() + &"x".repeat(call.number_of("pad", 0) as usize);
    Request { url, fields: fields(call.text_of("ask")) }
}

/// A body of `value`, or of `bytes` bytes.
fn response(call: &Call) -> Response {
    let body = match call.number_of("bytes", 0) {
        0 => call.text_of("value").as_bytes().to_vec(),
        bytes => vec![b'x'; bytes as usize],
    };
    let status = call.number_of("status", 200) as u16;
    Response { status, fields: fields(call.text_of("fields")), body }
}

fn lifetime(call: &Call) -> Lifetime {
    let time = |name: &str| call.text_of(name).parse().ok();
    let tags = call.text_of("tags").split(' ').filter(|tag| !tag.is_empty());
    Lifetime {
        ttl_ms: time("ttl_ms"),
        stale_while_revalidate_ms: time("swr_ms"),
        tags: tags.map(ToString::to_string).collect(),
    }
}

/// `name:value` pairs, with `|` between them.
fn fields(text: &str) -> Fields {
    let pairs = text.split('|').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once(':').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}

/// A large body is told by its length.
fn shown(stored: &Stored) -> Value {
    let fields = stored.fields.iter();
    let fields = fields.map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into()));
    let body = match stored.body.len() {
        0..=1024 => String::from_utf8_lossy(&stored.body).into(),
        bytes => Value::from(bytes),
    };
    json!({
        "status": stored.status,
        "fields": fields.collect::<serde_json::Map<String, Value>>(),
        "body": body,
        "age_ms": stored.age_ms,
        "ttl_ms": stored.ttl_ms,
    })
}
