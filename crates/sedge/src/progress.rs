//! Tells a person on standard error what a build or a deployment is doing.
//!
//! One thread writes, so that lines and the moving line never mix. On a
//! terminal, work is shown by a line that moves; elsewhere by a plain line once
//! it has taken a second.

use crate::show;
use sedge_node::progress::{Event, Observer};
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::time::{Duration, Instant};

/// How often the moving line moves.
const FRAME: Duration = Duration::from_millis(100);
/// Work shorter than this is not shown on a terminal.
const SHOWN_AFTER: Duration = Duration::from_millis(300);
/// Work shorter than this is not shown elsewhere.
const PLAIN_AFTER: Duration = Duration::from_secs(1);
const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

enum Message {
    /// This is being done from now on.
    Busy(String),
    /// Nothing is being done.
    Idle,
    /// Something to read, which ends what was being done.
    Text(String),
    /// Tell when everything before was written.
    Flush(std::sync::mpsc::SyncSender<()>),
}

/// Where events and lines go.
#[derive(Clone)]
pub(crate) struct Progress {
    messages: Sender<Message>,
    /// After the start, every revision is told; before, the table will.
    started: Arc<AtomicBool>,
}

impl Progress {
    /// Starts the thread that writes; it ends with the last clone.
    pub(crate) fn start() -> Self {
        let (messages, received) = channel();
        let terminal = std::io::stderr().is_terminal();
        std::thread::spawn(move || write_all(&received, terminal));
        Progress { messages, started: Arc::default() }
    }

    /// Prints a text that ends in a line feed.
    pub(crate) fn text(&self, text: impl Into<String>) {
        self.send(Message::Text(text.into()));
    }

    /// From now on every new revision is told.
    pub(crate) fn started(&self) {
        self.started.store(true, Relaxed);
    }

    /// Waits until everything was written.
    pub(crate) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        self.send(Message::Idle);
        self.send(Message::Flush(done));
        let _ = wait.recv_timeout(Duration::from_secs(1));
    }

    /// What the node tells its events.
    pub(crate) fn observer(&self) -> Observer {
        let progress = self.clone();
        Arc::new(move |event| progress.event(event))
    }

    fn send(&self, message: Message) {
        // The thread lives as long as this sender, unless standard error broke;
        // then there is nobody to tell.
        let _ = self.messages.send(message);
    }

    fn event(&self, event: &Event<'_>) {
        let started = self.started.load(Relaxed);
        match event {
            Event::Compiling { app, functions, done, total } => {
                self.send(Message::Busy(compiling(app, functions, *done, *total)));
            }
            event => {
                self.send(Message::Idle);
                if let Some(text) = text(event, started) {
                    self.text(text);
                }
            }
        }
    }
}

/// Tells events as records of the log, for a node whose log is read by
/// programs.
pub(crate) fn records() -> Observer {
    Arc::new(|event| match event {
        Event::Failed { manifest, error, serving } => {
            let serving = serving.map(|revision| revision.number);
            let (manifest, error) = (manifest.display(), format!("{error:#}"));
            tracing::error!(%manifest, error, serving, "a build or a deployment failed");
        }
        event => {
            if let Some(text) = text(event, true) {
                tracing::info!("{}", text.trim_end());
            }
        }
    })
}

/// Names that one line shows.
const NAMES_SHOWN: usize = 4;

/// What is being compiled: `compiling shop/images, cart (2 to 3 of 7)`.
fn compiling(app: &str, functions: &[&str], done: usize, total: usize) -> String {
    let mut text =
        format!("compiling {app}/{}", functions[..functions.len().min(NAMES_SHOWN)].join(", "));
    if let more @ 1.. = functions.len().saturating_sub(NAMES_SHOWN) {
        text += &format!(" and {more} more");
    }
    let (first, last) = (done + 1, done + functions.len());
    match (total, functions.len()) {
        (0 | 1, _) => {}
        (_, 0 | 1) => text += &format!(" ({first} of {total})"),
        _ => text += &format!(" ({first} to {last} of {total})"),
    }
    text
}

/// What is said of an event, if anything.
fn text(event: &Event<'_>, started: bool) -> Option<String> {
    Some(match event {
        Event::Compiling { .. } => return None,
        Event::Building { function, command } => format!("building {function}: {command}\n"),
        Event::Warned { problems } => problems.to_string(),
        Event::Said { line } => format!("{line}\n"),
        Event::Built { function, took } => {
            format!("built {function} in {}\n", show::duration(*took))
        }
        Event::Compiled { app, function, took, code_bytes } => format!(
            "compiled {app}/{function} in {} ({} of code)\n",
            show::duration(*took),
            show::bytes(*code_bytes)
        ),
        Event::Initialized { app, function, took, state_bytes } => format!(
            "initialized {app}/{function} in {} (instances begin with {})\n",
            show::duration(*took),
            show::bytes(*state_bytes)
        ),
        Event::Serving { .. } if !started => return None,
        Event::Serving { revision, took } => format!(
            "{} revision {} is served now, {} after its files had changed\n",
            revision.app,
            revision.number,
            show::duration(*took)
        ),
        Event::Unchanged { revision } => {
            format!("{} revision {} stays: nothing has changed\n", revision.app, revision.number)
        }
        Event::Failed { manifest, error, serving } => {
            let mut text = show::error_on_stderr(error);
            match serving {
                Some(revision) => {
                    text += &format!("{} revision {} goes on\n", revision.app, revision.number);
                }
                None if started => text += &format!("{} is not served\n", manifest.display()),
                None => {}
            }
            text
        }
    })
}

/// What is being done, and since when.
struct Busy {
    what: String,
    since: Instant,
    told: bool,
}

fn write_all(messages: &Receiver<Message>, terminal: bool) {
    let mut busy: Option<Busy> = None;
    let mut frame = 0;
    loop {
        let message = match &busy {
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(_) => messages.recv_timeout(FRAME),
        };
        match message {
            Ok(message) => {
                if terminal && busy.as_ref().is_some_and(|busy| busy.told) {
                    eprint!("\r\x1b[K");
                }
                match message {
                    Message::Busy(what) => {
                        busy = Some(Busy { what, since: Instant::now(), told: false });
                    }
                    Message::Idle => busy = None,
                    Message::Text(text) => eprint!("{text}"),
                    Message::Flush(done) => {
                        let _ = done.send(());
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let Some(busy) = &mut busy else { continue };
                let (for_so_long, what) = (busy.since.elapsed(), &busy.what);
                if terminal && for_so_long >= SHOWN_AFTER {
                    frame = (frame + 1) % FRAMES.len();
                    eprint!("\r\x1b[K{} {what} {:.0} s", FRAMES[frame], for_so_long.as_secs_f64());
                    let _ = std::io::stderr().flush();
                    busy.told = true;
                } else if !terminal && for_so_long >= PLAIN_AFTER && !busy.told {
                    eprintln!("{what} …");
                    busy.told = true;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_fits_in_a_line() {
        for (functions, done, total, expected) in [
            (&["f"][..], 0, 1, "compiling a/f"),
            (&["f"], 6, 7, "compiling a/f (7 of 7)"),
            (&["f", "g"], 1, 7, "compiling a/f, g (2 to 3 of 7)"),
            (&["f", "g"], 0, 2, "compiling a/f, g (1 to 2 of 2)"),
            (&["b", "c", "d", "e", "f"], 0, 9, "compiling a/b, c, d, e and 1 more (1 to 5 of 9)"),
        ] {
            assert_eq!(compiling("a", functions, done, total), expected);
        }
    }

    #[test]
    fn events_are_told_in_plain_words() {
        for (event, expected) in [
            (Event::Building { function: "f", command: "make" }, Some("building f: make\n")),
            (Event::Said { line: "made" }, Some("made\n")),
            (
                Event::Compiled {
                    app: "a",
                    function: "f",
                    took: Duration::from_millis(1500),
                    code_bytes: 2_000_000,
                },
                Some("compiled a/f in 1.50 s (2.00 MB of code)\n"),
            ),
            (
                Event::Initialized {
                    app: "a",
                    function: "f",
                    took: Duration::from_millis(2500),
                    state_bytes: 3_000_000,
                },
                Some("initialized a/f in 2.50 s (instances begin with 3.00 MB)\n"),
            ),
            (Event::Compiling { app: "a", functions: &["f"], done: 0, total: 1 }, None),
        ] {
            assert_eq!(text(&event, true).as_deref(), expected);
        }
    }
}
