//! Where Sedge differs on purpose. Each rule is narrow, has a name, and stands
//! under this name with its reason in `docs/reference/envoy-differences.md`.

use super::case::Probe;
use super::compare::Difference;
use super::seen::Seen;
use super::upstream::{End, group};

/// A difference on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excuse {
    /// Fields that each proxy sets by itself; left out before anything is compared.
    OwnFields,
    /// What a proxy answers by itself: problem documents in the place of plain text.
    OwnAnswers,
    /// Nobody answers a fault of status 204 or the like with a body of the same words.
    FaultBodies,
    /// A request over a kept connection that turns out to be closed.
    KeptConnections,
    /// Paths that could be read as another one are refused.
    RefusedPaths,
    /// A fragment of a target is cut off.
    Fragments,
    /// Answers of a rule with CORS say that they depend on the origin.
    Vary,
    /// Answers to gRPC.
    GrpcAnswers,
    /// Redirects to a host that has a port, and to a port.
    TwoPorts,
    /// Copies of requests that nobody answers.
    Copies,
}

impl Excuse {
    /// All there are.
    pub const ALL: [Excuse; 10] = [
        Excuse::OwnFields,
        Excuse::OwnAnswers,
        Excuse::FaultBodies,
        Excuse::KeptConnections,
        Excuse::RefusedPaths,
        Excuse::Fragments,
        Excuse::Vary,
        Excuse::GrpcAnswers,
        Excuse::TwoPorts,
        Excuse::Copies,
    ];

    /// Its name in the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Excuse::OwnFields => "own-fields",
            Excuse::OwnAnswers => "own-answers",
            Excuse::FaultBodies => "fault-bodies",
            Excuse::KeptConnections => "kept-connections",
            Excuse::RefusedPaths => "refused-paths",
            Excuse::Fragments => "fragments",
            Excuse::Vary => "vary",
            Excuse::GrpcAnswers => "grpc-answers",
            Excuse::TwoPorts => "two-ports",
            Excuse::Copies => "copies",
        }
    }
}

/// The rule that a difference between two answers to one request falls under.
pub fn excuse(
    probe: &Probe,
    difference: &Difference,
    sedge: &Seen,
    envoy: &Seen,
) -> Option<Excuse> {
    let own = |seen: &Seen| !seen.is_upstreams() && seen.status >= 400;
    let is_problem = sedge.header("content-type") == Some("application/problem+json");
    if is_problem && sedge.status == 400 && is_refused(&probe.target) {
        return Some(Excuse::RefusedPaths);
    }
    if probe.target.contains('#') && envoy.status == 400 {
        return Some(Excuse::Fragments);
    }
    if is_grpc(probe) && own(sedge) && envoy.header("grpc-status").is_some() {
        return Some(Excuse::GrpcAnswers);
    }
    if has_two_ports(sedge, envoy) {
        return Some(Excuse::TwoPorts);
    }
    if is_stale(probe, sedge, envoy) {
        return Some(Excuse::KeptConnections);
    }
    match difference.field {
        // Of the answer, nothing else differs then.
        "tries" if own(sedge) && own(envoy) && tries(sedge) == tries(envoy) => Some(Excuse::Copies),
        "body" if own(sedge) && own(envoy) && is_problem => Some(Excuse::OwnAnswers),
        "body" if sedge.body == "fault injected\n" && envoy.body == "fault filter abort" => {
            Some(Excuse::FaultBodies)
        }
        "answer" => {
            let own = own(sedge) && own(envoy) && is_problem;
            let (left, varies) = without_own(sedge, own);
            let (right, _) = without_own(envoy, own);
            match (left == right, varies) {
                (false, _) => None,
                (true, true) => Some(Excuse::Vary),
                (true, false) => Some(Excuse::OwnAnswers),
            }
        }
        _ => None,
    }
}

/// The fields of an answer without `vary: origin` and, of one that its proxy made,
/// those that are about its form; and whether the former was there.
fn without_own(seen: &Seen, is_own: bool) -> (Vec<(String, String)>, bool) {
    let form = ["allow", "cache-control", "content-type", "retry-after"];
    let mut headers = seen.headers.clone();
    let varies = |(name, value): &(String, String)| name == "vary" && value == "origin";
    let is_varied = headers.iter().any(varies);
    headers.retain(|field| !(varies(field) || is_own && form.contains(&field.0.as_str())));
    (headers, is_varied)
}

/// Whether Sedge refuses a path whatever the rules are.
fn is_refused(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let plain = path.replace("%2e", ".").replace("%2E", ".");
    let dots = |segment: &str| segment == "." || segment == "..";
    let control = |text: &str| {
        text.split('%').skip(1).any(|rest| rest.starts_with(['0', '1']) || rest.starts_with("7f"))
    };
    path.starts_with("//")
        || path.contains('\\')
        || path.to_ascii_lowercase().contains("%5c")
        || control(path)
        || plain.split('/').any(dots)
        || plain.to_ascii_lowercase().replace("%2f", "/").split('/').any(dots)
}

/// Whether Envoy's redirect has the port of the rule's host before the rule's port.
fn has_two_ports(sedge: &Seen, envoy: &Seen) -> bool {
    let (Some(left), Some(right)) = (sedge.header("location"), envoy.header("location")) else {
        return false;
    };
    let parts = |location: &str| -> Option<(String, String)> {
        let (scheme, rest) = location.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        Some((host.to_owned(), format!("{scheme}://|/{path}")))
    };
    match (parts(left), parts(right)) {
        (Some((host, rest)), Some((doubled, other))) if rest == other => {
            let mut ports = doubled.split(':');
            let (name, _, port) = (ports.next(), ports.next(), ports.next());
            name.zip(port).is_some_and(|(name, port)| host == format!("{name}:{port}"))
        }
        _ => false,
    }
}

fn is_grpc(probe: &Probe) -> bool {
    let is_type = |(name, value): &(String, String)| {
        name == "content-type" && value.starts_with("application/grpc")
    };
    probe.headers.iter().any(is_type)
}

/// How often servers were asked, without copies: what `c` gets is a copy.
fn tries(seen: &Seen) -> usize {
    seen.hits.iter().filter(|hit| group(&hit.server) != "c").count()
}

/// Whether Envoy's last try was cut off before its answer and Sedge sent the
/// request, which may be sent twice, once more.
fn is_stale(probe: &Probe, sedge: &Seen, envoy: &Seen) -> bool {
    let repeatable = probe.body.is_empty() && !matches!(probe.method, "POST" | "PATCH");
    let last = tries(envoy).checked_sub(1);
    let was_cut = last.is_some_and(|last| {
        let step = probe.script.get(last).or(probe.script.last());
        step.is_some_and(|step| step.end == End::Reset)
    });
    repeatable
        && was_cut
        && envoy.status == 503
        && !envoy.is_upstreams()
        && tries(sedge) > tries(envoy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The page and the rules name each other.
    #[test]
    fn every_rule_is_documented_and_everything_documented_is_a_rule() {
        let page =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/envoy-differences.md");
        let page = std::fs::read_to_string(page).expect("the page");
        let compared = page
            .split("## Compared, and different on purpose")
            .nth(1)
            .and_then(|rest| rest.split("\n## ").next());
        let headings = compared.expect("a part about what is compared").lines();
        let named: Vec<&str> =
            headings.filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
        assert_eq!(named, Excuse::ALL.map(Excuse::name));
    }

    #[test]
    fn rules_are_narrow() {
        for (target, refused) in [
            ("/a/../b", true),
            ("/a/%2e%2E/b", true),
            ("/a%2f..%2Fb", true),
            ("//a", true),
            ("/a\\b", true),
            ("/a%00b", true),
            ("/a//b", false),
            ("/a.b/..c", false),
            ("/a?b=/../c", false),
            ("/%61", false),
        ] {
            assert_eq!(is_refused(target), refused, "{target}");
        }
    }

    #[test]
    fn a_status_that_differs_is_never_on_purpose_alone() {
        let seen = |status| Seen { status, ..Seen::default() };
        let difference = Difference {
            probe: 0,
            field: "status",
            sedge: "503".to_owned(),
            envoy: "504".to_owned(),
        };
        let probe = Probe::get("/");
        assert_eq!(excuse(&probe, &difference, &seen(503), &seen(504)), None);
    }
}
