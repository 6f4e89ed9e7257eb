//! `/v1/cache/warm`: addresses are asked for as a client would, so that what is answered
//! is stored.
//!
//! A request takes the way of the node's routes, with everything that stands on it; only
//! the listener, and with it the access record, is left out.

use super::{Refusal, bad, fields, steer};
use crate::admin::AdminPages;
use futures_util::stream::{self, StreamExt};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::BodyExt;
use sedge_ingress::http::routes::{Asked, Lookup};
use sedge_model::handler::{Context, Handler, Request, empty};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses in one request.
const URLS_MAX: usize = 1_000;

/// Addresses that are asked for at one time.
const AT_A_TIME: usize = 8;

/// How long an answer may take, to the end of its body.
const ANSWER_MAX: Duration = Duration::from_secs(25);

/// How long it may take after that until the answer is found stored.
const STORED_WITHIN: Duration = Duration::from_millis(200);

/// What was answered.
struct Got {
    status: u16,
    bytes: u64,
    cache_status: Option<String>,
}

/// The page. Each address has its own result.
pub(super) async fn answer(
    pages: &AdminPages,
    asked: &Map<String, Value>,
) -> Result<Value, Refusal> {
    let (urls, headers) = read(asked)?;
    let scopes = steer::scopes(pages);
    let (scopes, headers) = (&scopes, &headers);
    let results = stream::iter(urls).map(|url| async move {
        let begin = Instant::now();
        let got = tokio::time::timeout(ANSWER_MAX, get(pages, &url, headers)).await;
        let got = got.unwrap_or_else(|_| Err("it took longer than 25 s".to_owned()));
        let took_ms = begin.elapsed().as_millis() as u64;
        match got {
            Err(error) => json!({ "url": url, "error": error, "took_ms": took_ms }),
            Ok(got) => json!({
                "url": url,
                "status": got.status,
                "bytes": got.bytes,
                "stored": is_stored(scopes, &url, headers).await,
                "cache_status": got.cache_status,
                "took_ms": took_ms,
            }),
        }
    });
    let results: Vec<Value> = results.buffered(AT_A_TIME).collect().await;
    Ok(json!({ "results": results }))
}

fn read(asked: &Map<String, Value>) -> Result<(Vec<String>, HeaderMap), Refusal> {
    if let Some(key) = asked.keys().find(|key| !["urls", "headers"].contains(&key.as_str())) {
        return Err(bad(format!("{key:?} is neither urls nor headers")));
    }
    let texts = |key: &str| match asked.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(all)) => all
            .iter()
            .map(|one| one.as_str().map(ToOwned::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| bad(format!("\"{key}\" is no list of texts"))),
        Some(_) => Err(bad(format!("\"{key}\" is no list of texts"))),
    };
    let urls = texts("urls")?;
    if urls.is_empty() || urls.len() > URLS_MAX {
        return Err(bad(format!("\"urls\" has 1 to {URLS_MAX} addresses")));
    }
    let lines = texts("headers")?;
    let mut headers = fields(lines.iter().map(String::as_str))?;
    headers.remove(HOST);
    Ok((urls, headers))
}

/// Asks for an address, and reads the answer to its end.
async fn get(pages: &AdminPages, url: &str, headers: &HeaderMap) -> Result<Got, String> {
    let (handler, request, context) = request(pages, url, headers)?;
    let response = handler.call(request, context).await.map_err(|failure| failure.to_string())?;
    let (head, mut body) = response.into_parts();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|failure| failure.to_string())?;
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    let cache_status = head.headers.get("cache-status").and_then(|value| value.to_str().ok());
    Ok(Got {
        status: head.status.as_u16(),
        bytes,
        cache_status: cache_status.map(ToOwned::to_owned),
    })
}

type Way = (Arc<dyn Handler>, Request, Context);

/// What answers an address, and what it is asked.
fn request(pages: &AdminPages, url: &str, headers: &HeaderMap) -> Result<Way, String> {
    let no_address = || "it is no http:// or https:// address".to_owned();
    let uri: Uri = url.parse().map_err(|_| no_address())?;
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(no_address()),
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let authority = authority.ok_or_else(no_address)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| no_address())?;
    let port = match tls {
        false => pages.config.listen.port(),
        true => pages.config.tls.first().map_or(0, |settings| settings.listen.port()),
    };
    let mut headers = headers.clone();
    headers.insert(HOST, host);
    let asked = Asked {
        host: authority.host(),
        authority: authority.as_str(),
        path: uri.path(),
        query: uri.query(),
        method: &Method::GET,
        headers: &headers,
        tls,
        port,
    };
    let handler = match pages.routes.snapshot().1.find(&asked) {
        Lookup::Found(target) => target.handler.clone(),
        Lookup::OtherMethods(_) => return Err("routes match for other methods only".to_owned()),
        Lookup::Nothing => return Err("no route matches".to_owned()),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::new(empty());
    *request.uri_mut() = path.parse().map_err(|_| no_address())?;
    *request.headers_mut() = headers;
    Ok((handler, request, Context { tls, ..crate::call::context() }))
}

/// Whether the answer is stored. What is read to its end is put in at about that time.
async fn is_stored(scopes: &steer::Scopes, url: &str, headers: &HeaderMap) -> bool {
    let begin = Instant::now();
    loop {
        let found = steer::find(scopes, url, headers).await;
        if found.is_ok_and(|found| !found.is_empty()) {
            return true;
        }
        if begin.elapsed() > STORED_WITHIN {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_of_addresses_is_refused() {
        let many = format!("{{\"urls\": [{}\"b\"]}}", "\"a\",".repeat(1_000));
        for (text, why) in [
            ("{}", "1 to 1000"),
            (r#"{"urls": []}"#, "1 to 1000"),
            (&many, "1 to 1000"),
            (r#"{"urls": "http://a/"}"#, "no list"),
            (r#"{"urls": [1]}"#, "no list"),
            (r#"{"urls": ["http://a/"], "headers": {"a": "b"}}"#, "no list"),
            (r#"{"urls": ["http://a/"], "headers": ["a"]}"#, "header field"),
            (r#"{"urls": ["http://a/"], "method": "POST"}"#, "method"),
        ] {
            let Value::Object(map) = serde_json::from_str(text).expect("is JSON") else {
                panic!("no object")
            };
            let (_, detail) = read(&map).expect_err(text);
            assert!(detail.contains(why), "{text}: {detail}");
        }
    }
}
