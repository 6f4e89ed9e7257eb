//! The task, on a clock that tests set: tokio's time stands still unless everybody waits.

use super::*;
use sedge_model::cron::{Cron, Zone};
use sedge_model::trigger::Missed;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use tokio::time::Instant;

/// 2026-11-28T00:00:00Z.
const START: u64 = 1_795_824_000_000;
const MINUTE: u64 = 60_000;

/// Writes down what it is asked.
struct Recorder {
    begun: Instant,
    /// How much the wall clock was set.
    set_ms: AtomicI64,
    kept: Mutex<HashMap<String, u64>>,
    log: Mutex<Vec<String>>,
    /// How long a call takes.
    lasts: Duration,
    /// Calls that fail, of those that come first; `usize::MAX`: one panics.
    failing: AtomicUsize,
    /// Reads of what was settled that fail.
    unreadable: AtomicUsize,
    running: AtomicUsize,
}

impl Recorder {
    fn new(lasts: Duration) -> Arc<Self> {
        Arc::new(Recorder {
            begun: Instant::now(),
            set_ms: AtomicI64::new(0),
            kept: Mutex::default(),
            log: Mutex::default(),
            lasts,
            failing: AtomicUsize::new(0),
            unreadable: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
        })
    }

    fn say(&self, line: String) {
        self.log.lock().expect("not poisoned").push(line);
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().expect("not poisoned"))
    }

    fn kept(&self) -> Option<u64> {
        self.kept.lock().expect("not poisoned").get("app/f/s").map(|at_ms| at_ms - START)
    }
}

/// Takes one from a counter that is not 0.
fn take_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Runner for Recorder {
    async fn run(&self, key: &str, tick: Tick) -> Result<(), String> {
        assert_eq!(self.running.fetch_add(1, Ordering::SeqCst), 0, "two at one time");
        tokio::time::sleep(self.lasts).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        let due = (tick.due_ms - START) / 1_000;
        self.say(format!("{} {due} missed {}", tick.name, tick.missed));
        if self.failing.load(Ordering::SeqCst) == usize::MAX {
            self.failing.store(0, Ordering::SeqCst);
            panic!("a bug");
        }
        if take_one(&self.failing) {
            return Err("full".to_owned());
        }
        self.settle(key, tick.due_ms).await
    }

    async fn settled(&self, key: &str) -> Result<Option<u64>, String> {
        match take_one(&self.unreadable) {
            true => Err("no disk".to_owned()),
            false => Ok(self.kept.lock().expect("not poisoned").get(key).copied()),
        }
    }

    async fn settle(&self, key: &str, due_ms: u64) -> Result<(), String> {
        self.kept.lock().expect("not poisoned").insert(key.to_owned(), due_ms);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        let passed = i64::try_from(self.begun.elapsed().as_millis()).expect("small");
        START.saturating_add_signed(passed + self.set_ms.load(Ordering::SeqCst))
    }

    fn note(&self, _key: &str, note: Note<'_>) {
        match note {
            Note::Called => {}
            Note::Failed { reason, again_ms } => {
                self.say(format!("failed: {reason}, again {}", again_ms - START));
            }
            Note::GivenUp { reason } => self.say(format!("given up: {reason}")),
            Note::Passed(passed) => self.say(format!("passed {}", passed.count)),
            Note::Behind { behind_ms } => self.say(format!("behind {behind_ms}")),
            Note::NotKept { reason } => self.say(format!("not kept: {reason}")),
        }
    }
}

fn planned(cron: &str, missed: Missed) -> Vec<Planned> {
    let schedule = Schedule {
        name: "s".to_owned(),
        cron: Cron::parse(cron).expect("an expression"),
        time_zone: Zone::utc(),
        missed,
        jitter_s: 0,
        retries_max: 1,
        backoff_ms: 1_000,
    };
    vec![Planned { key: "app/f/s".into(), schedule }]
}

struct Driven {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

fn start(recorder: &Arc<Recorder>, schedules: Vec<Planned>) -> Driven {
    let (stop, stopped) = watch::channel(false);
    Driven { stop, task: tokio::spawn(drive(recorder.clone(), schedules, stopped)) }
}

impl Driven {
    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.expect("ends");
    }
}

/// Lets time pass, in which everything happens that is to.
async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_by_a_node_that_was_off_is_called_when_it_is_on() {
    let recorder = Recorder::new(Duration::ZERO);
    let driven = start(&recorder, planned("*/10 * * * *", Missed::Once));
    pass(MINUTE).await;
    driven.stop().await;
    assert_eq!(recorder.kept(), Some(0), "a schedule that is new begins now, durably");
    pass(35 * MINUTE).await;
    assert_eq!(recorder.taken(), Vec::<String>::new(), "nothing after the stop");
    let driven = start(&recorder, planned("*/10 * * * *", Missed::Once));
    pass(5 * MINUTE).await;
    assert_eq!(recorder.taken(), ["passed 2", "s 1800 missed 2", "s 2400 missed 0"]);
    driven.stop().await;
    assert_eq!(recorder.kept(), Some(2_400_000));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_is_noticed_while_nothing_is_due() {
    let recorder = Recorder::new(Duration::ZERO);
    let driven = start(&recorder, planned("0 12 * * *", Missed::Once));
    pass(MINUTE).await;
    recorder.set_ms.store(24 * 3_600_000, Ordering::SeqCst);
    pass(MINUTE).await;
    assert_eq!(recorder.taken(), ["s 43200 missed 0"]);
    recorder.set_ms.store(0, Ordering::SeqCst);
    pass(20 * 3_600_000).await;
    assert_eq!(recorder.taken(), Vec::<String>::new(), "not twice");
    driven.stop().await;
    let driven = start(&recorder, planned("0 12 * * *", Missed::Once));
    recorder.set_ms.store(-24 * 3_600_000, Ordering::SeqCst);
    pass(MINUTE).await;
    assert_eq!(recorder.taken().len(), 1, "it is told that the clock is behind");
    driven.stop().await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_or_panic_are_made_again_and_then_given_up() {
    let recorder = Recorder::new(Duration::ZERO);
    recorder.failing.store(2, Ordering::SeqCst);
    let driven = start(&recorder, planned("0 * * * *", Missed::Once));
    pass(61 * MINUTE).await;
    let expected = ["s 3600 missed 0", "failed: full, again 3601000", "s 3600 missed 0"];
    assert_eq!(recorder.taken()[..3], expected);
    assert_eq!(recorder.kept(), Some(3_600_000), "settled, though nothing came of it");
    recorder.failing.store(usize::MAX, Ordering::SeqCst);
    recorder.running.store(0, Ordering::SeqCst);
    pass(60 * MINUTE).await;
    let log = recorder.taken();
    assert_eq!(log[1], "failed: the call has panicked, again 7201000");
    assert_eq!(log[2..], ["s 7200 missed 0"]);
    driven.stop().await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_last_follow_each_other_and_are_waited_for() {
    let recorder = Recorder::new(Duration::from_secs(90));
    let driven = start(&recorder, planned("* * * * *", Missed::Once));
    pass(6 * MINUTE + 1_000).await;
    let log = recorder.taken();
    assert_eq!(log, ["s 60 missed 0", "s 120 missed 0", "passed 1", "s 240 missed 1"]);
    driven.stop().await;
    assert_eq!(recorder.taken(), ["s 300 missed 0"], "the one that ran has ended");
    assert_eq!(recorder.running.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_before_it_is_known_what_was() {
    let recorder = Recorder::new(Duration::ZERO);
    recorder.unreadable.store(3, Ordering::SeqCst);
    let driven = start(&recorder, planned("* * * * *", Missed::Skip));
    pass(40_000).await;
    assert_eq!(recorder.taken(), ["not kept: no disk"; 3]);
    pass(30_000).await;
    assert_eq!(recorder.taken(), ["s 60 missed 0"]);
    driven.stop().await;
    recorder.unreadable.store(usize::MAX, Ordering::SeqCst);
    let driven = start(&recorder, planned("* * * * *", Missed::Skip));
    pass(1_000).await;
    drop(driven.stop);
    driven.task.await.expect("a task whose owner is gone ends");
}
