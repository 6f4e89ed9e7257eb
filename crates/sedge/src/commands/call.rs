//! `sedge call`: one request into a function, without a server.

use crate::cli::MeshArgs;
use crate::show;
use anyhow::{Context, Result, anyhow};
use clap::Args;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use sedge_model::handler;
use sedge_model::node_config::NodeConfig;
use sedge_node::call::{self, Answer, Call};
use sedge_node::hint::WithHint;
use sedge_node::{NodeOptions, Reload};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  sedge call /hello?name=Ada                 whatever answers this path
  sedge call images/img/100x100/cover -d @photo.jpg > small.jpg
  sedge call sensors -H 'content-type: text/csv' -d @readings.csv

The body of the answer goes to stdout, everything else to stderr. The request
takes the same way as on a node: limits, grants and storage are those of the
manifest and of DIR.";

/// Send one request into a function, without a server
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CallArgs {
    /// A path, or the name of a function, or both: NAME/PATH
    #[arg(value_name = "PATH|FUNCTION")]
    target: String,

    /// Manifest, or folder with a sedge.toml
    #[arg(short, long = "file", value_name = "APP", default_value = ".")]
    file: PathBuf,

    /// Method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<Method>,

    /// A header field, 'name: value'; may be given several times
    #[arg(short = 'H', long = "header", value_name = "FIELD", value_parser = super::header_field)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// A body, or @FILE, or @- for stdin
    #[arg(short = 'd', long = "body", value_name = "BODY")]
    body: Option<String>,

    /// Show the header fields of the answer on stderr
    #[arg(short, long)]
    include: bool,

    /// Print the whole answer as JSON
    #[arg(long)]
    json: bool,

    /// Configuration of the node (node.toml)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Folder of the node's state: key-value store and compiled code [default: .sedge]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: CallArgs) -> Result<ExitCode> {
    super::start_log(false, std::io::stderr);
    let call = Call { function: function(&args.target), request: request(&args)? };
    let app = super::find_apps(std::slice::from_ref(&args.file), &MeshArgs::default())?.remove(0);
    let progress = super::progress();
    let mut config = match &args.config {
        None => NodeConfig::default(),
        Some(file) => super::node_config(file)?,
    };
    config.data = args.data.clone().unwrap_or(config.data);
    let mut options = NodeOptions::new(config, super::compiler()?);
    options.reload = Reload::Asked;
    options.listen = false;
    options.observer = progress.observer();
    let answer = super::runtime()?.block_on(call::run(options, app, call));
    progress.flush();
    // Why it cannot be deployed was told as it happened.
    let Some(answer) = answer? else { return Ok(ExitCode::FAILURE) };
    if args.json {
        show::line(format!("{:#}", to_json(&answer)));
    } else {
        eprint!("{}", head(&answer, args.include));
        show::data(&answer.body);
    }
    match &answer.failure {
        None => Ok(ExitCode::SUCCESS),
        Some(failure) => Err(WithHint::new(
            anyhow!("{} ({})", failure.kind.public(), failure.kind.label())
                .context(format!("call {}", answer.function)),
            failure.detail.clone(),
        )),
    }
}

/// The function that the target names, if it is not only a path.
fn function(target: &str) -> Option<String> {
    let name = target.split(['/', '?']).next().unwrap_or_default();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The request that the arguments describe, as the gateway would hand it over.
fn request(args: &CallArgs) -> Result<handler::Request> {
    let name = function(&args.target).unwrap_or_default();
    let path = match &args.target[name.len()..] {
        "" => "/".to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        query => format!("/{query}"),
    };
    let body = super::body(args.body.as_deref())?;
    let method = args.method.clone().unwrap_or(match args.body {
        None => Method::GET,
        Some(_) => Method::POST,
    });
    let length = body.len();
    let mut request = handler::Request::new(match length {
        0 => handler::empty(),
        _ => handler::full(body),
    });
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().with_context(|| format!("read the path {path:?}"))?;
    let headers = request.headers_mut();
    headers.insert(http::header::HOST, HeaderValue::from_static("localhost"));
    if args.body.is_some() {
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    for (name, value) in &args.headers {
        if name == http::header::HOST {
            headers.insert(name.clone(), value.clone());
        } else {
            headers.append(name.clone(), value.clone());
        }
    }
    Ok(request)
}

/// Status, time and usage, and the header fields if they are wanted.
fn head(answer: &Answer, include: bool) -> String {
    let mut text = String::new();
    if let Some(status) = answer.status {
        let reason = status.canonical_reason().map(|reason| format!(" {reason}"));
        text += &format!(
            "{}{} from {} in {}\n",
            status.as_u16(),
            reason.unwrap_or_default(),
            answer.function,
            show::duration(answer.took)
        );
    }
    // The clock of the CPU is read at ticks of a millisecond.
    let cpu = match answer.cpu {
        Duration::ZERO => "less than a millisecond".to_owned(),
        cpu => show::duration(cpu),
    };
    text += &format!(
        "CPU {cpu}, memory {}, instance ready after {}\n",
        show::bytes(answer.memory_bytes_peak),
        show::duration(answer.cold_start)
    );
    if include {
        for (name, value) in &answer.headers {
            text += &format!("{name}: {}\n", value.to_str().unwrap_or("(not text)"));
        }
    }
    text
}

fn to_json(answer: &Answer) -> Value {
    let headers: Vec<Value> = answer
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let mut value = json!({
        "function": answer.function,
        "status": answer.status.map(|status: StatusCode| status.as_u16()),
        "headers": headers,
        "duration_ms": ms(answer.took),
        "cpu_ms": ms(answer.cpu),
        "cold_start_ms": ms(answer.cold_start),
        "memory_bytes_peak": answer.memory_bytes_peak,
        "failure": answer.failure.as_ref().map(|failure| json!({
            "kind": failure.kind.label(),
            "blame": failure.kind.blame().as_str(),
            "detail": failure.detail,
        })),
    });
    match std::str::from_utf8(&answer.body) {
        Ok(text) => value["body"] = text.into(),
        Err(_) => value["body_base64"] = base64(&answer.body).into(),
    }
    value
}

/// Milliseconds, exact to the microsecond.
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// RFC 4648 §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (0..3).fold(0u32, |group, index| {
            group << 8 | u32::from(chunk.get(index).copied().unwrap_or(0))
        });
        for position in 0..4 {
            let sextet = (group >> (18 - 6 * position)) as usize & 63;
            text.push(if position <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_target_is_a_path_or_begins_with_a_function() {
        for (target, name) in [
            ("/", None),
            ("/a/b", None),
            ("?x=1", None),
            ("images", Some("images")),
            ("images/img/1x1", Some("images")),
            ("images?x=1", Some("images")),
        ] {
            assert_eq!(function(target).as_deref(), name, "{target}");
        }
    }
}
