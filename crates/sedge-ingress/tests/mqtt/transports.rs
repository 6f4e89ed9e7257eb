//! TLS, WebSocket, and both.

use crate::world::{Client, PATIENCE, World, listener};
use mqtt5_protocol::ReasonCode;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sedge_ingress::http::tls::TlsServer;
use sedge_ingress::mqtt::auth::{Acl, Anyone, Certificates};
use sedge_ingress::mqtt::{MqttListener, Transport};
use sedge_model::node_config::{CertificateFiles, ClientAuth, ClientMode, TlsListener};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("randomness");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a key");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("space");
        Authority { issuer, folder }
    }

    fn issue(&self, name: &str) -> (CertificateDer<'static>, KeyPair, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("randomness");
        let certificate = params.signed_by(&key, &self.issuer).expect("a key");
        (certificate.der().clone(), key, certificate.pem())
    }

    fn server(&self) -> Arc<TlsServer> {
        let (_, key, pem) = self.issue("site.test");
        let path = |name: &str| self.folder.path().join(name);
        let write = |path: &Path, text: &str| std::fs::write(path, text).expect("space");
        write(&path("site.pem"), &pem);
        write(&path("site-key.pem"), &key.serialize_pem());
        let settings = TlsListener {
            listen: ([127, 0, 0, 1], 0).into(),
            certificates: vec![CertificateFiles {
                certificate: path("site.pem"),
                key: path("site-key.pem"),
                name: None,
            }],
            client: Some(ClientAuth { ca: path("ca.pem"), mode: ClientMode::Optional }),
            acme: None,
        };
        match TlsServer::load(&settings) {
            Ok((server, _)) => Arc::new(server),
            Err(problems) => panic!("{problems:?}"),
        }
    }

    fn dial(&self, address: SocketAddr, client: Option<&str>, alpn: &[&str]) -> Tls {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let builder = builder.with_root_certificates(roots);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let (certificate, key, _) = self.issue(name);
                let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
                builder.with_client_auth_cert(vec![certificate], key).expect("a key")
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("site.test").expect("a name");
        let connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
        rustls::StreamOwned::new(connection, dial(address))
    }
}

type Tls = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("open");
    stream
}

fn world(authority: &Authority) -> World {
    let server = authority.server();
    World::with(|parts| {
        let websocket = || Transport::WebSocket { path: "/mqtt".to_owned() };
        let tls =
            |transport| MqttListener { tls: Some(Arc::clone(&server)), ..listener(transport) };
        parts.listeners = vec![tls(Transport::Tcp), listener(websocket()), tls(websocket())];
        parts.authenticate = Arc::new(Certificates { otherwise: Anyone });
        parts.acl = Acl::parse("pattern readwrite of/%u/#").expect("rules");
    })
}

/// Asks for a WebSocket, and gives the answer's head.
fn ask(stream: &mut impl ReadWrite, change: impl Fn(String) -> String) -> String {
    let request = change(
        "GET /mqtt HTTP/1.1\r\nHost: site.test\r\nUpgrade: websocket\r\nConnection: keep-alive, \
         Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: other, mqtt\r\n\r\n"
            .to_owned(),
    );
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("an answer") > 0 {
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

/// A WebSocket's bytes: each write is a message, masked.
struct Messages<S> {
    stream: S,
    left: usize,
}

impl<S: Read> Read for Messages<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.left == 0 {
            let mut head = [0; 2];
            if self.stream.read(&mut head[..1])? == 0 {
                return Ok(0);
            }
            self.stream.read_exact(&mut head[1..])?;
            self.left = usize::from(head[1]);
            if self.left == 126 {
                self.stream.read_exact(&mut head)?;
                self.left = u16::from_be_bytes(head).into();
            }
        }
        let most = buffer.len().min(self.left);
        let count = self.stream.read(&mut buffer[..most])?;
        self.left -= count;
        Ok(count)
    }
}

impl<S: Write> Write for Messages<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(100)];
        let mut frame = vec![0x82, 0x80 | bytes.len() as u8, 1, 2, 3, 4];
        frame.extend(bytes.iter().zip([1, 2, 3, 4].iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.stream.write_all(&frame)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

#[test]
fn what_is_no_request_for_mqtt_is_refused() {
    let world = world(&Authority::new());
    let address = world.gateway.addresses()[1];
    for (from, to, status) in [
        ("/mqtt", "/other", "404"),
        ("GET", "POST", "400"),
        ("Upgrade: websocket", "Upgrade: h2c", "400"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", "426"),
        ("nonce", "", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", "400"),
        ("other, mqtt", "other", "400"),
        ("Connection: keep-alive, Upgrade", "Connection: close", "400"),
    ] {
        let head = ask(&mut dial(address), |request| request.replace(from, to));
        let expected = format!("HTTP/1.1 {status} ");
        let is_unchanged = from == "nonce";
        assert!(is_unchanged || head.starts_with(&expected), "{from}: {head}");
    }
}

#[test]
fn each_transport_carries_the_same() {
    let authority = Authority::new();
    let world = world(&authority);
    let [tls, plain, both] = world.gateway.addresses()[..] else { panic!("three listeners") };
    let user = |packet: &mut mqtt5_protocol::packet::connect::ConnectPacket| {
        packet.username = Some("ann".to_owned());
    };
    let mut plain = dial(plain);
    let head = ask(&mut plain, |request| request);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("sec-websocket-protocol: mqtt\r\n"), "{head}");
    assert!(head.contains("connection: upgrade\r\n"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    let mut both = authority.dial(both, None, &["http/1.1"]);
    ask(&mut both, |request| request);
    let mut clients = [
        Client::over(authority.dial(tls, None, &[])),
        Client::over(authority.dial(tls, None, &["mqtt"])),
        Client::over(Messages { stream: plain, left: 0 }),
        Client::over(Messages { stream: both, left: 0 }),
    ];
    for (index, client) in clients.iter_mut().enumerate() {
        let connack = client.connect(&format!("c{index}"), user);
        assert_eq!(connack.reason_code, ReasonCode::Success, "{index}");
        assert_eq!(client.subscribe("of/ann/#", 1), 1);
    }
    let payload = "x".repeat(40_000);
    for index in 0..clients.len() {
        clients[index].publish("of/ann/1", &payload, 0);
        for client in &mut clients {
            assert_eq!(client.told().1, payload, "{index}");
        }
    }
}

#[test]
fn a_certificate_says_who_a_client_is() {
    let authority = Authority::new();
    let world = world(&authority);
    let address = world.gateway.addresses()[0];
    let mut client = Client::over(authority.dial(address, Some("till-1"), &["mqtt"]));
    // Whatever else it says it is.
    let connack = client.connect("c", |packet| packet.username = Some("ann".to_owned()));
    assert_eq!(connack.reason_code, ReasonCode::Success);
    assert_eq!(client.subscribe("of/ann/1", 1), ReasonCode::NotAuthorized as u8);
    assert_eq!(client.subscribe("of/till-1/#", 1), 1);
    // One of another authority is not let in.
    let other = Authority::new();
    let mut config = authority.dial(address, None, &[]);
    config.conn.send_close_notify();
    let mut tls = other.dial(address, None, &[]);
    assert!(tls.write_all(b"\x10").and_then(|()| tls.read(&mut [0]).map(drop)).is_err());
}
