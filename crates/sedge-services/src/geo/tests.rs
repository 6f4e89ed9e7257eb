use super::*;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[path = "../../../../tests/src/mmdb.rs"]
#[expect(unreachable_pub, reason = "shared with the scenarios, which are a crate")]
mod writer;

use writer::{Database, Written, list, map};

/// A database in the layout of GeoIP2 with one network, 192.0.2.0/24 and 2001:db8::/32.
fn city() -> Vec<u8> {
    let names = map([("en", "Lunden"), ("de", "London")]);
    let record = map([
        ("continent", map([("code", "EU")])),
        ("country", map([("iso_code", "GB"), ("geoname_id", "7")])),
        ("city", map([("names", names)])),
        ("subdivisions", list([map([("iso_code", "ENG")]), map([("iso_code", "LND")])])),
        ("postal", map([("code", "E1")])),
        (
            "location",
            map([
                ("latitude", Written::Double(51.5)),
                ("longitude", Written::Double(-0.1)),
                ("accuracy_radius", Written::Integer(20)),
                ("time_zone", Written::from("Europe/London")),
            ]),
        ),
        ("traits", map([("is_anonymous_proxy", Written::Flag(true))])),
    ]);
    let mut database = Database::new("Test-City");
    database.add("192.0.2.0".parse().expect("an address"), 24, record.clone());
    database.add("2001:db8::".parse().expect("an address"), 32, record);
    database.bytes()
}

fn flat(record: Written) -> Vec<u8> {
    let mut database = Database::new("flat");
    database.add("192.0.2.0".parse().expect("an address"), 24, record);
    database.bytes()
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
}

fn loaded(folder: &Path) -> (Arc<GeoDatabases>, Vec<String>) {
    let databases = Arc::<GeoDatabases>::default();
    let problems = databases.load(folder);
    (databases, problems.iter().map(ToString::to_string).collect())
}

fn located(bytes: &[u8], address: &str) -> Option<Facts> {
    let folder = folder(&[("a.mmdb", bytes)]);
    let (databases, problems) = loaded(folder.path());
    assert_eq!(problems, Vec::<String>::new());
    Geo::new(&databases).locate(address).expect("can be read")
}

#[test]
fn what_is_no_address_is_an_error_and_never_a_place() {
    let folder = folder(&[("a.mmdb", &city())]);
    let geo = Geo::new(&loaded(folder.path()).0);
    let long = "1".repeat(1 << 20);
    for text in
        ["", " ", "192.0.2", "192.0.2.1:80", "[2001:db8::1]", "2001:db8::1%lo", "999.0.2.1", &long]
    {
        let error = geo.locate(text).expect_err("no address");
        assert!(matches!(&error, LocateError::NotAnAddress(shown) if shown.len() <= 64), "{error}");
    }
    assert_eq!(geo.locate("198.51.100.1"), Ok(None));
    assert_eq!(geo.locate("2001:db9::1"), Ok(None));
}

#[test]
fn files_that_are_no_databases_are_told_and_the_others_are_used() {
    let whole = city();
    let cut = &whole[..whole.len() - 30];
    let folder = folder(&[
        ("a.mmdb", b""),
        ("b.mmdb", b"no database"),
        ("c.mmdb", cut),
        ("d.mmdb", &whole),
        ("e.txt", b"of no interest"),
    ]);
    fs::create_dir(folder.path().join("f.mmdb")).expect("made");
    let (databases, problems) = loaded(folder.path());
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[0].contains("a.mmdb has 0 bytes"), "{problems:?}");
    assert_eq!(databases.shown().len(), 1);
    assert_eq!(databases.shown()[0].kind, "Test-City");
    assert!(databases.locate("192.0.2.1".parse().expect("an address")).expect("read").is_some());
    let (none, problems) = loaded(&folder.path().join("absent"));
    assert_eq!((none.shown().len(), problems.len()), (0, 0));
    assert_eq!(none.locate("192.0.2.1".parse().expect("an address")), Err(LocateError::NoDatabase));
}

#[test]
fn a_file_that_becomes_unusable_leaves_its_old_version_in_use() {
    let folder = folder(&[("a.mmdb", &city())]);
    let (databases, _) = loaded(folder.path());
    let address = "192.0.2.1".parse().expect("an address");
    // Replaced, not overwritten: the old one is mapped.
    fs::write(folder.path().join("new"), b"broken").expect("written");
    fs::rename(folder.path().join("new"), folder.path().join("a.mmdb")).expect("moved");
    assert_eq!(databases.load(folder.path()).len(), 1);
    assert!(databases.locate(address).expect("read").is_some());
    fs::remove_file(folder.path().join("a.mmdb")).expect("removed");
    assert_eq!(databases.load(folder.path()).len(), 0);
    assert_eq!(databases.locate(address), Err(LocateError::NoDatabase));
}

#[test]
fn a_record_of_geoip2_is_read() {
    let facts = located(&city(), "192.0.2.77").expect("is there");
    assert_eq!(facts.country.as_deref(), Some("GB"));
    assert_eq!(facts.continent.as_deref(), Some("EU"));
    assert_eq!(facts.subdivision.as_deref(), Some("ENG"));
    assert_eq!(facts.city.as_deref(), Some("Lunden"));
    assert_eq!(facts.postal_code.as_deref(), Some("E1"));
    assert_eq!(facts.time_zone.as_deref(), Some("Europe/London"));
    let point = Coordinates { latitude: 51.5, longitude: -0.1, accuracy_km: Some(20) };
    assert_eq!(facts.coordinates, Some(point));
    assert!(facts.traits.anonymous && !facts.traits.vpn);
    // An IPv4 address that is written as IPv6 is the same.
    assert_eq!(located(&city(), "::ffff:192.0.2.77"), Some(facts.clone()));
    assert_eq!(located(&city(), "2001:db8::1"), Some(facts));
}

#[test]
fn a_flat_record_is_read() {
    let record = map([
        ("country_code", Written::from("JP")),
        ("state1", Written::from("Tokyo")),
        ("city", Written::from("Chiyoda")),
        ("latitude", Written::from("35.69")),
        ("longitude", Written::Double(139.75)),
        ("timezone", Written::from("Asia/Tokyo")),
        ("asn", Written::from("AS64496")),
        ("as_name", Written::from("Example")),
        ("is_tor_exit_node", Written::Flag(true)),
    ]);
    let facts = located(&flat(record), "192.0.2.1").expect("is there");
    assert_eq!(facts.country.as_deref(), Some("JP"));
    assert_eq!(facts.city.as_deref(), Some("Chiyoda"));
    assert_eq!(facts.subdivision.as_deref(), Some("Tokyo"));
    assert_eq!(facts.coordinates.map(|point| point.latitude), Some(35.69));
    assert_eq!(
        (facts.autonomous_system, facts.organization.as_deref()),
        (Some(64_496), Some("Example"))
    );
    assert!(facts.traits.tor_exit && facts.traits.anonymous);
}

#[test]
fn values_that_cannot_be_are_left_out() {
    let record = map([
        ("country", map([("iso_code", Written::from("gb"))])),
        ("country_code", Written::from("GBR")),
        ("registered_country", map([("iso_code", Written::from("FR"))])),
        ("city", list([Written::from("x")])),
        ("timezone", Written::from("a\nb")),
        ("region", Written::from("x".repeat(300).as_str())),
        ("latitude", Written::Double(f64::NAN)),
        ("longitude", Written::Double(500.0)),
        ("autonomous_system_number", Written::from("AS99999999999")),
        ("is_anonymous", Written::from("true")),
    ]);
    let facts = located(&flat(record), "192.0.2.1").expect("is there");
    let expected = Facts { country: Some("FR".to_owned()), ..Facts::default() };
    assert_eq!(facts, expected);
}

#[test]
fn databases_complete_each_other_and_the_first_place_counts() {
    let network = flat(map([
        ("autonomous_system_number", Written::Integer(64_500)),
        ("autonomous_system_organization", Written::from("Example")),
    ]));
    let other = flat(map([
        ("country_code", Written::from("US")),
        ("timezone", Written::from("America/Chicago")),
        ("is_hosting_provider", Written::Flag(true)),
    ]));
    let folder = folder(&[("1.mmdb", &network), ("2.mmdb", &city()), ("3.mmdb", &other)]);
    let (databases, _) = loaded(folder.path());
    let facts = Geo::new(&databases).locate("192.0.2.1").expect("read").expect("is there");
    assert_eq!((facts.autonomous_system, facts.country.as_deref()), (Some(64_500), Some("GB")));
    assert_eq!(facts.time_zone.as_deref(), Some("Europe/London"));
    assert!(facts.traits.hosting && facts.traits.anonymous);
}

#[test]
fn a_database_is_put_whole_or_not_at_all() {
    let source = folder(&[("good", &city()), ("bad", &city()[..200])]);
    let target = source.path().join("data/geo");
    let info = put(&source.path().join("good"), &target, "a.mmdb").expect("is put");
    assert_eq!((info.name.as_str(), info.ip_version), ("a.mmdb", 6));
    let error = put(&source.path().join("bad"), &target, "a.mmdb").expect_err("is none");
    assert!(error.to_string().contains("/bad is no usable database"), "{error}");
    assert!(put(&source.path().join("absent"), &target, "b.mmdb").is_err());
    let names: Vec<_> = fs::read_dir(&target).expect("is there").flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(loaded(&target).0.shown().len(), 1);
}

proptest! {
    /// Whatever is broken in a file: an error, nothing, or other facts; no panic and no hang.
    #[test]
    fn a_damaged_database_harms_nobody(
        at in 0_usize..2_000,
        by in any::<u8>(),
        cut in 0_usize..60,
    ) {
        let mut bytes = city();
        let length = bytes.len();
        bytes[at % length] = by;
        bytes.truncate(length - cut);
        let folder = folder(&[("a.mmdb", &bytes)]);
        let (databases, _) = loaded(folder.path());
        for address in ["192.0.2.1", "2001:db8::1", "::", "255.255.255.255"] {
            let _ = Geo::new(&databases).locate(address);
        }
        let _ = check(&folder.path().join("a.mmdb"));
    }
}
