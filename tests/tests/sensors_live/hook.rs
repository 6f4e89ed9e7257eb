//! A webhook: an HTTP server that answers as it is told and remembers what it was sent.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What it was sent.
#[derive(Debug)]
pub(crate) struct Call {
    /// The request's line and fields, in lower case.
    pub(crate) head: String,
    /// Its body.
    pub(crate) body: String,
}

impl Call {
    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(found, _)| *found == name).map(|(_, value)| value.trim())
    }
}

/// The server; its threads end with the test's process.
pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    calls: Receiver<Call>,
}

impl Hook {
    /// Starts it. It answers with these statuses, one after the other, and then with 204.
    pub(crate) fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let statuses = Arc::new(Mutex::new(statuses.iter().copied().collect()));
        let (sender, calls) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (statuses, sender) = (Arc::clone(&statuses), sender.clone());
                std::thread::spawn(move || serve(stream, &statuses, &sender));
            }
        });
        Hook { address, calls }
    }

    /// The next call.
    pub(crate) fn call(&self) -> Call {
        self.calls.recv_timeout(sedge_tests::mqtt::PATIENCE).expect("a call")
    }

    /// # Panics
    ///
    /// If a call is there, or comes soon.
    pub(crate) fn silence(&self) {
        let call = self.calls.recv_timeout(Duration::from_millis(300));
        assert!(call.is_err(), "{call:?}");
    }
}

fn serve(stream: TcpStream, statuses: &Mutex<VecDeque<u16>>, calls: &Sender<Call>) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(call) = read(&mut reader) {
        let next = statuses.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let status = next.unwrap_or(204);
        let length = if status == 204 { "" } else { "content-length: 0\r\n" };
        let answered = write!(writer, "HTTP/1.1 {status} as told\r\n{length}\r\n");
        if calls.send(call).is_err() || answered.is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Call> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line.to_ascii_lowercase());
    }
    let mut call = Call { head, body: String::new() };
    let length = call.field("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    call.body = String::from_utf8(body).ok()?;
    Some(call)
}
