use super::*;
use proptest::prelude::*;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

fn certificate() -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(1999, 12, 31);
    params.not_after = rcgen::date_time_ymd(2050, 2, 28);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::CommonName, "Käthe");
    params.subject_alt_names = vec![
        SanType::DnsName("*.site.test".try_into().expect("a name")),
        SanType::URI("spiffe://site/a".try_into().expect("a name")),
        SanType::Rfc822Name("k@site.test".try_into().expect("a name")),
        SanType::IpAddress([10, 0, 0, 1].into()),
        SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
    ];
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").der().to_vec()
}

#[test]
fn what_is_cut_or_something_else_is_no_certificate() {
    let der = certificate();
    for end in 0..der.len() {
        // The signature at the end is not read, so a little may be missing.
        let read = Certificate::read(&der[..end]);
        assert_eq!(read, None, "{end} of {}", der.len());
    }
    for other in [&b"\x30\x00"[..], b"\x30\x80\0\0", b"\x02\x01\x00", b"\x30\x85\0\0\0\0\0", b""] {
        assert_eq!(Certificate::read(other), None, "{other:?}");
    }
}

#[test]
fn everything_that_is_shown_is_read() {
    let read = Certificate::read(&certificate()).expect("a certificate");
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).expect("later").as_secs();
    assert_eq!(seconds(read.not_before), 946_598_400);
    assert_eq!(seconds(read.not_after), 2_529_619_200);
    let attribute =
        |oid: &str, text: &str| vec![Attribute { oid: oid.to_owned(), value: Ok(text.to_owned()) }];
    assert_eq!(read.subject, [attribute("2.5.4.6", "DE"), attribute("2.5.4.3", "Käthe")]);
    assert_eq!(
        read.names,
        [
            Name::Dns("*.site.test".to_owned()),
            Name::Uri("spiffe://site/a".to_owned()),
            Name::Email("k@site.test".to_owned()),
            Name::Ip(IpAddr::from([10, 0, 0, 1])),
            Name::Ip(std::net::Ipv6Addr::LOCALHOST.into()),
        ]
    );
}

#[test]
fn identifiers_are_dotted() {
    for (der, expected) in [
        (&[][..], None),
        (&[0x80], None),
        (&[0xff; 12], None),
        (&[0x55, 0x04, 0x03], Some("2.5.4.3")),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d], Some("1.2.840.113549")),
        (&[0x88, 0x37, 0x03], Some("2.999.3")),
    ] {
        assert_eq!(dotted(der).as_deref(), expected, "{der:?}");
    }
}

#[test]
fn times_have_two_forms_and_no_others() {
    let read = |kind: u8, text: &str| {
        let der = [&[kind, text.len() as u8], text.as_bytes()].concat();
        let time = Der(&der).time();
        time.map(|time| time.duration_since(UNIX_EPOCH).expect("later").as_secs())
    };
    for (kind, text, expected) in [
        (0x17, "", None),
        (0x17, "Z", None),
        (0x17, "7001010000Z", None),
        (0x17, "700101000000+0100", None),
        (0x17, "70010100000xZ", None),
        (0x18, "700101000000Z", None),
        (0x02, "700101000000Z", None),
        (0x17, "700101000001Z", Some(1)),
        (0x17, "500101000000Z", Some(0)),
        (0x17, "491231235959Z", Some(2_524_607_999)),
        (0x18, "20240229120000Z", Some(1_709_208_000)),
        (0x18, "99991231235959Z", Some(253_402_300_799)),
    ] {
        assert_eq!(read(kind, text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Certificate::read(&bytes);
    }

    #[test]
    fn a_changed_byte_panics_nowhere(at in 0usize..500, byte in any::<u8>()) {
        let mut der = certificate();
        let at = at % der.len();
        der[at] = byte;
        let _ = Certificate::read(&der);
    }
}
