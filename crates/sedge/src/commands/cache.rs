//! `sedge cache`: what a node's cache holds, and how it is made to hold less or more.

use super::AskedNode;
use crate::admin_client;
use crate::show;
use anyhow::{Context, Result, anyhow, bail};
use clap::{ArgGroup, Args, Subcommand};
use http::{HeaderName, HeaderValue, StatusCode};
use sedge_node::Running;
use sedge_node::hint::WithHint;
use sedge_node::query::encode;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Addresses that the node is asked to warm at once; then it is told how far it is.
const WARMED_AT_ONCE: usize = 8;

const EXAMPLES: &str = "\
Examples:
  sedge cache show
  sedge cache show https://shop.example/logo.png
  sedge cache show --objects
  sedge cache purge --tag product-7
  sedge cache purge --prefix shop.example/img --soft
  sedge cache warm https://shop.example/ https://shop.example/logo.png
  sedge cache warm -f urls.txt

The node is found by its folder DIR, or asked at ADDRESS.";

const PURGE_EXAMPLES: &str = "\
Examples:
  sedge cache purge --tag product-7           by a name in Surrogate-Key or Cache-Tag
  sedge cache purge --url shop.example/a?b=1  one address, in all its variants
  sedge cache purge --prefix shop.example/img all below it, by whole segments
  sedge cache purge --all --soft              stale from now on, validated when asked for

Done means that it holds also after the node was killed, if it has a cache on the disk.
What is asked for after that is not concerned.";

const WARM_EXAMPLES: &str = "\
Examples:
  sedge cache warm https://shop.example/
  sedge cache warm -f urls.txt -H 'accept-encoding: br'
  sitemap-urls | sedge cache warm -f -

Each address is asked for as a client would, on the way of the node's routes.
A file has one address in each line; empty lines and those with # are left out.";

/// Show, purge and warm what caching links have stored
#[derive(Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    command: CacheCommand,

    #[command(flatten)]
    asked: AskedNode,
}

#[derive(Subcommand)]
enum CacheCommand {
    /// Show how much is stored, or what is stored for an address
    Show {
        /// An address, with http:// or https://
        url: Option<String>,
        /// A field of the request, where links have fields in their keys
        #[arg(short = 'H', long = "header", value_name = "NAME: VALUE",
              value_parser = super::header_field, requires = "url")]
        headers: Vec<(HeaderName, HeaderValue)>,
        /// Show all that is stored
        #[arg(long, conflicts_with = "url")]
        objects: bool,
    },
    /// Have stored answers not used any more
    #[command(after_help = PURGE_EXAMPLES, group = ArgGroup::new("what").required(true))]
    Purge {
        /// Those with this name in Surrogate-Key or Cache-Tag
        #[arg(long, value_name = "TAG", group = "what")]
        tag: Option<String>,
        /// Those of this address, host/path?query
        #[arg(long, value_name = "URL", group = "what")]
        url: Option<String>,
        /// Those below host or host/path
        #[arg(long, value_name = "PREFIX", group = "what")]
        prefix: Option<String>,
        /// All of them
        #[arg(long, group = "what")]
        all: bool,
        /// Make them stale instead: they are validated when they are asked for
        #[arg(long)]
        soft: bool,
    },
    /// Ask for addresses, so that the answers are stored
    #[command(after_help = WARM_EXAMPLES)]
    Warm {
        /// Addresses, with http:// or https://
        #[arg(required_unless_present = "file")]
        urls: Vec<String>,
        /// A file of addresses, or - for stdin
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// A field of the requests
        #[arg(short = 'H', long = "header", value_name = "NAME: VALUE",
              value_parser = super::header_field)]
        headers: Vec<(HeaderName, HeaderValue)>,
    },
}

/// Runs the command.
pub(crate) fn run(args: CacheArgs) -> Result<ExitCode> {
    let CacheArgs { command, asked: AskedNode { admin, json, data } } = args;
    let node = find(admin, &data)?;
    super::runtime()?.block_on(async {
        match command {
            CacheCommand::Show { url: Some(url), headers, .. } => {
                show_one(node, &url, &headers, json).await
            }
            CacheCommand::Show { objects: true, .. } => show_all(node, json).await,
            CacheCommand::Show { .. } => show_totals(node, json).await,
            CacheCommand::Purge { tag, url, prefix, all, soft } => {
                let mut what = Map::new();
                what.extend(tag.map(|tag| ("tag".to_owned(), tag.into())));
                what.extend(url.map(|url| ("url".to_owned(), url.into())));
                what.extend(prefix.map(|prefix| ("prefix".to_owned(), prefix.into())));
                if all {
                    what.insert("all".to_owned(), true.into());
                }
                what.insert("soft".to_owned(), soft.into());
                let answer = post(node, "/v1/cache/purge", &what.into()).await?;
                if json {
                    show::line(format!("{answer:#}"));
                }
                Ok(ExitCode::SUCCESS)
            }
            CacheCommand::Warm { mut urls, file, headers } => {
                if let Some(file) = file {
                    urls.extend(read_urls(&file)?);
                }
                warm(node, &urls, &headers, json).await
            }
        }
    })
}

/// The admin pages of the node that is meant.
fn find(admin: Option<SocketAddr>, data: &Path) -> Result<SocketAddr> {
    if let Some(admin) = admin {
        return Ok(admin);
    }
    let running = Running::find(data);
    running.map(|running| running.admin).ok_or_else(|| {
        let error = anyhow!("no node runs on {}", data.display());
        WithHint::new(error, "start one with sedge up, or name its folder with --data")
    })
}

async fn get(node: SocketAddr, target: &str) -> Result<Value> {
    let (status, body) =
        admin_client::ask(node, http::Method::GET, target, bytes::Bytes::new()).await?;
    read(status, &body)
}

async fn post(node: SocketAddr, target: &str, asked: &Value) -> Result<Value> {
    let (status, body) = admin_client::post_json(node, target, asked).await?;
    read(status, &body)
}

fn read(status: StatusCode, body: &[u8]) -> Result<Value> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    if status.is_success() {
        return answer.context("read the node's answer");
    }
    let detail = answer.as_ref().and_then(|problem| problem["detail"].as_str());
    let error = anyhow!("{}", detail.unwrap_or(status.canonical_reason().unwrap_or("refused")));
    Err(match status {
        StatusCode::INSUFFICIENT_STORAGE => WithHint::new(
            error,
            "it holds until the node stops; look at the room and rights in the folder cache of \
             its data folder, and purge again",
        ),
        _ => error,
    })
}

fn lines(headers: &[(HeaderName, HeaderValue)]) -> Vec<String> {
    let line = |(name, value): &(HeaderName, HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect()
}

async fn show_totals(node: SocketAddr, json: bool) -> Result<ExitCode> {
    let answer = get(node, "/v1/cache").await?;
    if json {
        show::line(format!("{answer:#}"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![tier("memory", &answer["memory"])];
    if answer["disk"].is_object() {
        rows.push(tier("disk", &answer["disk"]));
    }
    show::data(show::table(&rows).as_bytes());
    let name = |one: &Value| match one["chain"].as_str() {
        Some(chain) => {
            format!("link {} of {}/{chain}", one["link"], one["app"].as_str().unwrap_or_default())
        }
        None => format!("functions, scope {}", one["scope"].as_str().unwrap_or_default()),
    };
    let all = [&answer["links"], &answer["functions"]];
    let all = all.into_iter().filter_map(Value::as_array).flatten();
    let rows: Vec<Vec<String>> = all
        .map(|one| {
            let requests = one["requests"].as_object().into_iter().flatten();
            let counted = requests.filter(|(_, count)| count.as_u64() != Some(0));
            let counted = counted.map(|(outcome, count)| format!("{count} {outcome}"));
            let stored = one["stored"].as_u64().filter(|stored| *stored != 0);
            let stored = stored.map(|stored| format!("{stored} stored"));
            vec![name(one), counted.chain(stored).collect::<Vec<_>>().join(", ")]
        })
        .collect();
    show::data(show::table(&rows).as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn tier(name: &str, figures: &Value) -> Vec<String> {
    let bytes = |key: &str| show::bytes(figures[key].as_u64().unwrap_or(0));
    vec![
        name.to_owned(),
        format!("{} objects", figures["objects"]),
        format!("{} of {}", bytes("bytes"), bytes("bytes_max")),
    ]
}

async fn show_one(
    node: SocketAddr,
    url: &str,
    headers: &[(HeaderName, HeaderValue)],
    json: bool,
) -> Result<ExitCode> {
    let mut target = format!("/v1/cache/objects?url={}", encode(url));
    for line in lines(headers) {
        target += &format!("&header={}", encode(&line));
    }
    let answer = get(node, &target).await?;
    if json {
        show::line(format!("{answer:#}"));
        return Ok(ExitCode::SUCCESS);
    }
    let objects = answer["objects"].as_array().map(Vec::as_slice).unwrap_or_default();
    if objects.is_empty() {
        let error = anyhow!("nothing is stored for {url}");
        return Err(WithHint::new(
            error,
            "ask for it as clients do, with their scheme, host and query; sedge cache show \
             --objects lists what is stored",
        ));
    }
    for object in objects {
        show::data(show::table(&details(object)).as_bytes());
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything of one object, a line for each.
fn details(object: &Value) -> Vec<Vec<String>> {
    let text = |key: &str| object[key].as_str().unwrap_or("-").to_owned();
    let list = |key: &str| {
        let all = object[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        // There are tags with a space.
        all.collect::<Vec<_>>().join(", ")
    };
    let mut rows = vec![
        vec!["url".to_owned(), text("url")],
        vec!["  scope".to_owned(), text("scope")],
        vec!["  status".to_owned(), object["status"].to_string()],
        vec!["  size".to_owned(), show::bytes(object["bytes"].as_u64().unwrap_or(0))],
        vec!["  age".to_owned(), seconds(&object["age_s"])],
        vec!["  fresh for".to_owned(), freshness(object)],
        vec!["  in".to_owned(), list("tiers")],
    ];
    for (name, key) in [("  type", "content_type"), ("  etag", "etag")] {
        if object[key].is_string() {
            rows.push(vec![name.to_owned(), text(key)]);
        }
    }
    if !list("tags").is_empty() {
        rows.push(vec!["  tags".to_owned(), list("tags")]);
    }
    for (field, value) in object["vary"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or("(absent)");
        rows.push(vec!["  for".to_owned(), format!("{field}: {value}")]);
    }
    rows
}

/// Whole seconds in the largest unit of which there are two.
fn seconds(value: &Value) -> String {
    let seconds = value.as_u64().unwrap_or(0);
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let unit = units.into_iter().find(|(length, _)| seconds >= 2 * length);
    let (length, unit) = unit.unwrap_or((1, "s"));
    format!("{} {unit}", seconds / length)
}

fn freshness(object: &Value) -> String {
    match object["ttl_s"].as_i64() {
        Some(ttl) if ttl > 0 => seconds(&object["ttl_s"]),
        _ => "stale".to_owned(),
    }
}

/// All that is stored, page by page.
async fn show_all(node: SocketAddr, json: bool) -> Result<ExitCode> {
    let mut after: Option<String> = None;
    loop {
        let mut target = "/v1/cache/objects".to_owned();
        if let Some(after) = &after {
            target += &format!("?after={}", encode(after));
        }
        let page = get(node, &target).await?;
        let Some(objects) = page["objects"].as_array() else {
            bail!("the node sent no list of objects")
        };
        if json {
            // A line for each, because there may be millions.
            objects.iter().for_each(show::line);
        } else {
            let rows: Vec<Vec<String>> = objects.iter().map(summary).collect();
            show::data(show::table(&rows).as_bytes());
        }
        match page["after"].as_str() {
            Some(next) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}

fn summary(object: &Value) -> Vec<String> {
    let tiers = object["tiers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    vec![
        object["status"].to_string(),
        show::bytes(object["bytes"].as_u64().unwrap_or(0)),
        freshness(object),
        tiers.collect::<Vec<_>>().join("+"),
        object["url"].as_str().unwrap_or_default().to_owned(),
    ]
}

fn read_urls(file: &Path) -> Result<Vec<String>> {
    let text = match file == Path::new("-") {
        true => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).context("read standard input")?;
            text
        }
        false => {
            std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?
        }
    };
    let urls: Vec<String> = urls(&text).map(ToOwned::to_owned).collect();
    if urls.is_empty() {
        bail!("{} has no address", file.display());
    }
    Ok(urls)
}

fn urls(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Tells of each address as soon as the node has it; fails if one could not be stored.
async fn warm(
    node: SocketAddr,
    urls: &[String],
    headers: &[(HeaderName, HeaderValue)],
    json: bool,
) -> Result<ExitCode> {
    let (mut stored, mut done) = (0, 0);
    for some in urls.chunks(WARMED_AT_ONCE) {
        let asked = json!({ "urls": some, "headers": lines(headers) });
        let answer = post(node, "/v1/cache/warm", &asked).await?;
        for result in answer["results"].as_array().into_iter().flatten() {
            done += 1;
            stored += usize::from(result["stored"] == true);
            match json {
                true => show::line(result),
                false => show::line(warmed(result)),
            }
        }
    }
    if !json {
        eprintln!("{stored} of {done} are stored");
    }
    Ok(if stored == urls.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn warmed(result: &Value) -> String {
    let url = result["url"].as_str().unwrap_or_default();
    if let Some(error) = result["error"].as_str() {
        return format!("failed      {url}: {error}");
    }
    let word = if result["stored"] == true { "stored    " } else { "not stored" };
    let took_ms = result["took_ms"].as_u64().unwrap_or(0);
    let bytes = show::bytes(result["bytes"].as_u64().unwrap_or(0));
    let why = match result["cache_status"].as_str() {
        Some(status) if result["stored"] != true => format!(" ({status})"),
        _ => String::new(),
    };
    format!("{word}  {url}  {}, {bytes}, {took_ms} ms{why}", result["status"])
}

#[cfg(test)]
mod tests;
