use super::*;
use proptest::prelude::*;
use rustls::pki_types::ServerName;
use std::sync::Arc;

/// The ClientHello of rustls' own client, in one record.
pub(crate) fn real(host: &'static str, protocols: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(host).expect("a name");
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("memory");
    bytes
}

/// The same message in records of at most `bytes` each.
pub(crate) fn split(record: &[u8], bytes: usize) -> Vec<u8> {
    let fragments = record[5..].chunks(bytes);
    fragments
        .flat_map(|part| {
            let length = u16::try_from(part.len()).expect("short").to_be_bytes();
            [&record[..3], &length, part].concat()
        })
        .collect()
}

#[test]
fn what_is_no_hello_is_told_apart() {
    let mut other_message = real("site.test", &[]);
    other_message[5] = 2;
    let mut no_major = real("site.test", &[]);
    no_major[1] = 2;
    let mut huge = real("site.test", &[]);
    huge[6] = 0xff;
    let mut cut_list = real("site.test", &[]);
    // The first length of the list of ciphers, after version, random, session.
    let at = 5 + 4 + 2 + 32 + 1 + usize::from(cut_list[5 + 4 + 2 + 32]);
    cut_list[at + 1] ^= 1;
    for (bytes, expected) in [
        (&b""[..], Parsed::Incomplete),
        (b"\x16", Parsed::Incomplete),
        (b"\x16\x03\x01\x00", Parsed::Incomplete),
        (b"GET / HTTP/1.1\r\n", Parsed::PlainHttp),
        (b"PRI * HTTP/2.0\r\n", Parsed::PlainHttp),
        (b"\0\0\0", Parsed::Foreign),
        (b"SSH-2.0", Parsed::PlainHttp),
        (b"\x80\x2e\x01\x03\x01", Parsed::Foreign),
        (b"\x15\x03\x01\x00\x02\x02\x28", Parsed::Foreign),
        (b"\x16\x03\x01\x00\x00", Parsed::Malformed),
        (b"\x16\x03\x01\x48\x01", Parsed::Malformed),
        (b"\x16\x03\x01\x00\x01\x01\x17", Parsed::Malformed),
        (&other_message, Parsed::Malformed),
        (&no_major, Parsed::Malformed),
        (&huge, Parsed::Malformed),
        (&cut_list, Parsed::Malformed),
    ] {
        assert_eq!(parse(bytes), expected, "{:?}", bytes.escape_ascii().to_string());
    }
}

#[test]
fn a_hello_that_never_ends_is_given_up() {
    // A message of 30,000 bytes, of which each record brings one.
    let mut bytes = b"\x16\x03\x01\x00\x04\x01\x00\x75\x30".to_vec();
    while bytes.len() < BYTES_MAX {
        assert_eq!(parse(&bytes), Parsed::Incomplete, "{} bytes", bytes.len());
        bytes.extend_from_slice(b"\x16\x03\x01\x00\x01\x00".repeat(500).as_slice());
    }
    assert_eq!(parse(&bytes), Parsed::Malformed);
}

#[test]
fn a_real_hello_is_read_as_rustls_wrote_it() {
    let Parsed::Hello(hello) = parse(&real("site.test", &["h2", "http/1.1"])) else {
        panic!("not a hello")
    };
    assert_eq!(hello.legacy_version, 0x0303);
    assert!(hello.ciphers.contains(&0x1301), "{hello:?}");
    assert!(hello.extensions.contains(&SERVER_NAME));
    assert_eq!(hello.versions, [0x0304, 0x0303]);
    assert!(hello.signature_schemes.contains(&0x0403));
    assert_eq!(hello.protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

#[test]
fn records_may_cut_a_hello_anywhere() {
    let whole = real("site.test", &["h2"]);
    let expected = parse(&whole);
    for bytes in [1, 2, 3, 4, 5, 7, 100] {
        let split = split(&whole, bytes);
        assert_eq!(parse(&split), expected, "{bytes}");
        for end in 0..split.len() {
            assert_eq!(parse(&split[..end]), Parsed::Incomplete, "{bytes} {end}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let record = [b"\x16\x03\x01\x01\x2c\x01\x00\x01\x28".to_vec(), bytes].concat();
        let _ = parse(&record);
    }

    #[test]
    fn a_changed_byte_panics_nowhere(at in 0usize..200, byte in any::<u8>()) {
        let mut bytes = real("site.test", &["h2"]);
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = parse(&bytes);
    }
}
