//! `cargo xtask bench log`: how many records a second are acknowledged when they are on the
//! disk, beside redb alone and NATS JetStream that syncs always, and how long a large log
//! takes to open that was not closed.
//!
//! All have the same producers, each with one record of 200 bytes out at a time, on the
//! same disk, in turn. JetStream is measured with atomic batches, too, which are what it
//! has for group commit.

use super::arguments::Arguments;
use super::median;
use super::report::{Bar, Report, figure, table};
use crate::install::{self, NATS_VERSION};
use crate::json;
use crate::shell::{self, cargo};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Producers, or records in a batch, and how that is called.
const FEW: usize = 1_000;
const MANY: usize = 4_000;
const BATCH: usize = 500;

const LOG: &str = "Sedge's log";
const REDB: &str = "redb";
const NATS: &str = "JetStream";

/// One that is measured.
struct Subject {
    name: &'static str,
    case: String,
    part: &'static str,
    producers: usize,
    batch: usize,
}

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let load = build(workspace, arguments)?;
    let mut report = Report::new("log");
    let nats = match arguments.wants("nats") {
        true => install::nats(workspace),
        false => Err(anyhow::anyhow!("it was not asked for")),
    };
    if let Err(why) = &nats {
        println!("{NATS}: absent ({why:#})");
        report.absent(NATS, &format!("{why:#}"));
    }
    let mut subjects = subjects();
    subjects.retain(|one| arguments.wants(one.part) && (one.part != "nats" || nats.is_ok()));
    let bench = Bench { workspace, arguments, load, nats: nats.ok() };
    let best = bench.measure(&subjects, &mut report)?;
    let opening = match arguments.wants("open") {
        true => Some(bench.opening(&mut report)?),
        false => None,
    };
    let name = "acknowledged, durable records of 200 bytes per second";
    report.bar(Bar::at_least(name, 100_000.0, "", best));
    let size = if arguments.long { "10 GB" } else { "2 GB (--long: 10 GB)" };
    report.bar(Bar::at_most(&format!("opening {size} not closed"), 5.0, " s", opening));
    report.finish(workspace, arguments)
}

fn subjects() -> Vec<Subject> {
    let subject = |name, part, producers: usize, batch| {
        let case = match batch {
            1 if producers == 1 => "1 producer".to_owned(),
            1 => format!("{producers} producers"),
            _ => format!("batches of {batch}"),
        };
        Subject { name, case, part, producers, batch }
    };
    vec![
        subject(LOG, "log", MANY, 1),
        subject(LOG, "log", FEW, 1),
        subject(LOG, "log", 1, 1),
        subject(REDB, "redb", MANY, 1),
        subject(REDB, "redb", FEW, 1),
        subject(NATS, "nats", FEW, 1),
        subject(NATS, "nats", 1, 1),
        subject(NATS, "nats", FEW, BATCH),
    ]
}

/// The load generator lies in the store's examples, because `benches/` knows no crate of
/// ours.
fn build(workspace: &Workspace, arguments: &Arguments) -> Result<PathBuf> {
    let binary = workspace.target.join("release/examples/log-load");
    if !arguments.no_build {
        let words =
            ["build", "--release", "--locked", "-p", "sedge-store", "--example", "log-load"];
        shell::run(cargo(workspace).args(words)).context("building the load generator")?;
    }
    Ok(binary)
}

struct Bench<'a> {
    workspace: &'a Workspace,
    arguments: &'a Arguments,
    load: PathBuf,
    nats: Option<PathBuf>,
}

impl Bench<'_> {
    /// Measures all in turn, several times; the most that our log has taken.
    fn measure(&self, subjects: &[Subject], report: &mut Report) -> Result<Option<f64>> {
        let mut figures: Vec<Vec<Value>> = subjects.iter().map(|_| Vec::new()).collect();
        for round in 1..=self.arguments.rounds {
            eprintln!("round {round} of {}", self.arguments.rounds);
            for (subject, figures) in subjects.iter().zip(&mut figures) {
                let measured = self.once(subject);
                figures.push(measured.with_context(|| {
                    format!("measuring {} with {}", subject.name, subject.case)
                })?);
            }
        }
        let (mut rows, mut best) = (Vec::new(), None);
        for (subject, figures) in subjects.iter().zip(&figures) {
            let of = |key| -> Result<f64> {
                let values: Result<Vec<f64>> =
                    figures.iter().map(|one| json::number(one, key)).collect();
                Ok(median(&values?))
            };
            let (per_s, p50, p99) = (of("per_s")?, of("p50_ms")?, of("p99_ms")?);
            report.row(subject.name, &subject.case, "records per second", per_s, "1/s");
            report.row(subject.name, &subject.case, "p50", p50, "ms");
            report.row(subject.name, &subject.case, "p99", p99, "ms");
            let cells = [per_s, p50, p99].map(figure);
            rows.push([vec![subject.name.to_owned(), subject.case.clone()], cells.into()].concat());
            if subject.name == LOG {
                best = Some(best.unwrap_or(per_s).max(per_s));
            }
        }
        println!("{}", table(&["", "case", "records/s", "p50 ms", "p99 ms"], &rows));
        Ok(best)
    }

    fn once(&self, subject: &Subject) -> Result<Value> {
        let place = self.place(subject.part)?;
        let (producers, seconds) = (subject.producers.to_string(), self.arguments.seconds);
        let seconds = seconds.to_string();
        match (subject.part, &self.nats) {
            ("nats", Some(binary)) => {
                let server = Nats::start(binary, &place.0)?;
                let (port, batch) = (server.port.to_string(), subject.batch.to_string());
                self.load(&["nats", &port, &producers, &batch, &seconds])
            }
            (part, _) => {
                let to = place.0.join("data");
                let to = to.to_str().context("reading the bench's folder as text")?;
                self.load(&[part, to, &producers, &seconds])
            }
        }
    }

    /// How long a log takes to open that ended without being closed, seconds.
    fn opening(&self, report: &mut Report) -> Result<f64> {
        let bytes = if self.arguments.long { "10000000000" } else { "2000000000" };
        let place = self.place("open")?;
        let to = place.0.to_str().context("reading the bench's folder as text")?;
        eprintln!("filling a log with {bytes} bytes");
        self.load(&["fill", to, bytes])?;
        // The first one finds it as it was left; then its last segment is sealed.
        let opened = self.load(&["open", to])?;
        let (seconds, bytes) = (json::number(&opened, "open_s")?, json::number(&opened, "bytes")?);
        let scanned = json::number(&opened, "scanned")?;
        println!(
            "opening {} MB in {} segments, {scanned} of them looked through: {} s",
            figure(bytes / 1e6),
            json::number(&opened, "segments")?,
            figure(seconds)
        );
        if json::number(&opened, "lost")? > 0.0 {
            bail!("opening has lost something: {opened}");
        }
        report.row(LOG, "not closed", "bytes", bytes / 1e6, "MB");
        report.row(LOG, "not closed", "segments looked through", scanned, "");
        report.row(LOG, "not closed", "open", seconds, "s");
        Ok(seconds)
    }

    fn load(&self, words: &[&str]) -> Result<Value> {
        let printed = shell::output(Command::new(&self.load).args(words))?;
        serde_json::from_str(&printed).context("reading what the load generator says")
    }

    /// An empty folder on the disk of the checkout, that goes when it is dropped.
    fn place(&self, name: &str) -> Result<Place> {
        let folder = self.workspace.root.join("target/bench/log").join(name);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).context("making a bench's folder")?;
        Ok(Place(folder))
    }
}

struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A server with JetStream that syncs every message before it is acknowledged.
struct Nats {
    child: Child,
    port: u16,
}

impl Nats {
    fn start(binary: &Path, folder: &Path) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let store = folder.join("jetstream");
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{\n  store_dir: {:?}\n  sync_interval: always\n}}\n",
            store.display().to_string()
        );
        let file = folder.join("nats.conf");
        fs::write(&file, config).context("writing the server's configuration")?;
        let log = File::create(folder.join("nats.log")).context("making the server's log")?;
        let child = Command::new(binary)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting nats-server {NATS_VERSION}"))?;
        let nats = Nats { child, port };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                let said = fs::read_to_string(folder.join("nats.log")).unwrap_or_default();
                bail!("nats-server does not listen: {said}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(nats)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let mut names: Vec<_> =
            subjects().into_iter().map(|one| format!("{} {}", one.name, one.case)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{names:?}");
    }
}
