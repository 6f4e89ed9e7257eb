//! `cargo xtask results`: every promised figure at a glance.

use crate::bench::table;
use crate::json;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;

/// Prints the bars of all results that were written.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut files: Vec<_> = fs::read_dir(workspace.results())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    if files.is_empty() {
        bail!("nothing was measured yet\nhint: cargo xtask bench http");
    }
    let mut rows = Vec::new();
    for file in &files {
        let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let result =
            serde_json::from_slice(&text).with_context(|| format!("reading {}", file.display()))?;
        rows.extend(bars(&result)?);
    }
    println!("{}", table(&["result", "promise", "want", "got", "", "measured"], &rows));
    Ok(())
}

fn bars(result: &Value) -> Result<Vec<Vec<String>>> {
    let name = json::text(result, "name")?;
    let date = json::text(result, "date")?;
    let mut rows = Vec::new();
    for bar in json::list(result, "bars")? {
        let verdict = if bar["holds"] == true { "holds" } else { "MISSED" };
        rows.push(vec![
            name.to_owned(),
            json::text(bar, "bar")?.to_owned(),
            json::text(bar, "want")?.to_owned(),
            json::text(bar, "got")?.to_owned(),
            verdict.to_owned(),
            date.to_owned(),
        ]);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_result_in_another_form_is_an_error() {
        for bad in [
            json!({}),
            json!({"name": "a", "date": "b"}),
            json!({"name": "a", "date": "b", "bars": [{}]}),
        ] {
            assert!(bars(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bar_is_a_row() {
        let result = json!({"name": "http", "date": "2026-01-01", "bars": [
            {"bar": "ratio", "want": "≥ 0.25", "got": "0.2", "holds": false}]});
        assert_eq!(
            bars(&result).expect("valid"),
            [["http", "ratio", "≥ 0.25", "0.2", "MISSED", "2026-01-01"]]
        );
    }
}
