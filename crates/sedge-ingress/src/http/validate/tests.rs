use super::*;
use http::Request;

fn checked(request: Result<Request<()>, http::Error>) -> Result<(), &'static str> {
    let (head, ()) = request.expect("a request that the parser accepts").into_parts();
    super::head(&head, &GatewayOptions::default()).map(drop).map_err(|failure| failure.kind.label())
}

#[test]
fn paths_that_could_be_read_as_another_are_refused() {
    for path in [
        "//admin",
        "/./admin",
        "/a/../admin",
        "/a/..",
        "/.",
        "/%2e%2E/admin",
        "/a/.%2e/admin",
        "/a%2f..%2fadmin",
        "/a%2F%2e%2e",
        "/a%5c..%5Cadmin",
        "/a\\admin",
        "/%00",
        "/a%0d%0ab",
        "/%7f",
        "/%1F/a",
    ] {
        let request = Request::get(path).header("host", "h").body(());
        assert_eq!(checked(request), Err("bad_request"), "{path}");
    }
}

#[test]
fn ordinary_paths_pass() {
    for path in [
        "/",
        "/a//b/",
        "/...",
        "/.well-known/x",
        "/a..b/..c/d..",
        "/https%3A%2F%2Fexample.org%2Fa",
        "/100%",
        "/%zz/%2",
        "/%252e%252e/",
        "/a?../../x=//y\\",
        "/caf%C3%A9",
    ] {
        let request = Request::get(path).header("host", "h").body(());
        assert_eq!(checked(request), Ok(()), "{path}");
    }
}

#[test]
fn a_request_names_one_host() {
    let get = |uri: &str, hosts: &[&str]| {
        let request = hosts.iter().fold(Request::get(uri), |r, host| r.header("host", *host));
        checked(request.body(()))
    };
    for (uri, hosts) in [
        ("/", &[][..]),
        ("/", &["a", "a"]),
        ("/", &[""]),
        ("/", &["a b"]),
        ("/", &["a/b"]),
        ("/", &["user@a"]),
        ("/", &["a:99999"]),
        ("/", &["a:b"]),
        ("/", &["a:1:2"]),
        ("/", &[".a"]),
        ("/", &["[::1"]),
        ("/", &["[::x]"]),
        ("/", &["a,b"]),
        ("http://a/", &["b"]),
        ("http://a/", &[]),
        ("http://a:80/", &["a"]),
        ("http://user@a/", &[]),
        ("ftp://a/", &["a"]),
    ] {
        assert_eq!(get(uri, hosts), Err("bad_request"), "{uri} {hosts:?}");
    }
    for (uri, hosts) in [
        ("/", &["example.org"][..]),
        ("/", &["EXAMPLE.org.:8080"]),
        ("/", &["[::1]:80"]),
        ("/", &["127.0.0.1"]),
        ("http://a/", &["A"]),
    ] {
        assert_eq!(get(uri, hosts), Ok(()), "{uri} {hosts:?}");
    }
}

#[test]
fn the_host_is_given_without_its_port() {
    for (host, expected) in
        [("a", "a"), ("a:80", "a"), ("a:", "a"), ("[::1]", "[::1]"), ("[::1]:80", "[::1]")]
    {
        let request = Request::get("/").header("host", host).body(());
        let (head, ()) = request.expect("valid").into_parts();
        assert_eq!(host_of(&head), expected);
    }
}

#[test]
fn sizes_are_bounded_at_the_limit_and_past_it() {
    let options = GatewayOptions::default();
    let long = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
    let get = |uri: String| checked(Request::get(uri).header("host", "h").body(()));
    assert_eq!(get(long(options.uri_bytes_max)), Ok(()));
    assert_eq!(get(long(options.uri_bytes_max + 1)), Err("uri_too_long"));

    let with_fields = |count: usize, bytes: usize| {
        let request = Request::get("/").header("host", "h");
        let request = (1..count).fold(request, |r, _| r.header("x", "a".repeat(bytes)));
        checked(request.body(()))
    };
    assert_eq!(with_fields(options.headers_max, 0), Ok(()));
    assert_eq!(with_fields(options.headers_max + 1, 0), Err("request_header_limit"));
    let all = options.header_bytes_max - "host".len() - "h".len() - "x".len();
    assert_eq!(with_fields(2, all), Ok(()));
    assert_eq!(with_fields(2, all + 1), Err("request_header_limit"));
}

#[test]
fn connect_and_asterisk_are_refused_and_old_clients_may_omit_the_host() {
    assert_eq!(checked(Request::connect("a:80").body(())), Err("bad_request"));
    let asterisk = Request::options("*").header("host", "h").body(());
    assert_eq!(checked(asterisk), Err("bad_request"));
    assert_eq!(checked(Request::get("/").version(Version::HTTP_10).body(())), Ok(()));
}
