//! What devices send.

use sedge_ingress::ingest;
use sedge_ingress::payload::sparkplug::{Host, Received};
use sedge_ingress::payload::{
    Format, Number, PayloadLimits, Reading, Value, decode, events, senml_json, unix_ns,
};

/// Words of all formats; of the binary ones, what begins items and fields.
pub(super) const WORDS: &[&str] = &[
    "{\"n\":\"",
    "\"bn\"",
    "\"bt\"",
    "\"bver\"",
    "\"vd\"",
    "\"s\":",
    "time",
    "name",
    "value",
    "1e308",
    "18446744073709551615",
    "268435456",
    "2026-11-28T09:00:00Z",
    "\\ud800",
    "\"\"",
    "\r\n",
    "\u{feff}",
    "[[",
    "\0\x01\x02",
    "\x10\x01",
    "\x18\0",
    "SPBV1.0_COMPRESSED",
];

/// The first byte says the format, the rest is a message, or some of Sparkplug.
pub(super) fn payload(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        // A path and a field of a request's head.
        let device = ingest::device(text, "");
        assert!(device.is_none_or(|device| device.len() < text.len()));
        let _ = ingest::basic(text);
    }
    let Some((&which, body)) = data.split_first() else { return };
    let format = match which % 6 {
        0 => Format::SenmlJson,
        1 => Format::SenmlCbor,
        2 => Format::Json,
        3 => Format::Cbor,
        4 => Format::Csv,
        _ => return sparkplug(body),
    };
    for limits in [PayloadLimits::default(), small()] {
        whole(format, body, &limits);
        match decode(format, body, &limits) {
            Ok(readings) => {
                assert!(!readings.is_empty() && readings.len() <= limits.readings_max);
                readings.iter().for_each(|reading| judge(reading, &limits));
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(error.place.offset.is_none_or(|offset| offset <= body.len()), "{error}");
            }
        }
    }
}

/// The events of a message, whose fields have each a name of their own.
fn whole(format: Format, body: &[u8], limits: &PayloadLimits) {
    let media_type = Format::MEDIA_TYPES.iter().find(|(_, known)| *known == format);
    for media_type in [media_type.map(|(name, _)| *name), None] {
        let Ok(events) = events(media_type, body, limits, 0) else { continue };
        assert!(!events.is_empty() && events.len() <= limits.readings_max);
        for event in events {
            let mut names: Vec<_> = event.fields.iter().map(|(name, _)| name).collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{event:?}");
            event.fields.iter().filter_map(|(_, value)| value.as_ref()).for_each(|value| {
                unix_ns(value);
            });
        }
    }
}

/// Messages, each behind a byte for its kind and one for its length.
fn sparkplug(mut rest: &[u8]) {
    const KINDS: [&str; 8] =
        ["NBIRTH", "NDATA", "NDEATH", "NCMD", "DBIRTH", "DDATA", "DDEATH", "DCMD"];
    let limits = PayloadLimits { metrics_max: 20, declared_bytes_max: 8_000, ..small() };
    let mut host = Host::new(limits.clone());
    while let [kind, length, after @ ..] = rest {
        let (body, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let kind = KINDS[usize::from(kind % 8)];
        let device = if kind.starts_with('D') { "/d" } else { "" };
        let before = host.nodes();
        match host.receive(&format!("spBv1.0/g/{kind}/n{device}"), body.to_vec().into()) {
            Ok(Received::Message(message)) => {
                message.readings.iter().for_each(|reading| judge(reading, &limits));
                assert!(host.nodes() <= 1);
            }
            Ok(Received::Host { .. }) => panic!("no topic says that"),
            Err(error) => {
                assert!(error.place.offset.is_none_or(|offset| offset <= body.len()), "{error}");
                assert_eq!(host.nodes(), before);
            }
        }
    }
    let _ = host.receive("spBv1.0/STATE/h", rest.to_vec().into());
}

fn small() -> PayloadLimits {
    PayloadLimits {
        readings_max: 3,
        fields_max: 4,
        name_bytes_max: 20,
        value_bytes_max: 30,
        depth_max: 4,
        expanded_bytes_max: 1_000,
        ..PayloadLimits::default()
    }
}

/// What holds of every reading.
fn judge(reading: &Reading, limits: &PayloadLimits) {
    assert!(!reading.full_name().is_empty());
    assert!(reading.full_name().len() <= limits.name_bytes_max);
    assert!(reading.unit.as_ref().is_none_or(|unit| unit.len() <= limits.name_bytes_max));
    let bytes = match &reading.value {
        Some(Value::Text(text)) => text.len(),
        Some(Value::Bytes(bytes)) => bytes.len(),
        Some(Value::Number(number)) => {
            check(*number);
            0
        }
        Some(Value::Bool(_)) | None => 0,
    };
    assert!(bytes <= limits.value_bytes_max);
    reading.sum.into_iter().for_each(check);
    // What is stored of it is JSON, on a topic that can be one.
    let written = senml_json(reading, 1_732_800_000_000_000_001);
    let wide = PayloadLimits { value_bytes_max: 1 << 20, ..PayloadLimits::default() };
    assert!(decode(Format::Json, written.as_bytes(), &wide).is_ok(), "{written}");
    if let Ok(topic) = ingest::topic("d", reading, 0) {
        assert!(topic.starts_with("ingest/d/") && !topic.contains(['+', '#', '\0']), "{topic}");
    }
}

fn check(number: Number) {
    match number {
        Number::Int(_) => {}
        Number::Uint(integer) => assert!(i64::try_from(integer).is_err()),
        Number::Float(float) => assert!(float.is_finite()),
    }
}

pub(super) fn messages() -> Vec<Vec<u8>> {
    let of = |which: u8, body: &[u8]| [&[which], body].concat();
    let mut seeds = vec![
        of(0, br#"[{"bn":"urn:dev:1:","bt":1.27e9,"bu":"A","bver":5,"n":"v","u":"V","v":120.1},{"n":"c","t":-5,"s":1.2,"ut":3},{"n":"d","vd":"aGkgCg"},{"n":"e","vs":"x","x":[1,{}]}]"#),
        of(2, br#"[{"time":"2026-11-28T09:00:00Z","temp":21.5,"on":true,"m":"a\u0075"},{"n":null,"i":18446744073709551615}]"#),
        of(2, br#"{"time":1700000000000,"a":-1e3}"#),
        of(4, b"\xef\xbb\xbftime,temp,mode\r\n1795856401,21.5,\"a, \"\"b\"\"\r\nc\"\r\n,-4,\r\n"),
        of(4, b"name,value,time,unit\ntemp,1,0.5,Cel\nmode,auto,,\n"),
    ];
    // A pack with bytes, a decimal fraction and a time; a stream; maps with floats of all
    // sizes, tags, and strings in pieces.
    let cbor: [(u8, &[u8]); 4] = [
        (1, b"\x82\xa4\x21\x62d:\x22\x1a\x4c\x0e\x85\x00\x00\x61v\x02\xc4\x82\x21\x19\x6a\xb3\xa3\x00\x61b\x08\x42\xff\x00\x06\x24"),
        (1, b"\x9f\xa2\x00\x61a\x04\xf5\xa3\x00\x61a\x05\x01\x62x1\x81\x80\xff"),
        (3, b"\x82\xa2\x64time\xc1\x1a\x6b\x0a\x98\x10\x61a\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a\xa2\x61b\xf9\x3e\x00\x61c\xfa\x3f\x80\x00\x00"),
        (3, b"\xd9\xd9\xf7\xbf\x61a\x7f\x62he\x61l\xff\x61b\x5f\x41\x0a\xff\x64time\xc0\x742026-11-28T09:00:00Z\xff"),
    ];
    seeds.extend(cbor.iter().map(|(which, body)| of(*which, body)));
    // A node with the alias 1 is born, a device with 2; both speak, and die.
    let session: [(u8, &[u8]); 6] = [
        (0, b"\x08\x05\x12\x0b\x0a\x05bdSeq\x20\x04\x58\x07\x12\x0b\x0a\x01a\x10\x01\x20\x03\x50\xff\xff\x03\x18\0"),
        (4, b"\x12\x09\x0a\x01b\x10\x02\x20\x0b\x70\x01\x18\x01"),
        (1, b"\x12\x04\x10\x01\x50\x05\x18\x02"),
        (5, b"\x12\x06\x10\x02\x28\x01\x38\x01\x18\x03"),
        (6, b"\x18\x04"),
        (2, b"\x12\x0b\x0a\x05bdSeq\x20\x04\x58\x07"),
    ];
    let frames =
        session.iter().flat_map(|(kind, body)| [&[*kind, body.len() as u8], *body].concat());
    seeds.push(of(5, &frames.collect::<Vec<u8>>()));
    seeds
}
