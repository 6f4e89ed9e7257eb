//! What a person does with those files, with or without a running node.

use super::{geo_folder, patterns_file};
use crate::hint::WithHint;
use anyhow::{Context, Result, anyhow};
use sedge_services::agents::{self, AgentFacts, Agents, Client, Version};
use sedge_services::geo::{self, DatabaseInfo, Facts, Geo, GeoDatabases, LocateError};
use serde_json::{Value, json};
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

const DATABASE_HINT: &str = "sedge geo update takes databases in MaxMind's format, such as those \
                             of GeoLite2, DB-IP and @ip-location-db";

/// Checks a database of addresses and puts a copy of it into a data folder; what it says of
/// itself.
///
/// # Errors
/// It is none, is damaged, or the folder cannot be written.
pub fn put_database(file: &Path, data: &Path) -> Result<Value> {
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{} has no name", file.display()))?;
    let name = if name.ends_with(".mmdb") { name.to_owned() } else { format!("{name}.mmdb") };
    match geo::put(file, &geo_folder(data), &name) {
        Ok(info) => Ok(of_database(&info)),
        Err(error) => Err(WithHint::new(error, DATABASE_HINT)),
    }
}

/// What the databases of a data folder say of themselves, and what cannot be used.
pub fn databases(data: &Path) -> (Vec<Value>, Vec<String>) {
    let databases = GeoDatabases::default();
    let problems = databases.load(&geo_folder(data));
    let shown = databases.shown().iter().map(of_database).collect();
    (shown, problems.iter().map(ToString::to_string).collect())
}

fn of_database(info: &DatabaseInfo) -> Value {
    json!({
        "name": info.name,
        "kind": info.kind,
        "built_s": info.built_s,
        "nodes": info.nodes,
        "ip_version": info.ip_version,
        "bytes": info.bytes,
    })
}

/// What the databases of a data folder say of an address; `null`: none has it.
///
/// # Errors
/// It is no address, there is no database, or one is damaged there.
pub fn locate(data: &Path, address: &str) -> Result<Value> {
    let databases = Arc::<GeoDatabases>::default();
    for problem in databases.load(&geo_folder(data)) {
        tracing::warn!(%problem, "a database of addresses is not used");
    }
    match Geo::new(&databases).locate(address) {
        Ok(facts) => Ok(facts.as_ref().map_or(Value::Null, of_facts)),
        Err(LocateError::NoDatabase) => {
            let error = anyhow!("{} has no database of addresses", data.display());
            Err(WithHint::new(
                error,
                "put one there with sedge geo update, or name another folder with --data",
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// Without what is not known.
fn of_facts(facts: &Facts) -> Value {
    let traits = [
        ("anonymous", facts.traits.anonymous),
        ("vpn", facts.traits.vpn),
        ("hosting", facts.traits.hosting),
        ("public_proxy", facts.traits.public_proxy),
        ("residential_proxy", facts.traits.residential_proxy),
        ("tor_exit", facts.traits.tor_exit),
    ];
    let traits: Vec<_> = traits.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let point = facts.coordinates;
    let mut shown = json!({
        "continent": facts.continent,
        "country": facts.country,
        "subdivision": facts.subdivision,
        "city": facts.city,
        "postal_code": facts.postal_code,
        "time_zone": facts.time_zone,
        "latitude": point.map(|point| point.latitude),
        "longitude": point.map(|point| point.longitude),
        "accuracy_km": point.and_then(|point| point.accuracy_km),
        "autonomous_system": facts.autonomous_system,
        "organization": facts.organization,
        "traits": (!traits.is_empty()).then_some(traits),
    });
    if let Some(members) = shown.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    shown
}

/// Checks patterns of user agents and puts a copy of them into a data folder; how many there
/// are of browsers, systems and devices.
///
/// # Errors
/// They are none, or the folder cannot be written.
pub fn put_patterns(file: &Path, data: &Path) -> Result<[usize; 3]> {
    let hint = "sedge agents update takes regexes.yaml of uap-core, which is a package of npm, too";
    let counts = agents::check(file).map_err(|error| WithHint::new(error, hint))?;
    let to = patterns_file(data);
    let folder = to.parent().context("find the folder of patterns")?;
    let partial = folder.join(".regexes.yaml.partial");
    let put = || {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::copy(file, &partial)?;
        File::open(&partial)?.sync_all()?;
        fs::rename(&partial, &to)?;
        File::open(folder)?.sync_all()
    };
    put().with_context(|| format!("write {}", to.display()))?;
    Ok(counts)
}

/// Who tells what user agents say.
pub struct AgentReader(Client);

impl AgentReader {
    /// By the patterns of a data folder, if it has any.
    ///
    /// # Errors
    /// They are broken.
    pub fn open(data: &Path) -> Result<Self> {
        let agents = Arc::<Agents>::default();
        agents.want(&patterns_file(data))?;
        Ok(AgentReader(Client::new(&agents)))
    }

    /// What a user agent says.
    ///
    /// # Errors
    /// The text is too long.
    pub fn read(&self, text: &str) -> Result<Value> {
        let facts = self.0.parse(text)?;
        Ok(of_agent(&facts))
    }
}

fn of_agent(facts: &AgentFacts) -> Value {
    let version = |version: &Version| {
        let Version { family, major, minor, patch } = version;
        json!({ "family": family, "major": major, "minor": minor, "patch": patch })
    };
    let device = &facts.device;
    json!({
        "kind": facts.kind.label(),
        "browser": version(&facts.browser),
        "system": version(&facts.system),
        "device": { "family": device.family, "brand": device.brand, "model": device.model },
    })
}
