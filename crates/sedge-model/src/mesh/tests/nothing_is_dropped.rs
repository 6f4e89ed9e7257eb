//! No field that is understood is dropped: in files that use every one of them,
//! a change of any value changes what is read, or is refused.

use super::{Strictness, read_one};
use crate::mesh::yaml::{self, Content, Node};
use std::collections::BTreeSet;
use std::ops::Range;

/// Files that use every field that is honored.
const FILES: [&str; 2] =
    [include_str!("every-istio-field.yaml"), include_str!("every-gateway-api-field.yaml")];

/// Names for people, and what one node has no choice about: read, checked, and
/// without a meaning for where requests go.
const WITHOUT_MEANING: [&str; 5] = ["selector", "gatewayClassName", "status", "exportTo", "app"];

/// Every scalar with the keys that lead to it.
fn leaves(node: &Node, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Range<usize>)>) {
    match &node.content {
        Content::Map(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                leaves(&entry.value, path, found);
                path.pop();
            }
        }
        Content::List(list) => list.iter().for_each(|node| leaves(node, path, found)),
        _ => found.push((path.clone(), node.span.clone())),
    }
}

/// Another value of the same type.
fn other(text: &str) -> String {
    let bare = text.trim_matches(['"', '\'']);
    match bare {
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        // Another duration, another number, another path or name.
        _ if bare.parse::<f64>().is_ok() => format!("{}1", text.trim_end_matches(['"', '\''])),
        _ if text.starts_with(['"', '\'']) => {
            format!("{}1{}", &text[..text.len() - 1], &text[text.len() - 1..])
        }
        _ if bare.ends_with('s') && bare.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("1{text}")
        }
        _ => format!("{text}1"),
    }
}

#[test]
fn a_change_of_any_value_is_seen() {
    for text in FILES {
        let before = match read_one(text, Strictness::Strict) {
            Ok(mesh) => mesh,
            Err(mistakes) => panic!("{mistakes}"),
        };
        let (documents, _) = yaml::documents(text);
        let mut found = Vec::new();
        for document in &documents {
            leaves(document, &mut Vec::new(), &mut found);
        }
        assert!(found.len() > 50, "{}", found.len());
        for (path, span) in found {
            let within = |word: &str| path.iter().any(|key| key == word);
            let is_name = path.last().is_some_and(|key| key == "name")
                && (within("match") || !(within("http") || within("rules")));
            // Which listener a port is, the node's configuration says.
            let is_port =
                within("servers") && within("number") || within("listeners") && within("port");
            if is_name || is_port || path.iter().any(|key| WITHOUT_MEANING.contains(&key.as_str()))
            {
                continue;
            }
            let mut changed = text.to_owned();
            changed.replace_range(span.clone(), &other(&text[span.clone()]));
            let after = read_one(&changed, Strictness::Strict);
            assert!(
                after.is_err() || after.is_ok_and(|after| after != before),
                "{path:?} {:?}",
                &text[span]
            );
        }
    }
}

#[test]
fn a_field_more_anywhere_is_refused() {
    for text in FILES {
        let (documents, _) = yaml::documents(text);
        let mut places = Vec::new();
        for document in &documents {
            maps(document, &mut places);
        }
        assert!(places.len() > 30);
        for at in places {
            let mut changed = text.to_owned();
            let flow = changed[..at].trim_end().ends_with('{');
            let column = at - changed[..at].rfind('\n').map_or(0, |line| line + 1);
            let field = if flow {
                "zz-zz: 1, ".to_owned()
            } else {
                format!("zz-zz: 1\n{}", " ".repeat(column))
            };
            changed.insert_str(at, &field);
            let result = read_one(&changed, Strictness::Strict);
            assert!(result.is_err(), "{at}: {}", &changed[at.saturating_sub(80)..at + 20]);
        }
    }
}

/// The names of all fields that the files use, but the smallest.
pub(super) fn field_names() -> BTreeSet<String> {
    fn keys(node: &Node, found: &mut BTreeSet<String>) {
        match &node.content {
            Content::Map(entries) => {
                for entry in entries {
                    found.insert(entry.key.clone());
                    keys(&entry.value, found);
                }
            }
            Content::List(list) => list.iter().for_each(|node| keys(node, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for document in FILES.iter().flat_map(|text| yaml::documents(text).0) {
        keys(&document, &mut found);
    }
    // Keys that a person chose, parts of references, and shapes that are named
    // by the filters that have them.
    let apart = |key: &String| {
        key.contains('-')
            || ["q", "ok", "app", "version", "istio", "group", "type", "value"]
                .contains(&key.as_str())
    };
    let shapes =
        ["apiVersion", "replace", "backendRef", "numerator", "denominator", "labels", "http"];
    found.retain(|key| !apart(key) && !shapes.iter().any(|shape| key.starts_with(shape)));
    found
}

/// Where the first key of each map stands whose keys are fields.
fn maps(node: &Node, found: &mut Vec<usize>) {
    match &node.content {
        Content::Map(entries) => {
            found.extend(entries.first().map(|entry| entry.key_span.start));
            for entry in entries {
                // Keys that a person chooses, and what is not looked at.
                let free = [
                    "labels",
                    "set",
                    "add",
                    "headers",
                    "withoutHeaders",
                    "queryParams",
                    "selector",
                    "annotations",
                    "status",
                ];
                let value = &entry.value;
                match free.contains(&entry.key.as_str()) && value.get("request").is_none() {
                    true => {
                        if let Content::Map(inner) = &value.content {
                            inner.iter().for_each(|entry| maps(&entry.value, found));
                        }
                    }
                    false => maps(value, found),
                }
            }
        }
        Content::List(list) => list.iter().for_each(|node| maps(node, found)),
        _ => {}
    }
}
