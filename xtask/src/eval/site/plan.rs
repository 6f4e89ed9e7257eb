//! What the browser is told to do, and its run.

use super::AGAIN;
use super::sites::{SITES, Site, VERSIONS};
use crate::workspace::Workspace;
use crate::{install, shell};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A window.
pub(super) struct Viewport {
    pub(super) name: &'static str,
    /// In CSS pixels.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Device pixels for one CSS pixel.
    pub(super) dpr: u32,
    mobile: bool,
}

pub(super) const VIEWPORTS: [Viewport; 2] = [
    Viewport { name: "desktop", width: 1280, height: 800, dpr: 1, mobile: false },
    Viewport { name: "phone", width: 390, height: 844, dpr: 3, mobile: true },
];

/// A line as of a phone on the move: what Lighthouse calls slow 4G. Bytes per second and
/// milliseconds.
pub(super) const DOWN: u32 = 1_600_000 / 8;
const UP: u32 = 750_000 / 8;
pub(super) const LATENCY_MS: u32 = 150;

/// Device pixels of a screenshot's height: far below the largest texture, 16,384.
pub(super) const TILE_PIXELS: u32 = 3_600;

/// For each page, viewport, mode and round a visit takes some seconds.
const MINUTES_MAX: u64 = 60;

/// What is visited.
pub(super) struct Plan<'a> {
    /// Where everything is written.
    pub(super) folder: &'a Path,
    /// The certificate of all servers.
    pub(super) certificate: &'a Path,
    /// The modes by their names, and where each is served; the first is what the others
    /// are compared with, and the last has all optimizations.
    pub(super) modes: &'a [(&'static str, String)],
    pub(super) sites: &'a [&'a Site],
    /// How often each page is loaded over the slow line.
    pub(super) rounds: u64,
}

impl Plan<'_> {
    /// Visits everything; what was seen.
    pub(super) fn run(&self, workspace: &Workspace) -> Result<Value> {
        let node = install::node()?;
        let chromium = install::program("chromium", "chromium")?;
        let (plan, result) = (self.folder.join("plan.json"), self.folder.join("visits.json"));
        let text = self.json(&chromium).to_string();
        fs::write(&plan, text).context("writing the browser's plan")?;
        let script = workspace.root.join("xtask/src/eval/site/browser/main.mjs");
        let mut child = Command::new(node)
            .arg(script)
            .arg(&plan)
            .stdin(Stdio::null())
            .spawn()
            .context("starting the script that leads the browser")?;
        let deadline = Instant::now() + Duration::from_secs(MINUTES_MAX * 60);
        let status = loop {
            if let Some(status) = child.try_wait().context("waiting for the browser")? {
                break status;
            }
            if Instant::now() > deadline {
                // The browser ends when nobody holds the other end of its pipes.
                child.kill().and_then(|()| child.wait()).context("ending the browser")?;
                bail!("the browser was not done within {MINUTES_MAX} minutes");
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        if !status.success() {
            bail!("the browser failed ({status}): {}/chromium.log", self.folder.display());
        }
        let text = fs::read(&result).context("reading what the browser saw")?;
        serde_json::from_slice(&text).context("reading what the browser saw")
    }

    fn json(&self, chromium: &Path) -> Value {
        let pages = self.sites.iter().flat_map(|site| {
            site.pages.iter().map(|page| {
                let uses = page.uses.iter().map(
                    |one| json!({ "name": one.name, "viewport": one.viewport, "click": one.click }),
                );
                json!({
                    "name": page.name,
                    "path": format!("/{}/{}", site.name, page.path),
                    "uses": uses.collect::<Vec<Value>>(),
                })
            })
        });
        let viewports = VIEWPORTS.iter().map(|one| {
            json!({
                "name": one.name, "width": one.width, "height": one.height, "dpr": one.dpr,
                "mobile": one.mobile,
            })
        });
        let modes = self.modes.iter().map(
            |(name, origin)| json!({ "name": name, "origin": origin, "slow": *name == AGAIN }),
        );
        let pairs = VERSIONS.iter().map(|one| {
            let [older, newer] = one.paths();
            json!({ "name": one.name, "older": older, "newer": newer, "works": one.works })
        });
        json!({
            "program": chromium,
            "folder": self.folder,
            "certificate": self.certificate,
            "result": self.folder.join("visits.json"),
            "pages": pages.collect::<Vec<Value>>(),
            "viewports": viewports.collect::<Vec<Value>>(),
            "modes": modes.collect::<Vec<Value>>(),
            "tile": TILE_PIXELS,
            "rounds": self.rounds,
            "network": {
                "latency": LATENCY_MS, "downloadThroughput": DOWN, "uploadThroughput": UP,
            },
            "dictionaries": {
                "origin": self.modes.last().map(|(_, origin)| origin),
                "page": "/versions/index.html",
                "pairs": pairs.collect::<Vec<Value>>(),
            },
        })
    }
}

/// The sites of this name, or all.
pub(super) fn sites(only: Option<&str>) -> Result<Vec<&'static Site>> {
    let found: Vec<&Site> =
        SITES.iter().filter(|site| only.is_none_or(|only| only == site.name)).collect();
    if found.is_empty() {
        let names: Vec<&str> = SITES.iter().map(|site| site.name).collect();
        bail!("there is no such site\nhint: {}", names.join(", "));
    }
    Ok(found)
}

/// Builds what compares pictures.
pub(super) fn build_scores(workspace: &Workspace) -> Result<()> {
    let words = ["build", "--release", "--locked", "-p", "sedge-benches", "--bin", "page-score"];
    shell::run(shell::cargo(workspace).args(words)).context("building what compares pictures")
}
