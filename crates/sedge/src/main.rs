//! The `sedge` command: arguments in, a node or an answer out.
//!
//! In reading order: what a person types ([`cli`]), what each command does
//! ([`commands`]), how long work is shown ([`progress`]), how results and errors are
//! ([`show`]), what a node logs ([`node_log`]), and how packages are fetched ([`npm`]).

mod admin_client;
mod cli;
mod commands;
mod huge_pages;
mod node_log;
mod npm;
mod progress;
#[cfg(test)]
mod reference;
mod show;

use clap::Parser;
use std::process::ExitCode;

/// Small, short-lived allocations from many threads dominate the request path;
/// the system's allocator takes a lock for those.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            show::error(&error);
            ExitCode::FAILURE
        }
    }
}
