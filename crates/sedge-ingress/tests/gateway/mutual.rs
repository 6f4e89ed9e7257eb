//! Clients that show certificates.

use crate::secure::{Authority, Secure, Trust, listener, server, trust};
use crate::world::{World, get, until};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, SanType};
use rustls::HandshakeKind;
use sedge_ingress::http::AccessLog;
use sedge_ingress::http::tls::TlsServer;
use sedge_model::node_config::{CertificateFiles, ClientAuth, ClientMode};
use std::sync::Arc;

fn till(expired: bool, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["till.test".to_owned()]).expect("names");
    params.distinguished_name.push(DnType::CommonName, "till 1");
    let id = "spiffe://shop.test/till/1".try_into().expect("ASCII");
    params.subject_alt_names.push(SanType::URI(id));
    params.extended_key_usages = vec![usage];
    if expired {
        params.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    params
}

struct Shop {
    world: World,
    server: Arc<TlsServer>,
    sites: Authority,
    clients: Authority,
}

fn shop(mode: ClientMode) -> Shop {
    let (sites, clients) = (Authority::new(), Authority::new());
    let mut settings = listener(vec![sites.issue("site", &["site.test"])]);
    settings.client = Some(ClientAuth { ca: clients.file(), mode });
    let server = server(&settings);
    let world = World::with_tls(|_| {}, vec![Arc::clone(&server)], AccessLog::off());
    Shop { world, server, sites, clients }
}

impl Shop {
    /// What a client with this certificate reads; `None` if it is not let in,
    /// which a client of TLS 1.3 learns after its own handshake.
    fn ask(&self, identity: Option<CertificateFiles>) -> Option<String> {
        let trust = Trust { identity, ..trust(self.sites.root(), &["http/1.1"]) };
        let address = self.world.tls_address();
        let mut client = Secure::connect(address, "site.test", trust.config()).ok()?;
        let forged = "Client-Cert: :forged:\r\nSedge-Client-Subject: CN=forged\r\nConnection";
        client.write(get("/fields").replace("Connection", forged));
        Some(client.read_to_end()).filter(|text| !text.is_empty())
    }
}

#[test]
fn only_valid_certificates_are_let_in() {
    let shop = shop(ClientMode::Required);
    let stranger = Authority::new();
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    for (name, identity, fine) in [
        ("none", None, false),
        ("of another authority", Some(stranger.sign("a", till(false, client.clone()))), false),
        ("expired", Some(shop.clients.sign("b", till(true, client.clone()))), false),
        (
            "for servers",
            Some(shop.clients.sign("c", till(false, ExtendedKeyUsagePurpose::ServerAuth))),
            false,
        ),
        ("good", Some(shop.clients.sign("d", till(false, client))), true),
    ] {
        let before = shop.world.failed("client_certificate");
        assert_eq!(shop.ask(identity).is_some(), fine, "{name}");
        if !fine {
            until(name, || shop.world.failed("client_certificate") == before + 1);
        }
    }
    assert_eq!(shop.world.begun(), 1);
}

#[test]
fn an_optional_certificate_may_be_absent_but_not_wrong() {
    let shop = shop(ClientMode::Optional);
    let stranger = Authority::new();
    let usage = ExtendedKeyUsagePurpose::ClientAuth;
    assert_eq!(shop.ask(Some(stranger.sign("a", till(false, usage.clone())))), None);
    let nobody = shop.ask(None).expect("let in");
    assert!(!nobody.contains("client-cert") && !nobody.contains("forged"), "{nobody}");
    let known = shop.ask(Some(shop.clients.sign("b", till(false, usage)))).expect("let in");
    for field in [
        "client-cert: :MII",
        "sedge-client-subject: CN=till 1",
        "sedge-client-names: \"dns:till.test\", \"uri:spiffe://shop.test/till/1\"",
        "sedge-client-fingerprint: ",
        "sedge-client-spiffe-id: spiffe://shop.test/till/1",
    ] {
        assert!(known.contains(&format!("\n{field}")), "{field} in {known}");
    }
    assert!(!known.contains("forged"), "{known}");
}

#[test]
fn clients_are_verified_every_time() {
    let shop = shop(ClientMode::Required);
    let identity = shop.clients.sign("a", till(false, ExtendedKeyUsagePurpose::ClientAuth));
    let trust =
        Trust { identity: Some(identity.clone()), ..trust(shop.sites.root(), &["http/1.1"]) };
    let config = trust.config();
    for _ in 0..2 {
        let address = shop.world.tls_address();
        let mut client = Secure::connect(address, "site.test", config.clone()).expect("let in");
        client.write(get("/hello").replace("Host: test", "Host: site.test"));
        assert!(client.read_to_end().ends_with("hello"));
        assert_eq!(client.session().handshake_kind(), Some(HandshakeKind::Full));
    }
    // An authority that is trusted no more lets nobody in.
    std::fs::write(shop.clients.file(), "nonsense").expect("written");
    assert_eq!(shop.server.reload().expect_err("no PEM")[0].pointer(), "/client_ca");
    assert!(shop.ask(Some(identity.clone())).is_some(), "the old authority goes on");
    std::fs::copy(Authority::new().file(), shop.clients.folder.path().join("authority.pem"))
        .expect("copied");
    shop.server.reload().expect("good files");
    assert_eq!(shop.ask(Some(identity)), None);
}
