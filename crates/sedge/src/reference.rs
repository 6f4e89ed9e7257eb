//! `docs/reference/cli.md`, generated from the declaration of the commands.

use crate::cli::Cli;
use clap::CommandFactory;
use expect_test::expect_file;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# The command line

Generated from the commands' own help by
`UPDATE_EXPECT=1 cargo test -p sedge reference`; a test compares.

stdout carries data, stderr everything else. Exit codes: 0 done, 1 failed, 2 the
arguments make no sense. `SEDGE_LOG` sets what the node logs (`debug`,
`sedge_node=debug`, …).
";

#[test]
fn the_reference_page_says_what_the_help_says() {
    let mut page = INTRODUCTION.to_owned();
    let mut root = Cli::command().color(clap::ColorChoice::Never).term_width(80);
    section(&mut page, &mut root, "sedge");
    let commands: Vec<String> = root
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in commands {
        let command = Cli::command().color(clap::ColorChoice::Never).term_width(80);
        let Some(found) = command.find_subcommand(&name) else { continue };
        let mut command = found.clone().bin_name(format!("sedge {name}"));
        section(&mut page, &mut command, &format!("sedge {name}"));
        let nested: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        for inner in nested.iter().filter(|inner| inner.get_name() != "help") {
            let title = format!("sedge {name} {}", inner.get_name());
            section(&mut page, &mut inner.clone().bin_name(&title), &title);
        }
    }
    expect_file!["../../../docs/reference/cli.md"].assert_eq(&page);
}

fn section(page: &mut String, command: &mut clap::Command, title: &str) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## {title}\n\n```text\n{}\n```\n", lines.join("\n").trim());
}
