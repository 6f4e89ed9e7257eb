//! What browsers are told of pages of other origins (Fetch §3.3).

use crate::http::routes::value_fits;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use http::{Method, Response};
use sedge_model::handler::{self, Body};
use sedge_model::routing::cors::{Allowed, Cors, OtherPreflights};
use sedge_model::routing::rule::{Changes, ValueMatch};

/// What becomes of a request under a policy.
pub(super) enum Asked {
    /// A preflight, with its answer.
    Preflight(Response<Body>),
    /// It goes on, and its answer is changed so.
    Other(Changes),
}

/// Whether a request is a preflight, and which permission its answer gets.
pub(super) fn ask(cors: &Cors, method: &Method, headers: &HeaderMap) -> Asked {
    let origin = headers.get(ORIGIN).filter(|origin| !origin.is_empty());
    let allowed = origin.filter(|origin| is_allowed(cors, origin));
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|method| !method.is_empty());
    let is_preflight = *method == Method::OPTIONS && origin.is_some() && wanted.is_some();
    if is_preflight && (allowed.is_some() || cors.others == OtherPreflights::Answered) {
        return Asked::Preflight(preflight(cors, allowed, headers));
    }
    // A shared cache must not give one origin's answer to another, nor to none.
    let vary = (VARY, HeaderValue::from_static("origin"));
    let mut changes = Changes { add: vec![vary], ..Changes::default() };
    if let Some(origin) = allowed {
        changes.set = permission(cors, origin);
    }
    Asked::Other(changes)
}

fn is_allowed(cors: &Cors, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    cors.origins.iter().any(|wanted| {
        let is_any = matches!(wanted, ValueMatch::Exact(any) if any == "*");
        is_any || value_fits(wanted, Some(origin))
    })
}

/// What an allowed origin may.
fn permission(cors: &Cors, origin: &HeaderValue) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = vec![(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())];
    if cors.credentials {
        fields.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
    }
    fields.extend(cors.expose_headers.clone().map(|names| (ACCESS_CONTROL_EXPOSE_HEADERS, names)));
    fields
}

/// The answer to a preflight. Without `Access-Control-Allow-Origin`, the rest of it
/// is no permission.
fn preflight(cors: &Cors, allowed: Option<&HeaderValue>, headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(handler::empty());
    let answer = response.headers_mut();
    match allowed {
        Some(origin) => answer.extend(permission(cors, origin)),
        None if cors.credentials => {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        None => {}
    }
    for (said, name, asked) in [
        (&cors.allow_methods, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_REQUEST_METHOD),
        (&cors.allow_headers, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS),
    ] {
        let value = match said {
            None => None,
            Some(Allowed::These(list)) => Some(list),
            Some(Allowed::Asked) => headers.get(asked),
        };
        if let Some(value) = value {
            answer.insert(name, value.clone());
        }
    }
    if let Some(age) = cors.max_age {
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(age.as_secs()));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::routing::cors::origin;
    use std::time::Duration;

    fn policy(origins: &[&str]) -> Cors {
        let these = |text: &'static str| Some(Allowed::These(HeaderValue::from_static(text)));
        Cors {
            origins: origins.iter().map(|text| origin(text).expect(text)).collect(),
            allow_methods: these("PUT"),
            allow_headers: these("x-a"),
            expose_headers: Some(HeaderValue::from_static("x-b")),
            max_age: Some(Duration::from_secs(60)),
            credentials: false,
            others: OtherPreflights::Forwarded,
        }
    }

    /// The fields of a preflight's answer, or what is set in another's.
    fn told(
        cors: &Cors,
        method: Method,
        fields: &[(&'static str, &'static str)],
    ) -> (bool, String) {
        let pair = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers: HeaderMap = fields.iter().copied().map(pair).collect();
        let (is_preflight, fields): (bool, Vec<_>) = match ask(cors, &method, &headers) {
            Asked::Preflight(response) => {
                let fields = response.headers().iter();
                (true, fields.map(|(name, value)| (name.clone(), value.clone())).collect())
            }
            Asked::Other(changes) => (false, changes.set),
        };
        let mut shown: Vec<String> = fields
            .iter()
            .map(|(name, value)| {
                let name = name.as_str().trim_start_matches("access-control-");
                format!("{name}={}", value.to_str().expect("text"))
            })
            .collect();
        shown.sort();
        (is_preflight, shown.join(" "))
    }

    const PUT: (&str, &str) = ("access-control-request-method", "PUT");

    #[test]
    fn origins_that_are_not_named_are_told_nothing() {
        let cors = policy(&["https://a.org", "https://*.b.org"]);
        for origin in
            ["https://evil.org", "http://a.org", "https://a.org.evil.org", "https://b.org", "null"]
        {
            for (method, fields) in [
                (Method::GET, vec![("origin", origin)]),
                (Method::OPTIONS, vec![("origin", origin), PUT]),
            ] {
                assert_eq!(told(&cors, method, &fields), (false, String::new()), "{origin}");
            }
        }
        for fields in [vec![], vec![("origin", "")], vec![PUT]] {
            assert_eq!(told(&cors, Method::OPTIONS, &fields), (false, String::new()), "{fields:?}");
        }
        let answered = Cors { others: OtherPreflights::Answered, ..cors };
        let (is_preflight, fields) =
            told(&answered, Method::OPTIONS, &[("origin", "https://evil.org"), PUT]);
        assert!(is_preflight && !fields.contains("allow-origin"), "{fields}");
    }

    #[test]
    fn a_preflight_of_a_named_origin_is_answered_and_others_are_permitted() {
        let cors = policy(&["https://a.org"]);
        let origin = ("origin", "https://a.org");
        let (is_preflight, fields) = told(&cors, Method::OPTIONS, &[origin, PUT]);
        assert!(is_preflight);
        let expected = "allow-headers=x-a allow-methods=PUT allow-origin=https://a.org \
                        expose-headers=x-b max-age=60";
        assert_eq!(fields, expected);
        let expected = (false, "allow-origin=https://a.org expose-headers=x-b".to_owned());
        assert_eq!(told(&cors, Method::GET, &[origin]), expected);
        // Without a method it asks for, it is no preflight.
        assert_eq!(told(&cors, Method::OPTIONS, &[origin]), expected);
    }

    #[test]
    fn with_credentials_a_star_is_what_is_asked_for() {
        let cors = Cors {
            allow_methods: Some(Allowed::Asked),
            allow_headers: Some(Allowed::Asked),
            credentials: true,
            ..policy(&["*"])
        };
        let headers = ("access-control-request-headers", "x-one, x-two");
        let (_, fields) =
            told(&cors, Method::OPTIONS, &[("origin", "https://any.org"), PUT, headers]);
        let expected = "allow-credentials=true allow-headers=x-one, x-two allow-methods=PUT \
                        allow-origin=https://any.org expose-headers=x-b max-age=60";
        assert_eq!(fields, expected);
    }

    #[test]
    fn every_answer_says_that_it_depends_on_the_origin() {
        for fields in
            [HeaderMap::new(), HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("x"))])]
        {
            let Asked::Other(changes) = ask(&policy(&["*"]), &Method::GET, &fields) else {
                panic!("no preflight");
            };
            assert_eq!(changes.add, [(VARY, HeaderValue::from_static("origin"))]);
        }
    }
}
