use super::*;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A reader that lets one write through for each permit.
struct Gate {
    permits: Receiver<()>,
    seen: Sender<Vec<u8>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A gate that is gone lets everything through.
        let _ = self.permits.recv();
        let _ = self.seen.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gated() -> (NodeLog, Sender<()>, Receiver<Vec<u8>>) {
    let (permit, permits) = channel();
    let (seen, sight) = channel();
    (NodeLog::start(Gate { permits, seen }).expect("a thread"), permit, sight)
}

fn text(sight: &Receiver<Vec<u8>>) -> String {
    let mut bytes = Vec::new();
    while let Ok(more) = sight.try_recv() {
        bytes.extend(more);
    }
    String::from_utf8(bytes).expect("text")
}

#[test]
fn a_reader_that_does_not_read_costs_records_and_no_time() {
    let (log, permit, sight) = gated();
    let record = [b"x".repeat(1_023), b"\n".to_vec()].concat();
    let begin = Instant::now();
    // Four times what fits.
    for _ in 0..4 * QUEUE_BYTES_MAX / record.len() {
        log.0.push(&record, GUEST_BYTES_MAX);
    }
    log.0.push(b"the node's own\n", QUEUE_BYTES_MAX);
    log.flush(Duration::from_millis(20));
    assert!(begin.elapsed() < Duration::from_secs(30), "nothing waited for the reader");
    let dropped = log.dropped().load(Relaxed);
    // The writer holds one batch, the queue another.
    let kept = (4 * QUEUE_BYTES_MAX / record.len()) as u64 - dropped;
    let fits = (GUEST_BYTES_MAX / record.len()) as u64;
    assert!((fits..=2 * fits).contains(&kept), "{kept} of {fits}");

    drop(permit);
    log.flush(Duration::from_secs(20));
    let text = text(&sight);
    assert_eq!(text.matches('x').count(), kept as usize * 1_023);
    assert!(text.ends_with("the node's own\n"), "not among the guest's");
}

#[test]
fn the_end_waits_for_what_was_written_before() {
    let (log, permit, sight) = gated();
    drop(permit);
    for round in 0..50 {
        let end = log.flush_at_end();
        log.0.push(format!("record {round}\n").as_bytes(), QUEUE_BYTES_MAX);
        drop(end);
        assert_eq!(text(&sight), format!("record {round}\n"));
    }
    assert_eq!(log.dropped().load(Relaxed), 0);
}
