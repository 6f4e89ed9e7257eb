//! Servers whose behavior the request says, and that remember each request.
//!
//! A request names itself in `x-id` and brings what shall happen in `x-script`:
//! one [`Step`] for each try that arrives. Tries are counted over all servers of
//! one group (the first letter of the name), so that a retry at another endpoint
//! gets the next step, and a copy to a mirror begins with the first.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What happens to one try. Times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Of the answer; 0 stands for 200.
    pub status: u16,
    /// Before the head.
    pub wait_ms: u64,
    /// Between the head and the body.
    pub body_wait_ms: u64,
    /// How it ends.
    pub end: End,
    /// Fields of the answer beside those that every answer has.
    pub fields: Vec<(String, String)>,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Whole, and the connection stays open.
    #[default]
    Whole,
    /// Whole, and the connection is closed.
    Close,
    /// The connection is closed before the head.
    Reset,
    /// The connection is closed within the body.
    Cut,
    /// What is sent is not HTTP.
    Garbage,
}

impl Step {
    /// An answer of this status, at once.
    pub fn status(status: u16) -> Self {
        Step { status, ..Step::default() }
    }

    /// 200 after a time.
    pub fn after(wait_ms: u64) -> Self {
        Step { wait_ms, ..Step::default() }
    }

    /// 200, or what of it the end lets through.
    pub fn ending(end: End) -> Self {
        Step { end, ..Step::default() }
    }

    fn write(&self) -> String {
        let end = match self.end {
            End::Whole => "whole",
            End::Close => "close",
            End::Reset => "reset",
            End::Cut => "cut",
            End::Garbage => "garbage",
        };
        let mut text = format!("{},{},{},{end}", self.status, self.wait_ms, self.body_wait_ms);
        for (name, value) in &self.fields {
            text.push_str(&format!(",{name}={value}"));
        }
        text
    }

    fn read(text: &str) -> Option<Step> {
        let mut parts = text.split(',');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (status, wait_ms, body_wait_ms) = (number()?, number()?, number()?);
        let end = match parts.next()? {
            "close" => End::Close,
            "reset" => End::Reset,
            "cut" => End::Cut,
            "garbage" => End::Garbage,
            _ => End::Whole,
        };
        let fields = parts.filter_map(|part| part.split_once('='));
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Step { status: status as u16, wait_ms, body_wait_ms, end, fields })
    }
}

/// The value of `x-script`.
pub fn script(steps: &[Step]) -> String {
    steps.iter().map(Step::write).collect::<Vec<_>>().join(";")
}

/// One request as a server has seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hit {
    /// Which server.
    pub server: String,
    /// The method.
    pub method: String,
    /// The target as it was sent.
    pub target: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Several servers on loopback. Their threads end with the process.
pub struct Servers {
    addresses: HashMap<String, SocketAddr>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    hits: Mutex<HashMap<String, Vec<Hit>>>,
}

impl Servers {
    /// Starts one for each name.
    ///
    /// # Panics
    ///
    /// If loopback has no free port.
    pub fn start(names: &[&str]) -> Self {
        let state = Arc::new(State::default());
        let mut addresses = HashMap::new();
        for name in names {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            addresses.insert((*name).to_owned(), listener.local_addr().expect("an address"));
            let (name, state) = ((*name).to_owned(), Arc::clone(&state));
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (name, state) = (name.clone(), Arc::clone(&state));
                    std::thread::spawn(move || serve(stream, &name, &state));
                }
            });
        }
        Servers { addresses, state }
    }

    /// Where the server of this name listens; for a name that is none, where
    /// nobody does.
    pub fn address(&self, name: &str) -> SocketAddr {
        // A port below 1024 that no server of a test machine has (tcpmux).
        self.addresses.get(name).copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 1)))
    }

    /// All requests of this identity, in the order of their arrival; they are
    /// forgotten.
    pub fn take(&self, id: &str) -> Vec<Hit> {
        let mut hits = self.state.hits.lock().unwrap_or_else(PoisonError::into_inner);
        hits.remove(id).unwrap_or_default()
    }
}

fn serve(stream: TcpStream, server: &str, state: &State) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(hit) = read_request(&mut reader, server) {
        let field = |name: &str| {
            let found = hit.headers.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (id, script, method) = (field("x-id"), field("x-script"), hit.method.clone());
        let arrived = {
            let mut hits = state.hits.lock().unwrap_or_else(PoisonError::into_inner);
            let known = hits.entry(id).or_default();
            known.push(hit);
            known.iter().filter(|other| group(&other.server) == group(server)).count()
        };
        let steps: Vec<Step> = script.split(';').filter_map(Step::read).collect();
        let step = steps.get(arrived - 1).or(steps.last()).cloned().unwrap_or_default();
        if answer(&mut writer, &step, server, &method, arrived).is_err() {
            let _ = writer.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// What servers of one service have in common.
pub fn group(server: &str) -> &str {
    server.get(..1).unwrap_or_default()
}

fn read_request(reader: &mut BufReader<TcpStream>, server: &str) -> Option<Hit> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let mut hit = Hit { server: server.to_owned(), ..Hit::default() };
    hit.method = words.next().filter(|word| !word.is_empty())?.to_owned();
    hit.target = words.next()?.to_owned();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        hit.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let field = |name: &str| hit.headers.iter().find(|(key, _)| key == name);
    let mut body = Vec::new();
    if let Some((_, length)) = field("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    } else if field("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.trim(), 16).ok()?;
            let begin = body.len();
            body.resize(begin + size, 0);
            reader.read_exact(&mut body[begin..]).ok()?;
            reader.read_line(&mut String::new()).ok()?;
            if size == 0 {
                break;
            }
        }
    }
    hit.body = String::from_utf8_lossy(&body).into_owned();
    Some(hit)
}

fn answer(
    writer: &mut TcpStream,
    step: &Step,
    server: &str,
    method: &str,
    arrived: usize,
) -> std::io::Result<()> {
    std::thread::sleep(Duration::from_millis(step.wait_ms));
    let over = || Err(std::io::ErrorKind::ConnectionAborted.into());
    match step.end {
        End::Reset => return over(),
        End::Garbage => {
            writer.write_all(b"this is not HTTP\r\n\r\n")?;
            return over();
        }
        End::Whole | End::Close | End::Cut => {}
    }
    let status = if step.status == 0 { 200 } else { step.status };
    let body = format!("answer {arrived} of {}\n", group(server));
    let mut head = format!("HTTP/1.1 {status} Said\r\nx-upstream: {}\r\n", group(server));
    head.push_str("content-type: text/plain\r\nx-here: first\r\nx-here: second\r\n");
    let bodiless = matches!(status, 204 | 304);
    if !bodiless {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    if step.end == End::Close {
        head.push_str("connection: close\r\n");
    }
    for (name, value) in &step.fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    writer.write_all(format!("{head}\r\n").as_bytes())?;
    if !bodiless && method != "HEAD" {
        let half = body.len() / 2;
        if step.body_wait_ms > 0 {
            writer.write_all(&body.as_bytes()[..half])?;
            std::thread::sleep(Duration::from_millis(step.body_wait_ms));
            writer.write_all(&body.as_bytes()[half..])?;
        } else if step.end == End::Cut {
            writer.write_all(&body.as_bytes()[..half])?;
            // What was sent must arrive before the end does.
            std::thread::sleep(Duration::from_millis(20));
            return over();
        } else {
            writer.write_all(body.as_bytes())?;
        }
    }
    if step.end == End::Close { over() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client;

    #[test]
    fn what_is_no_step_is_the_plain_answer() {
        let servers = Servers::start(&["a1"]);
        let address = servers.address("a1");
        for bad in ["", "x", "200,1", ";;"] {
            let answer = client::call(address, "GET", "/", &[("x-script", bad)], &[]);
            assert_eq!((answer.status, answer.header("x-upstream")), (200, Some("a")), "{bad:?}");
        }
        assert_eq!(servers.take("unknown"), []);
    }

    #[test]
    fn tries_take_the_steps_in_turn_over_all_servers_of_a_group() {
        let servers = Servers::start(&["a1", "a2", "b1"]);
        let cut = Step { end: End::Cut, ..Step::status(201) };
        let text = script(&[Step::status(503), cut, Step::ending(End::Reset)]);
        let ask = |name: &str| {
            let fields = [("x-id", "1"), ("x-script", text.as_str())];
            let answer = client::call(servers.address(name), "POST", "/p?q", &fields, b"body");
            (answer.status, answer.whole)
        };
        assert_eq!(ask("a1"), (503, true));
        assert_eq!(ask("b1"), (503, true));
        assert_eq!(ask("a2"), (201, false));
        assert_eq!(ask("a1"), (0, false));
        let hits = servers.take("1");
        let seen: Vec<&str> = hits.iter().map(|hit| hit.server.as_str()).collect();
        assert_eq!(seen, ["a1", "b1", "a2", "a1"]);
        let first = (hits[0].method.as_str(), hits[0].target.as_str(), hits[0].body.as_str());
        assert_eq!(first, ("POST", "/p?q", "body"));
    }

    #[test]
    fn a_step_reads_what_it_writes() {
        let fields = vec![("grpc-status".to_owned(), "14".to_owned())];
        let step = Step { status: 204, wait_ms: 7, body_wait_ms: 9, end: End::Close, fields };
        assert_eq!(Step::read(&step.write()), Some(step));
    }
}
