//! Databases of addresses that others have made: MaxMind's test databases, and malformed ones.
//! Malformed ones must be refused with an error, or answer with one; never with a panic, a
//! signal or by hanging.

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::build;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest time that a command may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the test databases have, by their makers' sources (MaxMind-DB, source-data).
const KNOWN: [(&str, &str, &str, &str); 7] = [
    ("GeoIP2-City-Test.mmdb", "2.125.160.216", "city", "Boxford"),
    ("GeoIP2-City-Test.mmdb", "81.2.69.142", "country", "GB"),
    ("GeoIP2-City-Test.mmdb", "2001:218::1", "country", "JP"),
    ("GeoLite2-City-Test.mmdb", "89.160.20.128", "city", "Linköping"),
    ("GeoLite2-Country-Test.mmdb", "89.160.20.128", "country", "SE"),
    ("GeoLite2-ASN-Test.mmdb", "1.128.0.0", "autonomous_system", "1221"),
    ("GeoIP2-Anonymous-IP-Test.mmdb", "1.2.0.1", "traits", "vpn"),
];

/// Tries all databases, prints what is wrong, and writes `target/results/mmdb.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--data DIR", "--no-build"])?;
    let default = || workspace.root.join("../shared/data/mmdb");
    let folder = options.value("--data").map_or_else(default, PathBuf::from);
    let mut bad = Vec::new();
    find(&folder.join("bad-data"), &mut bad);
    if bad.is_empty() {
        bail!(
            "{} has no databases\nhint: --data DIR, a folder with bad-data and test-data of \
             https://github.com/maxmind/MaxMind-DB",
            folder.display()
        );
    }
    if !options.has("--no-build") {
        build::node(workspace)?;
    }
    let sedge = Sedge {
        binary: workspace.release_binary("sedge"),
        data: workspace.target.join("eval/mmdb"),
    };
    let mut report = Report::of_eval("mmdb");
    let mut wrong = Vec::new();
    let mut refused = 0;
    for path in &bad {
        match sedge.is_harmless(path)? {
            Ok(was_refused) => refused += usize::from(was_refused),
            Err(told) => wrong.push(told),
        }
    }
    let mut known = 0;
    for (file, address, member, value) in KNOWN {
        match sedge.says(&folder.join("test-data").join(file), address, member, value)? {
            None => known += 1,
            Some(told) => wrong.push(told),
        }
    }
    wrong.iter().for_each(|told| println!("{told}"));
    let rows = [
        ["malformed databases that are refused".to_owned(), format!("{refused} of {}", bad.len())],
        [
            "… or answer with an error or nothing".to_owned(),
            format!("{} of {}", bad.len() - refused, bad.len()),
        ],
        ["known addresses".to_owned(), format!("{known} of {}", KNOWN.len())],
    ];
    println!("\n{}", table(&["of", "as it should be"], &rows.map(Vec::from)));
    report.row("Sedge", "malformed databases", "refused", refused as f64, "files");
    report.row("Sedge", "known addresses", "right", known as f64, "addresses");
    let failures = Some(wrong.len() as f64);
    report.bar(Bar::at_most("databases that do harm or say something else", 0.0, "", failures));
    report.finish_part(workspace, false)?;
    if !wrong.is_empty() {
        bail!("{} are wrong", wrong.len());
    }
    Ok(())
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "mmdb") {
            found.push(path);
        }
    }
    found.sort();
}

struct Sedge {
    binary: PathBuf,
    data: PathBuf,
}

impl Sedge {
    fn run(&self, words: &[&str], more: &Path) -> Result<Output> {
        let mut child = Command::new(&self.binary)
            .arg("geo")
            .args(words)
            .arg(more)
            .arg("--data")
            .arg(&self.data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("running sedge")?;
        let begin = Instant::now();
        // What it prints is short, so that no pipe is full.
        while child.try_wait().context("waiting for sedge")?.is_none() {
            if begin.elapsed() > PATIENCE {
                let _ = child.kill();
                bail!("sedge geo {words:?} {} does not end", more.display());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        child.wait_with_output().context("waiting for sedge")
    }

    fn empty(&self) -> Result<PathBuf> {
        let folder = self.data.join("geo");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).context("making a folder")?;
        Ok(folder)
    }

    /// Whether a malformed database was refused; or what went wrong. If somebody puts it there
    /// by hand, lookups must end, too.
    fn is_harmless(&self, path: &Path) -> Result<Result<bool, String>> {
        let folder = self.empty()?;
        let update = self.run(&["update"], path)?;
        fs::copy(path, folder.join("bad.mmdb")).context("copying a database")?;
        let mut runs = vec![("update", update)];
        for address in ["1.1.1.1", "216.160.83.56", "::1", "2001:db8::1"] {
            runs.push((address, self.run(&["locate"], Path::new(address))?));
        }
        for (what, output) in &runs {
            let said = String::from_utf8_lossy(&output.stderr);
            if output.status.code().is_none_or(|code| code > 1) || said.contains("panicked") {
                let name = path.display();
                return Ok(Err(format!("{name}: {what}: {}\n{said}", output.status)));
            }
        }
        Ok(Ok(!runs[0].1.status.success()))
    }

    /// What is wrong with what a good database says of an address.
    fn says(
        &self,
        path: &Path,
        address: &str,
        member: &str,
        value: &str,
    ) -> Result<Option<String>> {
        self.empty()?;
        let update = self.run(&["update"], path)?;
        let located = self.run(&["locate", "--json"], Path::new(address))?;
        let said: Value = serde_json::from_slice(&located.stdout).unwrap_or_default();
        let got = said[member].to_string();
        let is_right = update.status.success() && got.contains(value);
        let told = String::from_utf8_lossy(&update.stderr);
        Ok((!is_right).then(|| {
            format!("{} {address}: {member} is {got}, not {value}\n{told}", path.display())
        }))
    }
}
