//! A collector of traces. It decodes protobuf by itself, by the numbers in
//! OpenTelemetry's `.proto` files, so that nothing of the node reads what the node
//! has written. The gateway's own tests include this file, too.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer that takes a batch.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A span as the wire has it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `trace_id` of the wire's message.
    pub trace_id: String,
    /// `span_id` of the wire's message.
    pub span_id: String,
    /// `parent_span_id` of the wire's message.
    pub parent_id: String,
    /// `trace_state` of the wire's message.
    pub state: String,
    /// `name` of the wire's message.
    pub name: String,
    /// `kind` of the wire's message.
    pub kind: u64,
    /// `start_time_unix_nano` of the wire's message.
    pub begin: u64,
    /// `end_time_unix_nano` of the wire's message.
    pub end: u64,
    /// `flags` of the wire's message.
    pub flags: u64,
    /// `status.code` of the wire's message.
    pub status: u64,
    /// `attributes` of the wire's message.
    pub attributes: BTreeMap<String, String>,
}

/// What a collector has received.
#[derive(Default)]
pub struct Received {
    spans: Mutex<Vec<Seen>>,
    heads: Mutex<Vec<String>>,
    resource: Mutex<BTreeMap<String, String>>,
}

impl Received {
    /// All spans so far, in the order in which they came.
    pub fn spans(&self) -> Vec<Seen> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the last batch was told of the node.
    pub fn resource(&self) -> BTreeMap<String, String> {
        self.resource.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A collector that answers requests with these answers in turn, the last one
/// for ever: its port, and what it receives.
///
/// # Panics
///
/// If loopback has no free port; its thread, if what it is sent is no OTLP.
pub fn collector(answers: &'static [&'static str]) -> (u16, Arc<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let received = Arc::<Received>::default();
    let kept = Arc::clone(&received);
    std::thread::spawn(move || {
        let mut turn = 0;
        for stream in listener.incoming().flatten() {
            serve(stream, answers, &mut turn, &kept);
        }
    });
    (port, received)
}

fn serve(stream: TcpStream, answers: &[&str], turn: &mut usize, received: &Received) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).expect("a length");
        let length: usize = length.lines().next().and_then(|n| n.parse().ok()).expect("a number");
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the body");
        let answer = answers[(*turn).min(answers.len() - 1)];
        *turn += 1;
        received.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
        if answer.starts_with("HTTP/1.1 200") {
            decode(&body, received);
        }
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 128 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            kind => {
                let length = match kind {
                    1 => 8,
                    5 => 4,
                    _ => varint(&mut bytes) as usize,
                };
                let (taken, rest) = bytes.split_at(length);
                bytes = rest;
                if kind == 2 {
                    Field::Bytes(taken)
                } else {
                    let number = taken.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
                    Field::Number(number)
                }
            }
        };
        found.push((tag >> 3, value));
    }
    found
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pair(bytes: &[u8]) -> (String, String) {
    let (mut name, mut value) = (String::new(), String::new());
    for field in fields(bytes) {
        match field {
            (1, Field::Bytes(bytes)) => name = text(bytes),
            (2, Field::Bytes(any)) => match fields(any).pop().expect("a value") {
                (1, Field::Bytes(bytes)) => value = text(bytes),
                (2 | 3, Field::Number(number)) => value = number.to_string(),
                (other, _) => panic!("a value of kind {other}"),
            },
            (other, _) => panic!("field {other} of an attribute"),
        }
    }
    (name, value)
}

fn decode(body: &[u8], received: &Received) {
    for (field, resource_spans) in fields(body) {
        let (1, Field::Bytes(resource_spans)) = (field, resource_spans) else { panic!("{field}") };
        for field in fields(resource_spans) {
            match field {
                (1, Field::Bytes(resource)) => {
                    let pairs = fields(resource).into_iter().map(|field| match field {
                        (1, Field::Bytes(bytes)) => pair(bytes),
                        (other, _) => panic!("field {other} of a resource"),
                    });
                    *received.resource.lock().unwrap_or_else(PoisonError::into_inner) =
                        pairs.collect();
                }
                (2, Field::Bytes(scope)) => {
                    for (field, span) in fields(scope) {
                        if let (2, Field::Bytes(span)) = (field, span) {
                            received
                                .spans
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push(read(span));
                        }
                    }
                }
                (other, _) => panic!("field {other}"),
            }
        }
    }
}

fn read(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    for field in fields(bytes) {
        match field {
            (1, Field::Bytes(bytes)) => seen.trace_id = hex(bytes),
            (2, Field::Bytes(bytes)) => seen.span_id = hex(bytes),
            (3, Field::Bytes(bytes)) => seen.state = text(bytes),
            (4, Field::Bytes(bytes)) => seen.parent_id = hex(bytes),
            (5, Field::Bytes(bytes)) => seen.name = text(bytes),
            (6, Field::Number(number)) => seen.kind = number,
            (7, Field::Number(number)) => seen.begin = number,
            (8, Field::Number(number)) => seen.end = number,
            (9, Field::Bytes(bytes)) => seen.attributes.extend([pair(bytes)]),
            (15, Field::Bytes(status)) => {
                for field in fields(status) {
                    if let (3, Field::Number(code)) = field {
                        seen.status = code;
                    }
                }
            }
            (16, Field::Number(number)) => seen.flags = number,
            (other, _) => panic!("field {other} of a span"),
        }
    }
    seen
}
