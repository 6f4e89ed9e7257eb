use super::*;
use crate::http::tls::files::tests::Folder;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sedge_model::routing::upstream::{AltName, Balance, Pool};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An authority, and its certificate in a file.
struct Authority {
    folder: Folder,
    issuer: CertifiedIssuer<'static, KeyPair>,
    root: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let folder = Folder::new();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let root = folder.write("root.pem", issuer.pem(), 0o644);
        Authority { folder, issuer, root }
    }

    /// A server with a certificate for `api.test`, changed as wanted.
    fn server(&self, change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let mut params = CertificateParams::new(vec!["api.test".to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a pair");
        config.alpn_protocols = vec![ALPN_HTTP1.to_vec()];
        config
    }

    fn tls(&self) -> Tls {
        Tls { trusted_roots: vec![self.root.clone()], ..Tls::default() }
    }
}

fn upstream(tls: Tls) -> Upstream {
    Upstream {
        name: "back".to_owned(),
        endpoints: Vec::new(),
        balance: Balance::RoundRobin,
        protocol: Protocol::Http1,
        tls: Some(tls),
        pool: Pool::default(),
        health: None,
        outliers: None,
    }
}

fn load(tls: &Tls) -> Result<Secure, Vec<Wrong>> {
    Secure::load(&upstream(tls.clone()), tls)
}

/// What a handshake with this server ends with, for an endpoint of this host.
async fn shake(tls: &Tls, host: &str, server: ServerConfig) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        if let Ok(mut stream) = acceptor.accept(stream).await {
            let _ = stream.read(&mut [0]).await;
        }
    });
    let secure = load(tls).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let stream = TcpStream::connect(address).await.expect("it listens");
    let shaken =
        tokio::time::timeout(Duration::from_secs(20), secure.handshake(stream, host, false));
    let shaken = shaken.await.expect("in time").map(drop);
    serving.abort();
    shaken
}

/// What a handshake with a server that says this, and then closes, ends with.
async fn hear(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let _ = stream.read(&mut [0; 2048]).await;
        let _ = stream.write_all(bytes).await;
    });
    let secure = load(&Authority::new().tls()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let stream = TcpStream::connect(address).await.expect("it listens");
    secure.handshake(stream, "api.test", false).await.map(drop).expect_err("no TLS")
}

#[test]
fn every_broken_file_is_told_at_once_by_the_setting_that_names_it() {
    let authority = Authority::new();
    let empty = authority.folder.write("empty.pem", "", 0o644);
    let tls = Tls {
        trusted_roots: vec![authority.root.clone(), "/nonexistent.pem".into(), empty.clone()],
        certificate: Some((empty, "/nonexistent.key".into())),
        ..Tls::default()
    };
    let wrong = load(&tls).err().expect("wrong");
    let pointers: Vec<&str> = wrong.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(pointers, ["/trusted_roots/1", "/trusted_roots/2", "/certificate", "/key"]);
    assert!(wrong.into_iter().map(Invalid::from).all(|invalid| invalid.hint.is_some()));
}

#[tokio::test]
async fn a_certificate_that_is_not_good_enough_is_refused_with_its_reason() {
    let authority = Authority::new();
    let tls = authority.tls();
    let strange = Authority::new().server(|_| {});
    let refused = "the certificate is of an authority that is not trusted";
    assert_eq!(shake(&tls, "api.test", strange).await, Err(refused.to_owned()));
    let expired = authority.server(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let refused = shake(&tls, "api.test", expired).await;
    assert_eq!(refused, Err("the certificate has expired".to_owned()));
    let early = authority.server(|params| params.not_before = date_time_ymd(2999, 1, 1));
    let refused = shake(&tls, "api.test", early).await;
    assert_eq!(refused, Err("the certificate is not valid yet".to_owned()));
    let of_client = authority.server(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let refused = shake(&tls, "api.test", of_client).await;
    assert_eq!(refused, Err("the certificate is not for servers".to_owned()));
    let refused = shake(&tls, "other.test", authority.server(|_| {})).await.expect_err("a name");
    assert!(refused.contains("not for other.test but for"), "{refused}");
    let refused = shake(&tls, "127.0.0.1", authority.server(|_| {})).await.expect_err("a name");
    assert!(refused.contains("not for 127.0.0.1 but for"), "{refused}");
    let refused = shake(&tls, "not a host", authority.server(|_| {})).await.expect_err("a name");
    assert!(refused.contains("not a name that a certificate can have"), "{refused}");
    // Mozilla's authorities know nothing of this one.
    let refused = shake(&Tls::default(), "api.test", authority.server(|_| {})).await;
    assert!(refused.expect_err("refused").contains("not trusted"));
    let mut server = authority.server(|_| {});
    server.alpn_protocols = vec![b"h3".to_vec()];
    let refused = shake(&tls, "api.test", server).await.expect_err("no protocol");
    assert!(refused.contains("refused the handshake: NoApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn what_is_no_handshake_is_told_from_one_that_failed() {
    let heard = hear(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    assert!(heard.contains("does not speak TLS"), "{heard}");
    let heard = hear(b"\x15\x03\x03\x00\x02\x02\x28").await;
    assert!(heard.contains("refused the handshake: HandshakeFailure"), "{heard}");
    let heard = hear(b"").await;
    assert!(heard.contains("broke off"), "{heard}");
}

#[tokio::test]
async fn one_of_several_names_is_enough() {
    let authority = Authority::new();
    let named = |names: &[AltName]| Tls { subject_alt_names: names.to_vec(), ..authority.tls() };
    let spiffe = "spiffe://cluster.local/ns/shop/sa/api";
    let server = || {
        authority.server(|params| {
            let uri = spiffe.try_into().expect("ASCII");
            params.subject_alt_names =
                vec![SanType::URI(uri), SanType::IpAddress([192, 0, 2, 1].into())];
        })
    };
    let dns = |name: &str| AltName::Dns(name.to_owned());
    let uri = |uri: &str| AltName::Uri(uri.to_owned());
    for (names, is_good) in [
        (vec![dns("api.test"), uri("spiffe://cluster.local/ns/shop/sa/ap")], false),
        (vec![dns("a.test"), uri(spiffe)], true),
        (vec![AltName::Ip([192, 0, 2, 1].into())], true),
        (vec![AltName::Ip([192, 0, 2, 2].into())], false),
    ] {
        let shaken = shake(&named(&names), "whatever.test", server()).await;
        assert_eq!(shaken.is_ok(), is_good, "{names:?}: {shaken:?}");
    }
    let wild = authority.server(|params| {
        let wildcard = "*.shop.test".try_into().expect("ASCII");
        params.subject_alt_names = vec![SanType::DnsName(wildcard)];
    });
    assert_eq!(shake(&named(&[dns("api.shop.test")]), "x.test", wild).await, Ok(()));
}

#[tokio::test]
async fn whoever_asks_for_no_proof_gets_none() {
    let insecure = Tls { insecure: true, ..Tls::default() };
    let expired = Authority::new().server(|params| params.not_after = date_time_ymd(2001, 1, 1));
    assert_eq!(shake(&insecure, "127.0.0.1", expired).await, Ok(()));
}

#[test]
fn files_with_other_contents_are_other_files() {
    let authority = Authority::new();
    let pair = |name| {
        let files = authority.folder.pair(name, &["node"], &rcgen::PKCS_ECDSA_P256_SHA256);
        (files.certificate, files.key)
    };
    let plain = load(&authority.tls()).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let tls = Tls { certificate: Some(pair("node")), ..authority.tls() };
    let before = load(&tls).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let again = load(&tls).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    assert!(before.is_as(&again) && !before.is_as(&plain));
    // The same paths, another certificate.
    pair("node");
    let after = load(&tls).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    assert!(!before.is_as(&after));
}
