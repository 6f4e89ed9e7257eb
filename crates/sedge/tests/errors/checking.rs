//! `sedge check`: what a deployment would refuse is told before, and so is what no
//! node could start with.

use super::{MANIFEST, check, folder, write};
use expect_test::expect;
use std::process::Command;

/// A component that exports `wasi:http/handler` 0.3, and imports it too if it is a
/// middleware; without code.
fn component(is_middleware: bool) -> Vec<u8> {
    const NAME: &[u8] = b"wasi:http/handler@0.3.2";
    let name = [&[1, 0, NAME.len() as u8], NAME].concat();
    let section = |id: u8, content: Vec<u8>| [vec![id, content.len() as u8], content].concat();
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // An instance type without entries; an instance of it comes in, and one goes out.
    bytes.extend(section(7, vec![1, 0x42, 0]));
    if is_middleware {
        bytes.extend(section(10, [&name[..], &[5, 0]].concat()));
    }
    bytes.extend(section(11, [&name[..], &[5, 0, 0]].concat()));
    bytes
}

/// A configuration of which nothing is right.
const WRONG: &str = "listen = \"localhost\"\nthread = 2\n[ingress]\nfile_reads_max = 0\n\
    [outbound]\ntrusted_roots = [\"ca.pem\", \"gone.pem\"]\n\
    [[tls]]\nlisten = \"127.0.0.1:3443\"\n\
    [[tls.certificate]]\ncertificate = \"site.pem\"\nkey = \"site-key.pem\"\n\
    [otlp]\nendpoint = \"http://127.0.0.1:4318\"\n\
    headers = { authorization = { file = \"token\" } }\n";

#[test]
fn every_mistake_of_a_configuration_alone() {
    let folder = folder();
    write(&folder, "sedge.toml", "this is not looked at");
    write(&folder, "ca.pem", "no certificate");
    write(&folder, "node.toml", WRONG);
    check(
        &folder,
        &["check", "--config", "node.toml"],
        1,
        expect![[r#"
        error: `localhost` is not an address
         --> node.toml:1:10
          |
        1 | listen = "localhost"
          |          ^^^^^^^^^^^
          = hint: write an IP address and a port, for example "127.0.0.1:3000", or "0.0.0.0:80" for every interface

        error: unknown key `thread`
         --> node.toml:2:1
          |
        2 | thread = 2
          | ^^^^^^
          = hint: did you mean `threads`?

        error: `file_reads_max` is 0, which is too small
         --> node.toml:4:18
          |
        4 | file_reads_max = 0
          |                  ^
          = hint: it must be between 1 and 512

        error: ca.pem holds no certificate
         --> node.toml:6:18
          |
        6 | trusted_roots = ["ca.pem", "gone.pem"]
          |                  ^^^^^^^^
          = hint: name a PEM file with certificates of authorities

        error: cannot read certificates from gone.pem: I/O error: No such file or directory (os error 2)
         --> node.toml:6:28
          |
        6 | trusted_roots = ["ca.pem", "gone.pem"]
          |                            ^^^^^^^^^^
          = hint: name a PEM file with certificates of authorities

        error: cannot read site.pem: No such file or directory (os error 2)
          --> node.toml:10:15
           |
        10 | certificate = "site.pem"
           |               ^^^^^^^^^^
           = hint: paths are relative to the file that names them

        error: cannot read site-key.pem: No such file or directory (os error 2)
          --> node.toml:11:7
           |
        11 | key = "site-key.pem"
           |       ^^^^^^^^^^^^^^
           = hint: paths are relative to the file that names them

        error: secret `authorization`: reading token failed: No such file or directory (os error 2)
          --> node.toml:14:29
           |
        14 | headers = { authorization = { file = "token" } }
           |                             ^^^^^^^^^^^^^^^^^^
    "#]],
    );
}

#[test]
fn a_configuration_that_is_right() {
    let folder = folder();
    write(&folder, "node.toml", "listen = \"127.0.0.1:0\"\n");
    check(
        &folder,
        &["check", "--config", "node.toml"],
        0,
        expect![[r#"
        node.toml has no mistakes
    "#]],
    );
    check(
        &folder,
        &["check", "--config", "gone.toml"],
        1,
        expect![[r#"
        error: read gone.toml
          because No such file or directory (os error 2)
    "#]],
    );
    check(
        &folder,
        &["check", ".", "--config", "node.toml"],
        1,
        expect![[r#"
        node.toml has no mistakes
        error: DIR/sedge.toml does not exist
        hint: name a manifest or its folder with -f, or start one with: sedge new hello
    "#]],
    );
    let output = Command::new(env!("CARGO_BIN_EXE_sedge"))
        .args(["check", "--config", "node.toml", "--json"])
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let config = serde_json::json!({ "config": "node.toml", "problems": [] });
    assert_eq!(told, serde_json::json!({ "apps": [], "config": config }));
}

#[test]
fn a_manifest_is_no_configuration() {
    let folder = folder();
    write(&folder, "sedge.toml", MANIFEST);
    check(
        &folder,
        &["check", "--config", "sedge.toml"],
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
}

#[test]
fn folders_that_cannot_be_served() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("public")).expect("made");
    write(&folder, "file", "");
    write(
        &folder,
        "sedge.toml",
        "[app]\nname = \"site\"\n[[route]]\nname = \"a\"\nmatch = [\"/a/*\"]\nfiles = \"gone\"\n\
         [[route]]\nname = \"b\"\nmatch = [\"/b/*\"]\n\
         split = [{ weight = 1, files = { folder = \"public\", fallback = \"index.html\" } }]\n\
         [[chain]]\nname = \"c\"\nlinks = [{ timeout_ms = 5 }]\nfiles = { folder = \"file\" }\n\
         [[route]]\nname = \"c\"\nmatch = [\"/c/*\"]\nchain = \"c\"\n",
    );
    check(
        &folder,
        &["check"],
        1,
        expect![[r#"
        error: the folder DIR/gone cannot be served: No such file or directory (os error 2)
         --> DIR/sedge.toml:6:9
          |
        6 | files = "gone"
          |         ^^^^^^
          = hint: name a folder, relative to that of the manifest

        error: the folder DIR/public has no file index.html, which `fallback` names
          --> DIR/sedge.toml:10:64
           |
        10 | split = [{ weight = 1, files = { folder = "public", fallback = "index.html" } }]
           |                                                                ^^^^^^^^^^^^
           = hint: the file lies in the folder that is served

        error: the folder DIR/file cannot be served: Not a directory (os error 20)
          --> DIR/sedge.toml:14:20
           |
        14 | files = { folder = "file" }
           |                    ^^^^^^
           = hint: name a folder, relative to that of the manifest
    "#]],
    );
}

#[test]
fn functions_that_stand_where_they_cannot() {
    let folder = folder();
    write(&folder, "link.wasm", component(true));
    write(&folder, "plain.wasm", component(false));
    write(
        &folder,
        "sedge.toml",
        "[app]\nname = \"shop\"\n\
         [[function]]\nname = \"link\"\nsource = \"link.wasm\"\n\
         [[function]]\nname = \"routed\"\nsource = \"link.wasm\"\nroutes = [\"/routed\"]\n\
         [[function]]\nname = \"plain\"\nsource = \"plain.wasm\"\n\
         [[chain]]\nname = \"good\"\nlinks = [\"link\"]\nfunction = \"plain\"\n\
         [[chain]]\nname = \"bad\"\nlinks = [\"link\", \"plain\"]\nfunction = \"link\"\n\
         [[route]]\nname = \"good\"\nmatch = [\"/good\"]\nchain = \"good\"\n\
         [[route]]\nname = \"bad\"\nmatch = [\"/bad\"]\nchain = \"bad\"\n",
    );
    check(
        &folder,
        &["check"],
        1,
        expect![[r#"
        shop/link: wasi:http 0.3, 74 B
          error: link is a middleware, and nothing stands behind it
          hint: it imports `wasi:http/handler@0.3`: name it as a link of a chain, and give the route to the chain
        shop/routed: wasi:http 0.3, 74 B
          error: routed is a middleware, and nothing stands behind it
          hint: it imports `wasi:http/handler@0.3`: name it as a link of a chain, and give the route to the chain
        shop/plain: wasi:http 0.3, 44 B
        shop:
          error: plain cannot be a link of chain bad: it is no middleware
          hint: a link imports `wasi:http/handler@0.3` beside exporting it; a function that does not can stand at a chain's end
        shop has 3 problems
    "#]],
    );
}

#[test]
fn secrets_that_are_not_there() {
    let folder = folder();
    write(&folder, "front.wasm", component(false));
    let secrets = "[function.capabilities.secrets]\nkey = { file = \"gone\" }\n\
                   token = { env = \"SEDGE_TEST_NOT_SET\" }\n";
    write(&folder, "sedge.toml", format!("{MANIFEST}{secrets}"));
    check(
        &folder,
        &["check"],
        1,
        expect![[r#"
        shop/front: wasi:http 0.3, 44 B
          error: secret `key`: reading DIR/gone failed: No such file or directory (os error 2)
          note: secret `token`: environment variable `SEDGE_TEST_NOT_SET` is not set on this node
        shop has 1 problem
    "#]],
    );
}

#[test]
fn an_artifact_that_is_too_large_for_the_node() {
    let folder = folder();
    write(&folder, "sedge.toml", MANIFEST);
    // A custom section, which means nothing.
    let long = [&component(false)[..], &[0, 0x82, 0x10, 1], &[b'a'; 2049]].concat();
    write(&folder, "front.wasm", long);
    write(&folder, "node.toml", "[engine]\nartifact_bytes_max = 1024\n");
    check(
        &folder,
        &["check"],
        0,
        expect![[r#"
        shop/front: wasi:http 0.3, 2.10 kB
        shop can be deployed
    "#]],
    );
    check(
        &folder,
        &["check", ".", "--config", "node.toml"],
        1,
        expect![[r#"
        node.toml has no mistakes
        shop/front: wasi:http 0.3, 2.10 kB
          error: the artifact has 2097 bytes, more than 1024
          hint: artifact_bytes_max under [engine] of the node's configuration
        shop has 1 problem
    "#]],
    );
}

#[test]
fn two_apps_that_want_the_same() {
    let folder = folder();
    for (app, name) in [("one", "one"), ("two", "two"), ("three", "one")] {
        std::fs::create_dir(folder.path().join(app)).expect("made");
        let answer = "match = [\"GET /a\"]\nanswer = { status = 204 }\n";
        let host = if app == "three" { "hosts = [\"three.test\"]\n" } else { "" };
        let text = format!("[app]\nname = \"{name}\"\n[[route]]\nname = \"r\"\n{host}{answer}");
        write(&folder, format!("{app}/sedge.toml"), text);
    }
    check(
        &folder,
        &["check", "one"],
        0,
        expect![[r#"
        one can be deployed
    "#]],
    );
    check(
        &folder,
        &["check", "one", "two", "three"],
        1,
        expect![[r#"
        one can be deployed
        two:
          error: route r claims GET of the route GET /a, which route r of app one has
        two has 1 problem
        one:
          error: an app named one is served already, from DIR/one/sedge.toml
        one has 1 problem
    "#]],
    );
}
