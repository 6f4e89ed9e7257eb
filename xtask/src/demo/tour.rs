//! The node of the tour, and how its requests are shown.

use crate::bench::thousands;
use crate::http::{Request, Response, send};
use crate::node::{self, Node};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer answers are cut when they are shown.
const SHOWN_CHARS_MAX: usize = 300;
/// No request of the tour takes longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A node that the steps share, and may kill.
pub(super) struct Tour<'w> {
    /// Where the input lies.
    pub workspace: &'w Workspace,
    /// Where the tour writes.
    pub scratch: PathBuf,
    binary: PathBuf,
    node: Option<Node>,
}

impl<'w> Tour<'w> {
    /// Starts the node; its store and compiled code are in `scratch`.
    pub(super) fn start(
        workspace: &'w Workspace,
        binary: PathBuf,
        scratch: PathBuf,
    ) -> Result<Self> {
        let mut tour = Tour { workspace, scratch, binary, node: None };
        tour.start_node()?;
        Ok(tour)
    }

    /// Starts the node again, on the same store.
    pub(super) fn start_node(&mut self) -> Result<()> {
        let node = Node::start(&node::Options {
            binary: &self.binary,
            manifest: Some(&self.scratch.join("sedge.toml")),
            data: &self.scratch.join("data"),
            config: None,
            listen: None,
            core: None,
            patience: Duration::from_secs(180),
        })?;
        println!(
            "  sedge up -f target/demo: ready after {:.0} ms, traffic at {}, admin at {}",
            node.ready_after.as_secs_f64() * 1e3,
            node.listen,
            node.admin
        );
        self.node = Some(node);
        Ok(())
    }

    /// The node, which runs between steps.
    pub(super) fn node(&self) -> Result<&Node> {
        self.node.as_ref().context("the node does not run")
    }

    /// `kill -9`.
    pub(super) fn kill_node(&mut self) -> Result<()> {
        self.node.take().context("the node does not run")?.kill()?;
        println!("  kill -9: the node is gone");
        Ok(())
    }

    /// Ends the node in good order.
    pub(super) fn stop(&mut self) -> Result<()> {
        match self.node.take() {
            Some(node) => node.stop().map(drop),
            None => Ok(()),
        }
    }

    /// A file of the checkout.
    pub(super) fn input(&self, path: impl AsRef<Path>) -> Result<Vec<u8>> {
        let file = self.workspace.root.join(path);
        std::fs::read(&file).with_context(|| format!("reading {}", file.display()))
    }

    /// Sends a request and shows it, its answer and its time.
    pub(super) fn show(&self, request: &Request) -> Result<(Response, Duration)> {
        let (response, time) = send(self.node()?.listen, request, PATIENCE)?;
        let sent = match request.body.len() {
            0 => String::new(),
            bytes => format!("  ({} bytes)", thousands(bytes as i64)),
        };
        println!("  {} {}{sent}", request.method, request.path);
        let ms = time.as_secs_f64() * 1e3;
        println!("    {}  {ms:8.2} ms  {}", response.status, shown(&response));
        Ok((response, time))
    }

    /// Sends a `GET` and shows it.
    pub(super) fn show_get(&self, path: &str) -> Result<(Response, Duration)> {
        self.show(&Request { method: "GET", path, headers: &[], body: &[] })
    }
}

/// A text as it is, cut; anything else by its type and size.
fn shown(response: &Response) -> String {
    let kind = response.header("content-type").unwrap_or("no content-type");
    if !kind.starts_with("text/") && !kind.contains("json") {
        return format!("{kind}, {} bytes", thousands(response.body.len() as i64));
    }
    let text = response.text();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &str, body: &str) -> Response {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Response { status: 200, headers, body: body.into() }
    }

    #[test]
    fn texts_are_shown_on_one_line_and_pictures_by_size() {
        assert_eq!(shown(&answer("image/jpeg", "\u{1}\u{2}")), "image/jpeg, 2 bytes");
        assert_eq!(shown(&answer("application/json", "{\n  \"a\": 1\n}\n")), "{ \"a\": 1 }");
        let long = shown(&answer("text/plain", &"ä".repeat(1000)));
        assert_eq!(long.chars().count(), SHOWN_CHARS_MAX + 2);
    }
}
