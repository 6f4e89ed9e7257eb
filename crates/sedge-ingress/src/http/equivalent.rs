//! One form of the paths that mean the same (RFC 3986 §6.2.2.2).
//!
//! `/%61dmin` is `/admin` to every server that decodes it. Routes compare paths as
//! they are, so a guard on `/admin` would not see it, and what is behind would.
//! Letters, digits and `-._~` are therefore decoded before anything is asked of a
//! path, and go on decoded. What is encoded for a reason, such as `%2F`, stays.

use http::request::Parts;
use http::uri::PathAndQuery;
use std::borrow::Cow;

/// Decodes what need not be encoded in the path of a request.
pub(crate) fn decode(head: &mut Parts) {
    let Cow::Owned(path) = decoded(head.uri.path()) else { return };
    let both = match head.uri.query() {
        None => path,
        Some(query) => format!("{path}?{query}"),
    };
    let mut parts = head.uri.clone().into_parts();
    // Fewer bytes of the same kinds are a path if the more were.
    let Ok(both) = PathAndQuery::try_from(both) else { return };
    parts.path_and_query = Some(both);
    if let Ok(uri) = http::Uri::from_parts(parts) {
        head.uri = uri;
    }
}

fn decoded(path: &str) -> Cow<'_, str> {
    let mut new = String::new();
    let mut done = 0;
    for (at, _) in path.match_indices('%') {
        let digits = path.get(at + 1..at + 3);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        // `from_str_radix` takes a sign.
        let byte = byte.filter(|_| !path[at + 1..].starts_with('+'));
        let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        if let Some(byte) = byte.filter(unreserved) {
            new.push_str(&path[done..at]);
            new.push(char::from(byte));
            done = at + 3;
        }
    }
    if done == 0 {
        return Cow::Borrowed(path);
    }
    new.push_str(&path[done..]);
    Cow::Owned(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_for_a_reason_stays() {
        for path in [
            "/",
            "/a",
            "/%2F%2f",
            "/%",
            "/%6",
            "/a%",
            "/%zz",
            "/%+6",
            "/%25%36%31x".split_at(4).0,
            "/%c3%a9",
        ] {
            assert!(matches!(decoded(path), Cow::Borrowed(_)), "{path}");
        }
        // Once: what comes out is not decoded again.
        assert_eq!(decoded("/%2561%61"), "/%2561a");
    }

    #[test]
    fn letters_digits_and_four_marks_are_decoded_and_the_query_is_not() {
        for (path, expected) in [
            ("/%61dmin", "/admin"),
            ("/%41%7e%2d%5F%30", "/A~-_0"),
            ("/a%2fb%2Ec%3a", "/a%2fb.c%3a"),
            ("/%61", "/a"),
        ] {
            assert_eq!(decoded(path), expected);
        }
        let request = http::Request::get("http://x.org/%61%2f?b=%61").body(()).expect("a request");
        let mut head = request.into_parts().0;
        decode(&mut head);
        assert_eq!(head.uri.to_string(), "http://x.org/a%2f?b=%61");
    }
}
