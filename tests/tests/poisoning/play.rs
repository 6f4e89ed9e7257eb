//! Plays a table: with the node, and with a cache that is not careful.

use super::case::{Case, Reach, bytes, under};
use super::naive;
use super::origin::{Asked, Origin, Script};
use sedge_tests::client::{Answer, Connection};
use sedge_tests::{Node, Scenario};
use std::net::SocketAddr;

/// A link with nothing but defaults.
pub(crate) const PLAIN: &str = "{}";

/// A node before an origin, and a careless cache before the same.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) origin: Origin,
    pub(crate) careless: SocketAddr,
}

/// What became of a row.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) poisoned: bool,
    pub(crate) reach: Reach,
    /// Whether the careless cache was poisoned.
    pub(crate) is_attack: bool,
    /// What the victim got alone, and behind the attacker.
    alone: Vec<Seen>,
    behind: Vec<Seen>,
    attacker: Vec<u16>,
}

/// What a client has of an answer that it could act on.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
    whole: bool,
}

impl Seen {
    /// Without what tells when and from where an answer came, and the row's own path.
    fn of(answer: &Answer, path: &str) -> Self {
        const OF_TIME: [&str; 6] =
            ["age", "date", "cache-status", "connection", "keep-alive", "transfer-encoding"];
        let own = |text: &str| text.replace(path, "{p}");
        let fields = answer.headers.iter();
        let fields = fields.filter(|(name, _)| !OF_TIME.contains(&name.as_str()));
        let mut fields: Vec<_> = fields.map(|(name, value)| (name.clone(), own(value))).collect();
        fields.sort_unstable();
        Seen { status: answer.status, fields, body: own(&answer.text()), whole: answer.whole }
    }
}

impl Stage {
    /// `link` are the settings of the caching link.
    pub(crate) fn start(link: &str, config: &str) -> Self {
        let origin = Origin::start();
        let manifest = format!(
            "[app]\nname = \"shop\"\n\n[[upstream]]\nname = \"back\"\nendpoints = [\"{}\"]\n\n\
             [[chain]]\nname = \"cached\"\nlinks = [{{ cache = {link} }}]\nupstream = \"back\"\n\n\
             [[route]]\nname = \"all\"\nchain = \"cached\"\n",
            origin.address
        );
        let node = Scenario::new().config(config).app("app", &manifest).start();
        let careless = naive::start(origin.address);
        Stage { node, origin, careless }
    }

    /// Plays the row of this number.
    pub(crate) fn play(&self, at: usize, case: &Case) -> Played {
        let path = |run: char| format!("/p0{at:03}{run}");
        let (alone, behind) = (path('a'), path('b'));
        let mut played = Played {
            poisoned: false,
            reach: Reach::Refused,
            is_attack: false,
            alone: self.victim(self.node.listen, case, &alone),
            behind: Vec::new(),
            attacker: Vec::new(),
        };
        let attacker = self.attack(self.node.listen, case, &behind);
        let heard = self.origin.state().seen > 0;
        let clean = &played.alone[0];
        // What two requests have in common is enough to tell that one was answered as
        // the other.
        let is_clean = |seen: &Seen| (&seen.body, seen.status) == (&clean.body, clean.status);
        played.reach = match heard {
            false => Reach::Refused,
            true if attacker.iter().all(is_clean) => Reach::Disarmed,
            true => Reach::Alone,
        };
        played.attacker = attacker.iter().map(|seen| seen.status).collect();
        played.behind = self.victim(self.node.listen, case, &behind);
        let first = &played.alone[0];
        played.poisoned = played.behind.iter().chain(&played.alone).any(|seen| seen != first);
        let (alone, behind) = (path('c'), path('d'));
        let unharmed = self.victim(self.careless, case, &alone);
        self.attack(self.careless, case, &behind);
        played.is_attack = self.victim(self.careless, case, &behind) != unharmed;
        played
    }

    fn begin(&self, case: &Case, is_attack: bool) {
        let mut state = self.origin.state();
        (state.script, state.is_attack, state.seen) = (case.origin, is_attack, 0);
    }

    /// What the victim gets, twice.
    fn victim(&self, from: SocketAddr, case: &Case, path: &str) -> Vec<Seen> {
        self.begin(case, false);
        let request = under(path, &case.victim);
        (0..2).map(|_| Seen::of(&ask(from, &request), path)).collect()
    }

    /// What the attacker gets.
    fn attack(&self, from: SocketAddr, case: &Case, path: &str) -> Vec<Seen> {
        self.begin(case, true);
        let attacks = case.attack.iter();
        attacks.map(|attack| Seen::of(&ask(from, &under(path, attack)), path)).collect()
    }
}

/// One request, byte by byte.
pub(crate) fn ask(to: SocketAddr, request: &str) -> Answer {
    let mut connection = Connection::open(to);
    connection.send(bytes(request));
    connection.read_answer(request.starts_with("HEAD"))
}

/// Every row must be an attack, come as far as it says, and harm nobody.
pub(crate) fn table(cases: Vec<Case>) {
    run(&Stage::start(PLAIN, CONFIG), &cases);
}

/// Requests that never end are not waited for long.
const CONFIG: &str = "[ingress]\nheader_timeout_ms = 400\nbody_idle_timeout_ms = 400\n";

/// The same, behind a proxy that the operator trusts.
pub(crate) fn table_behind_proxy(cases: Vec<Case>) {
    let config = format!("{CONFIG}trusted_hops = 1\nforward = [\"x-forwarded\", \"forwarded\"]\n");
    run(&Stage::start(PLAIN, &config), &cases);
}

/// The same, with parameters that do not count and others that are sorted.
pub(crate) fn table_with_queries(cases: Vec<Case>) {
    let link = "{ query_ignored = [\"utm_*\", \"fbclid\"], query_sorted = true }";
    run(&Stage::start(link, CONFIG), &cases);
}

/// The same, with fields that count.
pub(crate) fn table_with_keys(cases: Vec<Case>) {
    run(&Stage::start("{ key_headers = [\"x-theme\", \"user-agent\"] }", CONFIG), &cases);
}

fn run(stage: &Stage, cases: &[Case]) {
    let mut wrong = 0;
    let mut lines = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let played = stage.play(at, case);
        let verdict = match (&played.poisoned, played.is_attack) {
            (true, _) => "POISONED",
            (false, false) => "NO ATTACK",
            (false, true) if played.reach != case.reach => "OTHER REACH",
            (false, true) => "safe",
        };
        lines.push(format!(
            "{verdict:<11} {:<10} {:<55} wanted {:?}, came {:?}, got {:?}",
            case.family, case.name, case.reach, played.reach, played.attacker
        ));
        if verdict != "safe" {
            wrong += 1;
            let Played { alone, behind, .. } = played;
            lines.push(format!("    alone:  {alone:?}\n    behind: {behind:?}"));
        }
    }
    let table = lines.join("\n");
    assert!(wrong == 0, "{wrong} of {} rows are wrong:\n{table}", cases.len());
    println!("{table}");
}

/// Shorthand for scripts that answer an attack otherwise than what follows.
pub(crate) fn first(asked: &Asked, bad: Vec<u8>, good: Script) -> Vec<u8> {
    if asked.is_attack { bad } else { good(asked) }
}
