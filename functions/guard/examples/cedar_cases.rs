//! Cedar's integration tests against what the guard makes of policies: `cargo xtask eval cedar`.
//!
//! The folder is a checkout of `cedar-policy/cedar-integration-tests`, with `corpus-tests.tar.gz`
//! unpacked. Each case is read by the functions that read an app's policies, their limits
//! included, and asked by the one that answers requests. The last line is JSON: what passed of
//! each kind.

use cedar_policy::{Context, Entities, EntityUid, PolicySet, Request, Schema};
use guard::policy;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What passed and what failed of a kind of checks.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
}

/// Counts by kind, and what failed.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<String, Count>,
    failures: Vec<String>,
}

impl Tally {
    fn add(&mut self, kind: &str, case: &str, outcome: Result<(), String>) {
        let count = self.counts.entry(kind.to_owned()).or_default();
        match outcome {
            Ok(()) => count.passed += 1,
            Err(why) => {
                count.failed += 1;
                self.failures.push(format!("{kind}: {case}: {why}"));
            }
        }
    }
}

fn main() {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        eprintln!("which folder?\nhint: a checkout of cedar-policy/cedar-integration-tests");
        std::process::exit(2);
    };
    let mut tally = Tally::default();
    for part in ["tests", "corpus-tests"] {
        let mut cases = Vec::new();
        find(&folder.join(part), &mut cases);
        cases.sort_unstable();
        for case in cases {
            let name = case.strip_prefix(&folder).unwrap_or(&case).display().to_string();
            if let Err(why) = run(&folder, part, &name, &case, &mut tally) {
                tally.add(&format!("{part}: files"), &name, Err(why));
            }
        }
    }
    tally.failures.iter().take(200).for_each(|failure| println!("{failure}"));
    let counts = tally.counts.iter().map(|(kind, count)| {
        (kind.clone(), json!({ "passed": count.passed, "failed": count.failed }))
    });
    println!("{}", Value::Object(counts.collect()));
}

/// All cases below a folder.
fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            find(&path, found);
        } else if name.ends_with(".json") && !name.ends_with(".entities.json") {
            found.push(path);
        }
    }
}

fn run(
    folder: &Path,
    part: &str,
    name: &str,
    case: &Path,
    tally: &mut Tally,
) -> Result<(), String> {
    let case: Value = serde_json::from_str(&text(case)?).map_err(|error| error.to_string())?;
    let file = |member: &str| text(&folder.join(case[member].as_str().unwrap_or_default()));
    let schema = policy::read_schema(&file("schema")?)?;
    let set = policy::read_set(&file("policies")?).map_err(|told| told.join("; "))?;
    let entities = policy::read_entities(&file("entities")?, Some(&schema))?;
    tally.add(&format!("{part}: files"), name, Ok(()));
    let told = policy::mistakes(&set, &schema);
    let validates = match told.is_empty() == case["shouldValidate"].as_bool().unwrap_or(false) {
        true => Ok(()),
        false => Err(format!("validation says {told:?}")),
    };
    tally.add(&format!("{part}: validations"), name, validates);
    for request in case["requests"].as_array().into_iter().flatten() {
        let name = format!("{name}: {}", request["description"].as_str().unwrap_or_default());
        let outcome = ask(request, &set, &entities, &schema);
        tally.add(&format!("{part}: requests"), &name, outcome);
    }
    Ok(())
}

/// Asks, and compares the decision, the policies that decided, and those that failed.
fn ask(asked: &Value, set: &PolicySet, all: &Entities, schema: &Schema) -> Result<(), String> {
    let uid = |member: &str| {
        EntityUid::from_json(asked[member].clone()).map_err(|error| format!("{member}: {error}"))
    };
    let action = uid("action")?;
    let context = Context::from_json_value(asked["context"].clone(), Some((schema, &action)));
    let context = context.map_err(|error| format!("context: {error}"))?;
    let is_checked = asked["validateRequest"].as_bool().unwrap_or(true);
    let request = Request::new(
        uid("principal")?,
        action,
        uid("resource")?,
        context,
        is_checked.then_some(schema),
    );
    let answer = policy::ask(set, &request.map_err(|error| format!("request: {error}"))?, all);
    let texts = |member: &str| {
        let items = asked[member].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut items: Vec<_> = items.map(str::to_owned).collect();
        items.sort_unstable();
        items
    };
    let is_allowed = asked["decision"] == "allow";
    let wanted = policy::Answer { is_allowed, reasons: texts("reason"), errors: texts("errors") };
    if answer == wanted { Ok(()) } else { Err(format!("{answer:?}, not {wanted:?}")) }
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
