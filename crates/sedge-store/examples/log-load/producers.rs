//! Many producers, each of which appends its next record when the last one was
//! acknowledged, as a device does that waits for an answer.

use crate::{Outcome, RECORD_BYTES, told};
use sedge_store::log::{Batch, Log, LogOptions, Number, Record};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Threads that the producers share.
const THREADS: usize = 2;

pub(crate) fn record(device: usize, sequence: u64) -> Record {
    let (stream, device) = ("readings".to_owned(), format!("device-{device:06}"));
    let payload = vec![b'x'; RECORD_BYTES - stream.len() - device.len()];
    Record {
        stream,
        device,
        number: Number { epoch: 1, sequence },
        time_ms: sequence,
        key: Vec::new().into(),
        payload: payload.into(),
    }
}

pub(crate) fn to_log(folder: &Path, producers: usize, seconds: u64) -> Outcome<String> {
    let log = Log::open(folder, LogOptions { queue_batches_max: 1 << 20, ..options() })?;
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    let (mut count, mut latencies) = (0, Vec::new());
    std::thread::scope(|scope| -> Outcome<()> {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let log = &log;
                scope.spawn(move || produce(log, (thread..producers).step_by(THREADS), end))
            })
            .collect();
        for thread in threads {
            let (acknowledged, some) = thread.join().map_err(|_| "a producer has panicked")??;
            count += acknowledged;
            latencies.extend(some);
        }
        Ok(())
    })?;
    Ok(told(count, begin.elapsed().as_secs_f64(), latencies))
}

pub(crate) fn options() -> LogOptions {
    LogOptions { bytes_max: 1 << 40, ..LogOptions::default() }
}

/// Until the time is over; how many records were acknowledged, and what some of them took.
fn produce(
    log: &Log,
    devices: impl Iterator<Item = usize>,
    end: Instant,
) -> Result<(u64, Vec<u32>), String> {
    let (acknowledged, waiting) = mpsc::channel();
    let submit = |device: usize, sequence: u64| {
        let (acknowledged, since) = (acknowledged.clone(), Instant::now());
        let batch = Batch { records: vec![record(device, sequence)], cursor: None };
        let reply = Box::new(move |result: Result<_, _>| {
            let result = result.map(drop).map_err(|error| format!("{error}"));
            drop(acknowledged.send((device, sequence, since, result)));
        });
        log.submit(batch, reply);
    };
    let mut out = devices.map(|device| submit(device, 0)).count();
    let (mut count, mut latencies) = (0, Vec::new());
    while out > 0 {
        let (device, sequence, since, result) =
            waiting.recv().map_err(|_| "nobody answers".to_owned())?;
        result?;
        count += 1;
        if count % 16 == 0 {
            latencies.push(since.elapsed().as_micros() as u32);
        }
        if Instant::now() < end {
            submit(device, sequence + 1);
        } else {
            out -= 1;
        }
    }
    Ok((count, latencies))
}
