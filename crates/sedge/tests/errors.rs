//! What a person sees who makes a mistake: the message once, what to do about
//! it, nothing on standard output, and the exit code.

use expect_test::{Expect, expect};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

#[path = "errors/checking.rs"]
mod checking;

/// Runs the program in `folder`; checks exit code and standard error, in which
/// the folder's path reads as `DIR`.
fn check(folder: &TempDir, arguments: &[&str], code: i32, expected: Expect) {
    let output = Command::new(env!("CARGO_BIN_EXE_sedge"))
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("SEDGE_FUNCTIONS")
        .env_remove("SEDGE_LOG")
        .env("COLUMNS", "100")
        .output()
        .expect("the program runs");
    let path = folder.path().canonicalize().expect("a path");
    let told = String::from_utf8_lossy(&output.stderr);
    let told = told.replace(&path.display().to_string(), "DIR");
    expected.assert_eq(&told);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn write(folder: &TempDir, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    std::fs::write(folder.path().join(path), content).expect("written");
}

const MANIFEST: &str = r#"[app]
name = "shop"

[[function]]
name = "front"
source = "front.wasm"
routes = ["/*"]
"#;

#[test]
fn no_command() {
    let output = Command::new(env!("CARGO_BIN_EXE_sedge")).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Write a function:"));
}

#[test]
fn arguments_that_make_no_sense() {
    check(
        &folder(),
        &["upp"],
        2,
        expect![[r#"
            error: unrecognized subcommand 'upp'

              tip: a similar subcommand exists: 'up'

            Usage: sedge <COMMAND>

            For more information, try '--help'.
        "#]],
    );
    check(
        &folder(),
        &["up", "--listen", "3000"],
        2,
        expect![[r#"
            error: invalid value '3000' for '--listen <ADDRESS>': invalid socket address syntax

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn no_manifest() {
    for command in ["check", "build", "up", "dev"] {
        check(
            &folder(),
            &[command],
            1,
            expect![[r#"
                error: DIR/sedge.toml does not exist
                hint: name a manifest or its folder with -f, or start one with: sedge new hello
            "#]],
        );
    }
}

#[test]
fn every_mistake_of_a_manifest_at_once() {
    let folder = folder();
    write(&folder, "sedge.toml", MANIFEST.replace("shop", "Shop").replace("routes", "roots"));
    check(
        &folder,
        &["check"],
        1,
        expect![[r#"
        error: `Shop` is not a name
         --> DIR/sedge.toml:2:8
          |
        2 | name = "Shop"
          |        ^^^^^^
          = hint: write lower-case letters, digits and `-`, with a letter or digit at both ends

        error: unknown key `roots`
         --> DIR/sedge.toml:7:1
          |
        7 | roots = ["/*"]
          | ^^^^^
          = hint: did you mean `routes`?
    "#]],
    );
}

#[test]
fn files_that_are_mixed_up() {
    let folder = folder();
    write(&folder, "sedge.toml", MANIFEST);
    write(&folder, "node.toml", "listen = \"127.0.0.1:0\"\n");
    check(
        &folder,
        &["up", "--config", "sedge.toml"],
        1,
        expect![[r#"
            error: unknown key `app`
             --> sedge.toml:1:2
              |
            1 | [app]
              |  ^^^
              = hint: this looks like the manifest of an app: name it after `sedge up`, without --config
        "#]],
    );
    check(
        &folder,
        &["up", "node.toml", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
        1,
        expect![[r#"
            error: unknown key `listen`
             --> DIR/node.toml:1:1
              |
            1 | listen = "127.0.0.1:0"
              | ^^^^^^
              = hint: this looks like the configuration of a node: pass it with --config
        "#]],
    );
}

#[test]
fn no_artifact() {
    let folder = folder();
    write(&folder, "sedge.toml", MANIFEST);
    check(
        &folder,
        &["check"],
        1,
        expect![[r#"
        shop/front: no artifact
          error: the artifact DIR/front.wasm cannot be read: No such file or directory (os error 2)
        shop has 1 problem
    "#]],
    );
    let free = ["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    check(
        &folder,
        &free,
        1,
        expect![[r#"
        error: compile function front of app shop
          because cannot read DIR/front.wasm
          because No such file or directory (os error 2)
    "#]],
    );
    check(
        &folder,
        &["call", "/"],
        1,
        expect![[r#"
        error: compile function front of app shop
          because cannot read DIR/front.wasm
          because No such file or directory (os error 2)
    "#]],
    );
}

#[test]
fn an_artifact_that_is_no_component() {
    let folder = folder();
    write(&folder, "sedge.toml", MANIFEST);
    write(&folder, "front.wasm", b"\0asm\x01\0\0\0");
    check(
        &folder,
        &["check"],
        1,
        expect![[r#"
        shop/front: 8 B
          error: the artifact is a core module, not a component
          hint: build for a component target, such as wasm32-wasip2, or wrap the module with 'wasm-tools component new'
        shop has 1 problem
    "#]],
    );
    check(
        &folder,
        &["call", "front"],
        1,
        expect![[r#"
        error: compile function front of app shop
          because DIR/front.wasm is a core module, not a component
    "#]],
    );
}

#[test]
fn a_tool_that_is_missing() {
    let folder = folder();
    let build = "\n[function.build]\ncommand = \"no-such-tool-here --release\"\n";
    write(&folder, "sedge.toml", format!("{MANIFEST}{build}"));
    check(
        &folder,
        &["build"],
        1,
        expect![[r#"
        building front: no-such-tool-here --release
        sh: 1: no-such-tool-here: not found
        error: build front: no-such-tool-here --release
          because the command failed (exit status: 127)
        hint: install the tool that the command names, or add its folder to PATH
    "#]],
    );
}

#[test]
fn a_folder_that_is_not_empty() {
    let folder = folder();
    write(&folder, "anything", "");
    check(
        &folder,
        &["new"],
        1,
        expect![[r#"
        error: . is not empty
        hint: name a folder that does not exist yet, for instance: sedge new hello
    "#]],
    );
    check(
        &folder,
        &["new", "1st"],
        1,
        expect![[r#"
        error: "1st" cannot be an app's name
        hint: pass --name with 1 to 63 lower-case letters, digits and '-', beginning with a letter
    "#]],
    );
    check(
        &folder,
        &["new", "a", "--template", "images", "--functions", "none"],
        1,
        expect![[r#"
        error: none/images.wasm does not exist
    "#]],
    );
    assert!(!folder.path().join("a").exists(), "a refusal leaves nothing behind");
}

#[test]
fn an_address_that_is_taken() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    write(&folder, "sedge.toml", MANIFEST);
    let output = Command::new(env!("CARGO_BIN_EXE_sedge"))
        .args(["up", "--listen", &address, "--admin", "127.0.0.1:0"])
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).replace(&address, "ADDRESS");
    expect![[r#"
        error: listen on ADDRESS
          because Address already in use (os error 98)
        hint: choose another address with --listen, for instance 127.0.0.1:0
    "#]]
    .assert_eq(&told);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_cache_without_a_node() {
    check(
        &folder(),
        &["cache", "show"],
        1,
        expect![[r#"
        error: no node runs on .sedge
        hint: start one with sedge up, or name its folder with --data
    "#]],
    );
}

#[test]
fn arguments_of_cache_that_make_no_sense() {
    check(
        &folder(),
        &["cache", "purge"],
        2,
        expect![[r#"
        error: the following required arguments were not provided:
          <--tag <TAG>|--url <URL>|--prefix <PREFIX>|--all>

        Usage: sedge cache purge <--tag <TAG>|--url <URL>|--prefix <PREFIX>|--all>

        For more information, try '--help'.
    "#]],
    );
    check(
        &folder(),
        &["cache", "purge", "--all", "--tag", "red"],
        2,
        expect![[r#"
        error: the argument '--all' cannot be used with '--tag <TAG>'

        Usage: sedge cache purge <--tag <TAG>|--url <URL>|--prefix <PREFIX>|--all>

        For more information, try '--help'.
    "#]],
    );
    check(
        &folder(),
        &["cache", "warm"],
        2,
        expect![[r#"
        error: the following required arguments were not provided:
          <URLS>...

        Usage: sedge cache warm <URLS>...

        For more information, try '--help'.
    "#]],
    );
    check(
        &folder(),
        &["cache", "show", "--objects", "http://a/"],
        2,
        expect![[r#"
        error: the argument '--objects' cannot be used with '[URL]'

        Usage: sedge cache show --objects [URL]

        For more information, try '--help'.
    "#]],
    );
    check(
        &folder(),
        &["cache", "warm", "-H", "a", "http://a/"],
        2,
        expect![[r#"
        error: invalid value 'a' for '--header <NAME: VALUE>': write it as 'name: value'

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn no_store() {
    check(
        &folder(),
        &["kv", "namespaces"],
        1,
        expect![[r#"
        error: .sedge holds no key-value store
        hint: name the node's folder with --data
    "#]],
    );
}

#[test]
fn a_server_that_is_not_here() {
    check(
        &folder(),
        &["bench", "http://192.0.2.1/"],
        1,
        expect![[r#"
        error: 192.0.2.1:80 is not on this machine
        hint: add --allow-remote if its owner knows
    "#]],
    );
    check(
        &folder(),
        &["bench", "https://127.0.0.1/"],
        1,
        expect![[r#"
        error: "https://127.0.0.1/" is not an http:// address or a path
        hint: for instance: sedge bench http://127.0.0.1:3000/
    "#]],
    );
    check(
        &folder(),
        &["bench", "ftp:x"],
        1,
        expect![[r#"
        error: "ftp:x" is not an http:// address or a path
        hint: for instance: sedge bench http://127.0.0.1:3000/
    "#]],
    );
}
