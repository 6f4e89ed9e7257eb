use super::*;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// What a subscriber wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that `work` logs with this budget, and the bytes it lost.
fn capture(bytes_max: u64, work: impl FnOnce(&Arc<RequestLog>)) -> (String, u64) {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let log = Arc::new(LogSink::new("shop", "hello", bytes_max).begin());
    tracing::subscriber::with_default(subscriber, || work(&log));
    let bytes = written.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (String::from_utf8(bytes).expect("text"), log.dropped_bytes())
}

#[test]
fn a_guest_cannot_forge_a_record_or_drive_a_terminal() {
    for hostile in [
        "a\nERROR guest: forged",
        "a\r\n\r\nx",
        "\u{1b}[2J\u{1b}]0;title\u{7}",
        "\u{9b}31m\u{0}\u{7f}\u{8}",
        "\u{202e}txt.exe\u{2066}\u{2028}\u{2029}",
    ] {
        let (text, dropped) = capture(10_000, |log| log.log(Level::Info, hostile, hostile));
        assert_eq!(text.lines().count(), 1, "{text:?}");
        let bare = text.trim_end_matches('\n');
        assert!(!bare.contains(|char: char| char.is_control() || reorders(char)), "{text:?}");
        assert_eq!(dropped, 0);
    }
    assert_eq!(escape("ä €\\n"), "ä €\\\\n");
}

#[test]
fn a_record_names_app_function_context_and_level() {
    for (level, word) in [
        (Level::Trace, "DEBUG"),
        (Level::Debug, "DEBUG"),
        (Level::Info, "INFO"),
        (Level::Warn, "WARN"),
        (Level::Error, "ERROR"),
        (Level::Critical, "ERROR"),
    ] {
        let (text, _) = capture(1_000, |log| log.log(level, "db", "it works"));
        for part in
            [word, "guest:", "it works", r#"app="shop""#, r#"function="hello""#, r#"context="db""#]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn what_exceeds_the_budget_is_cut_and_counted() {
    let (text, dropped) = capture(RECORD_BYTES + 10, |log| {
        log.log(Level::Info, "ctx", "1234567");
        log.log(Level::Info, "", "");
    });
    assert_eq!((text.lines().count(), dropped), (1, RECORD_BYTES));

    let (text, dropped) =
        capture(RECORD_BYTES + 10, |log| log.log(Level::Info, "ctx", "123456789"));
    assert!(text.contains("1234567 ") && !text.contains("12345678"), "{text}");
    assert_eq!(dropped, 2);

    // The cut never falls inside a character.
    let (text, dropped) = capture(RECORD_BYTES + 4, |log| log.log(Level::Info, "", "aä€"));
    assert!(text.contains("aä ") && !text.contains('€'), "{text}");
    assert_eq!(dropped, 3);
}

#[test]
fn a_flood_of_empty_records_ends_too() {
    let (text, dropped) = capture(10 * RECORD_BYTES, |log| {
        for _ in 0..1_000 {
            log.log(Level::Error, "", "");
        }
    });
    assert_eq!((text.lines().count(), dropped), (10, 990 * RECORD_BYTES));
}

#[test]
fn threads_share_one_budget() {
    let log = LogSink::new("a", "f", 100 * RECORD_BYTES).begin();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| log.log(Level::Info, "", "")));
        }
    });
    assert_eq!(log.dropped_bytes(), 100 * RECORD_BYTES);
}

#[test]
fn a_stream_is_cut_at_line_feeds() {
    let (text, dropped) = capture(100_000, |log| {
        let mut stream = LogStream::new(log.clone(), Level::Info, "stdout");
        for part in [b"\n\nfir".as_slice(), b"st\nsecond\n", b"bad \xff byte\n", b"last"] {
            stream.write(part);
        }
    });
    let lines: Vec<_> = text.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, start) in lines.iter().zip(["first ", "second ", "bad \u{fffd} byte ", "last "]) {
        assert!(line.starts_with(start), "{text}");
    }
    assert_eq!(dropped, 0);
}

#[test]
fn a_line_without_end_is_written_in_pieces() {
    let (text, dropped) = capture(1_000_000, |log| {
        let mut stream = LogStream::new(log.clone(), Level::Warn, "stderr");
        stream.write(&[b'x'; 10_000]);
    });
    assert_eq!((text.lines().count(), dropped), (3, 0));
    assert_eq!(text.matches('x').count(), 10_000 + text.matches("context").count());
}
