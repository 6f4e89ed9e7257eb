//! A folder of files as the end of a route, against the real binary, with curl as
//! the client where it has its own idea of a path.

use sedge_tests::client::Connection;
use sedge_tests::{Node, Scenario, client, wait_for};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

const MANIFEST: &str = r#"
[app]
name = "site"

[[route]]
name = "pages"
files = { folder = "public", not_found = "404.html", precompressed = true, cache_control = "max-age=60" }

[[route]]
name = "assets"
match = ["/assets/*"]
rewrite = { prefix = "/" }
files = "assets"

[[route]]
name = "spa"
hosts = ["spa.test"]
files = { folder = "public", fallback = "index.html" }

[[chain]]
name = "guarded"
links = [{ headers = { response = { set = { x-link = "passed" } } } }]
files = "assets"

[[route]]
name = "chain"
hosts = ["chain.test"]
chain = "guarded"

[[route]]
name = "split"
hosts = ["split.test"]
split = [{ weight = 0, files = "public" }, { weight = 1, files = "assets" }]
"#;

/// What lies beside the folders that are served.
const SECRET: &str = "nobody may read this";

const LARGE: usize = 5 * 1024 * 1024 + 17;

fn site() -> Node {
    let scenario = Scenario::new()
        .app("site", MANIFEST)
        .file("site/secret.txt", SECRET)
        .file("site/public/index.html", "<h1>home</h1>")
        .file("site/public/404.html", "<h1>lost</h1>")
        .file("site/public/app.js", "plain();")
        .file("site/public/app.js.gz", "gzip")
        .file("site/public/docs/index.html", "<h1>docs</h1>")
        .file("site/public/a b.txt", "spaces")
        .file("site/public/.env", SECRET)
        .file("site/public/.git/config", SECRET)
        .file("site/public/.well-known/security.txt", "contact")
        .file("site/assets/style.css", "body {}")
        .file("site/assets/sub/index.html", "sub")
        .file("site/assets/large.bin", large());
    let public = scenario.folder().join("site/public");
    symlink("../secret.txt", public.join("out.txt")).expect("linked");
    symlink("/etc/passwd", public.join("passwd.txt")).expect("linked");
    symlink("..", public.join("up")).expect("linked");
    symlink("app.js", public.join("link.js")).expect("linked");
    let fifo = Command::new("mkfifo").arg(public.join("fifo")).status().expect("mkfifo runs");
    assert!(fifo.success());
    scenario.start()
}

fn large() -> Vec<u8> {
    (0..LARGE).map(|at| (at * 7 % 251) as u8).collect()
}

/// The status and the content, asked with this path byte by byte.
fn raw(node: &Node, path: &str) -> (u16, String) {
    let answer = client::call(node.listen, "GET", path, &[], b"");
    (answer.status, answer.text())
}

/// The same by curl, which is told not to tidy the path.
fn curl(node: &Node, path: &str, more: &[&str]) -> (u16, Vec<u8>) {
    let url = format!("http://{}{path}", node.listen);
    let output = Command::new("curl")
        .args(["--silent", "--path-as-is", "--max-time", "60", "--write-out", "%{http_code}"])
        .args(more)
        .arg(url)
        .output()
        .expect("curl runs");
    let (body, status) = output.stdout.split_at(output.stdout.len().saturating_sub(3));
    (String::from_utf8_lossy(status).parse().unwrap_or(0), body.to_vec())
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let node = site();
    for path in [
        "/../secret.txt",
        "/..",
        "/../",
        "/./../secret.txt",
        "/docs/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2e/secret.txt",
        "/.%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/..;/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/%uff0e%uff0e/secret.txt",
        "/docs/%2e%2e/%2e%2e/secret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "//../secret.txt",
        "/docs//../../secret.txt",
        "/out.txt",
        "/out.txt/",
        "/passwd.txt",
        "/up",
        "/up/",
        "/up/secret.txt",
        "/up/public/index.html",
        "/secret.txt%00.html",
        "/%00",
        "/index.html%00",
        "/docs%0a",
        "/..\\secret.txt",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/.git/",
        "/docs/.env",
        "/.",
        "/...",
        "/fifo",
        "/fifo/",
        "/index.html/",
        "/index.html/x",
        "/app.js.br",
        "/nothing",
        "/assets/../../secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%2e%2e/secret.txt",
        "/assets/.env",
        "/assets",
        "/assets/",
    ] {
        for (status, body) in [raw(&node, path), {
            let (status, body) = curl(&node, path, &[]);
            (status, String::from_utf8_lossy(&body).into_owned())
        }] {
            assert!(matches!(status, 301 | 400 | 404), "{path}: {status} {body}");
            assert!(!body.contains(SECRET) && !body.contains("root:"), "{path}: {body}");
        }
    }
    let long = format!("/{}", "a".repeat(5_000));
    assert_eq!(raw(&node, &long).0, 404);
    assert_eq!(raw(&node, &"/a".repeat(1_000)).0, 404);
    // Everybody else was answered meanwhile.
    assert_eq!(raw(&node, "/").0, 200);
}

#[test]
fn files_are_only_read() {
    let node = site();
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        let answer = client::call(node.listen, method, "/app.js", &[], b"");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
        assert_eq!(answer.problem(), ("method_not_allowed".to_owned(), "client".to_owned()));
    }
    let mut connection = Connection::open(node.listen);
    connection.request("HEAD", "/app.js", &[], b"");
    let head = connection.read_answer(true);
    assert_eq!((head.status, head.header("content-length")), (200, Some("8")));
    let metrics = node.metrics();
    let count = metrics.sum("sedge_files_requests_total", &[("outcome", "other_method")]);
    assert_eq!(count, 6.0);
}

#[test]
fn what_is_there_is_served_as_what_it_is() {
    let node = site();
    for (path, status, media_type, body) in [
        ("/", 200, "text/html; charset=utf-8", "<h1>home</h1>"),
        ("/index.html", 200, "text/html; charset=utf-8", "<h1>home</h1>"),
        ("/docs/", 200, "text/html; charset=utf-8", "<h1>docs</h1>"),
        ("/app.js", 200, "text/javascript; charset=utf-8", "plain();"),
        ("/%61pp%2ejs", 200, "text/javascript; charset=utf-8", "plain();"),
        ("/link.js", 200, "text/javascript; charset=utf-8", "plain();"),
        ("/a%20b.txt", 200, "text/plain; charset=utf-8", "spaces"),
        ("/.well-known/security.txt", 200, "text/plain; charset=utf-8", "contact"),
        ("/assets/style.css", 200, "text/css; charset=utf-8", "body {}"),
        ("/nothing", 404, "text/html; charset=utf-8", "<h1>lost</h1>"),
        ("/.env", 404, "text/html; charset=utf-8", "<h1>lost</h1>"),
    ] {
        let answer = node.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{path}");
        assert_eq!(answer.header("content-type"), Some(media_type), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    for (path, to) in
        [("/docs", "/docs/"), ("/docs?a=b", "/docs/?a=b"), ("/assets/sub", "/assets/sub/")]
    {
        let answer = node.get(path);
        assert_eq!((answer.status, answer.header("location")), (301, Some(to)), "{path}");
    }
    let lost = node.get("/assets/nothing");
    assert_eq!((lost.status, lost.problem().0.as_str()), (404, "file_not_found"));
    let gzip = client::call(node.listen, "GET", "/app.js", &[("accept-encoding", "gzip")], b"");
    assert_eq!((gzip.header("content-encoding"), gzip.text().as_str()), (Some("gzip"), "gzip"));
    assert_eq!(
        (gzip.header("vary"), gzip.header("cache-control")),
        (Some("accept-encoding"), Some("max-age=60"))
    );
}

#[test]
fn chains_ways_and_applications_end_in_files_too() {
    let node = site();
    let of =
        |host: &str, path: &str| client::call(node.listen, "GET", path, &[("host", host)], b"");
    let chain = of("chain.test", "/style.css");
    assert_eq!((chain.text().as_str(), chain.header("x-link")), ("body {}", Some("passed")));
    assert_eq!(of("split.test", "/style.css").text(), "body {}");
    let view = of("spa.test", "/some/view?x=y");
    assert_eq!((view.status, view.text().as_str()), (200, "<h1>home</h1>"));
    assert_eq!(of("spa.test", "/../x").status, 400);
    assert_eq!(of("spa.test", "/.env").status, 404);
}

#[test]
fn conditions_and_ranges_are_those_of_the_standard() {
    let node = site();
    // Until a change has settled, tags are weak.
    std::thread::sleep(Duration::from_millis(3_100));
    let first = node.get("/app.js");
    let tag = first.header("etag").expect("a tag").to_owned();
    let date = first.header("last-modified").expect("a date").to_owned();
    assert!(tag.starts_with('"'), "{tag}");
    for (fields, status) in [
        (&[("if-none-match", tag.as_str())][..], 304),
        (&[("if-none-match", "\"x\", *")], 200),
        (&[("if-modified-since", date.as_str())], 304),
        (&[("if-none-match", "\"x\""), ("if-modified-since", &date)], 200),
        (&[("if-match", "\"x\"")], 412),
        (&[("if-unmodified-since", "Thu, 01 Jan 1970 00:00:01 GMT")], 412),
        (&[("range", "bytes=0-4"), ("if-range", &tag)], 206),
        (&[("range", "bytes=0-4"), ("if-range", "\"x\"")], 200),
        (&[("range", "bytes=8-")], 416),
        (&[("range", "bytes=5-4")], 200),
        (&[("range", "lines=1-2")], 200),
    ] {
        let answer = client::call(node.listen, "GET", "/app.js", fields, b"");
        assert_eq!(answer.status, status, "{fields:?}");
        assert!(answer.whole && (status != 304 || answer.body.is_empty()), "{fields:?}");
    }
    let many =
        format!("bytes={}", (0..100).map(|at| format!("{at}-{at}")).collect::<Vec<_>>().join(","));
    let whole = client::call(node.listen, "GET", "/assets/large.bin", &[("range", &many)], b"");
    assert_eq!((whole.status, whole.body.len()), (200, LARGE), "too many parts");
}

#[test]
fn large_files_arrive_whole_and_in_parts() {
    let node = site();
    let expected = large();
    let (status, body) = curl(&node, "/assets/large.bin", &[]);
    assert!(status == 200 && body == expected);
    let (status, body) = curl(&node, "/assets/large.bin", &["--range", "1000000-3000000"]);
    assert!(status == 206 && body == expected[1_000_000..=3_000_000]);
    let (status, body) = curl(&node, "/assets/large.bin", &["--range", "-5"]);
    assert!(status == 206 && body == expected[LARGE - 5..]);
    let range = [("range", "bytes=0-1,4000000-4000003")];
    let answer = client::call(node.listen, "GET", "/assets/large.bin", &range, b"");
    let multipart = answer.header("content-type").unwrap_or_default().to_owned();
    let boundary =
        multipart.strip_prefix("multipart/byteranges; boundary=").expect("several parts");
    let mut whole = Vec::new();
    for (first, last) in [(0, 1), (4_000_000, 4_000_003)] {
        let begin = if first > 0 { "\r\n" } else { "" };
        let head = format!(
            "{begin}--{boundary}\r\nContent-Type: application/octet-stream\r\n\
             Content-Range: bytes {first}-{last}/{LARGE}\r\n\r\n"
        );
        whole.extend_from_slice(head.as_bytes());
        whole.extend_from_slice(&expected[first..=last]);
    }
    whole.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(answer.status == 206 && answer.whole && answer.body == whole);
}

/// A file that is cut while it is sent breaks the answer, one that is replaced does
/// not. The file is larger than what sockets and buffers hold.
#[test]
fn a_file_that_changes_under_way_is_not_taken_for_a_whole_one() {
    const BYTES: u64 = 64 << 20;
    let node = site();
    let path = node.folder().join("site/assets/huge.bin");
    for (change, whole) in [("truncate", false), ("replace", true)] {
        let file = std::fs::File::create(&path).expect("made");
        file.set_len(BYTES).expect("a sparse file");
        let mut connection = Connection::open(node.listen);
        connection.request("GET", "/assets/huge.bin", &[], b"");
        let mut answer = connection.read_head();
        assert_eq!(answer.header("content-length"), Some(BYTES.to_string().as_str()));
        match change {
            "truncate" => file.set_len(1_000).expect("cut"),
            _ => std::fs::rename(node.folder().join("site/secret.txt"), &path).expect("moved"),
        }
        let mut bytes = 0;
        connection.read_body(&mut answer, false, |piece| bytes += piece.len() as u64);
        assert_eq!((answer.whole, bytes == BYTES), (whole, whole), "{change}: {bytes}");
    }
    let done = wait_for(Duration::from_secs(10), || {
        let metrics = node.metrics();
        metrics.sum("sedge_failures_total", &[("kind", "file_changed")]) == 1.0
            && metrics.sum("sedge_files_changed_total", &[]) == 1.0
    });
    assert!(done.is_some(), "the failure is counted");
}

/// Many clients that do not read hold a file open each, and no thread: others are
/// answered.
#[test]
fn clients_that_do_not_read_hold_up_nobody() {
    let node = site();
    let path = node.folder().join("site/assets/huge.bin");
    std::fs::File::create(&path).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    let before = node.memory_bytes();
    let stuck: Vec<Connection> = (0..100)
        .map(|_| {
            let mut connection = Connection::open(node.listen);
            connection.request("GET", "/assets/huge.bin", &[], b"");
            connection
        })
        .collect();
    let done =
        wait_for(Duration::from_secs(30), || node.metrics().sum("sedge_files_open", &[]) == 100.0);
    assert!(done.is_some(), "a hundred files are open");
    for _ in 0..20 {
        assert_eq!(node.get("/assets/style.css").text(), "body {}");
    }
    // A hundred gigabytes are asked for; each holds a few pieces of 64 KiB.
    let grown = node.memory_bytes().saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} bytes more for {} clients", stuck.len());
    drop(stuck);
    let done =
        wait_for(Duration::from_secs(30), || node.metrics().sum("sedge_files_open", &[]) == 0.0);
    assert!(done.is_some(), "they are closed again");
}

#[test]
fn a_folder_that_is_missing_is_told_and_taken_when_it_comes() {
    let manifest = "[app]\nname = \"late\"\n\n[[route]]\nname = \"all\"\nfiles = \"public\"\n";
    let (status, log) = Scenario::new().app("late", manifest).fail_to_start();
    assert!(!status.success());
    assert!(log.contains("cannot be served") && log.contains("files = \"public\""), "{log}");
    assert!(log.contains("name a folder, relative to that of the manifest"), "{log}");

    let other = "[app]\nname = \"other\"\n\n[[route]]\nname = \"other\"\nhosts = [\"other.test\"]\n\
                 answer = { status = 204 }\n";
    let node = Scenario::new().app("other", other).app("late", manifest).allow("late").start();
    assert_eq!(node.get("/").status, 404);
    let folder = node.folder().join("late/public");
    std::fs::create_dir(&folder).expect("made");
    std::fs::write(folder.join("index.html"), "here").expect("written");
    let done = wait_for(Duration::from_secs(30), || node.get("/").text() == "here");
    assert!(done.is_some(), "{}", node.log());
}

/// The whole folder is swapped, as deployments by link do: the next request sees the
/// new one, without a reload.
#[test]
fn a_folder_that_is_swapped_is_served_at_once() {
    let manifest = "[app]\nname = \"swap\"\n\n[[route]]\nname = \"all\"\nfiles = \"current\"\n";
    let scenario = Scenario::new()
        .app("swap", manifest)
        .file("swap/one/index.html", "one")
        .file("swap/two/index.html", "two");
    let folder = scenario.folder().join("swap");
    symlink("one", folder.join("current")).expect("linked");
    let node = scenario.start();
    assert_eq!(node.get("/").text(), "one");
    symlink("two", folder.join("next")).expect("linked");
    std::fs::rename(folder.join("next"), folder.join("current")).expect("swapped");
    assert_eq!(node.get("/").text(), "two");
    std::fs::remove_file(folder.join("current")).expect("removed");
    assert_eq!(node.get("/").status, 500);
}

/// A file that is newer than its compressed sibling is sent itself.
#[test]
fn a_stale_sibling_is_not_sent() {
    let node = site();
    let path = node.folder().join("site/public/app.js");
    write_later(&path, "changed();");
    let answer = client::call(node.listen, "GET", "/app.js", &[("accept-encoding", "gzip")], b"");
    assert_eq!((answer.text().as_str(), answer.header("content-encoding")), ("changed();", None));
}

fn write_later(path: &Path, content: &str) {
    let mut file = std::fs::File::create(path).expect("made");
    file.write_all(content.as_bytes()).expect("written");
    file.set_modified(SystemTime::now() + Duration::from_secs(2)).expect("set");
}
