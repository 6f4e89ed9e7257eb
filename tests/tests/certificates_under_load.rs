//! Certificates of many hosts, and the authority of the clients, that change while
//! handshakes go on: no request fails, and no client is shown a certificate of another
//! host, or one that has been replaced.

use sedge_tests::handshake::{Client, certificates};
use sedge_tests::tls::{Authority, Subject};
use sedge_tests::{Node, Scenario, wait_for};
use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const HOSTS: usize = 12;
const ROUNDS: usize = 6;
const CLIENTS: usize = 3;

const APP: &str = "[app]\nname = \"app\"\n\n[[function]]\nname = \"probe\"\n\
                   source = \"{guests}/probe.wasm\"\nroutes = [\"/*\"]\n";

fn host(index: usize) -> String {
    format!("shop{index}.test")
}

fn config() -> String {
    let certificates: String = (0..HOSTS)
        .map(|index| {
            format!(
                "[[tls.certificate]]\ncertificate = \"site{index}.pem\"\n\
                 key = \"site{index}-key.pem\"\n"
            )
        })
        .collect();
    format!("[[tls]]\nlisten = \"127.0.0.1:0\"\nclient_ca = \"clients.pem\"\n{certificates}")
}

/// What the clients under load know.
struct World {
    /// Host and round of each certificate that was ever issued.
    issued: Mutex<HashMap<Vec<u8>, (usize, usize)>>,
    /// Every handshake that begins now must be shown a certificate of this round.
    round: AtomicUsize,
    /// Who the clients are now, and the round of their certificate.
    identity: Mutex<(Client, usize)>,
    stop: AtomicBool,
    answered: AtomicUsize,
    /// Requests that each client has begun and ended.
    turns: [AtomicUsize; CLIENTS],
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    /// Host and round of a certificate; it may be served a moment before the test has
    /// written down that it was issued.
    fn known(&self, certificate: &[u8]) -> Option<(usize, usize)> {
        wait_for(PATIENCE, || lock(&self.issued).get(certificate).copied())
    }

    /// One request; what is wrong with it, if anything.
    fn ask(&self, node: &std::net::SocketAddr, index: usize) -> Result<(), String> {
        let (client, round) = lock(&self.identity).clone();
        let at_least = self.round.load(SeqCst);
        let shown = client.get(*node, &host(index), "/headers")?;
        let known = self.known(&shown.certificate);
        let is_right = known.is_some_and(|(of, round)| of == index && round >= at_least);
        let subject = format!("CN=till{round}");
        let is_mine = shown.answer.contains("200 OK") && shown.answer.contains(&subject);
        if is_right && is_mine {
            return Ok(());
        }
        let answer = &shown.answer;
        Err(format!("{} is shown {known:?}, not {at_least}, as {subject}: {answer}", host(index)))
    }

    fn load(&self, number: usize, node: std::net::SocketAddr) -> Vec<String> {
        let (mut failures, mut index) = (Vec::new(), number);
        while !self.stop.load(SeqCst) && failures.len() < 10 {
            match self.ask(&node, index % HOSTS) {
                Ok(()) => drop(self.answered.fetch_add(1, SeqCst)),
                Err(failure) => failures.push(failure),
            }
            self.turns[number].fetch_add(1, SeqCst);
            index += 1;
        }
        failures
    }

    /// Waits until every client has begun a request after this was called, and ended it.
    fn pass(&self) {
        let before = self.turns.each_ref().map(|turns| turns.load(SeqCst));
        let done = |(turns, before): (&AtomicUsize, usize)| turns.load(SeqCst) >= before + 2;
        let all = || self.turns.iter().zip(before).all(done) || self.stop.load(SeqCst);
        assert!(wait_for(PATIENCE, all).is_some(), "the load stands still");
    }
}

/// Issues all certificates anew.
fn issue(world: &World, authority: &Authority, folder: &std::path::Path, round: usize) {
    for index in 0..HOSTS {
        let (name, host) = (format!("site{index}"), host(index));
        authority.issue(&name, Subject { name: "shop", hosts: &[&host], ..Subject::default() });
        let der = certificates(folder, &name)[0].to_vec();
        lock(&world.issued).insert(der, (index, round));
    }
}

/// An authority for clients, and one of them.
fn client_of(folder: &std::path::Path, round: usize) -> (Client, String) {
    let (ca, till) = (format!("clients{round}"), format!("till{round}"));
    let subject =
        Subject { name: &till, hosts: &["till.test"], client: true, ..Subject::default() };
    Authority::new(folder, &ca).issue(&till, subject);
    let pem = fs::read_to_string(folder.join(format!("{ca}.pem"))).expect("written");
    (Client::new(folder, "root", Some(&till)), pem)
}

fn serves(world: &World, node: &Node, round: usize) -> bool {
    let (client, _) = lock(&world.identity).clone();
    (0..HOSTS).all(|index| {
        let shown = client.get(node.tls[0], &host(index), "/env");
        shown.is_ok_and(|shown| world.known(&shown.certificate) == Some((index, round)))
    })
}

/// Changes everything once, certificates first.
fn change(
    world: &World,
    node: &Node,
    authority: &Authority,
    round: usize,
    old: &(Client, String),
) -> (Client, String) {
    let folder = node.folder();
    issue(world, authority, folder, round);
    let served = wait_for(PATIENCE, || serves(world, node, round));
    assert!(served.is_some(), "round {round}\n{}", node.log());
    world.round.store(round, SeqCst);
    // Both authorities, then the clients change, then the new one alone.
    let new = client_of(folder, round);
    node.replace("clients.pem", format!("{}{}", old.1, new.1));
    let is_in = |client: &Client| {
        let shown = client.get(node.tls[0], &host(0), "/env");
        shown.is_ok_and(|shown| shown.answer.contains("200 OK"))
    };
    assert!(wait_for(PATIENCE, || is_in(&new.0)).is_some(), "{}", node.log());
    *lock(&world.identity) = (new.0.clone(), round);
    world.pass();
    node.replace("clients.pem", &new.1);
    assert!(wait_for(PATIENCE, || !is_in(&old.0)).is_some(), "the old authority is trusted still");
    new
}

#[test]
fn everything_changes_and_no_handshake_fails() {
    let scenario = Scenario::new().app("app", APP);
    let folder = scenario.folder().to_owned();
    let authority = Authority::new(&folder, "root");
    let first = client_of(&folder, 0);
    fs::write(folder.join("clients.pem"), &first.1).expect("written");
    let world = Arc::new(World {
        issued: Mutex::default(),
        round: AtomicUsize::new(0),
        identity: Mutex::new((first.0.clone(), 0)),
        stop: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        turns: [const { AtomicUsize::new(0) }; CLIENTS],
    });
    issue(&world, &authority, &folder, 0);
    // Between the renames of key and certificate the two may be seen apart.
    let node = scenario.config(&config()).allow("new certificates are refused").start();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (world, address) = (Arc::clone(&world), node.tls[0]);
            std::thread::spawn(move || world.load(number, address))
        })
        .collect();
    let mut current = first;
    for round in 1..=ROUNDS {
        current = change(&world, &node, &authority, round, &current);
    }
    world.stop.store(true, SeqCst);
    let failures: Vec<String> =
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect();
    assert_eq!(failures, Vec::<String>::new());
    let answered = world.answered.load(SeqCst);
    assert!(answered > ROUNDS * HOSTS, "{answered}");
    println!("{answered} handshakes, {ROUNDS} changes of {HOSTS} certificates, none failed");
}
