//! `/v1/routes`: every rule that is served, in the order of its manifest.

use crate::board::Board;
use crate::revision::Revision;
use crate::rules::DeployedRule;
use sedge_model::routing::claim::Claim;
use sedge_model::routing::rule::{Action, Destination, Order};
use serde_json::{Value, json};

/// The page.
pub(crate) fn page(board: &Board) -> Value {
    let revisions = board.revisions();
    let rules = revisions
        .iter()
        .flat_map(|revision| revision.rules.iter().map(|deployed| rule(revision, deployed)));
    json!({ "routes": rules.collect::<Vec<_>>() })
}

fn rule(revision: &Revision, deployed: &DeployedRule) -> Value {
    let declared = &deployed.declared;
    let claims = Claim::of_rule(declared);
    let matches: Vec<String> = claims.iter().map(|(_, claim)| claim.to_string()).collect();
    let metrics = &*deployed.metrics;
    let answers: Vec<u64> = (1..6).map(|class| metrics.responses(class)).collect();
    json!({
        "app": revision.app,
        "route": declared.name,
        "revision": revision.number,
        "order": match declared.order {
            Order::Specific => "specific",
            Order::First => "first",
        },
        "matches": matches,
        "leads_to": leads_to(&declared.action),
        "mirrors": declared.mirrors.iter().map(|mirror| name(&mirror.to)).collect::<Vec<_>>(),
        "requests": metrics.requests(),
        "responses": {
            "1xx": answers[0],
            "2xx": answers[1],
            "3xx": answers[2],
            "4xx": answers[3],
            "5xx": answers[4],
        },
        "retries": metrics.retries(),
        "delays": metrics.delays(),
        "aborts": metrics.aborts(),
        "mirrored": metrics.mirrored(),
    })
}

/// The ways with their weights, or what stands in their place.
fn leads_to(action: &Action) -> Value {
    match action {
        Action::Forward(ways) => {
            let way = |way: &sedge_model::routing::rule::Weighted| json!({ "to": name(&way.to), "weight": way.weight });
            ways.iter().map(way).collect()
        }
        Action::Redirect(redirect) => json!({ "redirect": redirect.status.as_u16() }),
        Action::Answer(answer) => json!({ "answer": answer.status.as_u16() }),
    }
}

fn name(to: &Destination) -> String {
    match to {
        Destination::Function(name) => format!("function {name}"),
        Destination::Upstream(name) => format!("upstream {name}"),
        Destination::Chain(name) => format!("chain {name}"),
        Destination::Files(files) => format!("files {}", files.folder.display()),
        Destination::Answer(answer) => format!("answer {}", answer.status.as_u16()),
    }
}
