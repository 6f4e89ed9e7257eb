//! A blocking HTTP/1.1 client with control over every byte: what a well-behaved
//! client library would not let a scenario send.

use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a read or write may take before the scenario fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A response.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status code; zero if the connection ended before there was one.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// What came after a chunked body.
    pub trailers: Vec<(String, String)>,
    /// Whether the body came to its end as its framing demands.
    pub whole: bool,
}

impl Answer {
    /// The first field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: status {}: {}", self.status, self.text()))
    }

    /// Kind and blame of a problem document (RFC 9457).
    ///
    /// # Panics
    ///
    /// If the answer is none, or its status differs from the document's.
    pub fn problem(&self) -> (String, String) {
        let media = self.header("content-type").unwrap_or_default();
        assert_eq!(media, "application/problem+json", "{self:?}: {}", self.text());
        let document = self.json();
        assert_eq!(document["status"], self.status, "{document}");
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_string();
        (text("kind"), text("blame"))
    }
}

/// A connection, kept open until it is dropped.
pub struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    ///
    /// If nobody listens.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|error| panic!("connecting to {address}: {error}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Connection { reader: BufReader::with_capacity(256 * 1024, stream) }
    }

    /// Sends bytes as they are; `false` if the other side has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.reader.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// A second handle, to send from another thread.
    pub fn sender(&self) -> TcpStream {
        self.reader.get_ref().try_clone().expect("a second handle")
    }

    /// Closes the sending half.
    pub fn finish_sending(&mut self) {
        let _ = self.reader.get_ref().shutdown(Shutdown::Write);
    }

    /// Sends a request with a body of known length, if there is one.
    pub fn request(&mut self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            let peer = self.reader.get_ref().peer_addr();
            head.push_str(&peer.map_or_else(|_| String::new(), |peer| format!("host: {peer}\r\n")));
        }
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.send(bytes);
    }

    /// Reads a head: status and fields. Status zero: the connection ended.
    pub fn read_head(&mut self) -> Answer {
        let mut answer = Answer::default();
        let line = self.line().unwrap_or_default();
        answer.status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        if answer.status != 0 {
            answer.headers = self.fields().unwrap_or_default();
        }
        answer
    }

    /// Reads the body that belongs to `answer`, chunk by chunk, into `each`,
    /// and then the trailers. `head`: the request was HEAD.
    pub fn read_body(&mut self, answer: &mut Answer, head: bool, mut each: impl FnMut(&[u8])) {
        let bodiless = head || matches!(answer.status, 100..=199 | 204 | 304);
        let chunked = answer.header("transfer-encoding") == Some("chunked");
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        answer.whole = match (bodiless, chunked, length) {
            (true, _, _) => true,
            (_, true, _) => match self.read_chunks(&mut each) {
                Some(trailers) => {
                    answer.trailers = trailers;
                    true
                }
                None => false,
            },
            (_, _, Some(length)) => self.read_exactly(length, &mut each).is_some(),
            (_, _, None) => {
                while let Some(size) = self.fill().filter(|&size| size > 0) {
                    each(&self.reader.buffer()[..size]);
                    self.reader.consume(size);
                }
                answer.status != 0
            }
        };
    }

    /// Everything that comes until the other side closes or resets the
    /// connection.
    pub fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        while let Some(size) = self.fill().filter(|&size| size > 0) {
            bytes.extend_from_slice(&self.reader.buffer()[..size]);
            self.reader.consume(size);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads a whole response, skipping interim ones.
    pub fn read_answer(&mut self, head: bool) -> Answer {
        let mut answer = self.read_head();
        while (100..200).contains(&answer.status) {
            answer = self.read_head();
        }
        let mut body = Vec::new();
        self.read_body(&mut answer, head, |chunk| body.extend_from_slice(chunk));
        answer.body = body;
        answer
    }

    /// Whether the other side closes within five seconds.
    pub fn is_closed(&mut self) -> bool {
        let _ = self.reader.get_ref().set_read_timeout(Some(Duration::from_secs(5)));
        let read = self.reader.read(&mut [0]);
        let _ = self.reader.get_ref().set_read_timeout(Some(PATIENCE));
        match read {
            Ok(size) => size == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    fn fill(&mut self) -> Option<usize> {
        self.reader.fill_buf().ok().map(<[u8]>::len)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).ok()?;
        let text = String::from_utf8_lossy(&line);
        text.strip_suffix("\r\n").map(str::to_string)
    }

    fn fields(&mut self) -> Option<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Some(fields);
            }
            let (name, value) = line.split_once(':')?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_string()));
        }
    }

    fn read_chunks(&mut self, each: &mut impl FnMut(&[u8])) -> Option<Vec<(String, String)>> {
        loop {
            let line = self.line()?;
            let size = u64::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
            if size == 0 {
                return self.fields();
            }
            self.read_exactly(size, each)?;
            self.line().filter(String::is_empty)?;
        }
    }

    fn read_exactly(&mut self, mut left: u64, each: &mut impl FnMut(&[u8])) -> Option<()> {
        while left > 0 {
            let size = self.fill().filter(|&size| size > 0)?.min(left as usize);
            each(&self.reader.buffer()[..size]);
            self.reader.consume(size);
            left -= size as u64;
        }
        Some(())
    }
}

/// One request on a connection of its own.
pub fn call(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut connection = Connection::open(address);
    let mut all = vec![("connection", "close")];
    all.extend_from_slice(fields);
    connection.request(method, target, &all, body);
    connection.read_answer(method == "HEAD")
}

/// A GET on a connection of its own.
pub fn get(address: SocketAddr, target: &str) -> Answer {
    call(address, "GET", target, &[], &[])
}

/// A POST on a connection of its own.
pub fn post(address: SocketAddr, target: &str, body: &[u8]) -> Answer {
    call(address, "POST", target, &[], body)
}

/// Percent-encodes a value for a query.
pub fn encode(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
