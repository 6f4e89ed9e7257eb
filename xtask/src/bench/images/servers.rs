//! The servers that resize, each on the same one core.

use super::super::SERVER_CORE;
use super::super::subjects::{free_address, pinned, rss_bytes};
use super::sources::{self, Picture};
use crate::http::{self, Request};
use crate::install;
use crate::node::{self, Node};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The names of the servers that bars are about.
pub(super) const NODE: &str = "sedge";
pub(super) const SANDBOX: &str = "sedge, sandbox alone";
pub(super) const SHARP: &str = "sharp";
pub(super) const SHARP_SMALL: &str = "sharp, mozjpeg";
const THUMBOR: &str = "thumbor";
const OXIMG: &str = "oximg";

/// For one picture.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// JPEG of some quality.
    Jpeg,
    /// PNG, to compare with.
    Png,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Format::Jpeg => "jpeg",
            Format::Png => "png",
        }
    }
}

/// A server that can be started.
pub(super) struct Server {
    pub(super) name: &'static str,
    start: Start,
}

enum Start {
    Sedge { binary: PathBuf, folder: PathBuf },
    Program { words: Vec<OsString>, environment: Vec<(&'static str, OsString)> },
}

/// A server that runs; stopped when dropped.
pub(super) struct Running {
    name: &'static str,
    process: Process,
}

enum Process {
    Sedge(Node),
    Program(Child, SocketAddr),
}

/// All of them; those that are missing say why.
pub(super) fn all(
    workspace: &Workspace,
    bench: &Path,
    sharp: Result<PathBuf>,
) -> Result<Vec<(&'static str, Result<Server, String>)>> {
    let sources = sources::folder(bench);
    let sedge = |name, codec| sedge(workspace, bench, name, codec);
    let sharp = sharp.map_err(|error| format!("{error:#}"));
    let script = bench.join("server.mjs");
    fs::write(&script, SERVER).context("writing a script")?;
    let with_sharp = |name, mozjpeg: &str| {
        let words = ["node".into(), script.clone().into(), sharp.clone()?.into()];
        let words =
            words.into_iter().chain([sources.clone().into(), mozjpeg.into(), "{port}".into()]);
        Ok(Server {
            name,
            start: Start::Program { words: words.collect(), environment: Vec::new() },
        })
    };
    Ok(vec![
        (NODE, sedge(NODE, true)),
        (SANDBOX, sedge(SANDBOX, false)),
        (SHARP, with_sharp(SHARP, "false")),
        (SHARP_SMALL, with_sharp(SHARP_SMALL, "true")),
        (THUMBOR, thumbor(workspace, bench, &sources)),
        (OXIMG, oximg(workspace, &sources)),
    ])
}

fn sedge(
    workspace: &Workspace,
    bench: &Path,
    name: &'static str,
    codec: bool,
) -> Result<Server, String> {
    let folder = bench.join(if codec { "node" } else { "sandbox" });
    let guest = workspace.guests().join("images.wasm");
    let manifest = format!(
        "[app]\nname = \"images\"\n\n[[function]]\nname = \"images\"\nsource = {guest:?}\n\
         routes = [\"/*\"]\n\n[function.limits]\nmemory_bytes_max = \"256 MiB\"\n\
         cpu_ms_max = \"10 s\"\n\n[function.capabilities]\ncodec = {codec}\n"
    );
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join("sedge.toml"), manifest))
        .map_err(|error| format!("its manifest cannot be written: {error}"))?;
    let binary = workspace.release_binary("sedge");
    Ok(Server { name, start: Start::Sedge { binary, folder } })
}

/// `server.mjs MODULES SOURCES MOZJPEG PORT`: `/WIDTH/QUALITY/FORMAT/FILE`.
const SERVER: &str = r"
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
const [, , modules, sources, mozjpeg, port] = process.argv;
const sharp = createRequire(modules + '/')('sharp');
sharp.concurrency(1);
sharp.cache(false);
http.createServer(async (request, response) => {
  try {
    const [, width, quality, format, file] = request.url.split('/');
    const picture = sharp(await fs.promises.readFile(sources + '/' + file)).resize(Number(width));
    const data = format === 'png' ? await picture.png().toBuffer()
      : await picture.jpeg({ quality: Number(quality), mozjpeg: mozjpeg === 'true' }).toBuffer();
    response.writeHead(200, { 'content-type': 'image/' + format, 'content-length': data.length });
    response.end(data);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(Number(port), '127.0.0.1');
";

fn thumbor(workspace: &Workspace, bench: &Path, sources: &Path) -> Result<Server, String> {
    let folder = install::thumbor(workspace).map_err(|error| format!("{error:#}"))?;
    let configuration = bench.join("thumbor.conf");
    let text = format!(
        "LOADER = 'thumbor.loaders.file_loader'\nFILE_LOADER_ROOT_PATH = {sources:?}\n\
         STORAGE = 'thumbor.storages.no_storage'\nALLOW_UNSAFE_URL = True\n\
         MAX_WIDTH = 0\nMAX_HEIGHT = 0\nDETECTORS = []\n"
    );
    fs::write(&configuration, text)
        .map_err(|error| format!("its configuration cannot be written: {error}"))?;
    let words: Vec<OsString> =
        ["python3", "-m", "thumbor.server", "--ip=127.0.0.1", "--port={port}"]
            .into_iter()
            .map(OsString::from)
            .chain([OsString::from(format!("--conf={}", configuration.display()))])
            .collect();
    let environment = vec![("PYTHONPATH", folder.into())];
    Ok(Server { name: THUMBOR, start: Start::Program { words, environment } })
}

fn oximg(workspace: &Workspace, sources: &Path) -> Result<Server, String> {
    let program = install::oximg(workspace).map_err(|error| format!("{error:#}"))?;
    let environment = vec![
        ("PORT", "{port}".into()),
        ("OXIMG_BIND", "127.0.0.1".into()),
        ("IMAGES_DIR", sources.into()),
        ("OXIMG_OPTIONS_PREFIX", "/image".into()),
    ];
    Ok(Server { name: OXIMG, start: Start::Program { words: vec![program.into()], environment } })
}

impl Server {
    /// Starts it on its core, and waits until it answers.
    pub(super) fn start(&self) -> Result<Running> {
        let process = match &self.start {
            Start::Sedge { binary, folder } => {
                let options = node::Options {
                    binary,
                    manifest: Some(&folder.join("sedge.toml")),
                    data: &folder.join("data"),
                    config: None,
                    listen: None,
                    core: Some(SERVER_CORE),
                    patience: Duration::from_secs(120),
                };
                Process::Sedge(Node::start(&options)?)
            }
            Start::Program { words, environment } => {
                let address = free_address()?;
                let told = |word: &OsString| match word.to_str() {
                    Some(text) => text.replace("{port}", &address.port().to_string()).into(),
                    None => word.clone(),
                };
                let words: Vec<OsString> = words.iter().map(told).collect();
                let mut command = pinned(&words);
                command.envs(environment.iter().map(|(name, value)| (name, told(value))));
                command.stdout(Stdio::null()).stderr(Stdio::null());
                Process::Program(command.spawn().context("starting a server")?, address)
            }
        };
        let running = Running { name: self.name, process };
        running.wait()?;
        Ok(running)
    }
}

impl Running {
    fn address(&self) -> SocketAddr {
        match &self.process {
            Process::Sedge(node) => node.listen,
            Process::Program(_, address) => *address,
        }
    }

    /// Resident memory, MB (10⁶ bytes).
    pub(super) fn rss_mb(&self) -> f64 {
        let id = match &self.process {
            Process::Sedge(node) => node.id(),
            Process::Program(child, _) => child.id(),
        };
        rss_bytes(id) / 1e6
    }

    /// Resizes a picture; its bytes, and how long it took.
    pub(super) fn ask(
        &self,
        picture: &Picture,
        width: u32,
        quality: u8,
        format: Format,
    ) -> Result<(Vec<u8>, Duration)> {
        let (file, name) = (&picture.file, format.name());
        let none: &[u8] = &[];
        let (method, path, body) = match self.name {
            NODE | SANDBOX => {
                let path = format!("/img/{width}x/inside?q={quality}&f={name}");
                ("POST", path, &*picture.bytes)
            }
            SHARP | SHARP_SMALL => ("GET", format!("/{width}/{quality}/{name}/{file}"), none),
            THUMBOR => {
                let filters = format!("filters:quality({quality}):format({name})");
                ("GET", format!("/unsafe/{width}x0/{filters}/{file}"), none)
            }
            _ => {
                let options = format!("width={width},quality={quality},format={name}");
                ("GET", format!("/image/{options}/{file}"), none)
            }
        };
        let request = Request { method, path: &path, headers: &[], body };
        let (response, took) = http::send(self.address(), &request, PATIENCE)?;
        if response.status != 200 {
            let text: String = response.text().chars().take(300).collect();
            bail!("{} answered {} to {path}: {text}", self.name, response.status);
        }
        Ok((response.body, took))
    }

    fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if http::get(self.address(), "/").is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("{} did not answer within 30 s", self.name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Process::Program(child, _) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
