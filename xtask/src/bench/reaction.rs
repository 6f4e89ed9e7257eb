//! `cargo xtask bench reaction`: from a sensor's reading to the message that its actuator gets,
//! through the node's log, the function `sensors` and the MQTT front.
//!
//! Once durably: the reading is synced before the function sees it, and what follows from it
//! before the actuator is told (QoS 1). Once at once: nothing is synced, and the actuator is
//! told as soon as the function has decided (QoS 0). Readings come one at a time, and nothing
//! else does; what is measured is from the first byte of the reading's PUBLISH that leaves to the last of the
//! actuator's that arrives, the reading's PUBACK not included.
//!
//! A round is a node of its own, and beside it what the machine takes without one ([`floor`]).
//! The promise is held against the readings of all rounds together. The medians of the rounds,
//! and the p99 of each, show whether one bad second of the machine decided over that.

mod floor;

use super::arguments::Arguments;
use super::median;
use super::mqtt::load::connect;
use super::report::{Bar, Report, figure, table};
use crate::build;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Emergencies in one round.
const EMERGENCIES: usize = 400;
/// Readings before the first of them, so that the series is known.
const BEFORE: usize = 400;
/// Readings that end an emergency (`clear_after`), and some more.
const BETWEEN: usize = 8;
/// Before an emergency.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);
const TOPIC: &str = "plant/oven/temperature";

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Durable,
    AtOnce,
}

impl Way {
    const ALL: [Way; 2] = [Way::Durable, Way::AtOnce];

    fn name(self) -> &'static str {
        match self {
            Way::Durable => "durable",
            Way::AtOnce => "at once",
        }
    }

    /// What the project has promised itself of the p99, milliseconds.
    fn wanted_ms(self) -> f64 {
        match self {
            Way::Durable => 10.0,
            Way::AtOnce => 3.0,
        }
    }
}

/// Builds, measures, prints, writes.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let (node, guests) = match arguments.no_build {
        true => (workspace.release_binary("sedge"), workspace.target.join("guests")),
        false => (build::node(workspace)?, build::guests(workspace)?),
    };
    let mut report = Report::new("reaction");
    let mut rows = Vec::new();
    let mut bars = Vec::new();
    for way in Way::ALL {
        let folder = workspace.target.join("bench/reaction");
        let (mut node_rounds, mut floor_rounds) = (Vec::new(), Vec::new());
        let (mut of_node, mut of_floor) = (Vec::new(), Vec::new());
        for round in 1..=arguments.rounds {
            eprintln!("{}: round {round} of {}", way.name(), arguments.rounds);
            let server = Server::start(&node, &guests, way, &folder)?;
            let took = emergencies(server.address).with_context(|| server.log())?;
            node_rounds.push(Spread::of(&took));
            of_node.extend(took);
            drop(server);
            let took = floor::measure(way, &folder, EMERGENCIES)?;
            floor_rounds.push(Spread::of(&took));
            of_floor.extend(took);
        }
        let of_node = Spread::of(&of_node);
        for (who, all, rounds) in [
            ("Sedge", of_node, &node_rounds),
            ("the machine alone", Spread::of(&of_floor), &floor_rounds),
        ] {
            let middle = Spread::median(rounds);
            report.row(who, way.name(), "p99 of all rounds", all.p99, "ms");
            for (metric, ms) in
                [("p50", middle.p50), ("p99", middle.p99), ("longest", middle.longest)]
            {
                report.row(who, way.name(), metric, ms, "ms");
            }
            rows.push(middle.shown(&format!("{who}, {}", way.name()), all, rounds));
        }
        let bar = format!("p99 from the reading to the actuator's message, {}", way.name());
        bars.push(Bar::below(&bar, way.wanted_ms(), " ms", Some(of_node.p99)));
    }
    let columns =
        ["medians of the rounds", "p50 ms", "p99 ms", "longest ms", "each p99 ms", "p99 of all ms"];
    println!("{}", table(&columns, &rows));
    bars.into_iter().for_each(|bar| report.bar(bar));
    report.finish(workspace, arguments)
}

/// How long things took in a round, milliseconds.
#[derive(Clone, Copy)]
struct Spread {
    p50: f64,
    p99: f64,
    longest: f64,
}

impl Spread {
    /// Of at least one.
    fn of(took: &[f64]) -> Self {
        let mut took = took.to_vec();
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took[((took.len() - 1) as f64 * share).round() as usize];
        Spread { p50: at(0.5), p99: at(0.99), longest: at(1.0) }
    }

    /// Each the median over rounds.
    fn median(rounds: &[Spread]) -> Self {
        let of = |part: fn(&Spread) -> f64| median(&rounds.iter().map(part).collect::<Vec<_>>());
        Spread { p50: of(|it| it.p50), p99: of(|it| it.p99), longest: of(|it| it.longest) }
    }

    /// A line of the table.
    fn shown(self, name: &str, all: Spread, rounds: &[Spread]) -> Vec<String> {
        let each: Vec<_> = rounds.iter().map(|round| figure(round.p99)).collect();
        let own = [self.p50, self.p99, self.longest].map(figure);
        [vec![name.to_owned()], own.to_vec(), vec![each.join(", "), figure(all.p99)]].concat()
    }
}

/// How long each took, milliseconds.
fn emergencies(server: SocketAddr) -> Result<Vec<f64>> {
    let mut actuator = connect(server, "valve")?;
    let mut subscribe = vec![0x82, 0, 0, 1, 0, 0];
    subscribe.extend_from_slice(b"actuators/#");
    subscribe.push(1);
    (subscribe[1], subscribe[5]) = (subscribe.len() as u8 - 2, b"actuators/#".len() as u8);
    actuator.write_all(&subscribe).context("subscribing")?;
    actuator.read_exact(&mut [0; 5]).context("waiting for SUBACK")?;
    let mut sensor = connect(server, "oven")?;
    for number in 0..BEFORE {
        say(&mut sensor, &usual(number))?;
        acknowledged(&mut sensor)?;
    }
    let mut took = Vec::with_capacity(EMERGENCIES);
    for number in 0..EMERGENCIES {
        for between in 0..BETWEEN {
            say(&mut sensor, &usual(number * BETWEEN + between))?;
            acknowledged(&mut sensor)?;
        }
        // What was said before is dealt with: its PUBACK does not wait for the function.
        std::thread::sleep(PAUSE);
        let begin = Instant::now();
        say(&mut sensor, "95.0")?;
        received(&mut actuator).with_context(|| format!("emergency {number}"))?;
        took.push(begin.elapsed().as_secs_f64() * 1e3);
        acknowledged(&mut sensor)?;
    }
    Ok(took)
}

/// About 20 degrees.
fn usual(number: usize) -> String {
    format!("{}.{}", 20 + number % 2, number * 7 % 10)
}

/// Publishes with QoS 1.
fn say(sensor: &mut TcpStream, payload: &str) -> Result<()> {
    let length = 2 + TOPIC.len() + 2 + payload.len();
    let mut packet = vec![0x32, length as u8, 0, TOPIC.len() as u8];
    packet.extend_from_slice(TOPIC.as_bytes());
    packet.extend_from_slice(&[0, 1]);
    packet.extend_from_slice(payload.as_bytes());
    sensor.write_all(&packet).context("publishing a reading")
}

fn acknowledged(sensor: &mut TcpStream) -> Result<()> {
    let mut answer = [0; 4];
    sensor.read_exact(&mut answer).context("waiting for PUBACK")?;
    if answer != [0x40, 2, 0, 1] {
        bail!("the server has answered {answer:x?} to PUBLISH");
    }
    Ok(())
}

/// Reads a message, and acknowledges it if it has QoS 1.
fn received(actuator: &mut TcpStream) -> Result<()> {
    let mut head = [0; 2];
    actuator.read_exact(&mut head).context("waiting for the actuator's message")?;
    if head[0] & 0xF0 != 0x30 || head[1] > 127 {
        bail!("something else than a short PUBLISH has come: {head:x?}");
    }
    let mut rest = vec![0; head[1].into()];
    actuator.read_exact(&mut rest).context("reading the actuator's message")?;
    if head[0] & 0b110 == 0b010 {
        let at = 2 + usize::from(rest[1]);
        actuator.write_all(&[0x40, 2, rest[at], rest[at + 1]]).context("acknowledging")?;
    }
    Ok(())
}

/// A node with the function; killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Server {
    fn start(node: &Path, guests: &Path, way: Way, folder: &Path) -> Result<Self> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("removing what the last node has left");
            }
            _ => {}
        }
        fs::create_dir_all(folder).context("making a node's folder")?;
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .context("looking for a free port")?;
        let (journal, sync, rule) = match way {
            Way::Durable => ("disk", "always", ""),
            Way::AtOnce => ("memory", "never", " at-once"),
        };
        let config = format!(
            "[[mqtt]]\nlisten = \"{address}\"\n[broker]\nanonymous = true\njournal = \"{journal}\"\n\
             [streams]\nsync = \"{sync}\"\n"
        );
        let manifest = format!(
            "[app]\nname = \"plant\"\n[[function]]\nname = \"sensors\"\nsource = \"{}\"\n\
             isolation = \"instance\"\n[function.trigger.message]\ntopics = [\"plant/#\"]\n\
             [function.capabilities]\nemit = [\"alerts/#\"]\npublish = [\"actuators/#\"]\n\
             state = true\n[function.environment]\nSENSORS_WATCH = \"plant/+/temperature band=5 \
             clear_after=3 snapshot_every=256\"\nSENSORS_RULES = \"when value > 80 on plant/# publish OFF to \
             actuators/{{device}}/heater{rule} every 0s\"\n",
            guests.join("sensors.wasm").display()
        );
        fs::write(folder.join("node.toml"), config).context("writing the configuration")?;
        fs::write(folder.join("sedge.toml"), manifest).context("writing the manifest")?;
        let mut command = Command::new(node);
        command.args(["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(["--data", "data", "--config", "node.toml"]).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(folder.join("node.log")).context("making a log")?);
        let child = command.spawn().context("starting the node")?;
        let mut server = Server { child, address, folder: folder.to_owned() };
        let deadline = Instant::now() + PATIENCE;
        // Functions are ready when it says where it listens.
        while !server.log().contains("listening on") {
            if server.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("the node does not start\n{}", server.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("node.log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_round_is_shown_apart_and_counts_among_all() {
        let round = |longest: f64| {
            let mut took: Vec<f64> = (1..=100).map(f64::from).collect();
            took.extend([longest; 4]);
            took
        };
        let took = [round(120.0), round(9_000.0), round(110.0)];
        let rounds = took.each_ref().map(|round| Spread::of(round));
        let middle = Spread::median(&rounds);
        assert_eq!((middle.p50, middle.p99, middle.longest), (53.0, 120.0, 120.0));
        let all = Spread::of(&took.concat());
        let shown = middle.shown("node", all, &rounds);
        assert_eq!(shown[4..], ["120, 9,000, 110", "9,000"]);
    }
}
