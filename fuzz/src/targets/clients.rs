//! What a node is given to know clients by: databases of addresses, patterns of user agents, and
//! user agents themselves.

use super::texts;
use sedge_services::agents::{self, Agents, Client};
use sedge_services::geo::{self, Geo, GeoDatabases};
use std::path::PathBuf;
use std::sync::Arc;

#[path = "../../../tests/src/mmdb.rs"]
#[allow(dead_code)]
mod mmdb;

use mmdb::{Database, Written, list, map};

/// A file with these bytes, one for each process.
fn file(name: &str, data: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sedge-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder is made");
    // Never overwritten: an old one may be mapped.
    let (draft, path) = (folder.join("draft"), folder.join(name));
    std::fs::write(&draft, data).expect("a file is written");
    std::fs::rename(&draft, &path).expect("a file is moved");
    path
}

/// Databases of both layouts.
pub(super) fn databases() -> Vec<Vec<u8>> {
    let network = "192.0.2.0".parse().expect("an address");
    let nested = map([
        ("country", map([("iso_code", "GB")])),
        ("subdivisions", list([map([("iso_code", "ENG")])])),
        (
            "location",
            map([("latitude", Written::Double(51.5)), ("accuracy_radius", Written::Integer(9))]),
        ),
        ("traits", map([("is_anonymous_proxy", Written::Flag(true))])),
    ]);
    let flat =
        map([("country_code", "JP"), ("latitude", "35.5"), ("longitude", "1"), ("asn", "AS7")]);
    let of = |record: Written| {
        let mut database = Database::new("seed");
        database.add(network, 24, record);
        database.bytes()
    };
    vec![of(nested), of(flat), Database::new("empty").bytes()]
}

/// Opens a database, checks all of it, and looks addresses up.
pub(super) fn database(data: &[u8]) {
    let path = file("fuzzed.mmdb", data);
    let _ = geo::check(&path);
    let databases = Arc::<GeoDatabases>::default();
    let _ = databases.load(path.parent().expect("it lies in a folder"));
    for address in ["192.0.2.1", "::", "2001:db8::1", "255.255.255.255"] {
        if let Ok(Some(facts)) = Geo::new(&databases).locate(address) {
            assert!(facts.country.is_none_or(|code| code.len() == 2));
            let point = facts.coordinates;
            assert!(
                point.is_none_or(|at| at.latitude.abs() <= 90.0 && at.longitude.abs() <= 180.0)
            );
        }
    }
}

/// Files of patterns.
pub(super) fn patterns() -> Vec<Vec<u8>> {
    texts(&[
        "user_agent_parsers:\n  - regex: '(Fire)/(\\d+)'\n    v1_replacement: '$2'\nos_parsers:\n  - regex: 'iOS'\n    os_replacement: 'iOS'\ndevice_parsers:\n  - regex: '(a|b)c'\n    regex_flag: 'i'\n    brand_replacement: 'x $1'\n",
        "user_agent_parsers: []\n",
        "a: [b, {c: d}]\n---\n- &x y\n- *x\n",
    ])
}

/// Reads patterns, and a user agent by them.
pub(super) fn pattern(data: &[u8]) {
    let path = file("fuzzed.yaml", data);
    let agents = Arc::<Agents>::default();
    if agents.load(&path).is_ok() {
        agents::check(&path).expect("what was taken is right");
        let _ = Client::new(&agents).parse("Mozilla/5.0 (iPhone; CPU iOS 18) Fire/7 ac");
    }
}

/// User agents.
pub(super) fn user_agents() -> Vec<Vec<u8>> {
    texts(&[
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "curl/8.1",
        "",
    ])
}

/// What kind of device a user agent speaks of.
pub(super) fn user_agent(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let facts = Client::new(&Arc::default()).parse(&text);
    assert_eq!(facts.is_ok(), text.len() <= agents::AGENT_BYTES_MAX);
}
