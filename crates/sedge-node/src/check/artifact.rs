//! Is an artifact there, is it a component of a world that runs here, are all its
//! imports known, and does the manifest grant what they ask for?

use super::{Finding, FunctionReport};
use crate::callable;
use sedge_engine::inspect::{self, Inspection};
use sedge_flavors::wasi_http::Exports;
use sedge_model::capability::Capabilities;
use sedge_model::manifest::Function;
use sedge_model::node_config::NodeConfig;
use sedge_services::config::Config;
use sedge_services::secrets::{SecretError, Secrets};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest artifact that is looked at, bytes: the most that a node's
/// configuration may allow.
const ARTIFACT_BYTES_MAX: u64 = 1 << 30;

/// Looks at the artifact of a function. What was found in it, too, unless it is no
/// component.
pub(super) fn function(
    declared: &Function,
    node: &NodeConfig,
) -> (FunctionReport, Option<Inspection>) {
    let mut report = FunctionReport {
        name: declared.name.clone(),
        source: declared.source.clone(),
        bytes: None,
        world: None,
        problems: Vec::new(),
        notes: Vec::new(),
    };
    let bytes = match read(&declared.source) {
        Ok(bytes) => bytes,
        Err(finding) => {
            let built = declared.build.is_some();
            let hint = built.then(|| "sedge build".to_owned()).or(finding.hint);
            report.problems.push(Finding { hint, ..finding });
            return (report, None);
        }
    };
    report.bytes = Some(bytes.len() as u64);
    let max = node.engine.artifact_bytes_max;
    if bytes.len() as u64 > max {
        report.problems.push(Finding {
            message: format!("the artifact has {} bytes, more than {max}", bytes.len()),
            hint: Some("artifact_bytes_max under [engine] of the node's configuration".to_owned()),
        });
    }
    secrets(declared, &mut report);
    config(declared, &mut report);
    match inspect::inspect(&bytes) {
        Ok(inspection) => {
            interfaces(&inspection, declared, &mut report);
            return (report, Some(inspection));
        }
        Err(error) => {
            let hint = matches!(error, inspect::InspectError::CoreModule).then(|| {
                "build for a component target, such as wasm32-wasip2, or wrap the module with \
                 'wasm-tools component new'"
                    .to_owned()
            });
            report.problems.push(Finding { message: format!("the artifact is {error}"), hint });
        }
    }
    (report, None)
}

/// Files with secrets are looked for; a variable may be set where the node runs.
fn secrets(declared: &Function, report: &mut FunctionReport) {
    let errors = Secrets::resolve(&declared.capabilities.secrets).err().unwrap_or_default();
    for error in errors {
        let is_elsewhere = matches!(error, SecretError::NotSet { .. });
        let finding = Finding { message: error.to_string(), hint: None };
        if is_elsewhere { report.notes.push(finding) } else { report.problems.push(finding) }
    }
}

/// Files with values of the configuration.
fn config(declared: &Function, report: &mut FunctionReport) {
    let errors = Config::resolve(&declared.capabilities.config).err().unwrap_or_default();
    let findings = errors.iter().map(|error| Finding { message: error.to_string(), hint: None });
    report.problems.extend(findings);
}

fn read(path: &Path) -> Result<Vec<u8>, Finding> {
    let finding = |error: std::io::Error| Finding {
        message: format!("the artifact {} cannot be read: {error}", path.display()),
        hint: None,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(finding)?;
    file.take(ARTIFACT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(finding)?;
    if bytes.len() as u64 > ARTIFACT_BYTES_MAX {
        let message = format!("the artifact {} is larger than 1 GiB", path.display());
        return Err(Finding { message, hint: None });
    }
    Ok(bytes)
}

fn interfaces(inspection: &Inspection, declared: &Function, report: &mut FunctionReport) {
    match Exports::of(inspection) {
        Some(exports) => {
            report.world = Some(exports.shown());
            let mistake = callable::mistake(declared, exports);
            let finding = mistake.map(|(message, hint)| Finding { message, hint: Some(hint) });
            report.problems.extend(finding);
        }
        None => report.problems.push(Finding {
            message: "the component exports none of wasi:http/incoming-handler@0.2, \
                      wasi:http/handler@0.3, sedge:stream/handler@0.1, \
                      wasi:messaging/incoming-handler@0.2.0-draft and \
                      sedge:stream/schedule@0.1"
                .to_owned(),
            hint: Some(match inspection.exports.is_empty() {
                true => "a component without exports is a library or a command line program".into(),
                false => format!("it exports {}", inspection.exports.join(", ")),
            }),
        }),
    }
    for import in &inspection.imports {
        match known(import) {
            None => report.problems.push(Finding {
                message: format!("the component imports {import}, which no node offers"),
                hint: Some(OFFER.to_owned()),
            }),
            Some(need) => report.notes.extend(need.missing(import, &declared.capabilities)),
        }
    }
}

/// What a function needs in its manifest before an import is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    Kv,
    Cache,
    Codec,
    Geo,
    Client,
    Config,
    Secrets,
    Outbound,
    Emit,
    State,
}

/// Interfaces by package, major version and need; every interface of the
/// packages is offered.
const OFFERED: &[(&str, &[&str], Need)] = &[
    ("wasi:http/outgoing-handler", &["0.2."], Need::Outbound),
    ("wasi:http/client", &["0.3."], Need::Outbound),
    ("wasi:http/handler", &["0.3."], Need::Nothing),
    ("wasi:http/types", &["0.2.", "0.3."], Need::Nothing),
    ("wasi:cli/", &["0.2.", "0.3."], Need::Nothing),
    ("wasi:clocks/", &["0.2.", "0.3."], Need::Nothing),
    ("wasi:filesystem/", &["0.2.", "0.3."], Need::Nothing),
    ("wasi:io/", &["0.2."], Need::Nothing),
    ("wasi:random/", &["0.2.", "0.3."], Need::Nothing),
    ("wasi:sockets/", &["0.2.", "0.3."], Need::Nothing),
    ("wasi:keyvalue/", &["0.2.0-draft2"], Need::Kv),
    ("wasi:config/", &["0.2.0-rc.1"], Need::Config),
    ("wasi:logging/", &["0.1.0-draft"], Need::Nothing),
    ("sedge:keyvalue/", &["0.1."], Need::Kv),
    ("sedge:secrets/", &["0.1."], Need::Secrets),
    ("sedge:cache/", &["0.1."], Need::Cache),
    ("sedge:codec/", &["0.1."], Need::Codec),
    ("sedge:geo/", &["0.1."], Need::Geo),
    ("sedge:client/", &["0.1."], Need::Client),
    ("wasi:messaging/types", &["0.2.0-draft"], Need::Nothing),
    ("wasi:messaging/producer", &["0.2.0-draft"], Need::Emit),
    ("sedge:stream/types", &["0.1."], Need::Nothing),
    ("sedge:stream/state", &["0.1."], Need::State),
    ("sedge:stream/", &["0.1."], Need::Emit),
];

/// The same for a person.
const OFFER: &str = "a node offers wasi:cli, clocks, config, filesystem, http, io, keyvalue, logging, \
                     messaging, random and sockets, sedge:cache, sedge:client, sedge:codec, \
                     sedge:geo, sedge:keyvalue, sedge:secrets and sedge:stream";

fn known(import: &str) -> Option<Need> {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    OFFERED
        .iter()
        .find(|(prefix, ..)| name.starts_with(prefix))
        .filter(|(_, versions, _)| versions.iter().any(|known| version.starts_with(known)))
        .map(|(_, _, need)| *need)
}

impl Need {
    /// The note that the manifest does not grant what an import asks for.
    fn missing(self, import: &str, granted: &Capabilities) -> Option<Finding> {
        let (is_granted, line) = match self {
            Need::Nothing => return None,
            Need::Kv => (!granted.kv.is_empty(), r#"kv = ["default"]"#),
            Need::Cache => (!granted.cache.is_empty(), r#"cache = ["pages"]"#),
            Need::Codec => (granted.codec, "codec = true"),
            Need::Geo => (granted.geo, "geo = true"),
            Need::Client => (granted.client, "client = true"),
            Need::Config => (!granted.config.is_empty(), r#"config = { name = "value" }"#),
            Need::Secrets => {
                (!granted.secrets.is_empty(), r#"secrets = { name = { env = "NAME" } }"#)
            }
            Need::Outbound => {
                (!granted.outbound.is_empty(), r#"outbound = ["https://example.org"]"#)
            }
            Need::Emit => (
                !granted.topics.emit.is_empty() || !granted.topics.publish.is_empty(),
                r#"emit = ["alerts/#"] or publish = ["valves/+/set"]"#,
            ),
            Need::State => (granted.topics.state, "state = true"),
        };
        (!is_granted).then(|| Finding {
            message: format!(
                "the component imports {import}, but the manifest grants nothing for it"
            ),
            hint: Some(format!("if it is used, add under [function.capabilities]: {line}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_known_by_package_and_version() {
        for (import, need) in [
            ("wasi:http/outgoing-handler@0.1.0", None),
            ("wasi:nn/graph@0.2.0", None),
            ("wasi:keyvalue/store@0.1.0", None),
            ("fastly:compute/http", None),
            ("wasi:io", None),
            ("", None),
            ("wasi:io/streams@0.2.9", Some(Need::Nothing)),
            ("wasi:http/outgoing-handler@0.2.0", Some(Need::Outbound)),
            ("wasi:http/client@0.3.0", Some(Need::Outbound)),
            ("wasi:http/handler@0.2.0", None),
            ("wasi:http/handler@0.3.2", Some(Need::Nothing)),
            ("wasi:keyvalue/batch@0.2.0-draft2", Some(Need::Kv)),
            ("sedge:keyvalue/expiry@0.1.0", Some(Need::Kv)),
            ("sedge:secrets/store@0.1.0", Some(Need::Secrets)),
            ("sedge:cache/store@0.2.0", None),
            ("sedge:cache/store@0.1.0", Some(Need::Cache)),
            ("sedge:codec/encoder@0.1.0", Some(Need::Codec)),
            ("sedge:geo/lookup@0.1.0", Some(Need::Geo)),
            ("sedge:client/agent@0.1.0", Some(Need::Client)),
        ] {
            assert_eq!(known(import), need, "{import}");
        }
    }

    #[test]
    fn every_interface_of_ours_is_known() {
        let deps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/deps");
        let entries = |folder: &Path| {
            let entries = std::fs::read_dir(folder).expect("a folder of contracts");
            entries.map(|entry| entry.expect("an entry").path())
        };
        let mut ours = 0;
        for file in entries(&deps).flat_map(|package| entries(&package)) {
            let text = std::fs::read_to_string(&file).expect("a contract");
            let package = text.lines().find_map(|line| line.strip_prefix("package sedge:"));
            let package = package.map(|package| package.trim_start_matches('%'));
            let Some((name, version)) = package.and_then(|package| package.split_once('@')) else {
                continue;
            };
            // Functions export it; none imports it.
            if ["lifecycle", "link"].contains(&name) {
                continue;
            }
            let import = format!("sedge:{name}/any@{}", version.trim_end_matches(';'));
            assert!(known(&import).is_some_and(|need| need != Need::Nothing), "{import}");
            assert!(OFFER.contains(&format!("sedge:{name}")), "{name}");
            ours += 1;
        }
        assert!(ours >= 4, "{ours} packages were found");
    }

    #[test]
    fn what_is_imported_but_not_granted_is_noted() {
        let mut granted = Capabilities::default();
        let missing = Need::Kv.missing("wasi:keyvalue/store@0.2.0-draft2", &granted);
        assert!(missing.expect("a note").hint.expect("a hint").contains(r#"kv = ["default"]"#));
        granted.kv.push("default".to_owned());
        assert_eq!(Need::Kv.missing("wasi:keyvalue/store@0.2.0-draft2", &granted), None);
        let missing = Need::Cache.missing("sedge:cache/store@0.1.0", &granted);
        assert!(missing.expect("a note").hint.expect("a hint").contains(r#"cache = ["pages"]"#));
        granted.cache.push("pages".to_owned());
        assert_eq!(Need::Cache.missing("sedge:cache/store@0.1.0", &granted), None);
        assert_eq!(Need::Nothing.missing("wasi:io/poll@0.2.0", &Capabilities::default()), None);
    }
}
