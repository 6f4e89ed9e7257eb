use super::*;
use std::fs;

/// A file as uap-core has it, with two patterns of browsers.
const PATTERNS: &str = r"
# A comment
user_agent_parsers:
  - regex: '(Firefox)/(\d+)\.(\d+)'
  - regex: '(Sedgie)/(\d+)'
    family_replacement: 'Sedge Browser'
os_parsers:
  - regex: 'Android (\d+)'
    os_replacement: 'Android'
    os_v1_replacement: '$1'
device_parsers:
  - regex: '; (pixel[^;)]*)'
    regex_flag: 'i'
    device_replacement: '$1'
    brand_replacement: 'Google'
    model_replacement: '$1'
";

fn file(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("regexes.yaml");
    fs::write(&file, text).expect("written");
    (folder, file)
}

fn refused(text: &str) -> String {
    let (_folder, file) = file(text.as_bytes());
    check(&file).expect_err("is refused").to_string()
}

#[test]
fn what_has_no_patterns_is_refused_with_its_place() {
    for (text, told) in [
        ("", "no list `user_agent_parsers`"),
        ("[]", "line 1"),
        ("user_agent_parsers: {}", "line 1"),
        ("a:\n  - regex: x", "`a` is none of"),
        ("user_agent_parsers:\n  - family_replacement: x", "a pattern has no `regex`"),
        ("user_agent_parsers:\n  - regex: [x]", "line 2"),
        ("user_agent_parsers:\n  - regex: *x", "x"),
        ("user_agent_parsers: [", "regexes.yaml"),
        (&PATTERNS.replace(r"(Firefox)/(\d+)", "(Firefox"), "no patterns of uap-core"),
    ] {
        let error = refused(text);
        assert!(error.contains(told), "{text:?}: {error}");
    }
    let (_folder, binary) = file(&[0xff, 0xfe]);
    assert!(matches!(check(&binary), Err(PatternError::Io { .. })));
    let (_folder, large) = file(&vec![b'#'; 5 << 20]);
    assert!(check(&large).expect_err("too large").to_string().contains("more than"));
}

#[test]
fn texts_are_read_by_the_patterns_and_repeated_ones_are_remembered() {
    let (_folder, file) = file(PATTERNS.as_bytes());
    assert_eq!(check(&file).expect("right"), [2, 1, 1]);
    let agents = Arc::<Agents>::default();
    agents.want(&file).expect("read");
    let client = Client::new(&agents);
    let text = "Mozilla/5.0 (Linux; Android 14; Pixel 8) Sedgie/7 Mobile";
    let facts = client.parse(text).expect("read");
    assert_eq!(facts.kind, Kind::Mobile);
    assert_eq!(
        (facts.browser.family.as_str(), facts.browser.major.as_deref()),
        ("Sedge Browser", Some("7"))
    );
    assert_eq!(
        (facts.system.family.as_str(), facts.system.major.as_deref()),
        ("Android", Some("14"))
    );
    assert_eq!(
        (facts.device.brand.as_deref(), facts.device.model.as_deref()),
        (Some("Google"), Some("Pixel 8"))
    );
    assert!(Arc::ptr_eq(&facts, &client.parse(text).expect("read")), "it is remembered");
    let unknown = client.parse("").expect("read");
    assert_eq!(
        (unknown.kind, &unknown.browser, &unknown.device),
        (Kind::Other, &other(), &no_device())
    );
}

#[test]
fn new_patterns_take_the_place_of_old_ones_and_wrong_ones_do_not() {
    let (_folder, file) = file(PATTERNS.as_bytes());
    let agents = Arc::<Agents>::default();
    let client = Client::new(&agents);
    let family = || client.parse("Sedgie/7").expect("read").browser.family.clone();
    assert_eq!(family(), "Other", "nobody has wanted patterns");
    agents.want(&file).expect("read");
    assert_eq!(family(), "Sedge Browser");
    fs::write(&file, "broken").expect("written");
    agents.load(&file).expect_err("is refused");
    assert_eq!(family(), "Sedge Browser");
    fs::write(&file, PATTERNS.replace("Sedge Browser", "Another")).expect("written");
    agents.load(&file).expect("read");
    assert_eq!(family(), "Another");
    fs::remove_file(&file).expect("removed");
    agents.load(&file).expect("there are none");
    assert_eq!(family(), "Other");
}

#[test]
fn a_text_has_so_many_bytes_and_no_more() {
    let client = Client::new(&Arc::default());
    assert!(client.parse(&"x".repeat(AGENT_BYTES_MAX)).is_ok());
    assert_eq!(client.parse(&"x".repeat(AGENT_BYTES_MAX + 1)), Err(AgentError::TooLong));
    for number in 0..3 * REMEMBERED_MAX {
        client.parse(&format!("client {number}")).expect("read");
    }
    REMEMBERED.with_borrow(|remembered| assert!(remembered.facts.len() <= REMEMBERED_MAX));
}
