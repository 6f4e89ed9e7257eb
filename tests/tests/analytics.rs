//! The ready-made function `analytics`, as a link and as the consumer of what it says: bad input,
//! users whose truth is known, nodes that are killed, and what of a person lies on the disk.

#[path = "analytics/asking.rs"]
mod asking;
#[path = "analytics/counting.rs"]
mod counting;
#[path = "analytics/privacy.rs"]
mod privacy;

use sedge_tests::client::{Answer, call};
use sedge_tests::{Node, Scenario, wait_for};
use serde_json::Value;
use std::time::Duration;

/// How long counts may take to be shown.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node whose requests are counted before they go to the probe. `settings` are more lines of
/// the link's environment, `grants` of its capabilities.
fn manifest(settings: &str, grants: &str) -> String {
    format!(
        r#"
        [app]
        name = "shop"
        [[function]]
        name = "analytics"
        source = "{{guests}}/analytics.wasm"
        isolation = "instance"
        [function.environment]
        ANALYTICS_PATH = "/analytics"
        ANALYTICS_ROUTES = "states=/status, bodies=/generate/*"
        ANALYTICS_USERS = "field:x-user-id, client"
        ANALYTICS_REFRESH_S = "1"
        {settings}
        [function.capabilities]
        client = true
        kv = ["analytics"]
        emit = ["analytics/#"]
        state = true
        {grants}
        [function.trigger.message]
        topics = ["analytics/requests"]
        batch_messages_max = 1000
        [[function.trigger.schedule]]
        name = "clock"
        cron = "* * * * * *"
        missed = "skip"
        [[function]]
        name = "probe"
        source = "{{guests}}/probe.wasm"
        [[chain]]
        name = "counted"
        links = [{{ function = "analytics", fail = "open" }}]
        function = "probe"
        [[route]]
        name = "all"
        chain = "counted"
        "#
    )
}

/// A node where everybody may ask.
fn open(settings: &str) -> Scenario {
    Scenario::new()
        .share_code()
        .app("shop", &manifest(&format!("ANALYTICS_OPEN = \"true\"\n{settings}"), ""))
}

/// A request of a user.
fn ask(node: &Node, target: &str, user: &str) -> Answer {
    call(node.listen, "GET", target, &[("x-user-id", user)], b"")
}

/// Waits until the summary says what it shall.
fn summary(node: &Node, query: &str, check: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = wait_for(PATIENCE, || {
        let answer = node.get(&format!("/analytics/summary.json{query}"));
        if answer.status == 200 {
            last = answer.json();
        }
        check(&last)
    });
    assert!(found.is_some(), "{last:#}\n{}", node.log());
    last
}
