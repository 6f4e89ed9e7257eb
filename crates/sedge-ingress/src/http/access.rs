//! The access log: one JSON line for each request, written by a thread of its
//! own. A request never waits for it: records past a full queue are dropped and
//! counted.

use super::tls::facts::Facts;
use sedge_model::failure::{Blame, Failure};
use sedge_model::handler::Noted;
use sedge_model::trace::TraceContext;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Records that may wait for the writer.
const QUEUE_MAX: usize = 16 * 1024;

/// What one request was, and what became of it.
pub(crate) struct Record {
    pub(crate) time: SystemTime,
    pub(crate) peer: SocketAddr,
    /// The client's address, if a proxy before this node vouches for another.
    pub(crate) client: IpAddr,
    pub(crate) method: http::Method,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) duration: Duration,
    pub(crate) version: http::Version,
    /// Whether the connection is.
    pub(crate) encrypted: bool,
    pub(crate) label: Option<Arc<str>>,
    /// The app's; 0 where there is none.
    pub(crate) revision: u64,
    /// What handlers told.
    pub(crate) noted: Noted,
    pub(crate) failure: Option<Failure>,
    pub(crate) trace: TraceContext,
    /// `None` without TLS.
    pub(crate) tls: Option<Arc<Facts>>,
}

enum Message {
    Record(Box<Record>),
    Flush(SyncSender<()>),
    Reopen,
}

/// Where lines go.
enum Target {
    Stderr,
    File(PathBuf),
}

impl Target {
    fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        Ok(match self {
            Target::Stderr => Box::new(io::stderr()),
            Target::File(path) => {
                Box::new(OpenOptions::new().create(true).append(true).open(path)?)
            }
        })
    }
}

/// Where access records go. Cheap to clone; the writer ends with the last one.
#[derive(Clone)]
pub struct AccessLog {
    queue: Option<SyncSender<Message>>,
    dropped: Arc<AtomicU64>,
}

impl AccessLog {
    /// No records.
    pub fn off() -> Self {
        AccessLog { queue: None, dropped: Arc::default() }
    }

    /// To the standard error output: the standard output is for data.
    pub fn stderr() -> io::Result<Self> {
        AccessLog::start(Target::Stderr)
    }

    /// Appended to a file, which is created if it does not exist.
    pub fn file(path: &Path) -> io::Result<Self> {
        AccessLog::start(Target::File(path.to_owned()))
    }

    fn start(target: Target) -> io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE_MAX);
        let out = BufWriter::new(target.open()?);
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || write_all(&messages, out, &target))?;
        Ok(AccessLog { queue: Some(queue), dropped: Arc::default() })
    }

    /// Whether anybody reads the records; if not, none need be made.
    pub(crate) fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    pub(crate) fn write(&self, record: Record) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            queue.try_send(Message::Record(Box::new(record)))
        {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Records dropped because the writer could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Opens the file anew once the records so far are written: somebody has
    /// moved it away. If it cannot be opened, the old one is written on. Waits
    /// for room in the queue.
    pub fn reopen(&self) {
        if let Some(queue) = &self.queue {
            // The writer lives as long as this sender.
            let _ = queue.send(Message::Reopen);
        }
    }

    /// Waits until everything written so far has left the process, for a second
    /// at most.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if let Some(queue) = &self.queue
            && queue.send(Message::Flush(done)).is_ok()
        {
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
    }
}

/// Flushes whenever the queue is empty. A disk that refuses to be written to
/// costs the records, never a request; it is reported once.
fn write_all(
    messages: &Receiver<Message>,
    mut out: BufWriter<Box<dyn Write + Send>>,
    target: &Target,
) {
    let mut reported = false;
    while let Ok(first) = messages.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Record(record) => report(write_line(&mut out, &record), &mut reported),
                Message::Flush(done) => {
                    report(out.flush(), &mut reported);
                    let _ = done.send(());
                }
                Message::Reopen => {
                    report(out.flush(), &mut reported);
                    match target.open() {
                        Ok(opened) => {
                            out = BufWriter::new(opened);
                            reported = false;
                        }
                        Err(error) => tracing::error!(%error, "cannot reopen the access log"),
                    }
                }
            }
            next = messages.try_recv().ok();
        }
        report(out.flush(), &mut reported);
    }
}

fn report(result: io::Result<()>, reported: &mut bool) {
    if let Err(error) = result
        && !std::mem::replace(reported, true)
    {
        tracing::error!(%error, "cannot write the access log");
    }
}

/// Names are OpenTelemetry's semantic conventions for HTTP servers (1.38) where
/// they have one; the rest are Sedge's own.
fn write_line(out: &mut impl Write, record: &Record) -> io::Result<()> {
    let kind = record.failure.as_ref().map(|failure| failure.kind);
    let noted = &record.noted;
    let line = json!({
        "time": rfc3339(record.time),
        "client.address": record.client.to_string(),
        // Of a client behind a proxy nobody tells the port.
        "client.port": (record.client == record.peer.ip()).then_some(record.peer.port()),
        "network.peer.address": record.peer.ip().to_string(),
        "network.peer.port": record.peer.port(),
        "http.request.method": record.method.as_str(),
        "url.scheme": if record.encrypted { "https" } else { "http" },
        "server.address": record.host,
        "url.path": record.path,
        "network.protocol.version": version(record.version),
        "http.response.status_code": record.status,
        "http.request.body.size": record.bytes_in,
        "http.response.body.size": record.bytes_out,
        "http.server.request.duration": record.duration.as_secs_f64(),
        "route": record.label.as_deref(),
        "revision": (record.revision > 0).then_some(record.revision),
        "target": noted.target.as_deref(),
        "upstream": noted.upstream.as_deref(),
        "endpoint": noted.endpoint.as_deref(),
        "tries": noted.tries,
        "fault": fault(noted),
        "mirrored": noted.mirrored,
        "upgrade": noted.upgrade.as_deref(),
        "interims": (noted.interims > 0).then_some(noted.interims),
        "blame": blame(record),
        "error.type": kind.map(|kind| kind.label()),
        "detail": record.failure.as_ref().map(|failure| &*failure.detail),
        "trace_id": format!("{:032x}", record.trace.trace_id),
        "tls": record.tls.as_ref().map(|facts| facts.to_json()),
        "span_id": format!("{:016x}", record.trace.span_id),
    });
    writeln!(out, "{line}")
}

/// What was broken on purpose.
fn fault(noted: &Noted) -> Option<&'static str> {
    match (noted.delay, noted.abort) {
        (None, None) => None,
        (Some(_), None) => Some("delay"),
        (None, Some(_)) => Some("abort"),
        (Some(_), Some(_)) => Some("delay,abort"),
    }
}

/// Whose fault it is: what the failure says, or the upstream where it answered
/// with an error of its own.
fn blame(record: &Record) -> Option<&'static str> {
    let failed = record.failure.as_ref().map(|failure| failure.kind.blame());
    let theirs = (record.noted.from_upstream && record.status >= 500).then_some(Blame::Upstream);
    failed.or(theirs).map(Blame::as_str)
}

fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_09 => "0.9",
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// UTC with milliseconds, as RFC 3339 writes it. The date is counted by the
/// method of Howard Hinnant's `civil_from_days`, in years that begin in March.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let (second, millis) = (second % 60, since.subsec_millis());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sedge_model::failure::Kind;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(millis)), expected);
        }
    }

    fn record(path: &str) -> Record {
        Record {
            time: UNIX_EPOCH,
            peer: SocketAddr::from(([127, 0, 0, 1], 9)),
            client: IpAddr::from([127, 0, 0, 1]),
            method: http::Method::GET,
            host: "a\"b".into(),
            path: path.into(),
            status: 500,
            bytes_in: 1,
            bytes_out: 2,
            duration: Duration::from_micros(3),
            version: http::Version::HTTP_2,
            encrypted: true,
            label: Some("app/one".into()),
            revision: 3,
            noted: Noted::default(),
            failure: Some(Failure::new(Kind::Trap, "unreachable")),
            trace: TraceContext { trace_id: 1, span_id: 2, flags: 0 },
            tls: None,
        }
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let folder = std::env::temp_dir().join(format!("access-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (path, kept) = (folder.join("log"), folder.join("log.1"));
        let log = AccessLog::file(&path).expect("opens");
        log.write(record("/before"));
        log.flush();
        std::fs::rename(&path, &kept).expect("moved");
        log.write(record("/moved"));
        log.reopen();
        log.write(record("/after"));
        log.flush();
        // A folder in its place cannot be opened, so the last file is kept.
        std::fs::rename(&path, folder.join("log.2")).expect("moved");
        std::fs::create_dir(&path).expect("a folder");
        log.reopen();
        log.write(record("/still"));
        log.flush();
        let paths = |file: &str| -> Vec<String> {
            let text = std::fs::read_to_string(folder.join(file)).expect("is there");
            let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            lines.map(|line: serde_json::Value| line["url.path"].to_string()).collect()
        };
        assert_eq!(paths("log.1"), ["\"/before\"", "\"/moved\""]);
        assert_eq!(paths("log.2"), ["\"/after\"", "\"/still\""]);
        assert_eq!(log.dropped(), 0);
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn a_line_is_json_whatever_the_client_sent() {
        let mut line = Vec::new();
        write_line(&mut line, &record("/\u{7f}\\\n")).expect("memory");
        assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let read: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
        assert_eq!(read["url.path"], "/\u{7f}\\\n");
        assert_eq!((&read["blame"], &read["error.type"]), (&json!("guest"), &json!("trap")));
        assert_eq!((&read["revision"], &read["tries"]), (&json!(3), &json!(0)));
        assert_eq!(read["network.protocol.version"], "2");
    }

    #[test]
    fn an_error_of_an_upstream_is_blamed_on_it_and_a_fault_on_nobody() {
        let notes = sedge_model::handler::Notes::slot();
        notes.tried(&"backend".into(), &"127.0.0.1:80".into());
        let mut of = record("/");
        (of.failure, of.status, of.noted) = (None, 503, notes.read());
        assert_eq!((blame(&of), fault(&of.noted)), (Some("upstream"), None));
        of.status = 404;
        assert_eq!(blame(&of), None);
        notes.delayed(Duration::from_secs(1));
        notes.aborted(http::StatusCode::SERVICE_UNAVAILABLE);
        (of.status, of.noted) = (503, notes.read());
        assert_eq!((blame(&of), fault(&of.noted)), (None, Some("delay,abort")));
    }
}
