//! The test data of uap-core (github.com/ua-parser/uap-core) against `sedge agents read`: what
//! that project's patterns have to say of browsers, systems and devices.

use super::options::Options;
use crate::bench::{Bar, Report, table};
use crate::build;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The files of the suite: what they are of, and which members they test.
const FILES: [(&str, &str, &[&str]); 3] = [
    ("tests/test_ua.yaml", "browser", &["family", "major", "minor", "patch"]),
    ("tests/test_os.yaml", "system", &["family", "major", "minor", "patch"]),
    ("tests/test_device.yaml", "device", &["family", "brand", "model"]),
];
/// Failures that are printed in full.
const SHOWN_MAX: usize = 20;

/// A text and what it says, by the names of the suite.
type Case = Vec<(String, Option<String>)>;

/// Runs the suite, prints failures, and writes `target/results/agents.json`.
pub(super) fn run(workspace: &Workspace, words: &[String]) -> Result<()> {
    let options = Options::read(words, &["--suite DIR", "--no-build"])?;
    let Some(suite) = options.value("--suite").map(PathBuf::from) else {
        bail!(
            "which suite?\nhint: --suite DIR, a checkout of https://github.com/ua-parser/uap-core"
        );
    };
    if !options.has("--no-build") {
        build::node(workspace)?;
    }
    let data = workspace.target.join("eval/agents");
    let binary = workspace.release_binary("sedge");
    let patterns = suite.join("regexes.yaml");
    let updated = Command::new(&binary)
        .args(["agents", "update"])
        .arg(&patterns)
        .arg("--data")
        .arg(&data)
        .status()
        .context("running sedge agents update")?;
    if !updated.success() {
        bail!("sedge does not take {}", patterns.display());
    }
    let mut report = Report::of_eval("agents");
    let (mut rows, mut failed) = (Vec::new(), 0);
    for (file, part, members) in FILES {
        let cases = read(&suite.join(file))?;
        let said = ask(&binary, &data, &cases)?;
        let wrong: Vec<_> = cases
            .iter()
            .zip(&said)
            .filter_map(|(case, said)| mistake(case, &said[part], members))
            .collect();
        for told in wrong.iter().take(SHOWN_MAX) {
            println!("{part}: {told}");
        }
        let passed = cases.len() - wrong.len();
        report.row("Sedge", part, "passed", passed as f64, "cases");
        report.row("Sedge", part, "failed", wrong.len() as f64, "cases");
        rows.push(vec![part.to_owned(), format!("{passed} of {}", cases.len())]);
        failed += wrong.len();
    }
    println!("\n{}", table(&["of", "passed"], &rows));
    report.bar(Bar::at_most("failures of uap-core's cases", 0.0, "", Some(failed as f64)));
    report.finish_part(workspace, false)?;
    if failed > 0 {
        bail!("{failed} cases failed");
    }
    Ok(())
}

/// What `sedge` says of each case.
fn ask(binary: &Path, data: &Path, cases: &[Case]) -> Result<Vec<Value>> {
    let texts: Vec<_> = cases.iter().map(|case| text(case).unwrap_or_default()).collect();
    let mut child = Command::new(binary)
        .args(["agents", "read", "-", "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("running sedge agents read")?;
    let mut input = child.stdin.take().context("writing to sedge")?;
    let lines = texts.join("\n") + "\n";
    // A thread of its own: the answers would fill their pipe meanwhile.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().context("reading what sedge says")?;
    writer.join().ok().context("writing to sedge")?.context("writing to sedge")?;
    let answers = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<Value> = answers
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("reading what sedge says")?;
    if answers.len() != cases.len() {
        bail!("sedge has answered {} of {} cases", answers.len(), cases.len());
    }
    Ok(answers)
}

fn text(case: &Case) -> Option<&str> {
    member(case, "user_agent_string")
}

fn member<'c>(case: &'c Case, name: &str) -> Option<&'c str> {
    case.iter().find(|(key, _)| key == name)?.1.as_deref()
}

/// What was said wrongly of a case, if anything.
fn mistake(case: &Case, said: &Value, members: &[&str]) -> Option<String> {
    let wrong = members.iter().find(|name| member(case, name) != said[**name].as_str())?;
    let wanted = member(case, wrong).unwrap_or("nothing");
    let text = text(case).unwrap_or_default();
    Some(format!("{text}\n  {wrong}: expected {wanted}, got {}", said[*wrong]))
}

/// Reads a file of the suite: a list of tables with texts, one line for each.
fn read(path: &Path) -> Result<Vec<Case>> {
    let file = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut cases: Vec<Case> = Vec::new();
    for line in file.lines() {
        let trimmed = line.trim_start();
        let (is_first, rest) = match trimmed.strip_prefix("- ") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, trimmed),
        };
        let Some((key, value)) = rest.split_once(':') else { continue };
        if !line.starts_with(' ') && !is_first || key.starts_with('#') {
            continue;
        }
        if is_first {
            cases.push(Vec::new());
        }
        let case = cases.last_mut().context("reading the suite: it begins without a case")?;
        case.push((key.to_owned(), scalar(value.trim())));
    }
    if cases.is_empty() {
        bail!("{} has no cases", path.display());
    }
    Ok(cases)
}

/// A text of YAML in one line; `None`: nothing.
fn scalar(text: &str) -> Option<String> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let end = quoted.rfind('\'')?;
        return Some(quoted[..end].replace("''", "'"));
    }
    if text.starts_with('"') {
        let end = text.rfind('"')?;
        // The escapes that the suite has are those of JSON, too.
        return serde_json::from_str(&text[..=end]).ok();
    }
    let plain = text.split(" #").next().unwrap_or_default().trim();
    (!plain.is_empty() && plain != "null" && plain != "~" && !plain.starts_with('#'))
        .then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_as_yaml_has_them() {
        for (text, value) in [
            ("", None),
            ("# nothing", None),
            ("null", None),
            ("''", Some("")),
            ("'it''s' # so", Some("it's")),
            ("\"a\\\"b\"", Some("a\"b")),
            ("7", Some("7")),
            ("plain text # so", Some("plain text")),
        ] {
            assert_eq!(scalar(text).as_deref(), value, "{text}");
        }
    }

    #[test]
    fn cases_are_read_and_compared() {
        let folder = std::env::temp_dir().join(format!("sedge-agents-{}", std::process::id()));
        fs::write(&folder, "test_cases:\n  # x: y\n  - user_agent_string: 'a: b'\n    family: 'F'\n    major:\n\n  - user_agent_string: c\n    family: G\n").expect("written");
        let cases = read(&folder).expect("read");
        fs::remove_file(&folder).expect("removed");
        assert_eq!(cases.len(), 2);
        assert_eq!((text(&cases[0]), member(&cases[0], "major")), (Some("a: b"), None));
        let said = serde_json::json!({ "family": "F", "major": null });
        assert_eq!(mistake(&cases[0], &said, &["family", "major"]), None);
        assert!(mistake(&cases[1], &said, &["family"]).is_some());
    }
}
