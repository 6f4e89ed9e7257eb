use super::{number, open, read, record, small};
use sedge_store::log::{Batch, Item, Log, LogOptions, Number, Outcome};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Tells the child test below which folder to write to, and in which epoch it is.
const PATH: &str = "SEDGE_LOG_CRASH_PATH";
const EPOCH: &str = "SEDGE_LOG_CRASH_EPOCH";
/// How often the child is killed.
const KILLS: &str = "SEDGE_LOG_KILLS";

const DEVICES: usize = 4;

fn options() -> LogOptions {
    LogOptions { segment_bytes: 64 << 10, bytes_max: 1 << 30, ..small() }
}

/// The child: four devices append without end; each record is named on the standard
/// output once the log has acknowledged it.
#[test]
#[ignore = "runs only as the child of a_killed_process_loses_nothing_acknowledged"]
fn child_appends_until_killed() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let epoch: u64 = std::env::var(EPOCH).expect("set").parse().expect("number");
    let log = open(Path::new(&path), options());
    std::thread::scope(|scope| {
        for device in 0..DEVICES {
            let log = &log;
            scope.spawn(move || {
                // Bounded, should the parent die before it kills.
                for i in 0..100_000 {
                    let device = format!("device-{device}");
                    let records = (2 * i..2 * i + 2).map(|i| record(&device, epoch, i)).collect();
                    let outcomes = log.append(Batch { records, cursor: None }).expect("append");
                    for (i, outcome) in (2 * i..).zip(outcomes) {
                        let Outcome::Stored(position) = outcome else { panic!("{outcome:?}") };
                        let line = format!("ack {device} {i} {position}\n");
                        std::io::stdout().lock().write_all(line.as_bytes()).expect("parent reads");
                    }
                }
            });
        }
    });
}

type Ledger = BTreeMap<u64, (String, Number)>;

/// Runs the child until it has acknowledged some records, kills it, and adds what it
/// acknowledged.
fn run_and_kill(path: &Path, epoch: u64, kill_at: usize, ledger: &mut Ledger) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "log::crash::child_appends_until_killed", "--ignored", "--nocapture"])
        .env(PATH, path)
        .env(EPOCH, epoch.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("spawn");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let (mut line, mut seen) = (String::new(), 0);
    while output.read_line(&mut line).expect("read") > 0 {
        // A line that was cut by the kill does not count.
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["ack", device, i, position] = words[..]
            && line.ends_with('\n')
        {
            let number = number(epoch, i.parse().expect("number"));
            ledger.insert(position.parse().expect("number"), (device.to_owned(), number));
            seen += 1;
        }
        if seen == kill_at {
            child.kill().expect("kill");
            seen += 1;
        }
        line.clear();
    }
    assert!(!child.wait().expect("wait").success());
    assert!(seen > kill_at, "the child ended by itself");
}

fn check(log: &Log, ledger: &Ledger) {
    let recovered = log.recovered();
    assert!(recovered.scanned <= 1 && recovered.lost.is_empty(), "{recovered:?}");
    let mut last: BTreeMap<String, Number> = BTreeMap::new();
    let mut found = Ledger::new();
    for item in read(log, 0) {
        let Item::Record { position, record: one, .. } = item else { panic!("{item:?}") };
        assert_eq!(one, record(&one.device, one.number.epoch, one.number.sequence));
        let before = last.insert(one.device.clone(), one.number);
        assert!(before < Some(one.number), "{one:?} comes behind {before:?}");
        found.insert(position, (one.device, one.number));
    }
    for (position, id) in ledger {
        assert_eq!(found.get(position), Some(id), "it was acknowledged at {position}");
    }
    let verified = log.verify().expect("files are there");
    assert!(verified.lost.is_empty() && verified.breaks.is_empty(), "{verified:?}");
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().expect("folder");
    let kills = std::env::var(KILLS).map_or(20, |text| text.parse().expect("number"));
    let mut ledger = Ledger::new();
    for epoch in 0..kills {
        // In the midst of different segments and frames.
        run_and_kill(folder.path(), epoch, 20 + (epoch as usize * 37) % 300, &mut ledger);
        let log = open(folder.path(), options());
        check(&log, &ledger);
        // A device that has not heard the answer says it again.
        let (device, number) = ledger.last_key_value().expect("acknowledged").1;
        let again = record(device, number.epoch, number.sequence);
        let outcomes = log.append(Batch { records: vec![again], cursor: None });
        assert_eq!(outcomes, Ok(vec![Outcome::Duplicate]));
    }
}
