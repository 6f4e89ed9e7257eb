//! What a person sees who asks for help.

use expect_test::{ExpectFile, expect_file};
use std::process::Command;

fn check(arguments: &[&str], expected: ExpectFile) {
    let output = Command::new(env!("CARGO_BIN_EXE_sedge"))
        .args(arguments)
        .env_remove("SEDGE_FUNCTIONS")
        .env("COLUMNS", "100")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "help is data");
    expected.assert_eq(&String::from_utf8_lossy(&output.stdout));
}

#[test]
fn overview() {
    check(&["--help"], expect_file!["help/sedge.txt"]);
    check(&["-h"], expect_file!["help/sedge.txt"]);
}

#[test]
fn new() {
    check(&["new", "--help"], expect_file!["help/new.txt"]);
}

#[test]
fn checking() {
    check(&["check", "--help"], expect_file!["help/check.txt"]);
}

#[test]
fn build() {
    check(&["build", "--help"], expect_file!["help/build.txt"]);
}

#[test]
fn call() {
    check(&["call", "--help"], expect_file!["help/call.txt"]);
}

#[test]
fn up() {
    check(&["up", "--help"], expect_file!["help/up.txt"]);
}

#[test]
fn dev() {
    check(&["dev", "--help"], expect_file!["help/dev.txt"]);
}

#[test]
fn streams() {
    check(&["streams", "--help"], expect_file!["help/streams.txt"]);
    check(&["streams", "read", "--help"], expect_file!["help/streams-read.txt"]);
    check(&["streams", "forget", "--help"], expect_file!["help/streams-forget.txt"]);
}

#[test]
fn mqtt() {
    check(&["mqtt", "--help"], expect_file!["help/mqtt.txt"]);
    check(&["mqtt", "password", "--help"], expect_file!["help/mqtt-password.txt"]);
}

#[test]
fn cache() {
    check(&["cache", "--help"], expect_file!["help/cache.txt"]);
    check(&["cache", "show", "--help"], expect_file!["help/cache-show.txt"]);
    check(&["cache", "purge", "--help"], expect_file!["help/cache-purge.txt"]);
    check(&["cache", "warm", "--help"], expect_file!["help/cache-warm.txt"]);
}

#[test]
fn kv() {
    check(&["kv", "--help"], expect_file!["help/kv.txt"]);
    check(&["kv", "set", "--help"], expect_file!["help/kv-set.txt"]);
}

#[test]
fn bench() {
    check(&["bench", "--help"], expect_file!["help/bench.txt"]);
}

#[test]
fn geo() {
    check(&["geo", "--help"], expect_file!["help/geo.txt"]);
    check(&["geo", "update", "--help"], expect_file!["help/geo-update.txt"]);
}

#[test]
fn agents() {
    check(&["agents", "--help"], expect_file!["help/agents.txt"]);
}

#[test]
fn experiments() {
    check(&["experiments", "report", "--help"], expect_file!["help/experiments-report.txt"]);
}
