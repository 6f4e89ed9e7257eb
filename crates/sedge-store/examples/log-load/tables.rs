//! The same load on redb alone: one writer takes all that waits into one transaction, and
//! acknowledges it when that is on the disk.

use crate::{Outcome, RECORD_BYTES, told};
use redb::{Database, TableDefinition};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const TABLE: TableDefinition<'static, &'static [u8], &'static [u8]> =
    TableDefinition::new("records");

/// A record that waits: who has sent it, its number, and since when.
type Waiting = (usize, u64, Instant);

pub(crate) fn to_redb(file: &Path, producers: usize, seconds: u64) -> Outcome<String> {
    let database = Database::create(file)?;
    let (submit, submitted) = mpsc::channel::<Waiting>();
    let (acknowledge, acknowledged) = mpsc::channel::<Vec<Waiting>>();
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    let writer = std::thread::spawn(move || write(&database, &submitted, &acknowledge));
    for device in 0..producers {
        submit.send((device, 0, Instant::now()))?;
    }
    let (mut out, mut count, mut latencies) = (producers, 0u64, Vec::new());
    while out > 0 {
        for (device, sequence, since) in acknowledged.recv()? {
            count += 1;
            if count % 16 == 0 {
                latencies.push(since.elapsed().as_micros() as u32);
            }
            if Instant::now() < end {
                submit.send((device, sequence + 1, Instant::now()))?;
            } else {
                out -= 1;
            }
        }
    }
    let took = begin.elapsed().as_secs_f64();
    drop(submit);
    writer.join().map_err(|_| "the writer has panicked")?.map_err(|error| error.to_string())?;
    Ok(told(count, took, latencies))
}

fn write(
    database: &Database,
    submitted: &mpsc::Receiver<Waiting>,
    acknowledge: &mpsc::Sender<Vec<Waiting>>,
) -> Result<(), Box<redb::Error>> {
    let value = [b'x'; RECORD_BYTES - 16];
    let failed = |error: redb::Error| Box::new(error);
    while let Ok(first) = submitted.recv() {
        let group: Vec<Waiting> = [first].into_iter().chain(submitted.try_iter()).collect();
        let transaction = database.begin_write().map_err(|error| failed(error.into()))?;
        {
            let mut table = transaction.open_table(TABLE).map_err(|error| failed(error.into()))?;
            for (device, sequence, _) in &group {
                let mut key = [0; 16];
                key[..8].copy_from_slice(&(*device as u64).to_be_bytes());
                key[8..].copy_from_slice(&sequence.to_be_bytes());
                table.insert(&key[..], &value[..]).map_err(|error| failed(error.into()))?;
            }
        }
        transaction.commit().map_err(|error| failed(error.into()))?;
        if acknowledge.send(group).is_err() {
            break;
        }
    }
    Ok(())
}
