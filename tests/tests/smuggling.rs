//! Request smuggling, with real servers behind the real binary: every case of the
//! gateway's own table, through one pooled connection. Each is followed by a
//! marked request on the same connection, and by two on others. What the server
//! behind has seen must be what the node has answered, with the same bodies, and
//! never what hides in one.

#[path = "../../crates/sedge-ingress/tests/gateway/smuggling/table.rs"]
mod table;
#[path = "../../crates/sedge-ingress/tests/gateway/smuggling/verdict.rs"]
mod verdict;

use sedge_tests::backends::{Backend, Seen};
use sedge_tests::client::Connection;
use sedge_tests::{Node, Scenario, wait_for};
use std::time::Duration;
use table::{CASES, Case, Fate};
use verdict::{fits, statuses};

const PATIENCE: Duration = Duration::from_secs(20);

/// One connection to the server behind: whatever is left on it meets the next
/// request, whoever sends that.
fn front(backend: &Backend) -> Node {
    let manifest = format!(
        "[app]\nname = \"app\"\n\n[[upstream]]\nname = \"back\"\nendpoints = [\"{}\"]\n\
         pool = {{ connections_max = 1 }}\n\n\
         [[route]]\nname = \"all\"\nmatch = [\"/*\"]\nupstream = \"back\"\n",
        backend.address
    );
    // A case may leave the node waiting for more of it.
    let config = "threads = 1\n[ingress]\nheader_timeout_ms = 300\nbody_idle_timeout_ms = 300\n";
    Scenario::new().app("app", &manifest).config(config).start()
}

/// What the clients of one case got.
struct Got {
    case: &'static Case,
    /// Set in place of `first` and `smuggled`, so that no two cases share a path.
    index: usize,
    answer: String,
    /// What the other clients asked for, and what their answers say they asked.
    others: Vec<(String, Vec<String>)>,
}

impl Got {
    fn first(&self) -> String {
        format!("/f{:04}", self.index)
    }

    fn second(&self) -> String {
        format!("/s{:04}", self.index)
    }

    fn smuggled(&self) -> String {
        format!("/smug{:04}", self.index)
    }

    fn run(node: &Node, index: usize, case: &'static Case) -> Got {
        let mut got = Got { case, index, answer: String::new(), others: Vec::new() };
        // Paths of the same length, so that no length changes.
        let bytes = case.bytes.replace("/first", &got.first());
        let bytes = bytes.replace("/smuggled", &got.smuggled());
        let second =
            format!("GET {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", got.second());
        let mut client = Connection::open(node.listen);
        client.send(bytes);
        client.send(second);
        got.answer = client.read_to_end();
        let mut others = ["a", "b"].map(|which| {
            let path = format!("/o{index:04}{which}");
            let mut other = Connection::open(node.listen);
            other.request("GET", &path, &[("host", "test"), ("connection", "close")], &[]);
            (path, other)
        });
        for (path, other) in &mut others {
            got.others.push((format!("GET {path}"), asked(&other.read_to_end())));
        }
        got
    }

    /// What is wrong with it, if anything, given all that the server has seen.
    fn judge(&self, seen: &[Seen]) -> Option<String> {
        let paths = [self.first(), self.second(), self.smuggled()];
        let is_mine = |one: &&Seen| paths.iter().any(|path| one.asked.ends_with(path));
        let mine: Vec<&Seen> = seen.iter().filter(is_mine).collect();
        let whole: Vec<&Seen> = mine.iter().copied().filter(|one| one.is_whole()).collect();
        // A server may refuse on its own what it has read to its end.
        let mut statuses = statuses(&self.answer);
        let answered = statuses.iter_mut().rev().zip(whole.iter().rev());
        answered
            .filter(|(status, one)| **status == one.status)
            .for_each(|(status, _)| *status = 200);
        let mut lines: Vec<String> = whole.iter().map(|one| self.line(one)).collect();
        // How much the server saw of a broken one depends on when it broke.
        if self.case.fate == Fate::Broken && lines.is_empty() {
            lines.push("/first broken".to_owned());
        }
        let good = whole.iter().filter(|one| one.status == 200);
        let told: Vec<&str> = good.map(|one| one.asked.as_str()).collect();
        let fits = fits(self.case.fate, &statuses, &lines)
            && (self.case.fate == Fate::Broken || whole.len() == mine.len())
            // Each answer is that to its own request.
            && asked(&self.answer) == told
            && self.others.iter().all(|(path, answers)| answers == std::slice::from_ref(path));
        (!fits).then(|| {
            let Got { case, others, .. } = self;
            format!("{}: {:?}: {statuses:?} {mine:?} {others:?}", case.name, case.fate)
        })
    }

    /// As the table's own verdict wants it.
    fn line(&self, seen: &Seen) -> String {
        let expected = match self.case.fate {
            Fate::Served(body) | Fate::Last(body) if seen.asked.ends_with(&self.first()) => body,
            _ => "",
        };
        // A server that answers with an error does not tell of the body.
        let body = seen.body.as_deref().filter(|_| seen.status == 200).unwrap_or(expected);
        let line = format!("{} [{body}]", seen.asked);
        let line = line.replace(&self.first(), "/first").replace(&self.second(), "/second");
        line.replace(&self.smuggled(), "/smuggled")
    }
}

/// What the answers in a text say that they are the answers to.
fn asked(text: &str) -> Vec<String> {
    let fields = text.lines().filter_map(|line| line.strip_prefix("x-asked: "));
    fields.map(str::to_owned).collect()
}

/// Every case, and then whether the server has seen what it should, and only that.
fn no_case_desynchronizes(backend: &Backend) {
    let node = front(backend);
    let got: Vec<Got> =
        CASES.iter().enumerate().map(|(index, case)| Got::run(&node, index, case)).collect();
    // A server writes its log after its answer.
    let last = format!("GET /o{:04}b", CASES.len() - 1);
    let is_last = |seen: &[Seen]| seen.iter().any(|one| one.asked == last);
    assert!(wait_for(PATIENCE, || is_last(&backend.seen())).is_some(), "{}", node.log());
    let seen = backend.seen();
    let wrong: Vec<String> = got.iter().filter_map(|got| got.judge(&seen)).collect();
    let name = backend.name;
    assert!(wrong.is_empty(), "{name}: {} of {}:\n{}", wrong.len(), got.len(), wrong.join("\n"));
    // Nothing else, and nothing twice.
    let mut whole: Vec<&str> =
        seen.iter().filter(|one| one.is_whole()).map(|one| one.asked.as_str()).collect();
    let count = whole.len();
    whole.sort_unstable();
    whole.dedup();
    assert_eq!(whole.len(), count, "a request was seen twice");
    assert!(!whole.iter().any(|asked| asked.contains("/smug")), "{whole:?}");
    let tries = node.metrics().sum("sedge_upstream_endpoint_tries_total", &[]) as usize;
    assert!(tries >= count, "the server has seen {count} requests of {tries}");
    println!("{name}: {} cases, {count} requests", got.len());
}

#[test]
fn no_case_desynchronizes_nginx() {
    no_case_desynchronizes(&Backend::nginx());
}

#[test]
fn no_case_desynchronizes_apache() {
    no_case_desynchronizes(&Backend::apache());
}

#[test]
fn no_case_desynchronizes_hyper() {
    no_case_desynchronizes(&Backend::hyper());
}
