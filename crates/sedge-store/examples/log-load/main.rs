//! What `cargo xtask bench log` measures with: producers that append to the log, to redb
//! alone, or to a NATS server; and how long a log takes to open. It lies here, as
//! `benches/` knows no crate of ours. Prints one line of JSON.

mod nats;
mod opening;
mod producers;
mod tables;

use std::error::Error;

/// Bytes of stream, device, key and payload of a record.
const RECORD_BYTES: usize = 200;

type Outcome<T> = Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: log-load log FOLDER PRODUCERS SECONDS | redb FILE PRODUCERS SECONDS \
                     | nats PORT PRODUCERS BATCH SECONDS | fill FOLDER BYTES | open FOLDER";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let line = match words[..] {
        ["log", folder, producers, seconds] => {
            producers::to_log(folder.as_ref(), producers.parse()?, seconds.parse()?)?
        }
        ["redb", file, producers, seconds] => {
            tables::to_redb(file.as_ref(), producers.parse()?, seconds.parse()?)?
        }
        ["nats", port, producers, batch, seconds] => {
            nats::to_stream(port.parse()?, producers.parse()?, batch.parse()?, seconds.parse()?)?
        }
        ["fill", folder, bytes] => opening::fill(folder.as_ref(), bytes.parse()?)?,
        ["open", folder] => opening::open(folder.as_ref())?,
        _ => return Err(USAGE.into()),
    };
    println!("{line}");
    Ok(())
}

/// The line that tells how many records were acknowledged, and how long one took.
fn told(acknowledged: u64, seconds: f64, mut latencies_us: Vec<u32>) -> String {
    latencies_us.sort_unstable();
    let at = |share: usize| {
        latencies_us.get(latencies_us.len() * share / 100).copied().unwrap_or_default()
    };
    format!(
        "{{\"per_s\":{},\"p50_ms\":{},\"p99_ms\":{}}}",
        acknowledged as f64 / seconds,
        f64::from(at(50)) / 1e3,
        f64::from(at(99)) / 1e3
    )
}
