use super::*;
use sedge_kit::content::hints::Device;

fn configured() -> Configured {
    Configured::new(Settings::default())
}

fn asked(fields: &mut Fields) -> Asked {
    match configured().read("GET", fields) {
        Intent::Work(asked) => *asked,
        Intent::Pass => panic!("passes"),
    }
}

#[test]
fn what_cannot_be_worked_on_passes_as_it_came() {
    let cases: [(&str, Fields); 5] = [
        ("POST", Fields::from([("accept-encoding", "gzip")])),
        ("get", Fields::from([("accept-encoding", "gzip")])),
        ("GET", Fields::from([("range", "bytes=0-1"), ("accept-encoding", "gzip")])),
        ("GET", Fields::from([("connection", "upgrade"), ("upgrade", "websocket")])),
        ("GET", Fields::from([("cache-control", "no-transform"), ("accept-encoding", "br")])),
    ];
    for (method, fields) in cases {
        let mut sent = fields.clone();
        assert!(matches!(configured().read(method, &mut sent), Intent::Pass), "{fields:?}");
        assert_eq!(sent, fields);
    }
}

#[test]
fn what_stands_behind_is_asked_for_what_can_be_worked_on() {
    let mut fields = Fields::from([("Accept-Encoding", "gzip"), ("user-agent", "iPad")]);
    let asked = asked(&mut fields);
    assert_eq!(fields.get("accept-encoding").as_deref(), Some("identity"));
    assert_eq!(asked.accepts.weigh(Coding::Gzip), 1000);
    assert_eq!(asked.hints.device, Device::Tablet);
    let settings = Settings { asks_for_identity: false, ..Settings::default() };
    let mut fields = Fields::from([("accept-encoding", "gzip")]);
    Configured::new(settings).read("HEAD", &mut fields);
    assert_eq!(fields.get("accept-encoding").as_deref(), Some("gzip"));
}

#[test]
fn a_condition_is_sent_on_in_the_words_of_the_origin() {
    let mark = asked(&mut Fields::default()).mark(Some(Coding::Gzip));
    let own = format!("W/\"abc~s{mark}\"");
    let mut fields = Fields::from([("if-none-match", own.as_str()), ("accept-encoding", "gzip")]);
    let known = asked(&mut fields);
    assert_eq!(fields.get("if-none-match").as_deref(), Some("\"abc\""));
    assert_eq!(known.known_tag(Some("\"abc\"")), Some(own.as_str()));
    // It takes no gzip any longer; it saves data now; other settings made it.
    let other = own.replace(&mark[2..], "00000000");
    for fields in [
        Fields::from([("if-none-match", own.as_str())]),
        Fields::from([("if-none-match", &*own), ("accept-encoding", "gzip"), ("save-data", "on")]),
        Fields::from([("if-none-match", other.as_str()), ("accept-encoding", "gzip")]),
    ] {
        let mut sent = fields.clone();
        assert_eq!(asked(&mut sent).known_tag(Some("\"abc\"")), None, "{fields:?}");
        assert!(!sent.has("if-none-match"), "{sent:?}");
    }
}

#[test]
fn who_changes_what_was_read_names_the_tag_of_the_origin() {
    let mark = asked(&mut Fields::default()).mark(Some(Coding::Brotli));
    let own = format!("W/\"v7~s{mark}\"");
    for method in ["PUT", "GET", "DELETE"] {
        let mut fields = Fields::from([("if-match", own.as_str())]);
        configured().read(method, &mut fields);
        assert_eq!(fields.get("if-match").as_deref(), Some("\"v7\""), "{method}");
    }
}

#[test]
fn who_takes_a_coding_is_not_answered_with_what_is_in_none() {
    let plain = format!("W/\"v1~s{}\"", asked(&mut Fields::default()).mark(None));
    let mut gzip = Fields::from([("accept-encoding", "gzip")]);
    let dense = format!("W/\"v1~s{}\"", asked(&mut gzip).mark(None));
    assert_ne!(plain, dense);
    let mut fields = Fields::from([("if-none-match", &*dense), ("accept-encoding", "gzip")]);
    assert_eq!(asked(&mut fields).known_tag(Some("\"v1\"")), Some(dense.as_str()));
    let mut fields = Fields::from([("if-none-match", &*plain), ("accept-encoding", "br;q=0")]);
    assert_eq!(asked(&mut fields).known_tag(Some("\"v1\"")), Some(plain.as_str()));
    let mut fields = Fields::from([("if-none-match", &*plain), ("accept-encoding", "gzip")]);
    assert_eq!(asked(&mut fields).known_tag(Some("\"v1\"")), None);
    assert!(!fields.has("if-none-match"));
}

#[test]
fn who_has_a_dictionary_is_answered_only_with_what_is_compressed_with_it() {
    let settings = Settings { dictionaries: Some("shared".into()), ..Settings::default() };
    let configured = Configured::new(settings);
    let read = |fields: &mut Fields| match configured.read("GET", fields) {
        Intent::Work(asked) => *asked,
        Intent::Pass => panic!("passes"),
    };
    let takes = ("accept-encoding", "br, dcz");
    let digests = ["A", "B"].map(|letter| format!(":{}=:", letter.repeat(42) + "A"));
    let has = |digest| Fields::from([takes, ("available-dictionary", digest)]);
    let [first, second] = [0, 1].map(|at: usize| read(&mut has(digests[at].as_str())));
    assert!(first.available.is_some() && first.available != second.available);
    let tag = |asked: &Asked, coding| format!("W/\"v1~s{}\"", asked.mark(Some(coding)));
    let (own, other) = (tag(&first, Coding::DictionaryZstd), tag(&second, Coding::DictionaryZstd));
    assert_ne!(own, other);
    let brotli = tag(&first, Coding::Brotli);
    // A cache asks with the tags of all that it has.
    for (tags, digest, known) in [
        (other.as_str(), Some(0), None),
        (&*brotli, Some(0), None),
        (&*format!("{other}, {brotli}"), Some(0), None),
        (&*own, None, None),
        (&*format!("{brotli}, {other}, {own}"), Some(0), Some(own.as_str())),
        (&*format!("{own}, {brotli}"), None, Some(&*brotli)),
    ] {
        let mut fields = Fields::from([takes, ("if-none-match", tags)]);
        if let Some(at) = digest {
            fields.set("available-dictionary", digests[at].as_str());
        }
        assert_eq!(read(&mut fields).known_tag(Some("\"v1\"")), known, "{tags}");
    }
}

#[test]
fn without_dictionaries_nothing_depends_on_what_a_client_has() {
    let digest = format!(":{}=:", "A".repeat(43));
    let mut fields =
        Fields::from([("accept-encoding", "br, dcz"), ("available-dictionary", digest.as_str())]);
    assert_eq!(asked(&mut fields).available, None);
}
