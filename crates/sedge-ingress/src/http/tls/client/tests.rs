use super::*;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, SanType};

fn client(params: CertificateParams) -> Client {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Client::of(certificate.der()).expect("readable")
}

fn named(parts: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, text) in parts {
        params.distinguished_name.push(kind.clone(), *text);
    }
    params
}

#[test]
fn a_subject_cannot_pass_for_another() {
    for (value, expected) in [
        ("x,O=admin", "CN=x\\,O\\=admin"),
        ("x+O=admin", "CN=x\\+O\\=admin"),
        ("\"x\\\";<>", "CN=\\\"x\\\\\\\"\\;\\<\\>"),
        (" x ", "CN=\\ x\\ "),
        ("#00", "CN=\\#00"),
        ("x\r\nforged: 1", "CN=x\\0D\\0Aforged: 1"),
        ("ä", "CN=\\C3\\A4"),
        ("plain name", "CN=plain name"),
    ] {
        assert_eq!(client(named(&[(DnType::CommonName, value)])).subject, expected);
    }
    let whole = named(&[
        (DnType::CountryName, "DE"),
        (DnType::OrganizationName, "Sedge"),
        (DnType::CommonName, "till"),
        (DnType::CustomDnType(vec![2, 5, 4, 65]), "pseudonym"),
    ]);
    assert_eq!(client(whole).subject, "2.5.4.65=pseudonym,CN=till,O=Sedge,C=DE");
    assert_eq!(client(named(&[])).subject, "");
}

#[test]
fn a_spiffe_id_is_the_only_uri_and_nothing_else() {
    let with = |uris: &[&str]| {
        let mut params = CertificateParams::default();
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().expect("ASCII")));
        params.subject_alt_names = uris.collect();
        client(params).spiffe_id
    };
    for bad in [
        "spiffe://",
        "spiffe:///path",
        "spiffe://Domain/path",
        "spiffe://domain:443/path",
        "spiffe://user@domain/path",
        "spiffe://domain/",
        "spiffe://domain//path",
        "spiffe://domain/../path",
        "spiffe://domain/pa%74h",
        "spiffe://domain/path?query",
        "spiffe://domain/path, spiffe://other",
        "https://domain/path",
    ] {
        assert_eq!(with(&[bad]), None, "{bad}");
    }
    assert_eq!(with(&["spiffe://domain/a", "spiffe://domain/b"]), None);
    assert_eq!(with(&["spiffe://domain/a", "https://site.test"]), None);
    for good in ["spiffe://domain.test", "spiffe://domain/ns/shop/sa/till-1"] {
        assert_eq!(with(&[good]).as_deref(), Some(good));
    }
}

#[test]
fn names_of_every_kind_are_told_apart() {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![
        SanType::DnsName("till.test".try_into().expect("a name")),
        SanType::DnsName("a\", \"uri:spiffe://b".try_into().expect("a name")),
        SanType::Rfc822Name("till@shop.test".try_into().expect("a name")),
        SanType::IpAddress([10, 0, 0, 1].into()),
        SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
    ];
    let client = client(params);
    assert_eq!(client.names[0], "dns:till.test");
    assert_eq!(
        client.names_field(),
        "\"dns:till.test\", \"dns:a\\\", \\\"uri:spiffe://b\", \"email:till@shop.test\", \
         \"ip:10.0.0.1\", \"ip:::1\""
    );
}

#[test]
fn a_certificate_that_cannot_be_read_has_no_identity() {
    let mut params = CertificateParams::default();
    // A subjectAltName that is no list.
    let broken = CustomExtension::from_oid_content(&[2, 5, 29, 17], vec![0x04, 0x01, 0x00]);
    params.custom_extensions = vec![broken];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    assert_eq!(Client::of(certificate.der()), None);
    assert_eq!(Client::of(&CertificateDer::from(vec![0x30, 0x00])), None);
}

#[test]
fn bytes_are_encoded_as_the_rfc_shows() {
    for (bytes, expected) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(bytes.as_bytes()), expected);
    }
    assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
}
