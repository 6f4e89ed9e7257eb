//! Whether the paths that the prose names exist.

use super::Tracked;
use crate::workspace::Workspace;
use std::collections::BTreeSet;

/// One line per path that a Markdown file at the root, or under `docs/`, names
/// and that does not exist.
pub(super) fn check(workspace: &Workspace, files: &[Tracked]) -> Vec<String> {
    let tops: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.split('/').next()).collect();
    let is_prose =
        |path: &str| path.ends_with(".md") && (!path.contains('/') || path.starts_with("docs/"));
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| is_prose(&file.path)) {
        for (line, path) in named_paths(&file.text, &tops) {
            if !workspace.root.join(&path).exists() {
                problems.push(format!("{}:{line}: `{path}` does not exist", file.path));
            }
        }
        for (line, link) in links(&file.text) {
            let folder = workspace.root.join(&file.path);
            let folder = folder.parent().unwrap_or(&workspace.root);
            if !folder.join(&link).exists() {
                problems.push(format!("{}:{line}: the link to {link} leads nowhere", file.path));
            }
        }
    }
    problems
}

/// Paths in backticks, with their line. A path has a slash, begins with a
/// file or folder of the checkout's root, and is not below `target/`. What
/// follows a `*`, `<` or `{` stands for many names; the part before it is
/// checked.
fn named_paths(text: &str, tops: &BTreeSet<&str>) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (index, line) in prose_lines(text) {
        for quoted in line.split('`').skip(1).step_by(2) {
            let end = quoted
                .find(['*', '<', '{', '…'])
                .map(|at| quoted[..at].rfind('/').map_or(0, |slash| slash + 1));
            let path = quoted[..end.unwrap_or(quoted.len())].trim_start_matches("./");
            let is_path = path.contains('/')
                && path.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
            let top = path.split('/').next().unwrap_or_default();
            if is_path && tops.contains(top) {
                paths.push((index, path.trim_end_matches('/').to_owned()));
            }
        }
    }
    paths
}

/// Targets of Markdown links to files, without their fragments.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (index, line) in prose_lines(text) {
        for after in line.split("](").skip(1) {
            let target = after.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') {
                links.push((index, target.to_owned()));
            }
        }
    }
    links
}

/// Lines outside fenced code, numbered from 1.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(usize, String)> {
        named_paths(text, &["crates", "kit", "target", ".ci"].into_iter().collect())
    }

    #[test]
    fn words_that_are_no_paths_are_left_alone() {
        for text in [
            "no backticks: crates/a",
            "`image/jpeg` `wasi:http/proxy` `GET /img/*` `sedge.toml` `a/b`",
            "`crates/a b`",
            "```\n`crates/a`\n```",
            "`unclosed crates/",
        ] {
            assert_eq!(paths(text), [], "{text}");
        }
    }

    #[test]
    fn paths_are_found_with_their_line() {
        let text = "`kit/` and\n`crates/sedge-model/src/*.rs`, `.ci/run` `./kit/src/lib.rs`";
        let expected =
            [(1, "kit"), (2, "crates/sedge-model/src"), (2, ".ci/run"), (2, "kit/src/lib.rs")];
        assert_eq!(paths(text), expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn links_to_the_web_and_into_the_page_are_left_alone() {
        let text = "[a](https://example.org) [b](#top) [c](docs/x.md#y \"t\") ![d](e.png)";
        assert_eq!(links(text), [(1, "docs/x.md".to_owned()), (1, "e.png".to_owned())]);
    }
}
