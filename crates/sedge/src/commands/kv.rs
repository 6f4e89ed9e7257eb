//! `sedge kv`: what functions have stored, with or without a running node.

use super::AskedNode;
use crate::admin_client;
use crate::show;
use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use sedge_model::handler;
use sedge_node::Running;
use sedge_node::hint::WithHint;
use sedge_node::kv::KvFolder;
use sedge_node::query::encode;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  sedge kv namespaces
  sedge kv list shop/default
  sedge kv get shop/default visits
  sedge kv set shop/default motd @message.txt --ttl 3600
  sedge kv delete shop/default visits motd

A namespace is that of the manifest after the name of the app. While a node
runs on DIR it is asked through its admin pages; otherwise its store is opened.";

/// Read and write what functions have stored
#[derive(Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct KvArgs {
    #[command(subcommand)]
    command: KvCommand,

    #[command(flatten)]
    asked: AskedNode,
}

#[derive(Subcommand)]
enum KvCommand {
    /// List namespaces with their sizes
    Namespaces,
    /// List the keys of a namespace
    List {
        /// APP/NAMESPACE
        namespace: String,
    },
    /// Print a value
    Get {
        /// APP/NAMESPACE
        namespace: String,
        /// The key
        key: String,
    },
    /// Set a value
    Set {
        /// APP/NAMESPACE
        namespace: String,
        /// The key
        key: String,
        /// The value, or @FILE, or @- for stdin
        value: String,
        /// Seconds after which it expires
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u64>,
    },
    /// Delete keys
    Delete {
        /// APP/NAMESPACE
        namespace: String,
        /// The keys
        #[arg(required = true)]
        keys: Vec<String>,
    },
}

/// Runs the command.
pub(crate) fn run(args: KvArgs) -> Result<ExitCode> {
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let store = Where::find(&args.asked)?;
        match &args.command {
            KvCommand::Namespaces => namespaces(&store, args.asked.json).await,
            KvCommand::List { namespace } => list(&store, namespace, args.asked.json).await,
            KvCommand::Get { namespace, key } => {
                let value =
                    store.ask(Method::GET, &value_target(namespace, key), Bytes::new()).await?;
                show::data(&value);
                Ok(())
            }
            KvCommand::Set { namespace, key, value, ttl } => {
                let mut target = value_target(namespace, key);
                if let Some(seconds) = ttl {
                    target += &format!("&ttl_s={seconds}");
                }
                store.ask(Method::PUT, &target, super::body(Some(value))?).await.map(drop)
            }
            KvCommand::Delete { namespace, keys } => {
                for key in keys {
                    let target = value_target(namespace, key);
                    store.ask(Method::DELETE, &target, Bytes::new()).await?;
                }
                Ok(())
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn value_target(namespace: &str, key: &str) -> String {
    format!("/v1/kv/value?namespace={}&key={}", encode(namespace), encode(key))
}

async fn namespaces(store: &Where, json: bool) -> Result<()> {
    let answer = store.ask_json("/v1/kv").await?;
    if json {
        show::line(format!("{answer:#}"));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = answer["namespaces"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|usage| {
            let bytes = show::bytes(usage["bytes"].as_u64().unwrap_or(0));
            let name = usage["namespace"].as_str().unwrap_or_default().to_owned();
            vec![name, format!("{} keys", usage["keys"]), bytes]
        })
        .collect();
    show::data(show::table(&rows).as_bytes());
    Ok(())
}

async fn list(store: &Where, namespace: &str, json: bool) -> Result<()> {
    let mut all: Vec<Value> = Vec::new();
    store
        .each_key(namespace, |key| match json {
            true => all.push(Value::from(key)),
            false => show::line(key),
        })
        .await?;
    if json {
        show::line(format!("{:#}", serde_json::json!({ "keys": all })));
    }
    Ok(())
}

/// Who holds the store: a node, or this process.
pub(super) enum Where {
    Node(SocketAddr),
    Folder(KvFolder),
}

impl Where {
    pub(super) fn find(asked: &AskedNode) -> Result<Self> {
        if let Some(admin) = asked.admin {
            return Ok(Where::Node(admin));
        }
        match Running::find(&asked.data) {
            Some(running) => Ok(Where::Node(running.admin)),
            None => Ok(Where::Folder(KvFolder::open(&asked.data).map_err(|error| {
                match sedge_node::hint::of(&error) {
                    Some(_) => error,
                    None => WithHint::new(error, "name the node's folder with --data"),
                }
            })?)),
        }
    }

    /// All keys of a namespace, page by page.
    pub(super) async fn each_key(&self, namespace: &str, mut each: impl FnMut(&str)) -> Result<()> {
        let mut cursor: Option<String> = None;
        loop {
            let mut target = format!("/v1/kv/keys?namespace={}", encode(namespace));
            if let Some(cursor) = &cursor {
                target += &format!("&cursor={}", encode(cursor));
            }
            let page = self.ask_json(&target).await?;
            let Some(keys) = page["keys"].as_array() else {
                bail!("the node sent no list of keys")
            };
            keys.iter().filter_map(Value::as_str).for_each(&mut each);
            match page["cursor"].as_str() {
                Some(next) if cursor.as_deref() != Some(next) => cursor = Some(next.to_owned()),
                _ => return Ok(()),
            }
        }
    }

    pub(super) async fn ask_json(&self, target: &str) -> Result<Value> {
        let body = self.ask(Method::GET, target, Bytes::new()).await?;
        serde_json::from_slice(&body).context("read the node's answer")
    }

    /// Sends a request for a page; the body of a good answer.
    pub(super) async fn ask(&self, method: Method, target: &str, body: Bytes) -> Result<Bytes> {
        let (status, body) = match self {
            Where::Node(admin) => admin_client::ask(*admin, method, target, body).await?,
            Where::Folder(folder) => {
                let mut request = Request::new(handler::full(body));
                *request.method_mut() = method;
                *request.uri_mut() = target.parse().context("make a request")?;
                let response = folder.answer(request).await;
                let status = response.status();
                (
                    status,
                    response.into_body().collect().await.context("read the answer")?.to_bytes(),
                )
            }
        };
        if status.is_success() {
            return Ok(body);
        }
        let problem: Option<Value> = serde_json::from_slice(&body).ok();
        let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str());
        let error = anyhow!("{}", detail.unwrap_or(status.canonical_reason().unwrap_or("refused")));
        Err(match status {
            StatusCode::NOT_FOUND => {
                WithHint::new(error, "sedge kv list APP/NAMESPACE lists the keys")
            }
            _ => error,
        })
    }
}
