//! What a function costs that nobody asks for: a node with very many of them,
//! all different, all compiled before.

use super::arguments::Arguments;
use super::median;
use super::report::{Report, figure};
use super::subjects::rss_bytes;
use crate::node::{self, Node};
use crate::workspace::Workspace;
use crate::{http, json};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Functions asked for the first time, each once.
const FIRST_REQUESTS: usize = 40;

/// What was found out.
pub(super) struct Figures {
    /// A node with one function that nobody has asked for.
    pub rest_mb: f64,
    /// Each further function that nobody has asked for.
    pub idle_kb: f64,
    /// The first request to a function that is not in memory.
    pub first_ms: f64,
}

/// Deploys many functions, restarts the node, and measures.
pub(super) fn measure(
    workspace: &Workspace,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<Figures> {
    let count = if arguments.long { 10_000 } else { 1_000 };
    let one = App::write(workspace, 1)?;
    let many = App::write(workspace, count)?;
    eprintln!("deploying {count} different functions (the first time, each is compiled)");
    for app in [&one, &many] {
        if !app.start(workspace)?.stop()? {
            bail!("the node did not stop cleanly");
        }
    }
    let rest = rest_bytes(&one.start(workspace)?);
    let node = many.start(workspace)?;
    let crowded = rest_bytes(&node);
    let first = first_requests(&node, count)?;
    let figures = Figures {
        rest_mb: rest / 1e6,
        idle_kb: (crowded - rest) / (count - 1) as f64 / 1e3,
        first_ms: median(&first),
    };
    println!(
        "a node at rest: {} MB; with {count} functions: {} MB, {} kB each; restarted in {} ms",
        figure(figures.rest_mb),
        figure(crowded / 1e6),
        figure(figures.idle_kb),
        figure(node.ready_after.as_secs_f64() * 1e3),
    );
    println!(
        "first request to each of {} functions, compiled on disk: median {} ms, longest {} ms",
        first.len(),
        figure(figures.first_ms),
        figure(first.iter().copied().fold(0.0, f64::max)),
    );
    let case = format!("{count} functions");
    report.row("node", "one function", "rss at rest", figures.rest_mb, "MB");
    report.row("node", &case, "rss at rest", crowded / 1e6, "MB");
    report.row("node", &case, "each further idle function", figures.idle_kb, "kB");
    report.row("node", &case, "first request, median", figures.first_ms, "ms");
    report.row("node", &case, "restart", node.ready_after.as_secs_f64() * 1e3, "ms");
    Ok(figures)
}

/// An app of different functions, in a folder that is kept: its compiled code
/// is needed again.
struct App {
    folder: PathBuf,
}

impl App {
    fn write(workspace: &Workspace, count: usize) -> Result<Self> {
        let hello = workspace.guests().join("hello.wasm");
        let hello = fs::read(&hello).with_context(|| format!("reading {}", hello.display()))?;
        let folder = workspace.root.join(format!("target/bench/many-{count}"));
        fs::create_dir_all(&folder).context("making a bench's folder")?;
        let mut manifest = "[app]\nname = \"many\"\n".to_owned();
        for index in 0..count {
            fs::write(folder.join(format!("f{index}.wasm")), variant(&hello, index as u32))
                .context("writing a function")?;
            manifest.push_str(&format!(
                "\n[[function]]\nname = \"f{index}\"\nsource = \"f{index}.wasm\"\n\
                 routes = [\"/f{index}\"]\n"
            ));
        }
        fs::write(folder.join("sedge.toml"), manifest).context("writing a manifest")?;
        Ok(App { folder })
    }

    fn start(&self, workspace: &Workspace) -> Result<Node> {
        Node::start(&node::Options {
            binary: &workspace.dist_binary("sedge"),
            manifest: Some(&self.folder.join("sedge.toml")),
            data: Path::new(&self.folder.join("data")),
            config: None,
            listen: None,
            core: None,
            patience: Duration::from_secs(3_600),
        })
        .with_context(|| format!("with the app in {}", self.folder.display()))
    }
}

/// The component with a custom section at its end (Component Model, binary
/// format: section 0): the same function, but with another digest, so that it
/// is compiled, stored and loaded apart.
fn variant(component: &[u8], index: u32) -> Vec<u8> {
    const NAME: &[u8] = b"variant";
    let size = 1 + NAME.len() + 4;
    let mut bytes = component.to_vec();
    bytes.extend([0, size as u8, NAME.len() as u8]);
    bytes.extend(NAME);
    bytes.extend(index.to_le_bytes());
    bytes
}

/// Memory of a node two seconds after it said that it is ready.
fn rest_bytes(node: &Node) -> f64 {
    std::thread::sleep(Duration::from_secs(2));
    rss_bytes(node.id())
}

/// Milliseconds of the first request to different functions, the making of its
/// connection included.
fn first_requests(node: &Node, count: usize) -> Result<Vec<f64>> {
    // The first request of all finds an idle thread and cold caches, which is
    // not what is asked here.
    ask(node, 0)?;
    let before = code_loads(node)?;
    let times: Vec<f64> = (1..=FIRST_REQUESTS)
        .map(|index| ask(node, index * (count - 1) / FIRST_REQUESTS))
        .collect::<Result<_>>()?;
    let loads = code_loads(node)? - before;
    if loads < FIRST_REQUESTS as f64 {
        bail!("only {loads} of {FIRST_REQUESTS} functions were loaded from disk");
    }
    Ok(times)
}

/// How often compiled code was loaded from disk, by all functions.
fn code_loads(node: &Node) -> Result<f64> {
    let page = node.functions()?;
    json::list(&page, "functions")?.iter().map(|one| json::number(one, "code_loads")).sum()
}

fn ask(node: &Node, index: usize) -> Result<f64> {
    let (answer, time) = http::get(node.listen, &format!("/f{index}"))?;
    if answer.status != 200 {
        bail!("function f{index} answered {}: {}", answer.status, answer.text());
    }
    Ok(time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_only_in_their_last_section() {
        let (a, b) = (variant(b"\0asm", 1), variant(b"\0asm", 256));
        assert_eq!(a, b"\0asm\0\x0c\x07variant\x01\0\0\0");
        assert_eq!(b, b"\0asm\0\x0c\x07variant\0\x01\0\0");
    }
}
