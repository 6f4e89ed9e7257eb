use super::*;
use crate::events::{name, write};
use serde_json::{Value, json};

#[derive(Default)]
struct Fake {
    values: BTreeMap<String, Vec<u8>>,
    fails: bool,
}

impl Store for Fake {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, String> {
        if self.fails { Err("gone".into()) } else { Ok(self.values.get(key).cloned()) }
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        assert!(value.len() <= 1 << 20 && key.len() <= 512);
        self.values.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<(), String> {
        self.values.remove(key);
        Ok(())
    }
}

fn keys() -> Keys {
    Keys::parse("0123456789abcdef").expect("a key")
}

fn definitions(weights: &str) -> Definitions {
    let text = format!(
        "{{\"experiments\": [{{\"key\": \"layout\", \"name\": \"The layout\", \"variations\": [0, 1], \
         \"weights\": {weights}, \"meta\": [{{\"key\": \"old\"}}, {{\"key\": \"new\"}}]}}]}}"
    );
    let (definitions, findings) = Definitions::parse(&text, None).expect("JSON");
    assert!(findings.mistakes.is_empty(), "{:?}", findings.mistakes);
    definitions
}

/// A consumer and its log.
struct World {
    settings: Settings,
    store: Fake,
    definitions: Definitions,
    batch: Vec<(String, String)>,
    now_ms: u64,
}

impl World {
    fn new() -> Self {
        World {
            settings: Settings::default(),
            store: Fake::default(),
            definitions: definitions("[0.5, 0.5]"),
            batch: Vec::new(),
            now_ms: 1_000_000,
        }
    }

    fn saw(&mut self, visitor: &str, experiment: &str, variation: usize) {
        let exposure = Exposure {
            experiment: experiment.into(),
            variation,
            key: variation.to_string(),
            visitor: name(&keys(), "id", visitor),
            time_ms: self.now_ms,
        };
        let event = write(&keys(), &exposure).expect("written");
        self.batch.push(("experiments/exposures".into(), event));
    }

    fn did(&mut self, visitor: &str, goal: &str, value: Option<f64>) {
        let visitors = ["deviceId", "id"].map(|by| name(&keys(), by, visitor)).to_vec();
        let done = Done { goal: goal.into(), visitors, value, time_ms: self.now_ms };
        let event = write(&keys(), &done).expect("written");
        self.batch.push(("experiments/goals".into(), event));
    }

    fn handle(&mut self) -> Result<Vec<Report>, Vec<Failure>> {
        let batch = std::mem::take(&mut self.batch);
        let batch: Vec<Message<'_>> = batch
            .iter()
            .map(|(topic, payload)| Message { topic, payload: payload.as_bytes() })
            .collect();
        let definitions = Some(&self.definitions);
        handle(&self.settings, &keys(), definitions, &mut self.store, &batch, self.now_ms)
    }

    /// The only report after some time.
    fn report(&mut self) -> Value {
        self.now_ms += REPORT_MS;
        let definitions = Some(&self.definitions);
        let reports = look(&self.settings, definitions, &mut self.store, self.now_ms);
        let mut reports = reports.expect("looked");
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0).json
    }
}

#[test]
fn what_is_no_event_of_ours_is_told_and_counts_nothing() {
    let mut world = World::new();
    world.saw("ann", "layout", 0);
    world.batch.push(("experiments/exposures".into(), "{}".into()));
    world.batch.push(("elsewhere".into(), String::new()));
    world.saw("bob", "layout", 200);
    world.did("ann", "no name", None);
    let failures = world.handle().expect_err("failures");
    let told: Vec<_> = failures.iter().map(|one| (one.index, &*one.reason)).collect();
    assert_eq!(
        told,
        [
            (1, "the event has no seal"),
            (2, "nothing is expected of this topic"),
            (3, "it is out of bounds"),
            (4, "it is out of bounds"),
        ]
    );
    assert!(failures.iter().all(|one| one.is_permanent));
    assert!(world.store.values.is_empty());
    // While the node fails, all fails, and may be tried again.
    world.store.fails = true;
    world.saw("ann", "layout", 0);
    let failures = world.handle().expect_err("failures");
    assert!(failures.len() == 1 && !failures[0].is_permanent);
    world.store.fails = false;
    world.store.values.insert("experiments".into(), b"{".to_vec());
    world.saw("ann", "layout", 0);
    let failures = world.handle().expect_err("failures");
    assert!(failures[0].reason.contains("damaged"), "{failures:?}");
}

#[test]
fn each_visitor_counts_once() {
    let mut world = World::new();
    for (visitor, variation) in [("ann", 0), ("bob", 1), ("ann", 0), ("ann", 1), ("cem", 1)] {
        world.saw(visitor, "layout", variation);
    }
    // Whoever was in no experiment counts for none.
    world.did("dan", "order", Some(100.0));
    world.did("bob", "order", Some(10.0));
    world.did("bob", "order", Some(5.0));
    world.did("cem", "signup", None);
    world.did("cem", "signup", None);
    let mut reports = world.handle().expect("counted");
    assert_eq!(reports.remove(0).json["variations"][1]["visitors"], 2);
    world.saw("ann", "layout", 0);
    world.saw("eve", "layout", 0);
    world.now_ms += 1;
    assert_eq!(world.handle(), Ok(vec![]), "too soon");
    let report = world.report();
    assert_eq!(
        report["variations"],
        json!([
            {"index": 0, "key": "old", "name": null, "visitors": 2, "share": 0.5},
            {"index": 1, "key": "new", "name": null, "visitors": 2, "share": 0.5},
        ])
    );
    let measures = report["measures"].as_array().expect("measures");
    let seen = |at: usize| {
        let one = &measures[at];
        let means = [0, 1].map(|n| one["variations"][n]["mean"].as_f64().expect("a mean"));
        (one["goal"].as_str(), one["kind"].as_str(), means)
    };
    assert_eq!(measures.len(), 3);
    assert_eq!(seen(0), (Some("order"), Some("converted"), [0.0, 0.5]));
    assert_eq!(seen(1), (Some("order"), Some("value"), [0.0, 7.5]));
    assert_eq!(seen(2), (Some("signup"), Some("converted"), [0.0, 0.5]));
    assert_eq!(report["name"], "The layout");
    let warning = "1 visitors saw more than one variation, and count for the first";
    assert_eq!(report["warnings"], json!([warning]));
    // Nothing new, nothing written.
    let looked = look(&world.settings, None, &mut world.store, world.now_ms + REPORT_MS);
    assert_eq!(looked, Ok(vec![]));
}

#[test]
fn one_goal_counts_for_every_experiment_that_the_visitor_is_in() {
    let mut world = World::new();
    for experiment in ["layout", "price", "color"] {
        world.saw("ann", experiment, 1);
    }
    world.saw("bob", "layout", 0);
    world.did("ann", "order", None);
    let reports = world.handle().expect("counted");
    assert_eq!(reports.len(), 3);
    for report in reports {
        assert_eq!(report.json["measures"][0]["variations"][1]["converted"], 1, "{report:?}");
        let is_known = report.experiment == "layout";
        assert_eq!(report.json["warnings"].as_array().map(Vec::is_empty), Some(is_known));
    }
}

#[test]
fn changed_shares_are_told() {
    let mut world = World::new();
    world.saw("ann", "layout", 0);
    world.handle().expect("counted");
    world.definitions = definitions("[0.2, 0.8]");
    world.saw("bob", "layout", 0);
    world.handle().expect("counted");
    let report = world.report();
    assert_eq!(report["sizes"], json!({"p": null, "is_odd": false}));
    assert!(report["warnings"][0].as_str().expect("one").contains("were changed"), "{report}");
}

#[test]
fn there_is_room_for_so_many_experiments() {
    let mut world = World::new();
    for n in 0..=EXPERIMENTS_MAX {
        world.saw("ann", &format!("experiment-{n}"), 0);
    }
    assert_eq!(world.handle().expect("counted").len(), EXPERIMENTS_MAX);
    for n in 0..30 {
        world.did("ann", &format!("goal-{n}"), None);
    }
    world.now_ms += REPORT_MS;
    let reports = world.handle().expect("counted");
    let warnings = &reports[0].json["warnings"];
    assert!(warnings.to_string().contains("14 times a goal was one too many"), "{warnings}");
}

#[test]
fn a_call_writes_no_more_than_it_may() {
    let mut world = World::new();
    for n in 0..3_000 {
        world.saw(&format!("visitor-{n}"), "layout", 0);
    }
    let failures = world.handle().expect_err("too much");
    assert!(failures.len() > 1_000 && failures.iter().all(|one| !one.is_permanent));
    assert!(world.store.values.is_empty());
}

#[test]
fn what_is_over_is_forgotten_bit_by_bit() {
    let mut world = World::new();
    for n in 0..300 {
        world.saw(&format!("visitor-{n}"), "layout", n % 2);
    }
    world.handle().expect("counted");
    world.saw("ann", "other", 0);
    world.handle().expect("counted");
    let mut looks = 0;
    world.now_ms += 31 * DAY_MS;
    world.saw("bob", "other", 0);
    world.handle().expect("counted");
    while world.store.values.contains_key("sums/0") {
        look(&world.settings, None, &mut world.store, world.now_ms).expect("looked");
        looks += 1;
        assert!(looks < 20);
    }
    assert_eq!(looks, usize::from(SHARDS).div_ceil(REMOVED_MAX));
    assert!(!world.store.values.keys().any(|key| key.starts_with("visitors/0/")));
    assert!(world.store.values.contains_key("sums/1"));
    // The same experiment begins anew.
    world.saw("ann", "layout", 1);
    world.handle().expect("counted");
    assert!(world.store.values.contains_key("sums/2"));
}
