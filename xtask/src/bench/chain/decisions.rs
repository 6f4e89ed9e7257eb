//! What guard, experiments and analytics add to a request together, as a site has them: with
//! policies, an experiment, a place of the address, a visitor who was here before, and everything
//! that they tell the node's log.

use super::super::arguments::Arguments;
use super::super::report::{Bar, Report, figure, table};
use super::super::{SERVER_CORE, closed_loop, median};
use crate::http;
use crate::node::{self, Node};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The paths that are asked for, and what the links may add to the first, in µs.
const PATHS: [(&str, Option<f64>); 3] =
    [("bare", None), ("fresh", Some(250.0)), ("reused", Some(40.0))];

/// Countries, CC0.
const DATABASE: &str = "@ip-location-db/geo-whois-asn-country-mmdb";

/// An address that is in it.
const ADDRESS: &str = "8.8.8.8";

const POLICIES: &str = r#"
@id("everybody") permit (principal, action, resource);
@id("staff-only") forbid (principal, action, resource in Path::"/staff")
unless { principal in Group::"staff" };
"#;

const FEATURES: &str = r#"{"features": {
  "layout": {"defaultValue": "old", "rules": [{"key": "homepage_layout", "variations": ["old", "new"],
    "hashVersion": 2, "meta": [{"key": "control"}, {"key": "new_design"}]}]},
  "banner": {"defaultValue": false, "rules": [{"condition": {"country": {"$in": ["US", "CA"]}}, "force": true}]}
}}"#;

/// Measures, prints, and adds to the report.
pub(super) fn measure(
    workspace: &Workspace,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    let folder = workspace.root.join("target/bench/decisions");
    let manifest = write(workspace, &folder)?;
    let has_places = update(workspace, &folder.join("data"))?;
    let mut p50 = vec![Vec::new(); PATHS.len()];
    for round in 1..=arguments.rounds {
        eprintln!("decisions: round {round} of {}", arguments.rounds);
        let node = start(workspace, &folder, &manifest)?;
        for (of_path, (name, _)) in p50.iter_mut().zip(PATHS) {
            of_path.push(once(workspace, &node, name, arguments.seconds)?);
        }
    }
    let medians: Vec<f64> = p50.iter().map(|all| median(all)).collect();
    let places = if has_places { "with" } else { "without" };
    let mut rows = Vec::new();
    for ((name, want), p50_us) in PATHS.into_iter().zip(&medians) {
        let added = p50_us - medians[0];
        report.row(
            name,
            &format!("three links, {places} a database of addresses"),
            "p50",
            *p50_us,
            "µs",
        );
        rows.push(vec![name.to_owned(), figure(*p50_us), figure(added)]);
        if let Some(want) = want {
            let promise = format!("p50 added by guard, experiments and analytics, {name}");
            report.bar(Bar::below(&promise, want, " µs", Some(added)));
        }
    }
    println!("\nguard, experiments and analytics, {places} a database of addresses");
    println!("{}", table(&["one core", "p50 µs", "the links add"], &rows));
    Ok(())
}

/// An app with the three links before a function, twice.
fn write(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let guests = workspace.guests();
    let guest = |name: &str| guests.join(format!("{name}.wasm"));
    let mut text = format!(
        "[app]\nname = \"decisions\"\n\n[[function]]\nname = \"end\"\nsource = {:?}\n\
         isolation = \"instance\"\nroutes = [\"/bare\"]\n",
        guest("hello")
    );
    for (name, isolation) in [("fresh", "request"), ("reused", "instance")] {
        text += &links(name, isolation, guest);
    }
    fs::create_dir_all(folder).context("making the bench's folder")?;
    let files = [
        ("sedge.toml", text.as_str()),
        ("policies.cedar", POLICIES),
        ("features.json", FEATURES),
        ("secret", "YS1zZWNyZXQtb2YtdGhpcy1iZW5jaA=="),
        ("node.toml", "[ingress]\ntrusted_hops = 1\n"),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).with_context(|| format!("writing {name}"))?;
    }
    Ok(folder.join("sedge.toml"))
}

/// The three functions, so isolated, and a chain and a route of them.
fn links(name: &str, isolation: &str, guest: impl Fn(&str) -> PathBuf) -> String {
    format!(
        r#"
[[function]]
name = "guard-{name}"
source = {guard:?}
isolation = "{isolation}"
preinitialize = true
[function.environment]
GUARD_STORE = "guard"
[function.capabilities]
client = true
geo = true
kv = ["guard"]
config = {{ policies = {{ file = "policies.cedar" }} }}

[[function]]
name = "experiments-{name}"
source = {experiments:?}
isolation = "{isolation}"
preinitialize = true
[function.capabilities]
client = true
geo = true
emit = ["experiments/#"]
config = {{ features = {{ file = "features.json" }} }}
secrets = {{ experiments = {{ file = "secret" }} }}

[[function]]
name = "analytics-{name}"
source = {analytics:?}
isolation = "{isolation}"
preinitialize = true
[function.environment]
ANALYTICS_ROUTES = "pages=/*"
[function.capabilities]
client = true
kv = ["analytics"]
emit = ["analytics/#"]

[[chain]]
name = "{name}"
links = ["analytics-{name}", "guard-{name}", "experiments-{name}"]
function = "end"

[[route]]
name = "{name}"
match = ["/{name}"]
chain = "{name}"
"#,
        guard = guest("guard"),
        experiments = guest("experiments"),
        analytics = guest("analytics"),
    )
}

/// Takes a database of addresses from npm, unless it is there; whether there is one.
fn update(workspace: &Workspace, data: &Path) -> Result<bool> {
    if data.join("geo/geo-whois-asn-country.mmdb").exists() {
        return Ok(true);
    }
    let status = Command::new(workspace.dist_binary("sedge"))
        .args(["geo", "update", DATABASE, "--data"])
        .arg(data)
        .status()
        .context("running sedge geo update")?;
    if !status.success() {
        println!("{DATABASE} cannot be had: no address has a place");
    }
    Ok(status.success())
}

fn start(workspace: &Workspace, folder: &Path, manifest: &Path) -> Result<Node> {
    Node::start(&node::Options {
        binary: &workspace.dist_binary("sedge"),
        manifest: Some(manifest),
        data: &folder.join("data"),
        config: Some(&folder.join("node.toml")),
        listen: None,
        core: Some(SERVER_CORE),
        patience: Duration::from_secs(120),
    })
}

/// The p50 of a path in µs, after a second to warm up, for a browser that was here before.
fn once(workspace: &Workspace, node: &Node, name: &str, seconds: u64) -> Result<f64> {
    let path = format!("/{name}");
    let mut fields = vec![
        "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
            .to_owned(),
        "accept: text/html,application/xhtml+xml,*/*;q=0.8".to_owned(),
        "accept-language: en-US,en;q=0.5".to_owned(),
        format!("x-forwarded-for: {ADDRESS}"),
    ];
    let headers: Vec<(&str, &str)> =
        fields.iter().filter_map(|field| field.split_once(": ")).collect();
    let request = http::Request { method: "GET", path: &path, headers: &headers, body: &[] };
    let (answer, _) = http::send(node.listen, &request, Duration::from_secs(10))?;
    if answer.status != 200 || answer.text() != "hello, world\n" {
        bail!("{path} answered {} {:?}", answer.status, answer.text());
    }
    if let Some(cookie) = answer.header("set-cookie") {
        fields.push(format!("cookie: {}", cookie.split(';').next().unwrap_or_default()));
    } else if name != "bare" {
        bail!("{path} gave its visitor no cookie: the experiments did nothing");
    }
    closed_loop::run_alone_with(workspace, node.listen, &path, &fields, 1)?;
    let run = closed_loop::run_alone_with(workspace, node.listen, &path, &fields, seconds)?;
    Ok(run.p50_ms * 1_000.0)
}
