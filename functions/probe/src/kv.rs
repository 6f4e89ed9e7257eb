//! `wasi:keyvalue`: one operation per path, errors as status and words.

use crate::call::Call;
use crate::services::bindings::sedge::keyvalue::expiry;
use crate::services::bindings::wasi::keyvalue::atomics::{self, CasError};
use crate::services::bindings::wasi::keyvalue::batch;
use crate::services::bindings::wasi::keyvalue::store::{self, Bucket, Error};
use serde_json::{Value, json};

/// Answers `/kv/<operation>?ns=…&key=…&value=…`.
pub fn answer(call: Call) {
    let namespace = match call.text_of("ns") {
        "" => "default",
        name => name,
    };
    match store::open(namespace).and_then(|bucket| operate(&call, &bucket)) {
        Ok(value) => call.json(&value),
        Err(Error::NoSuchStore) => call.text(404, "no-such-store\n"),
        Err(Error::AccessDenied) => call.text(403, "access-denied\n"),
        Err(Error::Other(message)) => call.text(500, &format!("{message}\n")),
    }
}

fn operate(call: &Call, bucket: &Bucket) -> Result<Value, Error> {
    let key = call.text_of("key");
    let value = call.text_of("value").as_bytes();
    Ok(match call.path.trim_start_matches("/kv/") {
        "get" => text(bucket.get(key)?),
        "set" => bucket.set(key, value).map(|()| json!("set"))?,
        "expire" => {
            let ttl_ms = call.number_of("ttl_ms", 1_000);
            expiry::set(bucket, key, value, ttl_ms).map(|()| json!("set"))?
        }
        "delete" => bucket.delete(key).map(|()| json!("deleted"))?,
        "exists" => bucket.exists(key)?.into(),
        "list" => list(call, bucket)?,
        "increment" => {
            let delta = call.text_of("delta").parse().unwrap_or(1);
            atomics::increment(bucket, key, delta)?.into()
        }
        "cas" => swap(call, bucket, key, value)?,
        "batch" => many(call.number_of("count", 4), bucket)?,
        "flood" => flood(call.number_of("count", 1_000), bucket)?,
        other => return Err(Error::Other(format!("the probe has no operation {other}"))),
    })
}

fn text(value: Option<Vec<u8>>) -> Value {
    value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).into()
}

/// All keys, page by page, and how many pages there were.
fn list(call: &Call, bucket: &Bucket) -> Result<Value, Error> {
    let prefix = call.text_of("prefix");
    let (mut keys, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let page = bucket.list_keys(cursor.as_deref())?;
        keys.extend(page.keys.into_iter().filter(|key| key.starts_with(prefix)));
        pages += 1;
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(json!({ "keys": keys, "pages": pages }));
        }
    }
}

/// Compares and swaps; with `meanwhile`, somebody else writes in between, and
/// with `then=deleted` deletes what was written.
fn swap(call: &Call, bucket: &Bucket, key: &str, value: &[u8]) -> Result<Value, Error> {
    let seen = atomics::Cas::new(bucket, key)?;
    let current = text(seen.current()?);
    let meanwhile = call.text_of("meanwhile");
    if !meanwhile.is_empty() {
        bucket.set(key, meanwhile.as_bytes())?;
    }
    if call.text_of("then") == "deleted" {
        bucket.delete(key)?;
    }
    match atomics::swap(seen, value) {
        Ok(()) => Ok(json!({ "current": current, "swapped": true })),
        Err(CasError::StoreError(error)) => Err(error),
        Err(CasError::CasFailed(fresh)) => {
            let now = text(fresh.current()?);
            Ok(json!({ "current": current, "swapped": false, "now": now }))
        }
    }
}

/// Sets `count` keys at once, removes every second, reads all.
fn many(count: u64, bucket: &Bucket) -> Result<Value, Error> {
    let key = |index: u64| format!("batch-{index:04}");
    let pairs: Vec<_> = (0..count).map(|at| (key(at), at.to_string().into_bytes())).collect();
    batch::set_many(bucket, &pairs)?;
    batch::delete_many(bucket, &(0..count).step_by(2).map(key).collect::<Vec<_>>())?;
    let values = batch::get_many(bucket, &(0..count).map(key).collect::<Vec<_>>())?;
    Ok(values.into_iter().map(|(key, value)| (key, text(value))).collect())
}

/// Writes `count` keys one by one.
fn flood(count: u64, bucket: &Bucket) -> Result<Value, Error> {
    for index in 0..count {
        bucket.set(&format!("flood-{index}"), &[b'x'; 64])?;
    }
    Ok(count.into())
}
