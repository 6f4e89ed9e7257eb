//! The first bytes of a TLS client.

use rustls::server::Acceptor;
use sedge_ingress::http::tls::hello::{self, Parsed};
use sedge_ingress::http::tls::ja4;

/// What rustls takes for a ClientHello, our parser does too, and reads the same
/// in it; bytes that come one by one are read as bytes that come at once.
pub(super) fn client_hello(data: &[u8]) {
    let parsed = hello::parse(data);
    for end in 0..data.len().min(600) {
        match hello::parse(&data[..end]) {
            Parsed::Incomplete => {}
            early => {
                assert_eq!(early, parsed, "decided after {end} bytes");
                break;
            }
        }
    }
    if let Parsed::Hello(hello) = &parsed {
        let fingerprint = ja4::fingerprint(hello);
        assert_eq!(fingerprint.len(), 36, "{fingerprint}");
        assert!(fingerprint.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }
    let mut acceptor = Acceptor::default();
    let mut rest = data;
    while !rest.is_empty() && acceptor.read_tls(&mut rest).is_ok_and(|bytes| bytes > 0) {
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => {
                let Parsed::Hello(hello) = &parsed else {
                    assert!(data.len() > hello::BYTES_MAX, "rustls reads a hello in {parsed:?}");
                    return;
                };
                let theirs = accepted.client_hello();
                let ciphers: Vec<u16> =
                    theirs.cipher_suites().iter().map(|&suite| suite.into()).collect();
                assert_eq!(ciphers, hello.ciphers);
                let protocols: Vec<Vec<u8>> =
                    theirs.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
                assert_eq!(protocols, hello.protocols);
                let schemes: Vec<u16> =
                    theirs.signature_schemes().iter().map(|&scheme| scheme.into()).collect();
                assert_eq!(schemes, hello.signature_schemes);
                return;
            }
            Err(_) => return,
        }
    }
}

/// Hellos of TLS 1.3 and 1.2, whole and in pieces, and what is none.
pub(super) fn hellos() -> Vec<Vec<u8>> {
    // Version, random, session, ciphers, compression.
    let mut body = b"\x03\x03".to_vec();
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(b"\x00\x00\x06\x1a\x1a\x13\x01\xc0\x2b\x01\x00");
    let plain = record(&[body.clone(), b"\x00\x00".to_vec()].concat());
    let mut extensions = Vec::new();
    for (number, value) in [
        (0x0000u16, &b"\x00\x0c\x00\x00\x09site.test"[..]),
        (0x000a, b"\x00\x02\x00\x1d"),
        (0x000d, b"\x00\x04\x04\x03\x08\x04"),
        (0x0010, b"\x00\x0c\x02h2\x08http/1.1"),
        (0x002b, b"\x04\x03\x04\x03\x03"),
        (0x5a5a, b""),
    ] {
        extensions.extend_from_slice(&number.to_be_bytes());
        extensions.extend_from_slice(&(value.len() as u16).to_be_bytes());
        extensions.extend_from_slice(value);
    }
    let length = (extensions.len() as u16).to_be_bytes();
    let full = record(&[body, length.to_vec(), extensions].concat());
    let pieces = full[5..]
        .chunks(20)
        .flat_map(|part| [b"\x16\x03\x01\x00", &[part.len() as u8][..], part].concat());
    let pieces = pieces.collect();
    vec![plain, full, pieces, b"GET / HTTP/1.1\r\n".to_vec(), b"\x15\x03\x01\0\x02\x01\0".to_vec()]
}

fn record(body: &[u8]) -> Vec<u8> {
    let message = (body.len() as u16).to_be_bytes();
    let record = (body.len() as u16 + 4).to_be_bytes();
    [b"\x16\x03\x01", &record[..], b"\x01\x00", &message, body].concat()
}
