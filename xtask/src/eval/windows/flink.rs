//! Apache Flink's side: the same events as a file, the same windows as SQL.

use super::Rows;
use super::cases::{Case, MEASURES};
use crate::workspace::Workspace;
use crate::{install, shell};
use anyhow::{Context, Result, bail};
use sedge_kit::windows::{Kind, Scope};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) use crate::install::FLINK_VERSION as VERSION;

/// The rows of each case.
pub(super) fn run(workspace: &Workspace, cases: &[Case]) -> Result<BTreeMap<String, Rows>> {
    let (flink, python) = install::flink(workspace)?;
    let folder = workspace.results().join("windows");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("emptying a folder")?;
    }
    fs::create_dir_all(&folder).context("making a folder for Flink")?;
    let job = job(cases, &folder)?;
    let (file, script) = (folder.join("job.json"), folder.join("flink.py"));
    fs::write(&file, format!("{job:#}")).context("writing Flink's job")?;
    fs::write(&script, include_str!("flink.py")).context("writing Flink's script")?;
    println!("Flink {VERSION} reads the events of {} cases", cases.len());
    let mut command = Command::new(install::program("python3", "python3")?);
    command.arg(&script).arg(&flink).arg(&file).env("PYTHONPATH", &python);
    let said = shell::output(&mut command).context("running Flink")?;
    let mut rows = read(&said)?;
    for case in cases {
        let by_ms = offset_ms(case.kind);
        if let Some(own) = rows.remove(&case.name) {
            let back = |((key, start, end), values)| ((key, start + by_ms, end + by_ms), values);
            rows.insert(case.name.clone(), own.into_iter().map(back).collect());
        }
    }
    Ok(rows)
}

/// All statements of all cases. What Flink reads is written below `folder`.
fn job(cases: &[Case], folder: &Path) -> Result<Value> {
    let (mut tables, mut inserts, mut outputs) = (Vec::new(), Vec::new(), BTreeMap::new());
    for case in cases {
        // A watermark of each key is that of a job which has this key alone.
        let keys: BTreeSet<Option<&str>> = match case.scope {
            Scope::Stream => [None].into(),
            Scope::Key => case.events.iter().map(|one| Some(&*one.key)).collect(),
        };
        for (at, key) in keys.into_iter().enumerate() {
            let name = format!("{}_{at}", case.name);
            let input = write_events(case, key, &folder.join("in").join(&name))?;
            let output = folder.join("out").join(&name);
            tables.push(source(&name, case.disorder_ms, &input));
            tables.push(sink(&name, &output));
            inserts.push(insert(&name, case.kind)?);
            outputs.insert(name, json!(output));
        }
    }
    Ok(json!({
        "settings": {
            "parallelism.default": "1",
            "pipeline.auto-watermark-interval": "0 ms",
            "table.local-time-zone": "UTC",
        },
        "tables": tables,
        "inserts": inserts,
        "outputs": outputs,
    }))
}

/// The events as CSV, in their order; where they lie.
fn write_events(case: &Case, key: Option<&str>, folder: &Path) -> Result<PathBuf> {
    let mut text = String::new();
    for event in case.events.iter().filter(|event| key.is_none_or(|key| key == event.key)) {
        let value = event.value.map(|value| value.to_string()).unwrap_or_default();
        let time_ms = event.time_ms - offset_ms(case.kind);
        writeln!(text, "{},{time_ms},{value}", event.key).context("writing an event")?;
    }
    fs::create_dir_all(folder).context("making a folder of events")?;
    fs::write(folder.join("events.csv"), text).context("writing events")?;
    Ok(folder.to_owned())
}

/// By how much Flink has all events earlier, and windows that begin at zero. Its own windows with
/// an offset lose events (FLINK-36664, open since 2024): those that it has gathered are added to
/// a window when the watermark passes a multiple of the window's length, whatever the offset,
/// which may be after that window has closed.
fn offset_ms(kind: Kind) -> i64 {
    match kind {
        Kind::Sliding { offset_ms, .. } | Kind::Cumulative { offset_ms, .. } => offset_ms,
        Kind::Session { .. } | Kind::Count { .. } => 0,
    }
}

fn source(name: &str, disorder_ms: i64, input: &Path) -> String {
    // Flink's SQL has the watermark at the time less the interval; that of a bounded disorder
    // lies a millisecond before.
    let behind_ms = disorder_ms + 1;
    format!(
        "CREATE TABLE `in_{name}` (k STRING, t BIGINT, v DOUBLE, ts AS TO_TIMESTAMP_LTZ(t, 3), \
         WATERMARK FOR ts AS ts - {}) WITH ('connector' = 'filesystem', 'path' = '{}', \
         'format' = 'csv', 'csv.null-literal' = '')",
        interval(behind_ms),
        input.display()
    )
}

fn sink(name: &str, output: &Path) -> String {
    let columns: String = (0..MEASURES.len()).map(|at| format!(", m{at} DOUBLE")).collect();
    format!(
        "CREATE TABLE `out_{name}` (k STRING, s STRING, e STRING, c BIGINT{columns}) WITH \
         ('connector' = 'filesystem', 'path' = '{}', 'format' = 'csv', 'csv.null-literal' = '')",
        output.display()
    )
}

fn insert(name: &str, kind: Kind) -> Result<String> {
    let (function, partition, lengths) = match kind {
        Kind::Sliding { size_ms, slide_ms, .. } if size_ms == slide_ms => {
            ("TUMBLE", "", interval(size_ms))
        }
        Kind::Sliding { size_ms, slide_ms, .. } => {
            ("HOP", "", format!("{}, {}", interval(slide_ms), interval(size_ms)))
        }
        Kind::Cumulative { size_ms, step_ms, .. } => {
            ("CUMULATE", "", format!("{}, {}", interval(step_ms), interval(size_ms)))
        }
        Kind::Session { gap_ms } => ("SESSION", " PARTITION BY k", interval(gap_ms)),
        Kind::Count { .. } => bail!("Flink's SQL has no windows of events by number"),
    };
    let columns: String = MEASURES.iter().map(|(_, sql)| format!(", {sql}")).collect();
    Ok(format!(
        "INSERT INTO `out_{name}` SELECT k, CAST(window_start AS STRING), \
         CAST(window_end AS STRING), COUNT(*){columns} FROM TABLE({function}(TABLE \
         `in_{name}`{partition}, DESCRIPTOR(ts), {lengths})) GROUP BY k, window_start, window_end"
    ))
}

/// Less than 100 seconds, which is as many as Flink reads in this form.
fn interval(ms: i64) -> String {
    format!("INTERVAL '{}.{:03}' SECOND", ms / 1_000, ms % 1_000)
}

/// Reads lines of tabs; tables of one case, whose names differ in their number, are one.
fn read(said: &str) -> Result<BTreeMap<String, Rows>> {
    let mut cases: BTreeMap<String, Rows> = BTreeMap::new();
    for line in said.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, key, start, end, values @ ..] = &columns[..] else {
            bail!("reading `{line}` of Flink");
        };
        let (case, _) = name.rsplit_once('_').with_context(|| format!("reading `{line}`"))?;
        let time = |text: &str| text.parse().with_context(|| format!("reading `{line}`"));
        let row = (key.to_string(), time(start)?, time(end)?);
        let mut numbers = Vec::new();
        for value in values {
            numbers.push(match value.is_empty() {
                true => None,
                false => Some(value.parse().with_context(|| format!("reading `{line}`"))?),
            });
        }
        if cases.entry(case.to_owned()).or_default().insert(row, numbers).is_some() {
            bail!("Flink told `{line}` twice");
        }
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flink_says_is_read_or_an_error() {
        let read = |said: &str| read(said);
        let good = "hop_fine_0\tk1\t5\t10\t2\t\t-1.5\nhop_fine_1\tk2\t5\t10\t1\t3\t4\n";
        let cases = read(good).unwrap();
        let row = ("k1".to_owned(), 5, 10);
        assert_eq!(cases["hop_fine"][&row], [Some(2.0), None, Some(-1.5)]);
        assert_eq!(cases["hop_fine"].len(), 2);
        for bad in ["", "a_0\tk\t1", "a_0\tk\tx\t2\t3", "a\tk\t1\t2\t3", "a_0\tk\t1\t2\tmany"] {
            assert!(read(&format!("{bad}\n")).is_err(), "{bad}");
        }
        assert!(read("a_0\tk\t1\t2\t3\na_1\tk\t1\t2\t3\n").is_err(), "twice");
    }

    #[test]
    fn lengths_are_written_as_sql_has_them() {
        assert_eq!(interval(1_001), "INTERVAL '1.001' SECOND");
        assert!(insert("x", Kind::Count { size: 1, slide: 1 }).is_err());
        let hop = Kind::Sliding { size_ms: 30_000, slide_ms: 5_000, offset_ms: 0 };
        let hop = insert("x", hop).unwrap();
        assert!(hop.contains("'5.000' SECOND, INTERVAL '30.000'"), "{hop}");
    }
}
