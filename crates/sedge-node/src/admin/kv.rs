//! `/v1/kv`: what functions have stored. The command line uses the same pages:
//! over a socket when a node holds the store, and directly when none does.

use super::reply::Reply;
use crate::query::Query;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use sedge_model::handler::{Request, Response};
use sedge_store::{Namespace, Store, StoreError};
use serde_json::json;
use std::time::Duration;

/// Keys on one page, unless fewer are asked for.
const PAGE_KEYS_MAX: usize = 1_000;

/// The pages over one store.
#[derive(Clone)]
pub(crate) struct KvPages {
    store: Store,
}

impl KvPages {
    /// Pages over this store.
    pub(crate) fn new(store: Store) -> Self {
        KvPages { store }
    }

    /// Answers a request whose path begins with `/v1/kv`. The store blocks, so
    /// it is asked on a thread that may.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let value_bytes_max = self.store.options().value_bytes_max;
        let body = match head.method {
            // One byte more than allowed, so that the store sees the excess.
            Method::PUT => match Limited::new(body, value_bytes_max + 1).collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => {
                    return Reply::problem(StatusCode::PAYLOAD_TOO_LARGE, "the value is too large");
                }
            },
            _ => bytes::Bytes::new(),
        };
        let store = self.store.clone();
        let worked = tokio::task::spawn_blocking(move || {
            let query = Query::parse(head.uri.query().unwrap_or_default());
            match head.uri.path() {
                "/v1/kv" => namespaces(&store),
                "/v1/kv/keys" => keys(&store, &query),
                _ => value(&store, &head.method, &query, body),
            }
        });
        match worked.await {
            Ok(Ok(response)) => response,
            Ok(Err(refusal)) => refusal.into(),
            Err(_) => {
                Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, "the store's thread failed")
            }
        }
    }
}

/// Why a request was not done.
enum Refusal {
    Missing(&'static str),
    NotANumber(&'static str),
    NoKey(String),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Refusal::Store(error)
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let (status, detail) = match refusal {
            Refusal::Missing(name) => (StatusCode::BAD_REQUEST, format!("?{name}= is missing")),
            Refusal::NotANumber(name) => {
                (StatusCode::BAD_REQUEST, format!("?{name}= is not a whole number"))
            }
            Refusal::NoKey(key) => (StatusCode::NOT_FOUND, format!("there is no key {key:?}")),
            Refusal::Store(error) => (status(&error), error.to_string()),
        };
        Reply::problem(status, &detail)
    }
}

fn status(error: &StoreError) -> StatusCode {
    match error {
        StoreError::InvalidNamespace { .. } | StoreError::InvalidKey { .. } => {
            StatusCode::BAD_REQUEST
        }
        StoreError::ValueTooLarge { .. } | StoreError::BatchTooLarge { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        StoreError::QuotaExceeded { .. } | StoreError::DiskFull { .. } => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        StoreError::Busy | StoreError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn namespaces(store: &Store) -> Result<Response, Refusal> {
    let usages = store.namespaces()?;
    let namespaces: Vec<_> = usages
        .iter()
        .map(|usage| json!({ "namespace": usage.name, "keys": usage.keys, "bytes": usage.bytes }))
        .collect();
    Ok(Reply::json(&json!({ "namespaces": namespaces })))
}

fn keys(store: &Store, query: &Query) -> Result<Response, Refusal> {
    let namespace = namespace(query)?;
    let limit = number(query, "limit")?.map_or(PAGE_KEYS_MAX, |limit| limit as usize);
    let page = store.keys(&namespace, query.get("cursor"), limit.clamp(1, PAGE_KEYS_MAX))?;
    Ok(Reply::json(&json!({ "keys": page.keys, "cursor": page.cursor })))
}

fn value(
    store: &Store,
    method: &Method,
    query: &Query,
    body: bytes::Bytes,
) -> Result<Response, Refusal> {
    let namespace = namespace(query)?;
    let key = query.get("key").ok_or(Refusal::Missing("key"))?;
    match *method {
        Method::PUT => {
            let ttl = number(query, "ttl_s")?.map(Duration::from_secs);
            store.set(&namespace, key, body, ttl)?;
            Ok(Reply::done())
        }
        Method::DELETE => {
            store.delete(&namespace, key)?;
            Ok(Reply::done())
        }
        _ => match store.get(&namespace, key)? {
            Some(value) => Ok(Reply::page("application/octet-stream", value)),
            None => Err(Refusal::NoKey(key.to_owned())),
        },
    }
}

fn namespace(query: &Query) -> Result<Namespace, Refusal> {
    Ok(Namespace::new(query.get("namespace").ok_or(Refusal::Missing("namespace"))?)?)
}

fn number(query: &Query, name: &'static str) -> Result<Option<u64>, Refusal> {
    match query.get(name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| Refusal::NotANumber(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::handler::full;

    async fn ask(pages: &KvPages, method: Method, target: &str, body: &str) -> (u16, String) {
        let mut request = Request::new(full(body.to_owned()));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().expect("a target");
        let response = pages.answer(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn values_are_set_read_listed_and_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("kv")).expect("a store");
        let pages = KvPages::new(store);
        let value = "/v1/kv/value?namespace=shop/default&key=a%2Fb%20c";
        for (method, target, body, status, text) in [
            (Method::GET, "/v1/kv/value", "", 400, "namespace"),
            (Method::GET, "/v1/kv/value?namespace=x", "", 400, "key"),
            (Method::GET, "/v1/kv/keys?namespace=../x", "", 400, "not a namespace"),
            (Method::PUT, "/v1/kv/value?namespace=x&key=k&ttl_s=soon", "1", 400, "ttl_s"),
            (Method::GET, value, "", 404, "a/b c"),
            (Method::PUT, value, "one", 204, ""),
            (Method::GET, value, "", 200, "one"),
            (Method::GET, "/v1/kv/keys?namespace=shop/default", "", 200, "a/b c"),
            (Method::GET, "/v1/kv", "", 200, "shop/default"),
            (Method::DELETE, value, "", 204, ""),
            (Method::GET, value, "", 404, ""),
        ] {
            let (got, answer) = ask(&pages, method.clone(), target, body).await;
            assert_eq!(got, status, "{method} {target}: {answer}");
            assert!(answer.contains(text), "{method} {target}: {answer}");
        }
    }
}
