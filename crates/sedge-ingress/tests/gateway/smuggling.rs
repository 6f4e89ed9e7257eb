//! Request smuggling: a table of requests that two servers could read
//! differently. Each is followed by a marked request on the same connection, and
//! by one on another connection. What the handler saw must be what the gateway
//! answered, and never what hides in a body.

mod table;
mod verdict;

use crate::world::{Client, PATIENCE};
use http::Response;
use http_body_util::BodyExt;
use sedge_ingress::http::{AccessLog, Gateway, GatewayOptions, Routes};
use sedge_model::failure::Failure;
use sedge_model::handler::{self, Answer, Body, Context, Handler, Request};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use table::{CASES, Case, Fate};
use verdict::{fits, statuses};

/// Remembers what it was asked.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Handler for Recorder {
    fn call(&self, request: Request, _: Context) -> Answer<'_> {
        Box::pin(self.answer(request))
    }
}

impl Recorder {
    async fn answer(&self, request: Request) -> Result<Response<Body>, Failure> {
        let line = format!("{} {}", request.method(), request.uri().path());
        match request.into_body().collect().await {
            Ok(body) => {
                let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
                self.note(format!("{line} [{body}]"));
                Ok(Response::new(handler::full("seen")))
            }
            Err(failure) => {
                self.note(format!("{line} broken"));
                Err(failure)
            }
        }
    }

    fn note(&self, line: String) {
        self.0.lock().expect("lock").push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("lock"))
    }
}

const SECOND: &str = "GET /second HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

struct Front {
    gateway: Gateway,
    recorder: Arc<Recorder>,
}

impl Front {
    fn start() -> Front {
        let recorder = Arc::<Recorder>::default();
        let options = GatewayOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            threads: 1,
            // A case may leave the gateway waiting for more of it.
            header_timeout: Duration::from_millis(300),
            body_timeout: Duration::from_millis(300),
            ..GatewayOptions::default()
        };
        let routes = Arc::new(Routes::single(recorder.clone(), "test/recorder"));
        let gateway = Gateway::bind(options, routes, AccessLog::off()).expect("a free port");
        Front { gateway, recorder }
    }

    /// What is wrong with how a case went, if anything.
    fn try_case(&self, case: &Case) -> Option<String> {
        let address = self.gateway.local_addr();
        let mut client = Client::connect(address);
        client.write(case.bytes);
        client.write(SECOND);
        let answer = client.read_to_end();
        let seen = self.recorder.take();
        let statuses = statuses(&answer);
        // Another client, who must find nothing of the first.
        let mut other = Client::connect(address);
        other.write(SECOND);
        let others = (other.read_to_end(), self.recorder.take());
        let fits = fits(case.fate, &statuses, &seen)
            && others.0.matches("HTTP/1.1 200").count() == 1
            && others.1 == ["GET /second []"];
        (!fits).then(|| format!("{}: {:?}: {statuses:?} {seen:?}", case.name, case.fate))
    }
}

#[test]
fn no_case_has_two_readings() {
    let mut names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len(), "a name is there twice");
    assert!(CASES.len() >= 80, "{}", CASES.len());
    let front = Front::start();
    let wrong: Vec<String> = CASES.iter().filter_map(|case| front.try_case(case)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
    assert_eq!(front.gateway.shutdown(PATIENCE), 0);
}

/// However a case is cut into packets, it is read alike.
#[test]
fn pieces_change_nothing() {
    let front = Front::start();
    let served = |case: &&Case| matches!(case.fate, Fate::Served(_) | Fate::Last(_));
    // A long one would be too slow for the gateway, and rightly cut.
    for case in CASES.iter().filter(served).filter(|case| case.bytes.len() < 1_000) {
        let mut client = Client::connect(front.gateway.local_addr());
        let bytes = [case.bytes.as_bytes(), SECOND.as_bytes()].concat();
        for piece in bytes.chunks(7) {
            client.write(piece);
            std::thread::sleep(Duration::from_micros(200));
        }
        let statuses = statuses(&client.read_to_end());
        let seen = front.recorder.take();
        assert!(fits(case.fate, &statuses, &seen), "{}: {statuses:?} {seen:?}", case.name);
    }
}
