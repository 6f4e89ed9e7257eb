//! Whether what a client got, and what was seen behind, fit a case's fate.

use super::table::Fate;

/// `statuses`: of the answers on the case's connection. `seen`: what was called
/// behind the gateway, as `METHOD PATH [BODY]`, or `METHOD PATH broken`.
pub(crate) fn fits(fate: Fate, statuses: &[u16], seen: &[String]) -> bool {
    if seen.iter().any(|line| line.starts_with("GET /smuggled ")) {
        return false;
    }
    let is_refusal = |status: &u16| (400..=505).contains(status);
    let first = |body: &str| seen.first().is_some_and(|s| s.ends_with(&format!("/first [{body}]")));
    match fate {
        // An answer may be lost to the reset that closing with unread bytes causes.
        Fate::Refused if seen.is_empty() => statuses.len() <= 1 && statuses.iter().all(is_refusal),
        Fate::Refused => {
            matches!(statuses, [first, 200] if is_refusal(first)) && seen == ["GET /second []"]
        }
        Fate::Broken => {
            let is_broken = |line: &String| line.ends_with("/first broken");
            seen.len() == 1
                && seen.iter().all(is_broken)
                && statuses.len() <= 1
                && statuses.iter().all(is_refusal)
        }
        Fate::Last(body) => statuses == [200] && seen.len() == 1 && first(body),
        Fate::Served(body) => {
            statuses == [200, 200] && seen.len() == 2 && first(body) && seen[1] == "GET /second []"
        }
    }
}

/// The statuses of all answers in what a client got.
pub(crate) fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.split("HTTP/1.").skip(1);
    let statuses = lines.filter_map(|line| line.get(2..5)?.parse().ok());
    // `100 Continue` is not an answer.
    statuses.filter(|&status| status != 100).collect()
}
