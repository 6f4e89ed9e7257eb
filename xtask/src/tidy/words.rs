//! Words and names that are not to be found in the tree.

use super::{Tracked, source};
use crate::workspace::Workspace;

/// Marks of unfinished work. Spelled in halves, so that this file passes.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const MACROS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];
/// Names that say nothing about what is inside.
const NAMES: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "manager", "misc", "shared"];
/// Folders in which people keep their homes.
const HOMES: [&str; 3] = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];

/// One line per word or name that is there.
pub(super) fn check(workspace: &Workspace, files: &[Tracked]) -> Vec<String> {
    let mut homes: Vec<String> = HOMES.iter().map(|home| home.to_string()).collect();
    homes.push(workspace.root.display().to_string());
    let mut problems = Vec::new();
    for file in files {
        problems.extend(name(&file.path));
        for (index, line) in file.text.lines().enumerate() {
            if let Some(found) = marks(&file.path, line).or_else(|| home(line, &homes)) {
                problems.push(format!("{}:{}: {found}", file.path, index + 1));
            }
        }
        if file.path.ends_with(".rs") {
            let masked = source::mask(&file.text);
            for (index, line) in masked.lines().enumerate() {
                for found in MACROS.iter().filter(|word| has_word(line, word)) {
                    problems.push(format!("{}:{}: {found}", file.path, index + 1));
                }
            }
        }
    }
    problems
}

fn name(path: &str) -> Option<String> {
    let stem = path.strip_suffix(".rs")?;
    if stem.ends_with("/mod") {
        return Some(format!("{path}: write `foo.rs` and `foo/`, not `foo/mod.rs`"));
    }
    let part = stem.split('/').find(|part| NAMES.contains(part))?;
    Some(format!("{path}: `{part}` does not say what is inside"))
}

/// Lock files and data may contain anything.
fn marks(path: &str, line: &str) -> Option<String> {
    let is_source = [".rs", ".toml", ".js", ".mjs", ".wit", ".md", ".sh", ".yml"]
        .iter()
        .any(|end| path.ends_with(end));
    let mark = MARKS.iter().find(|mark| is_source && has_word(line, mark))?;
    Some(format!("{mark}: finish it, or write an issue"))
}

fn home(line: &str, homes: &[String]) -> Option<String> {
    let found = homes.iter().find(|home| {
        line.match_indices(home.as_str()).any(|(at, _)| {
            // Part of a longer path, as in `https://host/home/`, is no home.
            !line[..at].ends_with(|c: char| c.is_alphanumeric() || ".}-_*".contains(c))
        })
    })?;
    Some(format!("the path of a home or of this checkout: {found}"))
}

/// Whether `word` stands alone in `line`.
fn has_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_word)
            && (word.ends_with('!') || !line[at + word.len()..].starts_with(is_word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_refused() {
        for bad in ["kit/src/utils.rs", "crates/a/src/common/x.rs", "a/src/foo/mod.rs"] {
            assert!(name(bad).is_some(), "{bad}");
        }
        for good in ["kit/src/utilization.rs", "a/src/modulus.rs", "docs/common.md"] {
            assert_eq!(name(good), None, "{good}");
        }
    }

    #[test]
    fn marks_are_whole_words_of_source() {
        let mark = concat!("TO", "DO");
        assert!(marks("a.rs", &format!("// {mark}: later")).is_some());
        assert_eq!(marks("a.rs", &format!("// MAS{mark}N")), None);
        assert_eq!(marks("data.csv", mark), None);
        assert!(has_word("    dbg!(x)", "dbg!") && !has_word("my_dbg!(x)", "dbg!"));
    }

    #[test]
    fn homes_are_found_but_not_in_the_middle_of_a_path() {
        let homes: Vec<String> = HOMES.iter().map(|home| home.to_string()).collect();
        for bad in [concat!("cd /ho", "me/ann"), concat!("\"/ro", "ot/.cargo\"")] {
            assert!(home(bad, &homes).is_some(), "{bad}");
        }
        for good in [concat!("https://example.org/ho", "me/"), "${root}/x", "./root.rs"] {
            assert_eq!(home(good, &homes), None, "{good}");
        }
    }
}
