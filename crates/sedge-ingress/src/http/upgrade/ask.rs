//! What a client asks for, and what an upstream has answered to it.

use super::extended::WasConnect;
use super::{not_here, websocket};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, request, response};
use hyper::upgrade::OnUpgrade;
use sedge_model::failure::{Failure, Kind};
use std::sync::Arc;

const WEBSOCKET: &str = "websocket";

/// In the extensions of a request: the one protocol that its upstream is asked
/// for. Nobody but [`grant`] makes one.
#[derive(Clone)]
pub(crate) struct Granted {
    /// In lower case, as the rule names it.
    pub(crate) name: Arc<str>,
    pub(crate) protocol: HeaderValue,
    /// What proves that the upstream has understood (RFC 6455 §4.2.2).
    accept: Option<String>,
}

/// Reads what a client asks for. Of the protocols that it names, in its order, the
/// first that is `allowed` is granted; if none is, the request goes on as any
/// other, as RFC 9110 §7.8 lets a server do. But not an extended `CONNECT`: whoever
/// sent that has not asked for what a GET does.
///
/// # Errors
///
/// What is granted and cannot be: a body comes along, so that it would not be
/// clear where the other protocol begins, or a WebSocket's key is none.
pub(crate) fn grant(
    head: &mut request::Parts,
    has_body: bool,
    allowed: &[String],
) -> Result<(), Failure> {
    let was_connect = head.extensions.remove::<WasConnect>().is_some();
    // hyper leaves this with a request of HTTP/1.1 that has the field.
    if head.extensions.remove::<OnUpgrade>().is_none() && !was_connect {
        return Ok(());
    }
    let Some(name) = wanted(&head.headers, allowed) else {
        return if was_connect { Err(not_here()) } else { Ok(()) };
    };
    let Ok(protocol) = HeaderValue::from_str(name) else { return Ok(()) };
    if has_body {
        return Err(bad("a request for an upgrade has a body"));
    }
    let accept = match name {
        WEBSOCKET if head.method != Method::GET => {
            return Err(bad("a request for a WebSocket is not GET"));
        }
        WEBSOCKET => Some(websocket::accept(websocket::key(&head.headers)?)),
        _ => None,
    };
    head.extensions.insert(Granted { name: name.into(), protocol, accept });
    Ok(())
}

fn bad(detail: &'static str) -> Failure {
    Failure::new(Kind::BadRequest, detail)
}

/// A client that means it says so in `Connection`, too: without that, the field
/// may be what is left of somebody else's connection.
fn wanted<'a>(headers: &HeaderMap, allowed: &'a [String]) -> Option<&'a str> {
    if !names(headers, CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade")) {
        return None;
    }
    names(headers, UPGRADE)
        .find_map(|asked| allowed.iter().find(|name| name.eq_ignore_ascii_case(asked)))
        .map(String::as_str)
}

/// The members of a list of names.
fn names(headers: &HeaderMap, field: http::HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(field).into_iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

impl Granted {
    /// Asks an upstream for the protocol; what the client wrote has been removed.
    pub(crate) fn ask(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.protocol.clone());
    }

    /// Looks whether an answer with status 101 is one to what was asked.
    pub(crate) fn check(&self, head: &response::Parts) -> Result<(), &'static str> {
        let headers = &head.headers;
        if headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING) {
            return Err("upstream switched protocols with a body (RFC 9110 §15.2)");
        }
        if !names(headers, CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade")) {
            return Err("upstream switched protocols without saying so in Connection");
        }
        let mut named = names(headers, UPGRADE);
        let is_asked = named.next().is_some_and(|name| name.eq_ignore_ascii_case(&self.name));
        if !is_asked || named.next().is_some() {
            return Err("upstream switched to a protocol that it was not asked for");
        }
        let Some(accept) = &self.accept else { return Ok(()) };
        let mut proofs = headers.get_all(websocket::ACCEPT).iter();
        match (proofs.next(), proofs.next()) {
            (Some(proof), None) if proof == accept => Ok(()),
            _ => Err("upstream's Sec-WebSocket-Accept does not fit the key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, Response};

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    /// The name that is granted, or the detail of the refusal.
    fn granted(
        fields: &[(&str, &str)],
        method: &str,
        has_body: bool,
        allowed: &[&str],
    ) -> Result<Option<String>, String> {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).expect("valid").into_parts();
        // What hyper leaves with a request that has the field.
        head.extensions.insert(hyper::upgrade::on(Request::new(())));
        let allowed: Vec<String> = allowed.iter().map(|&name| name.to_owned()).collect();
        grant(&mut head, has_body, &allowed).map_err(|failure| {
            assert_eq!(failure.kind, Kind::BadRequest);
            failure.detail.into_owned()
        })?;
        Ok(head.extensions.get::<Granted>().map(|granted| granted.name.to_string()))
    }

    fn websocket(more: &[(&str, &str)]) -> Result<Option<String>, String> {
        let mut fields = vec![("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
        fields.extend_from_slice(more);
        granted(&fields, "GET", false, &["websocket"])
    }

    #[test]
    fn a_websocket_without_a_right_key_is_refused() {
        assert!(websocket(&[]).is_err());
        for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j\u{e4}=="] {
            assert!(websocket(&[("sec-websocket-key", key)]).is_err(), "{key}");
        }
        let twice = [("sec-websocket-key", KEY), ("sec-websocket-key", KEY)];
        assert!(websocket(&twice).is_err());
        assert_eq!(websocket(&[("sec-websocket-key", KEY)]), Ok(Some("websocket".to_owned())));
    }

    #[test]
    fn a_body_and_other_methods_are_refused() {
        let fields =
            [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", KEY)];
        assert!(granted(&fields, "POST", false, &["websocket"]).is_err());
        assert!(granted(&fields, "GET", true, &["websocket"]).is_err());
        // Of what is not granted anyway, the field means nothing.
        assert_eq!(granted(&fields, "POST", true, &[]), Ok(None));
    }

    #[test]
    fn what_is_not_allowed_or_not_meant_is_no_upgrade() {
        for (connection, upgrade, expected) in [
            ("upgrade", "h2c", None),
            ("keep-alive", "spdy", None),
            ("x-upgrade", "spdy", None),
            ("upgrade", "spdy/3", None),
            ("upgrade", "", None),
            ("upgrade", "h2c, Spdy", Some("spdy")),
            ("close, UPGRADE", "foo/1, spdy", Some("spdy")),
        ] {
            let fields = [("connection", connection), ("upgrade", upgrade)];
            let found = granted(&fields, "GET", false, &["spdy", "foo"]).expect("not refused");
            assert_eq!(found.as_deref(), expected, "{connection} {upgrade}");
        }
        // Two fields are one list, of which one name goes on.
        let two = [("connection", "upgrade"), ("upgrade", "h2c"), ("upgrade", "spdy")];
        assert_eq!(granted(&two, "GET", false, &["spdy"]), Ok(Some("spdy".to_owned())));
    }

    #[test]
    fn an_answer_must_fit_what_was_asked() {
        let asked = Granted {
            name: WEBSOCKET.into(),
            protocol: HeaderValue::from_static(WEBSOCKET),
            accept: Some(websocket::accept(KEY)),
        };
        let right = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        let check = |fields: &[(&str, &str)]| {
            let mut response = Response::builder().status(101);
            for (name, value) in fields {
                response = response.header(*name, *value);
            }
            asked.check(&response.body(()).expect("valid").into_parts().0)
        };
        let accept = ("sec-websocket-accept", right);
        let both = [("connection", "Upgrade"), ("upgrade", "WebSocket"), accept];
        assert_eq!(check(&both), Ok(()));
        for (index, bad) in [
            vec![both[1], accept],
            vec![both[0], accept],
            vec![both[0], ("upgrade", "h2c"), accept],
            vec![both[0], ("upgrade", "websocket, h2c"), accept],
            vec![both[0], both[1]],
            vec![both[0], both[1], ("sec-websocket-accept", "x")],
            vec![both[0], both[1], accept, accept],
            vec![both[0], both[1], accept, ("content-length", "0")],
            vec![both[0], both[1], accept, ("transfer-encoding", "chunked")],
        ]
        .iter()
        .enumerate()
        {
            assert!(check(bad).is_err(), "{index}");
        }
    }
}
