//! `sedge streams`: the log of messages of a running node.

use super::AskedNode;
use crate::admin_client;
use crate::show;
use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use sedge_node::Running;
use sedge_node::hint::WithHint;
use sedge_node::query::encode;
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  sedge streams                                how it stands, and who reads it
  sedge streams read --topic 'sensors/#'       what it has of some topics
  sedge streams read --follow                  what comes from now on
  sedge streams forget shop/alarm --yes        the trigger begins anew

The log holds what MQTT clients publish to topics that are kept, what arrives by HTTP, and
what functions emit. The node's configuration says which and how much:

  [streams]
  topics = [\"sensors/#\"]
  bytes_max = \"4 GiB\"

  [ingest]
  passwords = \"mqtt-passwords\"";

const READ_EXAMPLES: &str = "\
Examples:
  sedge streams read                           from the oldest record on
  sedge streams read --from 1000 --limit 10
  sedge streams read --topic 'ingest/pump-7/#' --follow

Each line is JSON: position, topic, device, its number (epoch and sequence), time_ms, and
the payload as text, or as payload_base64 if it is none. A line with gap or lost says which
positions are gone, and why.";

const FORGET_EXAMPLES: &str = "\
Examples:
  sedge streams forget shop/alarm --yes

A reader's place keeps what it has not read. One that no deployed function has any more
keeps it for nobody: forget it, and the room is free again. A function that is deployed
begins anew, as its trigger says.";

/// Show and read the log of messages
#[derive(Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct StreamsArgs {
    #[command(subcommand)]
    command: Option<StreamsCommand>,

    #[command(flatten)]
    asked: AskedNode,
}

#[derive(Subcommand)]
enum StreamsCommand {
    /// Print records, one line of JSON for each
    #[command(after_help = READ_EXAMPLES)]
    Read(ReadArgs),
    /// Forget the place of a reader
    #[command(after_help = FORGET_EXAMPLES)]
    Forget {
        /// The reader, as `sedge streams` names it
        cursor: String,

        /// Do it; without this, only what would happen is said
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
struct ReadArgs {
    /// Only these topics: an MQTT topic filter
    #[arg(long, value_name = "FILTER")]
    topic: Option<String>,

    /// Position to begin at [default: the oldest record; with --follow, the end]
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,

    /// Lines to print, at most
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Wait for more until interrupted
    #[arg(long)]
    follow: bool,
}

/// Runs the command.
pub(crate) fn run(args: StreamsArgs) -> Result<ExitCode> {
    let node = find(&args.asked)?;
    super::runtime()?.block_on(async {
        match &args.command {
            None => usage(node, args.asked.json).await,
            Some(StreamsCommand::Read(read)) => self::read(node, read).await,
            Some(StreamsCommand::Forget { cursor, yes }) => forget(node, cursor, *yes).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The admin pages of the node that is meant.
fn find(asked: &AskedNode) -> Result<SocketAddr> {
    if let Some(admin) = asked.admin {
        return Ok(admin);
    }
    Running::find(&asked.data).map(|running| running.admin).ok_or_else(|| {
        let error = anyhow!("no node runs on {}", asked.data.display());
        WithHint::new(error, "start one with sedge up, or name its folder with --data")
    })
}

async fn usage(node: SocketAddr, json: bool) -> Result<()> {
    let usage = ask(node, Method::GET, "/v1/streams").await?;
    if json {
        show::line(format!("{usage:#}"));
        return Ok(());
    }
    if usage["open"] != true {
        show::line("no log of messages: nothing of this node needs one");
        return Ok(());
    }
    let text = |name: &str| usage[name].to_string();
    let mut rows = vec![
        vec!["records".to_owned(), text("records")],
        vec!["positions".to_owned(), format!("{} to {}", usage["oldest"], usage["end"])],
        vec!["bytes".to_owned(), show::bytes(usage["bytes"].as_u64().unwrap_or(0))],
        vec!["segments".to_owned(), text("segments")],
        vec!["removed unread".to_owned(), text("gap_records")],
        vec!["lost".to_owned(), text("lost_positions")],
    ];
    if let Some(failure) = usage["failure"].as_str() {
        rows.push(vec!["failed".to_owned(), failure.to_owned()]);
    }
    for cursor in usage["cursors"].as_array().into_iter().flatten() {
        let name = cursor["name"].as_str().unwrap_or_default();
        let lag = format!("at {}, {} behind", cursor["position"], cursor["lag"]);
        rows.push(vec![format!("reader {name}"), lag]);
    }
    show::data(show::table(&rows).as_bytes());
    Ok(())
}

/// Page by page; a page may be empty because nothing on it is of the topic.
async fn read(node: SocketAddr, args: &ReadArgs) -> Result<()> {
    const PAGE: u64 = 1_000;
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut from = args.from;
    if args.follow && from.is_none() {
        from = ask(node, Method::GET, "/v1/streams").await?["end"].as_u64();
    }
    while left > 0 {
        let mut target = format!("/v1/streams/records?limit={}", left.min(PAGE));
        if let Some(from) = from {
            target += &format!("&from={from}");
        }
        if let Some(topic) = &args.topic {
            target += &format!("&topic={}", encode(topic));
        }
        let page = ask(node, Method::GET, &target).await?;
        let items = page["items"].as_array().context("read the node's answer")?;
        let mut lines = String::new();
        items.iter().for_each(|item| lines += &format!("{item}\n"));
        let mut stdout = std::io::stdout().lock();
        // A reader that went away is no error, and the end.
        if stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            return Ok(());
        }
        left -= left.min(items.len() as u64);
        let next = page["next"].as_u64();
        let is_end = next >= page["end"].as_u64() || next.is_none() || next == from;
        from = next.or(from);
        if is_end && !args.follow {
            return Ok(());
        }
        if is_end && left > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

async fn forget(node: SocketAddr, cursor: &str, yes: bool) -> Result<()> {
    if !yes {
        let usage = ask(node, Method::GET, "/v1/streams").await?;
        let all = usage["cursors"].as_array().into_iter().flatten();
        let found = all.into_iter().find(|one| one["name"] == cursor);
        let Some(found) = found else { return Err(unknown(cursor)) };
        let lag = &found["lag"];
        let error =
            anyhow!("{cursor:?} has {lag} records to read, which nothing would keep for it");
        return Err(WithHint::new(error, "say --yes to forget its place"));
    }
    let target = format!("/v1/streams/cursor?name={}", encode(cursor));
    ask(node, Method::DELETE, &target).await.map(drop).map_err(|error| {
        if error.to_string().starts_with("there is no reader") { unknown(cursor) } else { error }
    })
}

fn unknown(cursor: &str) -> anyhow::Error {
    let error = anyhow!("there is no reader {cursor:?}");
    WithHint::new(error, "sedge streams lists the readers")
}

async fn ask(node: SocketAddr, method: Method, target: &str) -> Result<Value> {
    let (status, body) = admin_client::ask(node, method, target, Bytes::new()).await?;
    if status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    let answer: Option<Value> = serde_json::from_slice(&body).ok();
    if status.is_success() {
        return answer.context("read the node's answer");
    }
    let detail = answer.as_ref().and_then(|problem| problem["detail"].as_str());
    Err(anyhow!("{}", detail.unwrap_or(status.canonical_reason().unwrap_or("refused"))))
}
