//! Bounds, and compressed payloads.

use super::*;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write as _;

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("written")
}

fn compressed(body: Option<Vec<u8>>, algorithm: Option<&str>) -> Bytes {
    let algorithm = algorithm.map(|algorithm| {
        metric("algorithm", 12, MetricValue::String(algorithm.to_owned())).encode_to_vec().into()
    });
    Payload {
        uuid: Some("SPBV1.0_COMPRESSED".to_owned()),
        body: body.map(Bytes::from),
        metrics: algorithm.into_iter().collect(),
        seq: Some(2),
        ..Payload::default()
    }
    .encode_to_vec()
    .into()
}

#[test]
fn what_is_not_compressed_as_it_says_is_refused() {
    let data = payload(None, &[by_alias(1, MetricValue::Int(5))]);
    let good = deflated(&data);
    let damaged = "field \"body\": what is compressed is damaged or ends too early";
    let more = "field \"body\": there is more behind what is compressed";
    let mut host = host();
    let mut bad = |payload: Bytes, said: &str| refused(&mut host, "NDATA", payload, said);
    bad(compressed(None, None), "field \"body\": expected a body that is compressed");
    bad(compressed(Some(data.to_vec()), None), damaged);
    bad(compressed(Some(Vec::new()), None), damaged);
    bad(compressed(Some(good[..good.len() - 1].to_vec()), None), damaged);
    bad(compressed(Some(good.clone()), Some("GZIP")), damaged);
    bad(compressed(Some([&good[..], b"x"].concat()), None), more);
    let known = "field \"algorithm\": expected the algorithm `DEFLATE` or `GZIP`";
    bad(compressed(Some(good.clone()), Some("LZ4")), known);
    let again = deflated(&compressed(Some(good.clone()), None));
    bad(compressed(Some(again), None), "expected no compressed payload within a compressed one");
    let read = message(&mut host, "NDATA", compressed(Some(good), Some("DEFLATE")));
    assert_eq!(read.readings[0].value, int(5));
}

#[test]
fn what_is_decompressed_has_a_bound() {
    let bomb = vec![0u8; 64 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&bomb).expect("written");
    let said = "field \"body\": more bytes after decompression than 1048576";
    let mut host = host();
    refused(&mut host, "NDATA", compressed(Some(deflated(&bomb)), None), said);
    refused(
        &mut host,
        "NDATA",
        compressed(Some(gzip.finish().expect("written")), Some("GZIP")),
        said,
    );
}

#[test]
fn everything_has_a_bound() {
    let small = PayloadLimits {
        body_bytes_max: 100,
        readings_max: 3,
        name_bytes_max: 13,
        value_bytes_max: 4,
        metrics_max: 2,
        ..PayloadLimits::default()
    };
    let mut host = Host::new(small);
    let mut bad = |payload: Bytes, said: &str| refused(&mut host, "NBIRTH", payload, said);
    bad(Bytes::from(vec![0; 101]), "more bytes of the message than 100");
    bad(payload(Some(0), &vec![Metric::default(); 4]), "record 3: more metrics than 3");
    let metrics = ["a", "b", "c"].map(|name| metric(name, 3, MetricValue::Int(1)));
    bad(
        payload(Some(0), &metrics),
        "record 2, field \"c\", byte 23: more metrics of a node than 2",
    );
    let long = metric("abc", 3, MetricValue::Int(1));
    let said = "record 0, field \"abc\", byte 5: more bytes of a name with its node than 13";
    bad(payload(Some(0), &[long]), said);
    let long = metric("a", 12, MetricValue::String("12345".into()));
    bad(payload(Some(0), &[long]), "record 0, field \"a\", byte 5: more bytes of a value than 4");
    assert_eq!((host.nodes(), host.declared_bytes), (0, 0));
}

#[test]
fn declarations_of_all_nodes_have_a_bound_together() {
    let limits = PayloadLimits { declared_bytes_max: 4_096, ..PayloadLimits::default() };
    let mut host = Host::new(limits);
    let birth = payload(Some(0), &[with_alias(1, metric("a", 3, MetricValue::Int(1)))]);
    let receive = |host: &mut Host, node: usize| {
        host.receive(&format!("spBv1.0/group/NBIRTH/{node}"), birth.clone())
    };
    let taken = (0..100).take_while(|&node| receive(&mut host, node).is_ok()).count();
    assert!((2..10).contains(&taken), "{taken}");
    let error = receive(&mut host, 99).expect_err("full");
    assert_eq!(error.to_string(), "more bytes of declarations of all nodes than 4096");
    // Who is known may be born again, and who dies makes room.
    assert!(receive(&mut host, 0).is_ok());
    let death = payload(None, &[]);
    host.receive("spBv1.0/group/NDEATH/0", death).expect("dies");
    assert!(receive(&mut host, 99).is_ok());
    assert_eq!(host.nodes(), taken);
}
