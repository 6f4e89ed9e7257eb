//! A server whose answers are written byte by byte by the test, in steps that the test
//! may hold.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a held answer waits before the scenario fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked, and what the test holds.
#[derive(Clone, Default)]
pub(crate) struct State {
    heads: Arc<Mutex<Vec<String>>>,
    released: Arc<Mutex<usize>>,
}

/// A server; its threads end with the test's process.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    state: State,
}

pub(crate) type Script = fn(&str, &mut Answering) -> std::io::Result<()>;

impl Scripted {
    pub(crate) fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = State::default();
        let own = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = own.clone();
                std::thread::spawn(move || serve(stream, &state, script));
            }
        });
        Scripted { address, state }
    }

    /// Lets all held answers go one step further.
    pub(crate) fn release(&self) {
        *self.state.released.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// The heads of all requests so far, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.state.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection that is answered on.
pub(crate) struct Answering {
    stream: TcpStream,
    state: State,
    held: usize,
}

impl Answering {
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// An answer with these lines of fields and a body of known length.
    pub(crate) fn whole(&mut self, status: &str, fields: &str, body: &[u8]) -> std::io::Result<()> {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n");
        self.send(head)?;
        self.send(body)
    }

    pub(crate) fn chunk(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(chunk)
    }

    /// Waits until the test says so.
    pub(crate) fn hold(&mut self) {
        self.held += 1;
        let deadline = Instant::now() + PATIENCE;
        while *self.state.released.lock().unwrap_or_else(PoisonError::into_inner) < self.held {
            assert!(Instant::now() < deadline, "nobody released it");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn serve(stream: TcpStream, state: &State, script: Script) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_nodelay(true);
    let Ok(writer) = stream.try_clone() else { return };
    let mut answering = Answering { stream: writer, state: state.clone(), held: 0 };
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(reader.read_line(&mut head), Ok(size) if size > 0) {
                return;
            }
        }
        let lower = head.to_ascii_lowercase();
        state.heads.lock().unwrap_or_else(PoisonError::into_inner).push(lower.clone());
        if script(&lower, &mut answering).is_err() {
            return;
        }
    }
}
