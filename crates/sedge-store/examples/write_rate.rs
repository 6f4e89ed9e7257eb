//! How many durable writes per second: one transaction and sync for each, and
//! the store's group commit, for more and more concurrent writers.
//!
//! `cargo run --release -p sedge-store --example write_rate [FOLDER]`

use redb::{Database, TableDefinition};
use sedge_store::{Namespace, Store};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

const RUN: Duration = Duration::from_secs(2);
const VALUE: [u8; 100] = [7; 100];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    for two_phase in [false, true] {
        let name = if two_phase { "two-phase" } else { "one-phase" };
        let rate = one_sync_per_write(&folder.path().join(name), two_phase)?;
        println!("redb, a {name} transaction per write      {rate:>9.0} writes/s");
    }
    let store = Store::open(folder.path().join("store"))?;
    for writers in [1, 4, 16, 64, 256] {
        let rate = group_commit(&store, writers)?;
        println!("store, {writers:>3} concurrent writers                {rate:>9.0} writes/s");
    }
    Ok(())
}

fn one_sync_per_write(path: &Path, two_phase: bool) -> Result<f64, Box<dyn Error>> {
    const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("t");
    let database = Database::create(path)?;
    let (begin, mut count) = (Instant::now(), 0u64);
    while begin.elapsed() < RUN {
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(two_phase);
        let key = (count % 10_000).to_string();
        transaction.open_table(TABLE)?.insert(key.as_bytes(), VALUE.as_slice())?;
        transaction.commit()?;
        count += 1;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

fn group_commit(store: &Store, writers: u64) -> Result<f64, Box<dyn Error>> {
    let namespace = Namespace::new("bench")?;
    let begin = Instant::now();
    let count: u64 = std::thread::scope(|scope| {
        let write = |writer: u64| {
            let mut count = 0;
            while begin.elapsed() < RUN {
                let key = ((writer * 1_000 + count) % 10_000).to_string();
                if store.set(&namespace, &key, VALUE, None).is_err() {
                    break;
                }
                count += 1;
            }
            count
        };
        let threads: Vec<_> =
            (0..writers).map(|writer| scope.spawn(move || write(writer))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}
