use super::*;
use http::Request;

fn template(text: &str) -> Template {
    let segment = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}'))
    {
        None => Segment::Literal(part.to_owned()),
        Some(name) => match name.strip_suffix("...") {
            Some(name) => Segment::Rest(name.to_owned()),
            None => Segment::Name(name.to_owned()),
        },
    };
    let segments = text.split('/').skip(1).map(segment).collect();
    Template { text: text.to_owned(), segments }
}

fn becomes(to: &PathRewrite, fitted: &PathMatch, target: &str) -> String {
    let (mut head, ()) = Request::get(target).body(()).expect("a request").into_parts();
    match path(to, fitted, &mut head) {
        Ok(()) => head.uri.to_string(),
        Err(failure) => failure.kind.label().to_owned(),
    }
}

#[test]
fn a_rewrite_never_makes_a_path_that_would_have_been_refused() {
    let begins = PathMatch::Begins("/a".into());
    for (to, target) in
        [("/files/", "/a../secret"), ("/files/", "/a.%2e/secret"), ("/files/", "/a./x")]
    {
        let seen = becomes(&PathRewrite::Prefix(to.into()), &begins, target);
        assert_eq!(seen, "bad_request", "{to} {target}");
    }
}

/// A server reads two slashes at the beginning of a target as a path; a client
/// reads them as a host.
#[test]
fn two_slashes_at_the_beginning_pass_to_servers_and_not_to_clients() {
    let begins = PathMatch::Begins("/a".into());
    let slash = PathRewrite::Prefix("/".into());
    assert_eq!(becomes(&slash, &begins, "/a/b?c"), "//b?c");
    let failure = rewritten(&slash, &begins, "/a/evil.example").expect_err("two slashes");
    assert_eq!(failure.kind.label(), "bad_request");
    let to = PathRewrite::Template(template("/{rest...}"));
    let fitted = PathMatch::Template(template("/get/{rest...}"));
    assert_eq!(becomes(&to, &fitted, "/get//b"), "//b");
    assert!(rewritten(&to, &fitted, "/get//evil.example/x").is_err());
}

#[test]
fn a_prefix_is_replaced_as_its_match_has_fitted() {
    let segments = |prefix: &str| PathMatch::Prefix(prefix.into());
    let bytes = |prefix: &str| PathMatch::Begins(prefix.into());
    for (fitted, to, target, expected) in [
        (segments("/foo"), "/xyz", "/foo/bar", "/xyz/bar"),
        (segments("/foo"), "/xyz/", "/foo/bar", "/xyz/bar"),
        (segments("/foo"), "/xyz", "/foo", "/xyz"),
        (segments("/foo"), "/xyz", "/foo/", "/xyz/"),
        (segments("/foo"), "/", "/foo/bar?q=/foo", "/bar?q=/foo"),
        (segments("/foo"), "/", "/foo", "/"),
        (segments(""), "/xyz", "/foo", "/xyz/foo"),
        (PathMatch::Any, "/xyz/", "/foo", "/xyz/foo"),
        (bytes("/foo"), "/xyz", "/foobar", "/xyzbar"),
        (bytes("/foo/"), "/", "/foo/bar", "/bar"),
        (PathMatch::AnyCase(Box::new(segments("/foo"))), "/xyz", "/FOO/Bar", "/xyz/Bar"),
        (PathMatch::Exact("/foo".into()), "/xyz", "/foo?a", "/xyz?a"),
    ] {
        let seen = becomes(&PathRewrite::Prefix(to.into()), &fitted, target);
        assert_eq!(seen, expected, "{fitted:?} {to} {target}");
    }
}

#[test]
fn a_template_is_filled_with_the_segments_of_another() {
    let fitted = PathMatch::Template(template("/users/{id}/files/{rest...}"));
    let to = PathRewrite::Template(template("/f/{rest...}/of/{id}"));
    let target = "/users/7/files/a/b%20c?x=1";
    assert_eq!(becomes(&to, &fitted, target), "/f/a/b%20c/of/7?x=1");
    let full = PathRewrite::Full("/all".into());
    assert_eq!(becomes(&full, &fitted, target), "/all?x=1");
}

#[test]
fn the_host_changes_wherever_it_is_said() {
    for target in ["/a", "http://old.example:81/a"] {
        let request = Request::get(target).header("host", "old.example:81").body(());
        let (mut head, ()) = request.expect("a request").into_parts();
        host("new.example", &mut head).expect("a host");
        assert_eq!(head.headers["host"], "new.example");
        assert!(head.uri.authority().is_none_or(|host| host == "new.example"));
        assert_eq!(head.uri.path(), "/a");
    }
}

#[test]
fn patterns_replace_every_place_within_bounds() {
    for (pattern, with, path, expected) in [
        ("^/v[0-9]+/", "/", "/v12/a", "/a"),
        ("/([a-z]+)/([0-9]+)", r"/\2/\1", "/a/1/b/2", "/1/a/2/b"),
        ("x", "y", "/a", "/a"),
        ("a", r"\0\0\\\3", "/a", r"/aa\"),
    ] {
        let pattern = Pattern::within(pattern).expect("a pattern");
        assert_eq!(replaced(&pattern, with, path).ok().as_deref(), Some(expected));
    }
    let every = Pattern::within("").expect("a pattern");
    let failure = replaced(&every, &"long".repeat(500), &"/".repeat(8_000));
    assert_eq!(failure.err().map(|failure| failure.kind), Some(Kind::UriTooLong));
}
