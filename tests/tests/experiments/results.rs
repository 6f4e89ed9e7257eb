//! From exposures and goals to reports.

use super::*;
use sedge_tests::mqtt::Paho;
use std::process::Command;

const SETTINGS: &str = "EXPERIMENTS_STORE = \"experiments\"\n\
                        EXPERIMENTS_RESPONSE = \"on\"\n\
                        EXPERIMENTS_TRACK = \"/track\"\n\
                        EXPERIMENTS_TRACK_GOALS = \"signup\"\n\
                        EXPERIMENTS_GOALS = \"seen=GET 2xx /env*\"";

fn visitors(report: &Value) -> [u64; 2] {
    [0, 1].map(|index| report["variations"][index]["visitors"].as_u64().unwrap_or_default())
}

/// The experiment of the payload.
const LAYOUT: &str = "homepage_layout";

/// How many reached a goal, by variation.
fn converted(report: &Value, goal: &str) -> [u64; 2] {
    let measures = report["measures"].as_array().cloned().unwrap_or_default();
    let measure = measures.iter().find(|one| one["goal"] == goal && one["kind"] == "converted");
    let count = |index: usize| measure?["variations"][index]["converted"].as_u64();
    [0, 1].map(|index| count(index).unwrap_or_default())
}

#[test]
fn a_difference_that_is_there_is_found() {
    let node = shop(SETTINGS, &payload().to_string()).start();
    let (mut truth, mut signups) = ([0, 0], [0, 0]);
    for visitor in 0..400 {
        let (answer, _) = seen(&node, &[]);
        let pair = cookie(&answer).expect("a cookie");
        let index = usize::from(answer.header("x-variant") == Some("new_design"));
        truth[index] += 1;
        // Seen again, which counts nothing.
        seen(&node, &[("cookie", &pair)]);
        // A tenth of those with the old one signs up, half of those with the new one.
        if visitor % [10, 2][index] == 0 {
            signups[index] += 1;
            let body = b"{\"goal\": \"signup\", \"value\": 2}";
            let answer = client::call(node.listen, "POST", "/track", &[("cookie", &pair)], body);
            assert_eq!(answer.status, 204);
        }
    }
    let last = wait_for(PATIENCE, || {
        report(&node, LAYOUT).filter(|one| converted(one, "signup") == signups)
    })
    .unwrap_or_else(|| {
        panic!("not counted: {truth:?} {signups:?} {:?}\n{}", report(&node, LAYOUT), node.log())
    });
    assert_eq!(visitors(&last), truth);
    assert_eq!(last["sizes"]["is_odd"], false);
    let compared = &last["measures"][0]["variations"][1];
    assert_eq!(compared["is_decided"], true, "{last}");
    assert!(compared["lower"].as_f64().expect("a bound") > 0.0);
    assert_eq!(last["warnings"], json!([]));
    the_command_prints_it(&node, truth);
    nothing_is_lost_or_counted_twice_over_a_kill(node, truth);
}

/// `sedge experiments report`, as table and as JSON.
fn the_command_prints_it(node: &Node, truth: [u64; 2]) {
    let admin = node.admin.to_string();
    let run = |more: &[&str]| {
        let mut command = Command::new(sedge_tests::guests::binary());
        command.args(["experiments", "report", "--admin", &admin]).args(more);
        let output = command.output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (is_well, table, error) = run(&[]);
    assert!(is_well, "{error}");
    let all = truth[0] + truth[1];
    assert!(
        table.starts_with(&format!("homepage_layout: {all} visitors in 0.0 days\n")),
        "{table}"
    );
    assert!(table.contains("sizes are as they should be") && table.contains("  more\n"), "{table}");
    let (_, text, _) = run(&["homepage_layout", "--json"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(visitors(&json["reports"][0]), truth);
    let (is_well, _, error) = run(&["nothing"]);
    assert!(
        !is_well && error.contains("there is no report of an experiment \"nothing\""),
        "{error}"
    );
    let (is_well, _, error) = run(&["--namespace", "shop/elsewhere"]);
    assert!(!is_well && error.contains("hint: "), "{error}");
}

fn nothing_is_lost_or_counted_twice_over_a_kill(mut node: Node, mut truth: [u64; 2]) {
    node.kill9();
    node.restart();
    for _ in 0..20 {
        let (answer, _) = seen(&node, &[]);
        truth[usize::from(answer.header("x-variant") == Some("new_design"))] += 1;
    }
    wait_for(PATIENCE, || report(&node, LAYOUT).filter(|one| visitors(one) == truth))
        .unwrap_or_else(|| panic!("{truth:?} {:?}\n{}", report(&node, LAYOUT), node.log()));
}

#[test]
fn answers_that_are_goals_count_and_forged_events_do_not() {
    let front = "[[mqtt]]\nlisten = \"127.0.0.1:0\"\n[broker]\nanonymous = true\n\
                 [streams]\ntopics = [\"experiments/#\"]\n";
    let node = shop(SETTINGS, &payload().to_string()).config(front).allow("experiments").start();
    let (answer, _) = seen(&node, &[]);
    let pair = cookie(&answer).expect("a cookie");
    let index = usize::from(answer.header("x-variant") == Some("new_design"));
    let forged = json!({
        "experiment": "homepage_layout", "variation": 1, "key": "new_design",
        "visitor": "AAAAAAAAAAAAAAAA", "time_ms": 1, "seal": "AAAAAAAAAAAAAAAAAAAAAA",
    });
    let mut client = Paho::connected(node.mqtt[0], "forger", json!({}));
    client.publish("experiments/exposures", &forged.to_string(), 1);
    client.publish("experiments/exposures", "{", 1);
    assert_eq!(
        client::call(node.listen, "GET", "/env?name=A", &[("cookie", &pair)], b"").status,
        200
    );
    let mut wanted = [0, 0];
    wanted[index] = 1;
    wait_for(PATIENCE, || report(&node, LAYOUT).filter(|one| converted(one, "seen") == wanted))
        .unwrap_or_else(|| panic!("{:?}\n{}", report(&node, LAYOUT), node.log()));
    assert_eq!(visitors(&report(&node, LAYOUT).expect("a report")), wanted);
    let dead = [("function", "experiments"), ("outcome", "dead")];
    wait_for(PATIENCE, || node.metrics().sum("sedge_trigger_messages_total", &dead) == 2.0)
        .expect("dead letters");
}
