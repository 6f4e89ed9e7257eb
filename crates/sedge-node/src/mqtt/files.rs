//! Passwords, rules and certificates: loaded before the front starts, and again when their
//! files change. What is wrong then leaves the old ones in force.

use super::gate::Gate;
use crate::certificates::{self, Certificates};
use crate::hint::WithHint;
use crate::watch::Stamp;
use anyhow::{Result, anyhow};
use sedge_ingress::mqtt::Broker;
use sedge_ingress::mqtt::auth::{Acl, PasswordFile};
use sedge_model::node_config::{BrokerConfig, Invalid, NodeConfig, TlsListener};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is larger is not read.
const BYTES_MAX: u64 = 64 << 20;
/// Lines that are told of at a time.
const TOLD_MAX: usize = 20;

/// What is wrong with the files of the front, by the JSON pointer of the setting that names
/// them.
pub(crate) fn look(config: &NodeConfig) -> Vec<(String, Invalid)> {
    let mut found = Vec::new();
    if config.mqtt.is_empty() {
        return found;
    }
    for (index, listener) in config.mqtt.iter().enumerate() {
        let Some(tls) = &listener.tls else { continue };
        let wrong = certificates::look_at(tls).into_iter();
        found.extend(wrong.map(|(at, invalid)| (format!("/mqtt/{index}{at}"), invalid)));
    }
    let passwords = of_broker(&config.broker).err();
    let acl = acl(&config.broker).err();
    for (at, wrong) in [("/broker/passwords", passwords), ("/broker/acl", acl)] {
        found.extend(wrong.into_iter().flatten().map(|invalid| (at.to_owned(), invalid)));
    }
    found
}

/// What the front starts with.
pub(crate) struct Loaded {
    pub(crate) passwords: Option<PasswordFile>,
    pub(crate) acl: Acl,
    pub(crate) certificates: Certificates,
    pub(crate) seen: Seen,
}

/// What passwords and rules looked like when they were read.
#[derive(PartialEq, Eq)]
pub(crate) struct Seen {
    passwords: Option<Stamp>,
    acl: Option<Stamp>,
}

impl Seen {
    /// Taken before the files are read, so that no change is missed.
    fn now(config: &BrokerConfig) -> Self {
        let stamp = |path: &Option<PathBuf>| path.as_ref().and_then(|path| Stamp::of(path));
        Seen { passwords: stamp(&config.passwords), acl: stamp(&config.acl) }
    }
}

/// Loads everything.
///
/// # Errors
/// Everything that is wrong with one kind of files.
pub(crate) fn load(config: &NodeConfig) -> Result<Loaded> {
    let listeners: Vec<&TlsListener> =
        config.mqtt.iter().filter_map(|listener| listener.tls.as_ref()).collect();
    let certificates = Certificates::load(&listeners, &config.data)?;
    let seen = Seen::now(&config.broker);
    let passwords = of_broker(&config.broker).map_err(all)?;
    let acl = acl(&config.broker).map_err(all)?.unwrap_or_else(Acl::allow_all);
    Ok(Loaded { passwords, acl, certificates, seen })
}

pub(crate) fn all(wrong: Vec<Invalid>) -> anyhow::Error {
    let messages: Vec<&str> = wrong.iter().map(|one| one.message.as_str()).collect();
    let error = anyhow!("{}", messages.join("; "));
    match wrong.iter().find_map(|one| one.hint.as_deref()) {
        Some(hint) => WithHint::new(error, hint),
        None => error,
    }
}

fn of_broker(config: &BrokerConfig) -> Result<Option<PasswordFile>, Vec<Invalid>> {
    passwords(config.passwords.as_deref(), config.password_checks_max)
}

/// Reads a file of passwords, if there is one.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn passwords(
    path: Option<&Path>,
    checks_max: u32,
) -> Result<Option<PasswordFile>, Vec<Invalid>> {
    let Some(path) = path else { return Ok(None) };
    let hint = "write the file with `sedge mqtt password`, or mosquitto_passwd";
    let text = read(path, hint).map_err(|invalid| vec![invalid])?;
    PasswordFile::parse(&text, checks_max as usize).map(Some).map_err(|wrong| {
        let lines = wrong.iter().take(TOLD_MAX);
        let one =
            |line, what| Invalid::new(format!("{}, line {line}: {what}", path.display()), hint);
        lines.map(|wrong| one(wrong.line, wrong.what)).collect()
    })
}

fn acl(config: &BrokerConfig) -> Result<Option<Acl>, Vec<Invalid>> {
    let Some(path) = &config.acl else { return Ok(None) };
    let hint = "write rules as in mosquitto's acl_file, for example `topic read public/#`";
    let text = read(path, hint).map_err(|invalid| vec![invalid])?;
    Acl::parse(&text).map(Some).map_err(|wrong| {
        let lines = wrong.iter().take(TOLD_MAX);
        let text = |line, what| format!("{}, line {line}: {what}", path.display());
        lines.map(|wrong| Invalid::new(text(wrong.line, wrong.what), wrong.hint)).collect()
    })
}

fn read(path: &Path, hint: &str) -> Result<String, Invalid> {
    let wrong = |why: String| Invalid::new(format!("{}: {why}", path.display()), hint);
    let length = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if length > BYTES_MAX {
        return Err(wrong(format!("it has more than {BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))
}

/// The files of a running front.
pub(crate) struct MqttFiles {
    config: BrokerConfig,
    broker: Arc<Broker>,
    gate: Arc<Gate>,
    certificates: Certificates,
    seen: Seen,
}

impl MqttFiles {
    pub(crate) fn new(
        config: &NodeConfig,
        broker: Arc<Broker>,
        gate: Arc<Gate>,
        certificates: Certificates,
        seen: Seen,
    ) -> Self {
        MqttFiles { config: config.broker.clone(), broker, gate, certificates, seen }
    }

    /// The certificates, for the pages that show them.
    pub(crate) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The folders of all files.
    pub(crate) fn folders(&self) -> BTreeSet<PathBuf> {
        let files = self.config.passwords.iter().chain(&self.config.acl);
        let folders = files.filter_map(|file| file.parent()).map(Path::to_owned);
        folders.chain(self.certificates.folders()).collect()
    }

    /// Loads again what has changed since it was last read.
    pub(crate) fn compare(&mut self) {
        self.certificates.compare();
        let now = Seen::now(&self.config);
        if now != self.seen {
            self.load(now);
        }
    }

    /// Loads everything again.
    pub(crate) fn reload(&mut self) {
        self.certificates.reload();
        self.load(Seen::now(&self.config));
    }

    fn load(&mut self, seen: Seen) {
        self.seen = seen;
        match of_broker(&self.config) {
            Ok(None) => {}
            Ok(Some(passwords)) => {
                self.gate.set_passwords(passwords);
                tracing::info!("passwords of MQTT clients were loaded again");
            }
            Err(wrong) => refused("passwords", &wrong),
        }
        match acl(&self.config) {
            Ok(None) => {}
            Ok(Some(acl)) => {
                self.broker.set_acl(acl);
                tracing::info!("rules of MQTT clients were loaded again");
            }
            Err(wrong) => refused("rules", &wrong),
        }
    }
}

fn refused(what: &str, wrong: &[Invalid]) {
    for one in wrong {
        let problem = &one.message;
        tracing::warn!(%problem, "new {what} of MQTT clients are refused; the old ones go on");
    }
}
