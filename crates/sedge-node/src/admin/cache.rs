//! `/v1/cache`: what the node's cache holds, and how it is made to hold less or more.

mod steer;
mod warm;

use super::AdminPages;
use super::reply::Reply;
use crate::query::Query;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Limited};
use sedge_cache::flow::{CacheMetrics, Listed, Shown};
use sedge_cache::rules::TagKind;
use sedge_model::handler::{Body, Request, Response};
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering::Relaxed;

/// Objects on one page, unless fewer are asked for.
const PAGE_OBJECTS_MAX: usize = 100;

/// Bytes of the largest request.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Why a request was not done.
type Refusal = (StatusCode, String);

fn bad(detail: impl Into<String>) -> Refusal {
    (StatusCode::BAD_REQUEST, detail.into())
}

/// Answers a request whose path begins with `/v1/cache`.
pub(super) async fn answer(pages: &AdminPages, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let query = Query::parse(head.uri.query().unwrap_or_default());
    let answered = match head.uri.path() {
        "/v1/cache" => Ok(totals(pages)),
        "/v1/cache/objects" => objects(pages, &query).await,
        path => match read(&head.headers, body).await {
            Err(refusal) => Err(refusal),
            Ok(asked) if path == "/v1/cache/purge" => steer::purge(pages, &asked).await,
            Ok(asked) => warm::answer(pages, &asked).await,
        },
    };
    match answered {
        Ok(value) => Reply::json(&value),
        Err((status, detail)) => Reply::problem(status, &detail),
    }
}

/// The JSON of a request. Only a request that says that it is JSON is read: a form of
/// another site cannot say so.
async fn read(headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Refusal> {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let detail = "this page takes application/json".to_owned();
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|_| {
        (StatusCode::PAYLOAD_TOO_LARGE, format!("more than {BODY_BYTES_MAX} bytes, or cut off"))
    })?;
    match serde_json::from_slice(&body.to_bytes()) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(bad("the body is no JSON object")),
        Err(error) => Err(bad(format!("the body is no JSON: {error}"))),
    }
}

/// `GET /v1/cache`.
fn totals(pages: &AdminPages) -> Value {
    let figures = pages.platform.cache.figures();
    let memory = figures.memory;
    let config = &pages.config.cache;
    let disk = figures.disk.map(|disk| {
        json!({
            "objects": disk.records,
            "bytes": disk.file_bytes,
            "bytes_max": config.disk_bytes_max,
            "hits": disk.hits,
            "written": disk.written,
        })
    });
    let revisions = pages.board.revisions();
    let links = revisions.iter().flat_map(|revision| {
        revision.chains.iter().flat_map(move |chain| {
            chain.caching_links().zip(chain.cache_metrics()).map(
                move |((place, link), (_, metrics))| {
                    json!({
                        "app": revision.app,
                        "chain": chain.declared.name,
                        "link": place,
                        "scope": link.scope,
                        "requests": outcomes(metrics),
                        "stored": metrics.stored.load(Relaxed),
                    })
                },
            )
        })
    });
    let scopes = pages.platform.scopes.all();
    let functions = scopes.iter().map(|shown| {
        json!({
            "scope": shown.name,
            "requests": outcomes(&shown.metrics),
            "stored": shown.metrics.stored.load(Relaxed),
        })
    });
    json!({
        "memory": {
            "objects": memory.objects,
            "bytes": memory.bytes,
            "bytes_max": config.memory_bytes_max,
            "evicted": memory.evicted + memory.rejected,
        },
        "disk": disk,
        "arriving_bytes": figures.arriving_bytes,
        "fetches": figures.flights,
        "links": links.collect::<Vec<_>>(),
        "functions": functions.collect::<Vec<_>>(),
    })
}

fn outcomes(metrics: &CacheMetrics) -> Map<String, Value> {
    metrics.outcomes().iter().map(|(label, count)| ((*label).to_owned(), json!(count))).collect()
}

/// `GET /v1/cache/objects`: of `?url=`, or a page from `?after=`.
async fn objects(pages: &AdminPages, query: &Query) -> Result<Value, Refusal> {
    let scopes = steer::scopes(pages);
    if let Some(url) = query.get("url") {
        let fields = fields(query.all("header"))?;
        let found =
            steer::find(&scopes, url, &fields).await.map_err(|error| bad(error.to_string()))?;
        let found = found.iter().map(|(scope, shown)| object(shown, Some(scope)));
        return Ok(json!({ "objects": found.collect::<Vec<_>>() }));
    }
    let limit = match query.get("limit") {
        None => PAGE_OBJECTS_MAX,
        Some(text) => text.parse().map_err(|_| bad("?limit= is not a whole number"))?,
    };
    let limit = limit.clamp(1, PAGE_OBJECTS_MAX);
    let listed = pages.platform.cache.list(query.get("after"), limit).await;
    let Listed { objects, next } = listed.ok_or_else(|| bad("?after= is not of a page"))?;
    let objects = objects.iter().map(|shown| object(shown, steer::owner(&scopes, shown)));
    Ok(json!({ "objects": objects.collect::<Vec<_>>(), "after": next }))
}

/// A field for each `name: value`.
fn fields<'q>(lines: impl Iterator<Item = &'q str>) -> Result<HeaderMap, Refusal> {
    let mut fields = HeaderMap::new();
    for line in lines {
        let parts = line.split_once(':').and_then(|(name, value)| {
            let name = name.trim().parse::<HeaderName>().ok()?;
            Some((name, value.trim().parse::<HeaderValue>().ok()?))
        });
        let (name, value) = parts.ok_or_else(|| bad(format!("{line:?} is not a header field")))?;
        fields.append(name, value);
    }
    Ok(fields)
}

fn object(shown: &Shown, scope: Option<&str>) -> Value {
    let head = &shown.head;
    let field = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let tags = head.tags.iter().filter(|tag| tag.kind == TagKind::Surrogate);
    let vary = head.vary.iter().map(|field| {
        let value = field.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned());
        (field.name.to_string(), value.into())
    });
    let tiers = [("memory", shown.is_in_memory), ("disk", shown.is_on_disk)];
    json!({
        "url": shown.url,
        "scope": scope,
        "status": head.status.as_u16(),
        "bytes": shown.body_bytes,
        "age_s": shown.age_ms / 1000,
        "ttl_s": shown.ttl_ms.div_euclid(1000),
        "part": head.part.is_some(),
        "content_type": field(http::header::CONTENT_TYPE),
        "etag": field(http::header::ETAG),
        "tags": tags.map(|tag| &*tag.name).collect::<Vec<_>>(),
        "vary": vary.collect::<Map<String, Value>>(),
        "tiers": tiers.iter().filter(|(_, is)| *is).map(|(tier, _)| tier).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::handler::full;

    async fn refused(kind: Option<&str>, body: impl Into<bytes::Bytes>) -> (u16, String) {
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert("content-type", kind.parse().expect("a value"));
        }
        let (status, detail) = read(&headers, full(body)).await.expect_err("is refused");
        (status.as_u16(), detail)
    }

    #[tokio::test]
    async fn only_json_objects_of_bounded_size_are_read() {
        let json = Some("application/json");
        for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("")]
        {
            assert_eq!(refused(kind, "{}").await.0, 415, "{kind:?}");
        }
        for body in ["", "{", "[]", "null", "{\"a\":1}x", "\u{FEFF}{}"] {
            assert_eq!(refused(json, body).await.0, 400, "{body}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(refused(json, deep).await.0, 400);
        assert_eq!(refused(json, vec![b' '; BODY_BYTES_MAX + 1]).await.0, 413);
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "Application/JSON; charset=utf-8".parse().expect("a value"));
        assert!(read(&headers, full("{}")).await.expect("is read").is_empty());
    }

    #[test]
    fn fields_are_written_as_in_a_request() {
        for line in ["", "a", ": b", "a b: c", "a: b\nc", "\u{1F600}: x"] {
            assert!(fields([line].into_iter()).is_err(), "{line:?}");
        }
        let fields = fields(["Accept: image/avif", "a:"].into_iter()).expect("are fields");
        assert_eq!((fields["accept"].as_bytes(), fields["a"].len()), (&b"image/avif"[..], 0));
    }
}
