use super::*;
use crate::agents::AgentError;
use crate::codec::CodecOptions;
use crate::geo::LocateError;
use sedge_model::capability::{Capabilities, ConfigSource, OutboundGrant, SecretSource};
use sedge_model::limits::Limits;
use sedge_model::manifest::Isolation;

fn function(capabilities: Capabilities) -> Function {
    Function {
        name: "hello".into(),
        source: "hello.wasm".into(),
        flavor: None,
        build: None,
        routes: Vec::new(),
        trigger: Default::default(),
        probe: None,
        limits: Limits::default(),
        isolation: Isolation::Request,
        preinitialize: false,
        capabilities,
        environment: [("TZ".to_owned(), "UTC".to_owned())].into(),
    }
}

fn outbound(host: &str) -> OutboundGrant {
    OutboundGrant { scheme: "https".into(), host: host.into(), port: None, private: false }
}

/// Encoders that never get to do anything.
fn encoders() -> Arc<CodecPool> {
    CodecPool::new(CodecOptions {
        threads: 1,
        queue_max: 1,
        memory_bytes_max: 1,
        pixels_max: 1,
        avif_pixels_max: 1,
        deadline: std::time::Duration::from_secs(1),
        on_thread_start: || {},
    })
}

/// What a node offers that has nothing but a store.
fn grant(store: &Store, function: &Function) -> Result<Services, GrantError> {
    let (geo, agents) = (Arc::default(), Arc::default());
    let offer = Offer {
        store,
        cache: Caches::default(),
        output: Output::default(),
        encoders: &encoders(),
        geo: &geo,
        agents: &agents,
    };
    Services::grant(offer, "shop", function)
}

#[test]
fn every_problem_is_reported_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path().join("store")).expect("open");
    let absent = folder.path().join("absent");
    let function = function(Capabilities {
        kv: vec!["good".into(), "bad name".into()],
        config: [("features".to_owned(), ConfigSource::File(absent.clone()))].into(),
        secrets: [("token".to_owned(), SecretSource::File(absent))].into(),
        outbound: vec![outbound("127.1"), outbound("*.org"), outbound("example.org")],
        ..Capabilities::default()
    });
    let error = grant(&store, &function).err().expect("five problems");
    assert_eq!(error.problems.len(), 5, "{error}");
    for part in ["`hello`", "`bad name`", "`token`", "`127.1`", "`*.org`", "`features`"] {
        assert!(error.to_string().contains(part), "{part} in {error}");
    }
}

#[test]
fn nothing_is_granted_that_is_not_written() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path().join("store")).expect("open");
    let function = function(Capabilities::default());
    let services = grant(&store, &function).expect("grant");
    assert!(services.kv.open("default").is_err());
    assert!(services.cache.open("default").is_err());
    assert_eq!(services.codec.pixels_max(), None);
    assert!(services.outbound.check_request("https", "example.org", None).is_err());
    assert!(services.secrets.get("token").is_none());
    assert_eq!(services.config.all().count(), 0);
    assert_eq!(services.geo.locate("192.0.2.1"), Err(LocateError::AccessDenied));
    assert_eq!(services.client.parse("curl/8"), Err(AgentError::AccessDenied));
    assert!(services.output.begin().is_none());
}

#[test]
fn grants_are_usable_from_any_clone() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path().join("store")).expect("open");
    let path = folder.path().join("token");
    std::fs::write(&path, "s3cret\n").expect("write");
    let function = function(Capabilities {
        kv: vec!["default".into()],
        config: [("greeting".to_owned(), ConfigSource::Text("hi".to_owned()))].into(),
        geo: true,
        client: true,
        secrets: [("token".to_owned(), SecretSource::File(path))].into(),
        outbound: vec![outbound("example.org")],
        codec: true,
        ..Capabilities::default()
    });
    let services = grant(&store, &function).expect("grant").clone();
    assert!(services.kv.open("").is_ok());
    assert_eq!(services.config.get("greeting"), Some("hi"));
    assert_eq!(services.secrets.get("token").map(|secret| secret.reveal()), Some("s3cret"));
    assert!(services.outbound.check_request("https", "example.org", None).is_ok());
    assert_eq!(services.codec.pixels_max(), Some((1, 1)));
    assert_eq!(services.geo.locate("192.0.2.1"), Err(LocateError::NoDatabase));
    assert!(services.client.parse("curl/8").is_ok());
    assert_eq!(services.environment.get("TZ").map(String::as_str), Some("UTC"));
}
