//! `/v1/cache/purge`, and whose a stored response is.

use super::{Refusal, bad};
use crate::admin::AdminPages;
use http::{HeaderMap, StatusCode};
use sedge_cache::flow::{BadUrl, CacheHandler, Purging, Scope, Shown, URL_BYTES_MAX};
use sedge_cache::purge::Purge;
use serde_json::{Map, Value, json};

/// Bytes of the longest tag.
const TAG_BYTES_MAX: usize = 256;

/// Those that have responses, each with its name: links, and functions.
pub(super) type Scopes = Vec<(String, Holder)>;

/// Who knows where a scope's responses lie.
pub(super) enum Holder {
    Link(CacheHandler),
    Functions(Scope),
}

impl Holder {
    async fn show(&self, url: &str, fields: &HeaderMap) -> Result<Vec<Shown>, BadUrl> {
        match self {
            Holder::Link(link) => link.show(url, fields).await,
            Holder::Functions(scope) => scope.show(url, fields).await,
        }
    }

    fn owns(&self, shown: &Shown) -> bool {
        match self {
            Holder::Link(link) => link.owns(shown),
            Holder::Functions(scope) => scope.owns(shown),
        }
    }
}

/// All of them, each name once.
pub(super) fn scopes(pages: &AdminPages) -> Scopes {
    let mut scopes: Scopes = Vec::new();
    for revision in pages.board.revisions() {
        for (_, link) in revision.chains.iter().flat_map(|chain| chain.caching_links()) {
            scopes.push((link.scope.clone(), Holder::Link(link.handler.clone())));
        }
    }
    let functions = pages.platform.scopes.all().into_iter();
    scopes.extend(functions.map(|shown| (shown.name, Holder::Functions(shown.scope))));
    scopes.sort_by(|(one, _), (other, _)| one.cmp(other));
    scopes.dedup_by(|(one, _), (other, _)| one == other);
    scopes
}

/// What any of them has for an address, with its name.
pub(super) async fn find<'s>(
    scopes: &'s Scopes,
    url: &str,
    fields: &HeaderMap,
) -> Result<Vec<(&'s str, Shown)>, BadUrl> {
    let mut found = Vec::new();
    let mut is_known = false;
    for (name, holder) in scopes {
        let shown = holder.show(url, fields).await?;
        is_known = true;
        found.extend(shown.into_iter().map(|shown| (name.as_str(), shown)));
    }
    // Without a scope nobody has looked at the address.
    let is_address = is_known || url.starts_with("http://") || url.starts_with("https://");
    if is_address { Ok(found) } else { Err(BadUrl) }
}

/// Whose a response is, if that can be told.
pub(super) fn owner<'s>(scopes: &'s Scopes, shown: &Shown) -> Option<&'s str> {
    scopes.iter().find(|(_, holder)| holder.owns(shown)).map(|(name, _)| name.as_str())
}

/// `POST /v1/cache/purge`: answers once what is purged stays purged.
pub(super) async fn purge(
    pages: &AdminPages,
    asked: &Map<String, Value>,
) -> Result<Value, Refusal> {
    let (what, how) = purging(asked)?;
    match pages.platform.cache.purge(&what, how).await {
        Ok(()) => Ok(json!({ "purged": true })),
        Err(error) => Err((StatusCode::INSUFFICIENT_STORAGE, error.to_string())),
    }
}

/// What is to be purged: exactly one of the keys.
fn purging(asked: &Map<String, Value>) -> Result<(Purging, Purge), Refusal> {
    let known = ["tag", "url", "prefix", "all", "soft"];
    if let Some(key) = asked.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(bad(format!("{key:?} is not one of tag, url, prefix, all and soft")));
    }
    let how = match asked.get("soft") {
        None | Some(Value::Bool(false)) => Purge::Hard,
        Some(Value::Bool(true)) => Purge::Soft,
        Some(_) => return Err(bad("\"soft\" is neither true nor false")),
    };
    let text = |key: &str, bytes_max: usize| match asked.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=bytes_max).contains(&text.len()) => {
            Ok(Some(text.clone()))
        }
        Some(Value::String(_)) => Err(bad(format!("\"{key}\" has 1 to {bytes_max} bytes"))),
        Some(_) => Err(bad(format!("\"{key}\" is no text"))),
    };
    let mut found = Vec::new();
    found.extend(text("tag", TAG_BYTES_MAX)?.map(Purging::Tag));
    if let Some(url) = text("url", URL_BYTES_MAX)? {
        found.push(Purging::Url(address(&url).ok_or_else(|| {
            bad("\"url\" is host/path?query, with or without http:// or https://")
        })?));
    }
    if let Some(prefix) = text("prefix", URL_BYTES_MAX)? {
        let address = address(&prefix).map(|address| address.trim_end_matches('/').to_owned());
        let address = address.filter(|address| !address.contains('?'));
        found.push(Purging::Prefix(
            address.ok_or_else(|| bad("\"prefix\" is host or host/path, without a query"))?,
        ));
    }
    match asked.get("all") {
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) => found.push(Purging::All),
        Some(_) => return Err(bad("\"all\" is neither true nor false")),
    }
    match (found.pop(), found.is_empty()) {
        (Some(what), true) => Ok((what, how)),
        _ => Err(bad("name exactly one of tag, url, prefix and all")),
    }
}

/// `host/path?query` in the spelling in which responses are known; purges are of both
/// schemes.
fn address(text: &str) -> Option<String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => ("http".to_owned(), text),
    };
    let known = scheme == "http" || scheme == "https";
    let rest = rest.split('#').next().unwrap_or_default();
    let path = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(path);
    let is_host = !host.is_empty() && host.parse::<http::uri::Authority>().is_ok();
    let is_plain = !text.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control());
    if !known || !is_host || host.contains('@') || !is_plain {
        return None;
    }
    let path = if path.is_empty() { "/" } else { path };
    let target = sedge_cache::rules::Target::new(&scheme, host, path, &Default::default());
    Some(target.url().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Purging, Purge), Refusal> {
        match serde_json::from_str(text).expect("is JSON") {
            Value::Object(map) => purging(&map),
            _ => panic!("no object"),
        }
    }

    #[test]
    fn what_is_not_one_purge_is_refused_with_the_reason() {
        let long = format!("{{\"tag\": \"{}\"}}", "x".repeat(257));
        for (text, why) in [
            ("{}", "exactly one"),
            (r#"{"soft": true}"#, "exactly one"),
            (r#"{"all": false}"#, "exactly one"),
            (r#"{"all": true, "tag": "a"}"#, "exactly one"),
            (r#"{"url": "a/b", "prefix": "a"}"#, "exactly one"),
            (r#"{"tags": ["a"]}"#, "tags"),
            (r#"{"tag": 1}"#, "no text"),
            (r#"{"tag": ["a"]}"#, "no text"),
            (r#"{"tag": ""}"#, "1 to 256"),
            (&long, "1 to 256"),
            (r#"{"all": "yes"}"#, "neither"),
            (r#"{"all": true, "soft": 1}"#, "neither"),
            (r#"{"url": "/path"}"#, "host/path"),
            (r#"{"url": "ftp://a/b"}"#, "host/path"),
            (r#"{"url": "http://u@a/b"}"#, "host/path"),
            (r#"{"url": "a b/c"}"#, "host/path"),
            (r#"{"url": "a/b\nc"}"#, "host/path"),
            (r#"{"prefix": "/"}"#, "host"),
            (r#"{"prefix": "a/b?c"}"#, "without a query"),
        ] {
            let (status, detail) = read(text).expect_err(text);
            assert!(status == StatusCode::BAD_REQUEST && detail.contains(why), "{text}: {detail}");
        }
    }

    #[test]
    fn addresses_are_spelled_as_they_are_stored() {
        for (text, what) in [
            (
                r#"{"url": "HTTPS://Shop.Example:443/%61?b=%2f"}"#,
                Purging::Url("shop.example/a?b=%2F".to_owned()),
            ),
            (r#"{"url": "shop.example"}"#, Purging::Url("shop.example/".to_owned())),
            (r#"{"url": "[::1]:8080/a#b"}"#, Purging::Url("[::1]:8080/a".to_owned())),
            (
                r#"{"prefix": "http://shop.example:80/img/"}"#,
                Purging::Prefix("shop.example/img".to_owned()),
            ),
            (r#"{"prefix": "shop.example"}"#, Purging::Prefix("shop.example".to_owned())),
            (r#"{"tag": "Red"}"#, Purging::Tag("Red".to_owned())),
            (r#"{"all": true, "soft": false}"#, Purging::All),
        ] {
            assert_eq!(read(text), Ok((what, Purge::Hard)), "{text}");
        }
        assert_eq!(read(r#"{"all": true, "soft": true}"#), Ok((Purging::All, Purge::Soft)));
    }
}
