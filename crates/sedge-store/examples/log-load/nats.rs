//! The same load on a NATS server with JetStream, by the text protocol of its clients
//! (docs.nats.io, "Client Protocol"; atomic batches: ADR-50 of nats-architecture-and-design).

use crate::{Outcome, RECORD_BYTES, told};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

struct Client {
    reading: BufReader<TcpStream>,
    writing: BufWriter<TcpStream>,
    line: String,
}

impl Client {
    fn connect(port: u16) -> Outcome<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let reading = BufReader::with_capacity(1 << 16, stream.try_clone()?);
        let writing = BufWriter::with_capacity(1 << 18, stream);
        let mut client = Client { reading, writing, line: String::new() };
        client.reading.read_line(&mut client.line)?;
        client.writing.write_all(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n",
        )?;
        client.writing.write_all(b"SUB _INBOX.load.* 1\r\n")?;
        Ok(client)
    }

    fn publish(&mut self, subject: &str, reply: &str, payload: &[u8]) -> Outcome<()> {
        write!(self.writing, "PUB {subject} {reply} {}\r\n", payload.len())?;
        self.writing.write_all(payload)?;
        Ok(self.writing.write_all(b"\r\n")?)
    }

    /// A message of an atomic batch; the last one asks for an answer.
    fn publish_in_batch(&mut self, id: u64, at: u64, is_last: bool, payload: &[u8]) -> Outcome<()> {
        let mut head = format!("NATS/1.0\r\nNats-Batch-Id: {id}\r\nNats-Batch-Sequence: {at}\r\n");
        if is_last {
            head.push_str("Nats-Batch-Commit: 1\r\n");
        }
        head.push_str("\r\n");
        let mut line = String::from("HPUB load ");
        if is_last {
            write!(line, "_INBOX.load.{id} ")?;
        }
        write!(self.writing, "{line}{} {}\r\n{head}", head.len(), head.len() + payload.len())?;
        self.writing.write_all(payload)?;
        Ok(self.writing.write_all(b"\r\n")?)
    }

    /// The payload of the next message.
    fn message(&mut self) -> Outcome<String> {
        self.writing.flush()?;
        loop {
            self.line.clear();
            if self.reading.read_line(&mut self.line)? == 0 {
                return Err("the server has hung up".into());
            }
            match self.line.split_whitespace().collect::<Vec<_>>()[..] {
                ["PING"] => self.writing.write_all(b"PONG\r\n")?,
                ["MSG" | "HMSG", .., bytes] => {
                    let mut payload = vec![0; bytes.parse::<usize>()? + 2];
                    self.reading.read_exact(&mut payload)?;
                    return Ok(String::from_utf8_lossy(&payload).into_owned());
                }
                ["-ERR", ..] => return Err(self.line.clone().into()),
                _ => {}
            }
        }
    }
}

/// Publishes with so many messages out, alone or in batches that are acknowledged as one.
pub(crate) fn to_stream(port: u16, producers: usize, batch: u64, seconds: u64) -> Outcome<String> {
    let mut client = Client::connect(port)?;
    let config = "{\"name\":\"load\",\"subjects\":[\"load\"],\"storage\":\"file\",\
                  \"allow_atomic\":true,\"num_replicas\":1}";
    client.publish("$JS.API.STREAM.CREATE.load", "_INBOX.load.0", config.as_bytes())?;
    let answer = client.message()?;
    if answer.contains("\"error\"") && !answer.contains("already in use") {
        return Err(answer.into());
    }
    let payload = [b'x'; RECORD_BYTES];
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    let (mut out, mut id, mut count, mut latencies) = (VecDeque::new(), 0, 0, Vec::new());
    let at_once = if batch > 1 { 4 } else { producers };
    while Instant::now() < end || !out.is_empty() {
        while out.len() < at_once && Instant::now() < end {
            id += 1;
            match batch {
                1 => client.publish("load", &format!("_INBOX.load.{id}"), &payload)?,
                _ => (1..=batch)
                    .try_for_each(|at| client.publish_in_batch(id, at, at == batch, &payload))?,
            }
            out.push_back(Instant::now());
        }
        let answer = client.message()?;
        if !answer.contains("\"seq\"") {
            return Err(answer.into());
        }
        count += batch;
        latencies.extend(out.pop_front().map(|since| since.elapsed().as_micros() as u32));
    }
    Ok(told(count, begin.elapsed().as_secs_f64(), latencies))
}
