//! What a function gets of the node: what its manifest grants, and no more.

use sedge_tests::client::{self, encode};
use sedge_tests::origin::Origin;
use sedge_tests::{Node, Scenario};
use serde_json::{Value, json};
use std::time::Duration;

/// The guests, which have the same paths: for `wasi:http` 0.2 and 0.3.
const VERSIONS: [(&str, &str); 2] = [("p2", "probe"), ("p3", "probe-p3")];

/// A node with two apps for each version of the probe that are granted
/// different things.
fn node(origin: &Origin) -> Node {
    let mut scenario = Scenario::new();
    for (version, guest) in VERSIONS {
        let granted = format!(
            r#"
            [app]
            name = "granted-{version}"
            [[function]]
            name = "probe"
            source = "{{guests}}/{guest}.wasm"
            routes = ["granted.{version}/*"]
            [function.environment]
            GREETING = "hello"
            [function.capabilities]
            kv = ["default", "second"]
            outbound = [{{ to = "http://127.0.0.1:{port}", private = true }}]
            [function.capabilities.config]
            color = "green"
            size = "large"
            [function.capabilities.secrets.token]
            env = "SCENARIO_TOKEN"
            [function.capabilities.secrets.key]
            file = "key.txt"
            "#,
            port = origin.address.port()
        );
        let bare = format!(
            r#"
            [app]
            name = "bare-{version}"
            [[function]]
            name = "probe"
            source = "{{guests}}/{guest}.wasm"
            routes = ["bare.{version}/*"]
            [function.capabilities]
            kv = ["default"]
            "#
        );
        scenario = scenario
            .file(&format!("granted-{version}/key.txt"), "from a file\n")
            .app(&format!("granted-{version}"), &granted)
            .app(&format!("bare-{version}"), &bare);
    }
    scenario
        .environment("SCENARIO_TOKEN", "from the environment")
        .environment("NODE_ONLY", "not for guests")
        .allow("probe")
        .start()
}

/// The apps of one version of the probe.
struct Apps<'n> {
    node: &'n Node,
    version: &'static str,
}

impl Apps<'_> {
    fn call(&self, app: &str, target: &str) -> client::Answer {
        let host = format!("{app}.{}", self.version);
        client::call(self.node.listen, "GET", target, &[("host", &host)], &[])
    }

    /// A GET to the app that is granted much.
    fn get(&self, target: &str) -> client::Answer {
        self.call("granted", target)
    }

    /// A GET to the app that is granted little.
    fn bare(&self, target: &str) -> client::Answer {
        self.call("bare", target)
    }

    /// As [`Self::get`]; the answer must be 200.
    fn text(&self, target: &str) -> String {
        let answer = self.get(target);
        let (status, text, log) = (answer.status, answer.text(), self.node.log());
        assert_eq!(status, 200, "{} {target}: {text}\n{log}", self.version);
        text
    }

    /// As [`Self::text`], as JSON.
    fn json(&self, target: &str) -> Value {
        serde_json::from_str(&self.text(target)).expect("JSON")
    }

    /// What came back of an outbound request.
    fn fetch(&self, url: &str) -> Value {
        self.json(&format!("/fetch?url={}", encode(url)))
    }
}

/// Runs the same cases for every version.
fn for_each_version(node: &Node, cases: &[fn(&Apps<'_>)]) {
    for (version, _) in VERSIONS {
        for case in cases {
            case(&Apps { node, version });
        }
    }
}

#[test]
fn functions_get_what_their_manifest_grants() {
    let origin = Origin::start();
    let node = node(&origin);
    for_each_version(
        &node,
        &[
            environment_is_the_manifests,
            config_and_secrets_are_read,
            clocks_and_random_work,
            logs_carry_the_function,
            key_values_are_set_and_read,
            key_values_are_swapped_and_batched,
            key_values_expire,
            namespaces_belong_to_an_app,
        ],
    );
}

fn environment_is_the_manifests(apps: &Apps<'_>) {
    assert_eq!(apps.json("/env"), json!({ "GREETING": "hello" }));
    assert_eq!(apps.bare("/env").json(), json!({}));
    let arguments = apps.json("/args");
    assert!(arguments.as_array().is_some_and(|all| all.len() <= 1), "{arguments}");
}

fn config_and_secrets_are_read(apps: &Apps<'_>) {
    assert_eq!(apps.json("/config?key=color"), json!("green"));
    assert_eq!(apps.json("/config?key=absent"), json!(null));
    assert_eq!(apps.json("/config"), json!({ "color": "green", "size": "large" }));
    assert_eq!(apps.bare("/config").json(), json!({}));
    assert_eq!(apps.json("/secret?name=token"), json!("from the environment"));
    assert_eq!(apps.json("/secret?name=key"), json!("from a file"));
    assert_eq!(apps.json("/secret?name=absent"), json!(null));
    assert_eq!(apps.bare("/secret?name=token").json(), json!(null));
    let admin = ["/v1/functions", "/metrics"].map(|path| client::get(apps.node.admin, path).text());
    for page in admin.iter().chain([&apps.node.log()]) {
        assert!(!page.contains("from the environment"), "a secret is shown");
        assert!(!page.contains("from a file"), "a secret is shown");
    }
}

fn clocks_and_random_work(apps: &Apps<'_>) {
    let clock = apps.json("/clock");
    assert!(clock["unix_s"].as_u64().is_some_and(|s| s > 1_700_000_000), "{clock}");
    assert_eq!(clock["monotonic"], true);
    let (first, second) = (apps.json("/random"), apps.json("/random"));
    let draws = [&first[0], &first[1], &second[0], &second[1]];
    for (index, draw) in draws.iter().enumerate() {
        assert!(!draws[..index].contains(draw), "{draws:?}");
    }
}

fn logs_carry_the_function(apps: &Apps<'_>) {
    let needle = format!("needle-{}", apps.version);
    apps.text(&format!("/log?message={needle}%0Aforged%20WARN"));
    apps.node.wait_log(&needle, Duration::from_secs(5));
    let log = apps.node.log();
    assert!(log.lines().filter(|line| line.contains(&needle)).count() >= 4, "{log}");
    assert!(!log.lines().any(|line| line.starts_with("forged")), "a guest forged a record");
    let app = format!("granted-{}", apps.version);
    let named = |line: &&str| line.contains(&needle) && line.contains(&app);
    assert!(log.lines().any(|line| named(&line)), "no record names its app:\n{log}");
}

fn key_values_are_set_and_read(apps: &Apps<'_>) {
    assert_eq!(apps.json("/kv/get?key=a"), json!(null));
    assert_eq!(apps.json("/kv/exists?key=a"), json!(false));
    apps.text("/kv/set?key=a&value=one");
    apps.text("/kv/set?key=b&value=");
    assert_eq!(apps.json("/kv/get?key=a"), json!("one"));
    assert_eq!(apps.json("/kv/get?key=b"), json!(""));
    assert_eq!(apps.json("/kv/exists?key=b"), json!(true));
    assert_eq!(apps.json("/kv/get?key=a&ns=second"), json!(null));
    apps.text("/kv/delete?key=b");
    apps.text("/kv/delete?key=never-there");
    assert_eq!(apps.json("/kv/exists?key=b"), json!(false));
    apps.text("/kv/flood?count=2500&ns=second");
    let list = apps.json("/kv/list?ns=second");
    assert_eq!(list["keys"].as_array().map(Vec::len), Some(2500));
    assert!(list["pages"].as_u64().is_some_and(|pages| pages > 1), "one page for all: {list}");
}

fn key_values_are_swapped_and_batched(apps: &Apps<'_>) {
    for expected in 1..=3 {
        assert_eq!(apps.json("/kv/increment?key=count"), json!(expected));
    }
    assert_eq!(apps.json("/kv/increment?key=count&delta=-5"), json!(-2));
    assert_eq!(apps.get("/kv/increment?key=a").status, 500, "text was incremented");
    let absent = apps.json("/kv/cas?key=swap&value=one");
    assert_eq!(absent, json!({ "current": null, "swapped": true }));
    let lost = apps.json("/kv/cas?key=swap&value=two&meanwhile=other");
    assert_eq!(lost, json!({ "current": "one", "swapped": false, "now": "other" }));
    assert_eq!(apps.json("/kv/get?key=swap"), json!("other"));
    let gone = apps.json("/kv/cas?key=gone&value=one&meanwhile=other&then=deleted");
    assert_eq!(gone, json!({ "current": null, "swapped": false, "now": null }));
    assert_eq!(apps.json("/kv/exists?key=gone"), json!(false));
    let batch = apps.json("/kv/batch?count=4");
    let expected =
        json!({ "batch-0000": null, "batch-0001": "1", "batch-0002": null, "batch-0003": "3" });
    assert_eq!(batch, expected);
}

fn key_values_expire(apps: &Apps<'_>) {
    apps.text("/kv/expire?key=short&value=v&ttl_ms=600");
    assert_eq!(apps.json("/kv/get?key=short"), json!("v"));
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(apps.json("/kv/get?key=short"), json!(null));
    assert_eq!(apps.json("/kv/exists?key=short"), json!(false));
}

fn namespaces_belong_to_an_app(apps: &Apps<'_>) {
    assert_eq!(apps.get("/kv/get?ns=third&key=a").status, 403);
    assert_eq!(apps.bare("/kv/get?ns=second&key=a").status, 403);
    assert_eq!(apps.bare("/kv/get?key=a").json(), json!(null));
    apps.bare("/kv/set?key=a&value=mine");
    assert_eq!(apps.json("/kv/get?key=a"), json!("one"));
    let odd = encode(&format!("../granted-{}/default", apps.version));
    assert_ne!(apps.bare(&format!("/kv/get?ns={odd}&key=a")).status, 200);
}

#[test]
fn outbound_requests_go_where_they_may() {
    let origin = Origin::start();
    let node = node(&origin);
    for (version, _) in VERSIONS {
        let apps = Apps { node: &node, version };
        let answer = apps.fetch(&origin.url("/hello"));
        let (status, text) = (answer["status"].as_u64(), answer["body"].as_str());
        assert_eq!((status, text), (Some(200), Some("origin\n")), "{version}");
        let posted = format!("/fetch?method=POST&body=sent&url={}", encode(&origin.url("/echo")));
        assert_eq!(apps.json(&posted)["body"], "sent", "{version}");
        let streamed = format!("/fetch-stream?url={}", encode(&origin.url("/stream?300000")));
        let streamed = apps.get(&streamed);
        assert_eq!((streamed.status, streamed.body.len()), (200, 300_000), "{version}");
        broken_origins_are_errors(&apps, &origin);
        elsewhere_is_denied(&apps, &origin);
        redirects_are_checked_again(&apps, &origin);
    }
}

fn broken_origins_are_errors(apps: &Apps<'_>, origin: &Origin) {
    assert!(apps.fetch(&origin.url("/garbage"))["error"].is_string());
    assert_ne!(apps.fetch(&origin.url("/cut"))["whole"], true, "a body that was cut looks whole");
}

fn elsewhere_is_denied(apps: &Apps<'_>, origin: &Origin) {
    let port = origin.address.port();
    let before = origin.heads().len();
    let denied = apps.node.metrics().failures("outbound_denied");
    for url in [
        format!("http://localhost:{port}/"),
        format!("http://localhost.:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{}/", port ^ 1),
        "http://169.254.169.254/latest/meta-data/".to_string(),
        "http://10.0.0.1/".to_string(),
        "http://example.org/".to_string(),
        "ftp://127.0.0.1/".to_string(),
        "not a url".to_string(),
    ] {
        let answer = apps.fetch(&url);
        assert!(answer["error"].is_string(), "{} {url}: {answer}", apps.version);
    }
    let target = format!("/fetch?url={}", encode(&origin.url("/")));
    assert!(apps.bare(&target).json()["error"].is_string(), "an app without grants called out");
    assert_eq!(origin.heads().len(), before, "a request was sent that may not be");
    let counted = apps.node.metrics().failures("outbound_denied") - denied;
    assert!(counted >= 8.0, "{}: {counted} denials were counted", apps.version);
}

/// Whether the node follows redirects or hands them to the function, nothing
/// that is not granted may be reached through one.
fn redirects_are_checked_again(apps: &Apps<'_>, origin: &Origin) {
    let elsewhere = Origin::start();
    let answer = apps.fetch(&origin.url(&format!("/redirect?{}", elsewhere.url("/"))));
    assert!(answer["error"].is_string() || answer["status"] == 302, "{answer}");
    assert!(elsewhere.heads().is_empty(), "a redirect led where no grant does");
}

/// A name of this machine's that leads to it, besides `localhost`, which a
/// manifest cannot grant without saying that it is private.
fn name_that_leads_home() -> Option<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").ok()?;
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let names = lines.filter_map(|line| line.trim().strip_prefix("127.0.0.1"));
    let mut names = names.flat_map(str::split_whitespace);
    names.find(|name| *name != "localhost" && !name.ends_with(".localhost")).map(str::to_owned)
}

#[test]
fn a_granted_name_that_leads_home_is_denied_by_its_address() {
    let Some(name) = name_that_leads_home() else {
        eprintln!("absent: a name in /etc/hosts that leads home, so none was tried");
        return;
    };
    let origin = Origin::start();
    let port = origin.address.port();
    let mut scenario = Scenario::new().allow("probe");
    for (version, guest) in VERSIONS {
        let manifest = format!(
            "[app]\nname = \"granted-{version}\"\n[[function]]\nname = \"probe\"\n\
             source = \"{{guests}}/{guest}.wasm\"\nroutes = [\"granted.{version}/*\"]\n\
             [function.capabilities]\noutbound = [\"http://{name}:{port}\"]\n"
        );
        scenario = scenario.app(&format!("granted-{version}"), &manifest);
    }
    let node = scenario.start();
    for (index, (version, _)) in VERSIONS.into_iter().enumerate() {
        let apps = Apps { node: &node, version };
        let answer = apps.fetch(&format!("http://{name}:{port}/"));
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains("IpProhibited"), "{version}: {answer}");
        assert_eq!(node.metrics().failures("outbound_denied"), index as f64 + 1.0, "{version}");
    }
    assert!(origin.heads().is_empty(), "it was reached");
}

#[test]
fn a_secret_that_is_missing_stops_the_deployment() {
    let manifest = r#"
        [app]
        name = "app"
        [[function]]
        name = "probe"
        source = "{guests}/probe.wasm"
        routes = ["/*"]
        [function.capabilities.secrets.token]
        env = "NOT_SET_ANYWHERE"
        "#;
    let (status, log) = Scenario::new().app("app", manifest).fail_to_start();
    assert!(!status.success());
    assert!(log.contains("NOT_SET_ANYWHERE"), "{log}");
}
