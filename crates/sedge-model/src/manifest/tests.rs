//! What the reader says of manifests, bad ones first.

mod routing;
mod windows;

use super::*;
use expect_test::{Expect, expect, expect_file};
use proptest::prelude::*;

/// What is printed for `text`, or the manifest that was read.
fn check(text: &str, expected: Expect) {
    match read(text, Path::new("sedge.toml")) {
        Ok(manifest) => expected.assert_debug_eq(&manifest),
        Err(problems) => expected.assert_eq(&problems.to_string()),
    }
}

/// A manifest with one good function, to which `rest` is added.
fn with(rest: &str) -> String {
    format!(
        "app.name = \"a\"\n[[function]]\nname = \"f\"\nsource = \"f.wasm\"\nroutes = [\"/*\"]\n{rest}"
    )
}

#[test]
fn an_empty_file_misses_everything() {
    check(
        "",
        expect![[r#"
            error: missing table `[app]`
             --> sedge.toml:1:1

            error: missing table `[[function]]`, `[[route]]` or `[[window]]`
             --> sedge.toml:1:1
              = hint: an app has a function, a route or a window
        "#]],
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = include_str!("tests/mistakes.toml");
    let problems = read(text, Path::new("sedge.toml")).expect_err("wrong");
    expect_file!["tests/mistakes.txt"].assert_eq(&problems.to_string());
}

#[test]
fn the_configuration_of_a_node_is_told_from_a_slip() {
    check(
        "# of this node\n[labels]\nsite = \"berlin\"\n[log]\naccess = true\n",
        expect![[r#"
            error: unknown key `labels`
             --> sedge.toml:2:2
              |
            2 | [labels]
              |  ^^^^^^
              = hint: this looks like the configuration of a node: pass it with --config
        "#]],
    );
    check(
        "[ap]\nname = \"a\"\n",
        expect![[r#"
            error: unknown key `ap`
             --> sedge.toml:1:2
              |
            1 | [ap]
              |  ^^
              = hint: did you mean `app`?
        "#]],
    );
}

#[test]
fn syntax_errors_are_shown_with_their_lines() {
    check(
        "[app]\nname = shop\n",
        expect![[r#"
        error: string values must be quoted, expected literal string
         --> sedge.toml:2:8
          |
        2 | name = shop
          |        ^^^^
          = hint: texts are written in double quotes, for example name = "hello"
    "#]],
    );
    check(
        "[app]\nname = \"a\"\nname = \"b\"\n[app\n",
        expect![[r#"
        error: duplicate key
         --> sedge.toml:3:1
          |
        3 | name = "b"
          | ^^^^
          = hint: each key and each table may be written once; lists of tables are `[[name]]`

        error: duplicate key
         --> sedge.toml:4:2
          |
        4 | [app
          |  ^^^
          = hint: each key and each table may be written once; lists of tables are `[[name]]`

        error: unclosed table, expected `]`
         --> sedge.toml:4:5
          |
        4 | [app
          |     ^
    "#]],
    );
}

#[test]
fn tables_and_lists_of_tables_are_told_apart() {
    check(
        "[[app]]\nname = \"a\"\n[function]\nname = \"f\"\n",
        expect![[r#"
        error: `app` must be a table, found a list
         --> sedge.toml:1:1
          |
        1 | [[app]]
          | ^^^^^^^
          = hint: one table is written `[app]`

        error: `function` must be a list, found a table
         --> sedge.toml:3:1
          |
        3 | [function]
          | ^^^^^^^^^^
          = hint: a list of tables is written `[[function]]`
    "#]],
    );
}

#[test]
fn probes_are_paths_or_tables() {
    for (rest, problem) in [
        ("probe = \"healthz\"", Some("`healthz` is not a path")),
        ("probe = \"\"", Some("`probe` is empty")),
        ("probe = true", Some("`probe` must be a string or a table, found a boolean")),
        ("probe = { host = \"a\" }", Some("missing key `path`")),
        ("probe = { path = \"/\", host = \"a b\" }", Some("`a b` is not a host")),
        (
            "probe = { path = \"/\", status = 200 }",
            Some("`status` must be a list, found an integer"),
        ),
        (
            "probe = { path = \"/\", status = [99] }",
            Some("an entry of `status` is 99, which is too small"),
        ),
        (
            "probe = { path = \"/\", status = [600] }",
            Some("an entry of `status` is 600, which is too large"),
        ),
        ("probe = { path = \"/\", stauts = [200] }", Some("unknown key `stauts`")),
        ("probe = { path = \"/ok?a=b\", host = \"a\", status = [204] }", None),
        ("probe = \"/\"", None),
    ] {
        let problems = read(&with(rest), Path::new("sedge.toml")).err();
        let messages: Vec<_> =
            problems.iter().flat_map(|all| &all.list).map(|one| one.message.as_str()).collect();
        assert_eq!(messages, Vec::from_iter(problem), "{rest}");
    }
}

#[test]
fn names_and_routes_are_taken_once() {
    check(
        &with(
            r#"
[[function]]
name = "f"
source = "g.wasm"
routes = ["/*", "GET /ok", "POST,GET /ok", "/ok", { host = "a.org", path = "/*", methods = ["GET", "PUT", "GET"] }]
"#,
        ),
        expect![[r#"
            error: two functions have the name `f`
             --> sedge.toml:8:8
              |
            8 | name = "f"
              |        ^^^
              = hint: the first is on line 3

            error: the route `/*` is taken for every method
              --> sedge.toml:10:11
               |
            10 | routes = ["/*", "GET /ok", "POST,GET /ok", "/ok", { host = "a.org", path = "/*", methods = ["GET", "PUT", "GET"] }]
               |           ^^^^
               = hint: `f` has `/*` on line 5

            error: the route `POST,GET /ok` is taken for GET
              --> sedge.toml:10:28
               |
            10 | routes = ["/*", "GET /ok", "POST,GET /ok", "/ok", { host = "a.org", path = "/*", methods = ["GET", "PUT", "GET"] }]
               |                            ^^^^^^^^^^^^^^
               = hint: `f` has `GET /ok` on line 10

            error: the method GET is named twice
              --> sedge.toml:10:92
               |
            10 | routes = ["/*", "GET /ok", "POST,GET /ok", "/ok", { host = "a.org", path = "/*", methods = ["GET", "PUT", "GET"] }]
               |                                                                                            ^^^^^^^^^^^^^^^^^^^^^
               = hint: name each method once
        "#]],
    );
}

#[test]
fn a_forgotten_private_or_mode_is_a_mistake() {
    check(
        &with(
            r#"isolation = { mode = "request", idle_s = 3 }
capabilities.outbound = [{ to = "https://*.a.org", private = true }, { private = true }, "https://b.org", { to = "https://B.org" }]
"#,
        ),
        expect![[r#"
            error: `idle_s` has no meaning where every request has its instance
             --> sedge.toml:6:33
              |
            6 | isolation = { mode = "request", idle_s = 3 }
              |                                 ^^^^^^
              = hint: remove it, or write mode = "instance"

            error: the outbound grant `https://*.a.org` is private and has a wildcard
             --> sedge.toml:7:33
              |
            7 | capabilities.outbound = [{ to = "https://*.a.org", private = true }, { private = true }, "https://b.org", { to = "https:
              |                                 ^^^^^^^^^^^^^^^^^
              = hint: a private host is granted by its whole name

            error: missing key `to`
             --> sedge.toml:7:70
              |
            7 | capabilities.outbound = [{ to = "https://*.a.org", private = true }, { private = true }, "https://b.org", { to = "https:
              |                                                                      ^^^^^^^^^^^^^^^^^^
              = hint: for example to = "http://127.0.0.1:8080"

            error: `https://b.org` is granted twice
             --> sedge.toml:7:114
              |
            7 | ps://b.org", { to = "https://B.org" }]
              |                     ^^^^^^^^^^^^^^^
              = hint: remove one
        "#]],
    );
}

const SMALLEST: &str = r#"[app]
name = "hello"

[[function]]
name = "hello"
source = "hello.wasm"
routes = ["/*"]
"#;

#[test]
fn the_smallest_manifest_works() {
    let expected = expect![[r#"
            Manifest {
                name: "hello",
                functions: [
                    Function {
                        name: "hello",
                        source: "hello.wasm",
                        flavor: None,
                        build: None,
                        routes: [
                            Route {
                                host: None,
                                path: Prefix(
                                    "",
                                ),
                                methods: [],
                            },
                        ],
                        trigger: Triggers {
                            message: None,
                            schedules: [],
                            authenticate: false,
                        },
                        probe: None,
                        limits: Limits {
                            memory_bytes_max: 134217728,
                            cpu_ms_max: 1000,
                            deadline_ms: 30000,
                            stack_bytes_max: 524288,
                            resources_max: 1024,
                            request_body_bytes_max: 16777216,
                            response_body_bytes_max: 67108864,
                            headers_max: 128,
                            header_bytes_max: 32768,
                            outbound_requests_max: 32,
                            outbound_bytes_max: 67108864,
                            log_bytes_max: 65536,
                            concurrency_max: 1024,
                        },
                        isolation: Request,
                        preinitialize: false,
                        capabilities: Capabilities {
                            kv: [],
                            cache: [],
                            codec: false,
                            geo: false,
                            client: false,
                            config: {},
                            secrets: {},
                            outbound: [],
                            topics: TopicGrants {
                                emit: [],
                                publish: [],
                                state: false,
                            },
                        },
                        environment: {},
                    },
                ],
                rules: [],
                upstreams: [],
                chains: [],
                windows: [],
                folders: [],
            }
        "#]];
    check(SMALLEST, expected);
}

#[test]
fn paths_are_resolved_against_the_manifest() {
    let text = with(
        "build = { command = \"make\", folder = \"guest\" }\ncapabilities.secrets.k.file = \"/run/k\"",
    );
    let manifest = read(&text, Path::new("/srv/app/sedge.toml")).expect("valid");
    let function = &manifest.functions[0];
    assert_eq!(function.source, Path::new("/srv/app/f.wasm"));
    let build = function.build.as_ref().expect("build");
    assert_eq!(build.folder, Path::new("/srv/app/guest"));
    assert_eq!(build.watch, [Path::new("/srv/app/guest/src")]);
    let secret = &function.capabilities.secrets["k"];
    assert_eq!(*secret, crate::capability::SecretSource::File("/run/k".into()));
}

#[test]
fn everything_has_an_upper_bound() {
    assert_eq!(document::schema::unbounded(schema()), Vec::<String>::new());
}

#[test]
fn generated_files_are_fresh() {
    document::check_generated("manifest.md", &reference_markdown());
    document::check_generated("sedge.schema.json", &schema_json());
}

#[test]
fn the_example_is_valid_and_uses_every_key() {
    read(EXAMPLE, Path::new("sedge.toml")).expect("valid");
    assert_eq!(document::page::keys_missing_in(EXAMPLE, schema()), Vec::<String>::new());
}

/// The `toml` blocks of a page.
fn blocks(page: &str) -> impl Iterator<Item = &str> {
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next())
}

#[test]
fn every_manifest_in_the_docs_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = vec![root.join("docs"), root.join("README.md")];
    let mut seen = 0;
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("list a folder of the docs");
            paths.extend(entries.map(|entry| entry.expect("read an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let page = std::fs::read_to_string(&path).unwrap_or_default();
            for text in blocks(&page).filter(|text| text.contains("[app]")) {
                seen += 1;
                let problems = read(text, Path::new("sedge.toml")).err();
                assert!(problems.is_none(), "{}: {problems:?}", path.display());
            }
        }
    }
    assert!(seen >= 2, "the reference page has two manifests");
}

/// Texts that look like manifests: known and unknown keys with values of every
/// type, in sections that may repeat.
fn anything_like_a_manifest() -> impl Strategy<Value = String> {
    let header = prop::sample::select(vec![
        "[app]",
        "[[app]]",
        "[[function]]",
        "[function]",
        "[function.limits]",
        "[function.build]",
        "[function.capabilities]",
        "[function.capabilities.config]",
        "[function.capabilities.secrets]",
        "[function.environment]",
        "[unknown]",
    ]);
    let key = prop::sample::select(vec![
        "name",
        "source",
        "routes",
        "isolation",
        "limits",
        "kv",
        "outbound",
        "secrets",
        "env",
        "deadline_ms",
        "memory_bytes_max",
        "command",
        "watch",
        "\"a/~\"",
        "flavor",
        "nmae",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "0",
        "9223372036854775807",
        "1.5",
        "nan",
        "true",
        "\"a\"",
        "\"\"",
        "\"30 s\"",
        "\"/*\"",
        "\"GET a.b/c\"",
        "\"instance\"",
        "[]",
        "[\"/*\", 1]",
        "[[]]",
        "{}",
        "1979-05-27",
        "{ env = \"A\" }",
        "{ mode = \"instance\", idle_s = \"1 min\" }",
        "{ path = \"/\" }",
        "{ to = \"https://a.b\" }",
        "[{ to = \"http://[::1]\", private = true }]",
        "\"\\u0000\"",
    ]);
    let pair = (key, value).prop_map(|(key, value)| format!("{key} = {value}\n"));
    let pairs = prop::collection::vec(pair, 0..5).prop_map(|pairs| pairs.concat());
    let section = (header, pairs).prop_map(|(header, pairs)| format!("{header}\n{pairs}"));
    prop::collection::vec(section, 0..6).prop_map(|sections| sections.concat())
}

/// Reads, prints, and looks for the sentence that only a disagreement between
/// schema and structs produces.
fn read_anything(text: &str) {
    let first = read(text, Path::new("sedge.toml"));
    assert_eq!(first, read(text, Path::new("sedge.toml")));
    if let Err(problems) = first {
        assert!(!problems.list.is_empty());
        assert!(!problems.to_string().contains("the file cannot be read"), "{text}\n{problems}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}|[\\[\\]{}=\"'.,#a-z\n ]{0,200}") {
        read_anything(&text);
    }

    #[test]
    fn nearly_manifests_are_read_or_refused_with_reasons(text in anything_like_a_manifest()) {
        read_anything(&text);
    }

    #[test]
    fn broken_examples_are_read_or_refused_with_reasons(
        at in 0..EXAMPLE.len(),
        byte in prop::sample::select(b"\"[]{}=\n.0a".to_vec()),
    ) {
        let mut text = EXAMPLE.as_bytes().to_vec();
        text[at] = byte;
        read_anything(&String::from_utf8(text).expect("ASCII"));
    }
}
