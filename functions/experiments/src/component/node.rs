//! What the node is asked.

use crate::cookies::ID_BYTES;
use crate::events::CONTENT_TYPE;
use crate::flags::Source;
use crate::results::{Report, Store};
use crate::settings::Settings;
use crate::visitor::{Lookups, Place, Program};
use bindings::sedge::client::{agent, connection};
use bindings::sedge::geo::lookup;
use bindings::sedge::stream::{output, state};
use bindings::wasi::{config, keyvalue};
use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bindings to what is imported and exported beside `wasi:http`.
#[allow(missing_docs)]
pub(super) mod bindings {
    wasip3::wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package sedge:experiments;
            world experiments {
                import wasi:config/store@0.2.0-rc.1;
                import wasi:keyvalue/store@0.2.0-draft2;
                import sedge:secrets/store@0.1.0;
                import sedge:geo/lookup@0.1.0;
                import sedge:client/connection@0.1.0;
                import sedge:client/agent@0.1.0;
                import sedge:%stream/output@0.1.0;
                import sedge:%stream/state@0.1.0;
                export sedge:%stream/handler@0.1.0;
                export sedge:%stream/schedule@0.1.0;
                export sedge:lifecycle/initialization@0.1.0;
                export sedge:link/filter@0.1.0;
            }
        ",
        world: "sedge:experiments/experiments",
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
    });
}

/// The key of the payload in the function's configuration, and in kv.
const PAYLOAD_KEY: &str = "features";
/// The key of the last good one in kv.
const KEPT_KEY: &str = "features/good";
/// What the key of a report in kv begins with.
const REPORT_PREFIX: &str = "report/";

/// A secret; none if it is not granted.
pub(super) fn secret(name: &str) -> Result<Option<String>, String> {
    use bindings::sedge::secrets::store::{Error, get};
    get(name).map_err(|Error::Unavailable(why)| format!("the secret {name:?}: {why}"))
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Appends an event to the log. It is not worth a request: what fails is told, once for an
/// instance.
pub(super) fn emit(topic: &str, key: &str, event: &str) {
    thread_local! {
        static IS_TOLD: Cell<bool> = const { Cell::new(false) };
    }
    let emitted = output::emit(topic, key.as_bytes(), Some(CONTENT_TYPE), event.as_bytes());
    if let Err(error) = emitted
        && !IS_TOLD.replace(true)
    {
        eprintln!("experiments: emit to {topic}: {error:?}");
    }
}

/// Writes reports, where there is a place for them. One that fails comes again with the next
/// event.
pub(super) fn publish(settings: &Settings, reports: &[Report]) {
    let Some(namespace) = settings.store.as_deref().filter(|_| !reports.is_empty()) else { return };
    let write = || {
        let bucket = keyvalue::store::open(namespace)?;
        reports.iter().try_for_each(|report| {
            let key = format!("{REPORT_PREFIX}{}", report.experiment);
            bucket.set(&key, report.json.to_string().as_bytes())
        })
    };
    if let Err(error) = write() {
        eprintln!("experiments: write reports to {namespace}: {error:?}");
    }
}

/// The node.
pub(super) struct Node<'a> {
    settings: &'a Settings,
    /// When it was asked first.
    pub(super) now_ms: u64,
}

impl<'a> Node<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Node { settings, now_ms: now_ms() }
    }
}

impl Source for Node<'_> {
    fn configured(&mut self) -> Result<Option<String>, String> {
        config::store::get(PAYLOAD_KEY).map_err(|error| format!("{error:?}"))
    }

    fn stored(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(namespace) = &self.settings.store else { return Ok(None) };
        let bucket = keyvalue::store::open(namespace);
        let value = bucket.and_then(|bucket| bucket.get(PAYLOAD_KEY));
        value.map_err(|error| format!("kv {namespace}: {error:?}"))
    }

    fn kept(&mut self) -> Option<Vec<u8>> {
        let bucket = keyvalue::store::open(self.settings.store.as_deref()?).ok()?;
        bucket.get(KEPT_KEY).ok()?
    }

    fn keep(&mut self, payload: &[u8]) {
        let Some(namespace) = &self.settings.store else { return };
        let kept = keyvalue::store::open(namespace).and_then(|bucket| {
            // Another instance may have done it.
            if bucket.get(KEPT_KEY)?.as_deref() == Some(payload) {
                return Ok(());
            }
            bucket.set(KEPT_KEY, payload)
        });
        if let Err(error) = kept {
            eprintln!("experiments: keep the payload in {namespace}: {error:?}");
        }
    }

    fn key(&mut self) -> Option<String> {
        let name = self.settings.payload_secret.as_deref()?;
        secret(name).ok().flatten().map(|key| key.trim().to_owned())
    }

    fn log(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

impl Lookups for Node<'_> {
    fn place(&mut self) -> Place {
        let facts = connection::address().and_then(|address| lookup::locate(&address).ok()?);
        let Some(facts) = facts else { return Place::default() };
        let place = facts.place;
        Place { country: place.country, region: place.subdivision, city: place.city }
    }

    fn program(&mut self, text: &str) -> Program {
        let Ok(facts) = agent::parse(text) else { return Program::default() };
        let known = |family: String| Some(family).filter(|family| family != "Other");
        Program { browser: known(facts.browser.family), os: known(facts.system.family) }
    }

    fn random(&mut self) -> [u8; ID_BYTES] {
        let mut bytes = [0; ID_BYTES];
        let random = wasip3::random::random::get_random_bytes(ID_BYTES as u64);
        let count = random.len().min(ID_BYTES);
        bytes[..count].copy_from_slice(&random[..count]);
        bytes
    }
}

/// The state of the function.
pub(super) struct State;

impl Store for State {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, String> {
        state::get(key).map_err(|error| format!("{error:?}"))
    }

    fn set(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        state::set(key, value).map_err(|error| format!("{error:?}"))
    }

    fn delete(&mut self, key: &str) -> Result<(), String> {
        state::delete(key).map_err(|error| format!("{error:?}"))
    }
}
