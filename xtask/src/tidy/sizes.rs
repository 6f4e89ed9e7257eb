//! How large files and functions are.

use super::{Tracked, source};

const FILE_LINES_MAX: usize = 1_000;
const FUNCTION_LINES_MAX: usize = 70;

/// Figures to print, and what is too large.
pub(super) fn check(files: &[Tracked]) -> (Vec<String>, Vec<String>) {
    let mut problems = Vec::new();
    let (mut file_lines, mut function_lines) = (Vec::new(), Vec::new());
    let (mut lines_of_tests, mut lines_of_all) = (0, 0);
    for file in files.iter().filter(|file| file.path.ends_with(".rs") && !is_generated(&file.text))
    {
        let lines = file.text.lines().count();
        let masked = source::mask(&file.text);
        if lines > FILE_LINES_MAX {
            problems.push(format!("{}: {lines} lines, more than {FILE_LINES_MAX}", file.path));
        }
        for function in source::functions(&masked) {
            if function.lines > FUNCTION_LINES_MAX {
                problems.push(format!(
                    "{}:{}: `{}` has {} lines, more than {FUNCTION_LINES_MAX}",
                    file.path, function.line, function.name, function.lines
                ));
            }
            function_lines.push(function.lines);
        }
        lines_of_all += lines;
        lines_of_tests += if is_test(&file.path) { lines } else { source::test_lines(&masked) };
        file_lines.push(lines);
    }
    let share = 100 * lines_of_tests / lines_of_all.max(1);
    let figures = vec![
        format!("files      {} (aim: median 180, p90 450, none over 1000)", quantiles(file_lines)),
        format!("functions  {} (none over 70)", quantiles(function_lines)),
        format!("tests      {share} % of {lines_of_all} lines (aim: a third to a half)"),
    ];
    (figures, problems)
}

/// `expect_test` tables and bindings say so in their first lines.
fn is_generated(text: &str) -> bool {
    text.lines().take(3).any(|line| line.contains(concat!("@", "generated")))
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn quantiles(mut values: Vec<usize>) -> String {
    values.sort_unstable();
    let at = |share: usize| {
        let index = (values.len() * share / 100).min(values.len().saturating_sub(1));
        values.get(index).copied().unwrap_or(0)
    };
    format!("{:5}: median {}, p90 {}, max {}", values.len(), at(50), at(90), at(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> Tracked {
        Tracked { path: path.to_owned(), text }
    }

    #[test]
    fn what_is_too_large_is_named_with_its_line() {
        let long = format!("\nfn long() {{\n{}}}\n", "    step();\n".repeat(69));
        let (_, problems) = check(&[file("a.rs", long)]);
        assert_eq!(problems, ["a.rs:2: `long` has 71 lines, more than 70"]);
        let (_, problems) = check(&[file("b.rs", "//\n".repeat(1001))]);
        assert_eq!(problems, ["b.rs: 1001 lines, more than 1000"]);
    }

    #[test]
    fn what_is_at_the_limit_or_generated_or_not_rust_passes() {
        let limit = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(68));
        let generated = format!("// @{}\n{}", "generated", "//\n".repeat(2000));
        let table = "row\n".repeat(2000);
        let files = [file("a.rs", limit), file("g.rs", generated), file("t.csv", table)];
        assert_eq!(check(&files).1, Vec::<String>::new());
    }

    #[test]
    fn quantiles_of_nothing_are_zero() {
        assert_eq!(quantiles(vec![]), "    0: median 0, p90 0, max 0");
        assert_eq!(quantiles((1..=10).collect()), "   10: median 6, p90 10, max 10");
    }
}
