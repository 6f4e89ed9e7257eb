use super::*;
use expect_test::expect;

/// The first mistake in a configuration says what is expected, or there is none.
fn assert_told(text: &str, expected: Option<&str>) {
    let read = read(text, Path::new("node.toml"));
    let message = read.err().map(|problems| problems.list[0].message.clone());
    let fits = match (&message, expected) {
        (None, None) => true,
        (Some(message), Some(expected)) => message.contains(expected),
        _ => false,
    };
    assert!(fits, "{text}: {message:?}");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = "listen = \"localhost\"\nadmin = \"127.0.0.1:80\"\ntier = \"edge\"\nthreads = 0\n\
                timeout = 3\n[labels]\n\"a b\" = \"c\"\n[ingress]\ndrain_ms = \"2 h\"\n";
    let problems = read(text, Path::new("node.toml")).expect_err("wrong");
    expect![[r#"
        error: `localhost` is not an address
         --> node.toml:1:10
          |
        1 | listen = "localhost"
          |          ^^^^^^^^^^^
          = hint: write an IP address and a port, for example "127.0.0.1:3000", or "0.0.0.0:80" for every interface

        error: `edge` is not a value of `tier`
         --> node.toml:3:8
          |
        3 | tier = "edge"
          |        ^^^^^^
          = hint: write one of device, local, regional, cloud

        error: `threads` is 0, which is too small
         --> node.toml:4:11
          |
        4 | threads = 0
          |           ^
          = hint: it must be between 1 and 1024

        error: unknown key `timeout`
         --> node.toml:5:1
          |
        5 | timeout = 3
          | ^^^^^^^
          = hint: known here: `listen`, `admin`, `data`, `threads`, `tier`, `labels`, `tls`, `mqtt`, `broker`, `streams`, `ingest`, `ingress`, `engine`, `cache`, `codec`, `outbound`, `services`, `mesh`, `log` and `otlp`

        error: `a b` is not the name of a label
         --> node.toml:7:1
          |
        7 | "a b" = "c"
          | ^^^^^
          = hint: write letters, digits, `-`, `_` and `.`, 1 to 63 characters

        error: `drain_ms` is 2 h, which is too large
         --> node.toml:9:12
          |
        9 | drain_ms = "2 h"
          |            ^^^^^
          = hint: it must be between 0 and 1 h
    "#]].assert_eq(&problems.to_string());
}

#[test]
fn the_manifest_of_an_app_is_told_from_a_slip() {
    let hints = |text: &str| -> Vec<Option<String>> {
        let problems = read(text, Path::new("node.toml")).expect_err("wrong");
        problems.list.into_iter().map(|problem| problem.hint).collect()
    };
    let app = "[app]\nname = \"shop\"\n\n[[function]]\nname = \"f\"\n";
    let [Some(hint)] = &hints(app)[..] else { panic!("one problem with a hint") };
    assert!(hint.contains("sedge up"), "{hint}");
    // A configuration with a slip is still one.
    for text in [format!("threads = 2\n{app}"), "liste = \"x\"\n".to_owned()] {
        let hints = hints(&text);
        assert!(!hints.iter().flatten().any(|hint| hint.contains("sedge up")), "{hints:?}");
    }
}

#[test]
fn generated_files_are_fresh() {
    document::check_generated("node.md", &reference_markdown());
    document::check_generated("node.schema.json", &schema_json());
}

#[test]
fn the_example_is_valid_and_uses_every_key() {
    read(EXAMPLE, Path::new("node.toml")).expect("valid");
    // It stands in place of `passwords`, which is there.
    let missing = ["/broker/authenticate"];
    assert_eq!(document::page::keys_missing_in(EXAMPLE, schema()), missing);
}

#[test]
fn paths_are_relative_to_the_file() {
    let text = "data = \"d\"\n[outbound]\ntrusted_roots = [\"ca.pem\", \"/etc/ca.pem\"]\n";
    let node = read(text, Path::new("/etc/sedge/node.toml")).expect("valid");
    assert_eq!(node.data, Path::new("/etc/sedge/d"));
    let roots = ["/etc/sedge/ca.pem", "/etc/ca.pem"].map(PathBuf::from);
    assert_eq!(node.outbound.trusted_roots, roots);
}

#[test]
fn traffic_and_admin_need_ports_of_their_own() {
    for (text, fine) in [
        ("listen = \"127.0.0.1:3001\"", false),
        ("listen = \"127.0.0.1:80\"\nadmin = \"127.0.0.1:80\"", false),
        ("listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"", true),
        ("listen = \"[::]:80\"", true),
    ] {
        assert_eq!(read(text, Path::new("node.toml")).is_ok(), fine, "{text}");
    }
}

#[test]
fn listeners_with_tls_are_checked_too() {
    let pair = "[[tls.certificate]]\ncertificate = \"a\"\nkey = \"b\"\n";
    let one = |listen: &str, more: &str| format!("[[tls]]\nlisten = \"{listen}\"\n{more}{pair}");
    let twice = one("127.0.0.1:443", "") + &one("127.0.0.1:443", "");
    for (text, expected) in [
        (one("443", ""), Some("`443` is not an address")),
        (one("127.0.0.1:3000", ""), Some("`listen` listens on 127.0.0.1:3000 already")),
        (one("127.0.0.1:3001", ""), Some("`admin` listens on")),
        (twice, Some("`tls[0].listen` listens on")),
        ("[[tls]]\nlisten = \"127.0.0.1:443\"".to_owned(), Some("shows no certificate")),
        (one("127.0.0.1:0", "client_auth = \"optional\"\n"), Some("needs `client_ca`")),
        (one("127.0.0.1:0", "client_ca = \"c\"\nclient_auth = \"maybe\"\n"), Some("maybe")),
        (one("127.0.0.1:0", "") + &one("127.0.0.1:0", ""), None),
        (one("127.0.0.1:0", "client_ca = \"c\"\n"), None),
    ] {
        assert_told(&text, expected);
    }
}

#[test]
fn listeners_of_mqtt_are_checked_too() {
    let one = |listen: &str, more: &str| format!("[[mqtt]]\nlisten = \"{listen}\"\n{more}");
    let free = "127.0.0.1:0";
    let open = "[broker]\nanonymous = true\n";
    let pair = "[[mqtt.certificate]]\ncertificate = \"a\"\nkey = \"b\"\n";
    let tls = "[[tls]]\nlisten = \"127.0.0.1:443\"\n[[tls.certificate]]\ncertificate = \"a\"\nkey = \"b\"\n";
    let path = |path: &str| one(free, &format!("websocket = \"{path}\"\n{open}"));
    for (text, expected) in [
        (one("1883", open), Some("`1883` is not an address")),
        (one("127.0.0.1:3000", open), Some("`listen` listens on 127.0.0.1:3000 already")),
        (format!("{tls}{}", one("127.0.0.1:443", open)), Some("`tls[0].listen` listens on")),
        (one("127.0.0.1:1883", "") + &one("127.0.0.1:1883", open), Some("`mqtt[0].listen`")),
        (one(free, ""), Some("nobody could connect")),
        (
            one(free, &format!("client_ca = \"c\"\nclient_auth = \"optional\"\n{pair}")),
            Some("nobody could connect"),
        ),
        (
            one(free, &format!("client_auth = \"optional\"\n{pair}{open}")),
            Some("needs `client_ca`"),
        ),
        (one(free, &format!("client_ca = \"c\"\n{open}")), Some("needs a listener with TLS")),
        (one(free, &format!("acme = 1\n{open}")), Some("unknown key `acme`")),
        (one(free, &format!("{open}anonymus = true\n")), Some("unknown key `anonymus`")),
        (
            one(free, &format!("{open}packet_bytes_max = \"64 MiB\"\n")),
            Some("too small for packets"),
        ),
        (one(free, &format!("{open}journal_bytes_max = \"1 MiB\"\n")), Some("too small")),
        (one(free, &format!("{open}journal = \"tape\"\n")), Some("`tape` is not")),
        (path("mqtt"), Some("is not a path")),
        (path("/a?b"), Some("is not a path")),
        (path("/mqtt"), None),
        (one(free, open), None),
        (one(free, "[broker]\npasswords = \"p\"\n"), None),
        (one(free, "[broker]\nauthenticate = \"site/doorman\"\n"), None),
        (one(free, "[broker]\nauthenticate = \"doorman\"\n"), Some("`doorman` names no function")),
        (one(free, "[broker]\nauthenticate = \"a/b/c\"\n"), Some("names no function")),
        (
            one(free, &format!("{open}authenticate = \"a/b\"\n")),
            Some("clients without a name are, too"),
        ),
        (
            one(free, "[broker]\nauthenticate = \"a/b\"\npasswords = \"p\"\n"),
            Some("both a function and a file of passwords"),
        ),
        (one(free, &format!("client_ca = \"c\"\n{pair}")), None),
        (
            one(
                free,
                &format!("{open}packet_bytes_max = \"64 MiB\"\njournal_bytes_max = \"4 GiB\"\n"),
            ),
            None,
        ),
    ] {
        assert_told(&text, expected);
    }
    let text = one(free, "[broker]\npasswords = \"p\"\nacl = \"/etc/a\"\n");
    let node = read(&text, Path::new("/etc/sedge/node.toml")).expect("valid");
    assert_eq!(node.broker.passwords.as_deref(), Some(Path::new("/etc/sedge/p")));
    assert_eq!(node.broker.acl.as_deref(), Some(Path::new("/etc/a")));
}

#[test]
fn the_log_of_messages_is_checked_too() {
    let streams = |text: &str| format!("[streams]\n{text}\n");
    let front = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n";
    let sparkplug = |text: &str| format!("{front}[streams.sparkplug]\n{text}\n");
    for (text, expected) in [
        (streams("bytes_max = \"1 MiB\""), Some("too small for records of 1048576 bytes")),
        (streams("record_bytes_max = \"64 MiB\"\nbytes_max = \"2 GiB\""), Some("too small")),
        (streams("topics = [\"a/#/b\"]"), Some("`a/#/b` has a wildcard")),
        (streams("topics = [\"a\", \"\"]"), Some("`topics` is")),
        (streams("when_full = \"drop\""), Some("`drop` is not a value")),
        (streams("sync = \"often\""), Some("`often` is not a value")),
        (streams("age_s_max = \"0 s\""), Some("too small")),
        (streams("[streams.sparkplug]"), Some("`sparkplug` needs a listener")),
        (sparkplug("host = \"a/b\""), Some("`a/b` is no identifier")),
        (sparkplug("host = \"\""), Some("`host` is")),
        (sparkplug("hosts = \"a\""), Some("unknown key `hosts`")),
        (sparkplug("host = \"gate\"\nrebirth = false"), None),
        (streams("bytes_max = \"1 MiB\"\nrecord_bytes_max = \"1 KiB\""), None),
        (streams("topics = [\"#\", \"a/+/b\"]\nwhen_full = \"drop-oldest\""), None),
    ] {
        assert_told(&text, expected);
    }
}

#[test]
fn where_readings_arrive_is_checked_too() {
    let ingest = |text: &str| format!("[ingest]\n{text}\n");
    let open = |path: &str| ingest(&format!("anonymous = true\npath = \"{path}\""));
    let tls = "[[tls]]\nlisten = \"127.0.0.1:443\"\nclient_ca = \"c\"\n[[tls.certificate]]\n\
               certificate = \"a\"\nkey = \"b\"\n";
    for (text, expected) in [
        (ingest(""), Some("nobody could send")),
        (ingest("anonymous = false"), Some("nobody could send")),
        (open("v1"), Some("is not a path")),
        (open("/"), Some("`path` is")),
        (open("/a/"), Some("is not a path")),
        (open("/a/../b"), Some("is not a path")),
        (open("/a?b"), Some("is not a path")),
        (ingest("anonymous = true\nreadings_max = 0"), Some("too small")),
        (ingest("anonymous = true\npassword = \"p\""), Some("unknown key `password`")),
        (open("/v1/ingest"), None),
        (format!("{tls}{}", ingest("")), None),
        (ingest("passwords = \"p\""), None),
    ] {
        assert_told(&text, expected);
    }
    let text = ingest("passwords = \"p\"");
    let node = read(&text, Path::new("/etc/sedge/node.toml")).expect("valid");
    let passwords = node.ingest.expect("is there").passwords;
    assert_eq!(passwords.as_deref(), Some(Path::new("/etc/sedge/p")));
}

#[test]
fn what_is_found_in_files_is_told_with_the_rest() {
    let text = "threads = 0\n[[tls]]\nlisten = \"127.0.0.1:0\"\n[[tls.certificate]]\n\
                certificate = \"a\"\nkey = \"b\"\n";
    let look = |node: &NodeConfig| {
        assert_eq!(node.tls[0].certificates[0].key, Path::new("/etc/b"));
        vec![("/tls/0/certificate/0/key".to_owned(), Invalid::new("no key", "write one"))]
    };
    let problems = read_and_look(text, Path::new("/etc/node.toml"), look).expect_err("wrong");
    let lines: Vec<usize> = problems.list.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [1, 6]);
}

#[test]
fn an_empty_file_is_the_default_in_its_folder() {
    let node = read("", Path::new("/etc/sedge/node.toml")).expect("empty");
    let data = PathBuf::from("/etc/sedge/.sedge");
    assert_eq!(node, NodeConfig { data, ..NodeConfig::default() });
}

#[test]
fn every_default_is_within_its_bounds_and_everything_is_bounded() {
    let default = serde_json::to_value(RawNodeConfig::default()).expect("defaults are JSON");
    let mut text = String::new();
    for section in ["broker", "streams", "ingress", "engine", "outbound", "log"] {
        text += &format!("[{section}]\n");
        for (key, value) in default[section].as_object().expect("a table") {
            if !value.is_null() {
                text += &format!("{key} = {value}\n");
            }
        }
    }
    assert!(read(&text, Path::new("node.toml")).is_ok(), "{text}");
    assert_eq!(document::schema::unbounded(schema()), Vec::<String>::new());
}
