use super::*;
use http::HeaderMap;
use http_body_util::BodyExt;
use sedge_model::trace::TraceContext;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const CONTENT: &str = "0123456789";

/// A folder with `a.txt` of an hour ago, and a server of it.
struct Site {
    folder: tempfile::TempDir,
    disk: Arc<Disk>,
    server: FileServer,
}

fn site(change: impl FnOnce(&mut Files)) -> Site {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "a.txt", CONTENT);
    write(folder.path(), "empty.txt", "");
    write(folder.path(), "index.html", "home");
    write(folder.path(), "404.html", "lost");
    std::fs::create_dir(folder.path().join("docs")).expect("made");
    write(folder.path(), "docs/index.html", "docs");
    let mut files = Files {
        folder: folder.path().to_owned(),
        index: Some("index.html".to_owned()),
        fallback: None,
        not_found: None,
        cache_control: None,
        precompressed: false,
        hidden: false,
    };
    change(&mut files);
    let disk = Disk::new(4);
    Site { folder, server: FileServer::new(files, Arc::clone(&disk)), disk }
}

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("written");
    let file = std::fs::File::options().write(true).open(&path).expect("is there");
    file.set_modified(SystemTime::now() - Duration::from_secs(3_600)).expect("set");
}

impl Site {
    async fn ask(&self, request: http::Request<()>) -> Result<Response<Body>, Failure> {
        let context = Context::new(
            SocketAddr::from(([127, 0, 0, 1], 1)),
            false,
            TraceContext { trace_id: 1, span_id: 1, flags: 0 },
        );
        self.server.call(request.map(|()| handler::empty()), context).await
    }

    async fn get(&self, path: &str, fields: &[(&str, &str)]) -> (u16, HeaderMap, String) {
        let mut request = http::Request::get(path);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let answer = self.ask(request.body(()).expect("a request")).await;
        let (head, body) = match answer {
            Ok(answer) => answer.into_parts(),
            Err(failure) => return (failure.kind.status(), HeaderMap::new(), String::new()),
        };
        let body = body.collect().await.expect("whole").to_bytes();
        (head.status.as_u16(), head.headers, String::from_utf8_lossy(&body).into_owned())
    }

    fn count(&self, outcome: Outcome) -> u64 {
        let mut text = String::new();
        self.disk.render_prometheus(&mut text);
        let begin = format!("sedge_files_requests_total{{outcome=\"{}\"}} ", outcome.label());
        let line = text.lines().find_map(|line| line.strip_prefix(&begin));
        line.and_then(|count| count.parse().ok()).expect("a count")
    }

    /// Tags are weak as long as the change is fresh, so the time of the change, which
    /// nobody can set, must lie behind.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(3_100)).await;
    }
}

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let site = site(|_| {});
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"] {
        let request = http::Request::builder().method(method).uri("/a.txt").body(());
        let failure = site.ask(request.expect("a request")).await.expect_err("refused");
        assert_eq!((failure.kind, failure.kind.status()), (Kind::MethodNotAllowed, 405));
        assert_eq!(failure.allow, [Method::GET, Method::HEAD], "{method}");
    }
    assert_eq!(site.count(Outcome::OtherMethod), 7);
    let head = http::Request::head("/a.txt").header("range", "bytes=0-1").body(());
    let answer = site.ask(head.expect("a request")).await.expect("an answer");
    assert_eq!(
        (answer.status(), &answer.headers()[CONTENT_LENGTH]),
        (StatusCode::OK, &HeaderValue::from(10))
    );
    assert!(answer.into_body().collect().await.expect("empty").to_bytes().is_empty());
}

#[tokio::test]
async fn a_page_for_what_is_not_there_has_no_validators() {
    let plain = site(|_| {});
    assert_eq!(plain.get("/nothing", &[]).await.0, 404);
    assert_eq!(plain.get("/.env", &[]).await.0, 404);
    assert_eq!((plain.count(Outcome::Missing), plain.count(Outcome::Refused)), (1, 1));
    let page = site(|files| files.not_found = Some("404.html".to_owned()));
    for path in ["/nothing", "/.env", "/docs/nothing", "/a.txt/"] {
        let fields = [("range", "bytes=0-0"), ("if-match", "\"x\""), ("if-none-match", "*")];
        let (status, headers, body) = page.get(path, &fields).await;
        assert_eq!((status, body.as_str()), (404, "lost"), "{path}");
        assert!(!headers.contains_key(ETAG) && !headers.contains_key(ACCEPT_RANGES));
        assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
    }
    let fallback = site(|files| files.fallback = Some("index.html".to_owned()));
    let (status, headers, body) = fallback.get("/some/view", &[]).await;
    assert_eq!((status, body.as_str(), headers.contains_key(ETAG)), (200, "home", true));
    assert_eq!(fallback.count(Outcome::Fallback), 1);
}

#[tokio::test]
async fn an_answer_says_what_it_is() {
    let site = site(|files| files.cache_control = Some(HeaderValue::from_static("max-age=60")));
    let (status, headers, body) = site.get("/a.txt", &[]).await;
    assert_eq!((status, body.as_str()), (200, CONTENT));
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("content-length", "10"),
        ("accept-ranges", "bytes"),
        ("cache-control", "max-age=60"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers.contains_key(LAST_MODIFIED) && !headers.contains_key(VARY));
    let (status, _, body) = site.get("/empty.txt", &[]).await;
    assert_eq!((status, body.as_str()), (200, ""));
}

#[tokio::test]
async fn conditions_save_the_content() {
    let site = site(|_| {});
    site.settle().await;
    let (_, headers, _) = site.get("/a.txt", &[]).await;
    let tag = headers[ETAG].to_str().expect("text").to_owned();
    let date = headers[LAST_MODIFIED].to_str().expect("text").to_owned();
    assert!(tag.starts_with('"'), "{tag} is strong");
    for (fields, expected) in [
        (&[("if-none-match", tag.as_str())][..], 304),
        (&[("if-modified-since", &date)], 304),
        (&[("if-none-match", "\"other\""), ("if-modified-since", &date)], 200),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-match", &tag)], 200),
        (&[("if-unmodified-since", "Thu, 01 Jan 1970 00:00:01 GMT")], 412),
        (&[("range", "bytes=0-1"), ("if-range", &tag)], 206),
        (&[("range", "bytes=0-1"), ("if-range", &date)], 206),
        (&[("range", "bytes=0-1"), ("if-range", "\"other\"")], 200),
        (&[("range", "bytes=0-1"), ("if-none-match", &tag)], 304),
    ] {
        let (status, headers, body) = site.get("/a.txt", fields).await;
        assert_eq!(status, expected, "{fields:?}");
        assert_eq!(body.is_empty(), matches!(expected, 304 | 412), "{fields:?}");
        assert_eq!(headers[ETAG], tag, "{fields:?}");
        assert!(status != 304 || !headers.contains_key(CONTENT_TYPE));
    }
}

#[tokio::test]
async fn parts_are_sent_alone_or_between_boundaries() {
    let site = site(|_| {});
    let (status, headers, body) = site.get("/a.txt", &[("range", "bytes=-3")]).await;
    assert_eq!((status, body.as_str()), (206, "789"));
    assert_eq!(headers[CONTENT_RANGE], "bytes 7-9/10");
    assert_eq!(headers[CONTENT_LENGTH], "3");

    let (status, headers, body) = site.get("/a.txt", &[("range", "bytes=0-1,8-")]).await;
    let multipart = headers[CONTENT_TYPE].to_str().expect("text");
    let boundary = multipart.strip_prefix("multipart/byteranges; boundary=").expect("several");
    let expected = format!(
        "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
         \r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 8-9/10\r\n\r\n89\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!((status, body.as_str()), (206, expected.as_str()));
    assert_eq!(headers[CONTENT_LENGTH], expected.len().to_string());
    assert_eq!(headers.get_all(CONTENT_TYPE).iter().count(), 1);

    let (status, headers, body) = site.get("/a.txt", &[("range", "bytes=10-")]).await;
    assert_eq!(
        (status, body.as_str(), &headers[CONTENT_RANGE]),
        (416, "", &HeaderValue::from_static("bytes */10"))
    );
    for range in ["bytes=5-4", "items=0-1", "bytes=0-,0-"] {
        assert_eq!(site.get("/a.txt", &[("range", range)]).await.0, 200, "{range}");
    }
    let twice = [("range", "bytes=0-0"), ("range", "bytes=1-1")];
    assert_eq!(site.get("/a.txt", &twice).await.0, 200, "two fields");
    assert_eq!(site.get("/empty.txt", &[("range", "bytes=0-")]).await.0, 416);
}

#[tokio::test]
async fn folders_are_asked_with_a_slash() {
    let site = site(|_| {});
    let (status, headers, _) = site.get("/docs?a=b", &[]).await;
    assert_eq!((status, &headers[LOCATION]), (301, &HeaderValue::from_static("/docs/?a=b")));
    assert_eq!(site.get("/docs/", &[]).await.2, "docs");
    // A rule has rewritten the path.
    for (sent, path, expected) in [
        (SentPath::Same("/v1/docs".to_owned()), "/docs", (301, Some("/v1/docs/"))),
        (SentPath::Same("/v1".to_owned()), "/", (301, Some("/v1/"))),
        (SentPath::Same("/v1/".to_owned()), "/docs", (200, None)),
        (SentPath::Other, "/docs", (200, None)),
        (SentPath::Same("/v1/a".to_owned()), "/a.txt", (200, None)),
    ] {
        let mut request = http::Request::get(path).body(()).expect("a request");
        request.extensions_mut().insert(sent.clone());
        let answer = site.ask(request).await.expect("an answer");
        let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        assert_eq!((answer.status().as_u16(), to), expected, "{sent:?}");
    }
}

#[tokio::test]
async fn what_is_compressed_says_so() {
    let site = site(|files| files.precompressed = true);
    write(site.folder.path(), "a.txt.gz", "gzip");
    let (_, headers, body) = site.get("/a.txt", &[("accept-encoding", "br, gzip")]).await;
    assert_eq!(
        (body.as_str(), &headers[CONTENT_ENCODING]),
        ("gzip", &HeaderValue::from_static("gzip"))
    );
    assert_eq!(headers[CONTENT_TYPE], "text/plain; charset=utf-8");
    let (_, plain, body) = site.get("/a.txt", &[]).await;
    assert_eq!((body.as_str(), plain.contains_key(CONTENT_ENCODING)), (CONTENT, false));
    assert_eq!(
        (&plain[VARY], &headers[VARY]),
        (&headers[VARY], &HeaderValue::from_static("accept-encoding"))
    );
    assert_ne!(plain[ETAG], headers[ETAG]);
    let fields = [("accept-encoding", "gzip"), ("range", "bytes=0-1")];
    assert_eq!(site.get("/a.txt", &fields).await.2, "gz");
}

#[test]
fn a_folder_is_looked_at_before_it_is_served() {
    let site = site(|_| {});
    let files = |folder: &str| Files {
        folder: site.folder.path().join(folder),
        index: None,
        fallback: None,
        not_found: None,
        cache_control: None,
        precompressed: false,
        hidden: false,
    };
    assert!(FileServer::check(&files("docs")).is_ok());
    for folder in ["nothing", "a.txt"] {
        let error = FileServer::check(&files(folder)).expect_err("refused").to_string();
        assert!(error.contains(folder) && error.contains("cannot be served"), "{error}");
    }
    let lost = Files { not_found: Some("docs".to_owned()), ..files("") };
    let error = FileServer::check(&lost).expect_err("refused").to_string();
    assert!(error.contains("has no file docs, which `not_found` names"), "{error}");
}
