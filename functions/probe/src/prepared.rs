//! What one instance prepares for all (`sedge:lifecycle`), and what comes of it: the same for
//! every version of `wasi:http`.

use crate::call::Call;
use crate::services::bindings::sedge::secrets::store as secrets;
use crate::services::bindings::wasi::config::store as config;
use crate::services::bindings::wasi::keyvalue::store as kv;
use serde_json::{Value, json};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

#[allow(missing_docs)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "sedge:host/initialized",
        generate_all,
    });
}

struct Component;

bindings::export!(Component with_types_in bindings);

/// What was prepared, and how often this instance was asked for it.
static PREPARED: Mutex<(Value, u64)> = Mutex::new((Value::Null, 0));

impl bindings::exports::sedge::lifecycle::initialization::Guest for Component {
    /// `PROBE_INITIALIZE` says what goes wrong.
    fn initialize() -> Result<(), String> {
        match std::env::var("PROBE_INITIALIZE").unwrap_or_default().as_str() {
            "refuse" => return Err("it was told to refuse".to_owned()),
            "panic" => panic!("on purpose"),
            "loop" => loop {
                std::hint::black_box(());
            },
            "memory" => drop(std::hint::black_box(vec![1_u8; 1 << 30])),
            // Nobody will ever give it back.
            "handle" => std::mem::forget(crate::handle()),
            _ => {}
        }
        let prepared = json!({
            "color": config::get("color").ok().flatten(),
            "greeting": std::env::var("GREETING").ok(),
            "secret": secrets::get("token").ok().flatten(),
            "kv": kv::open("default").is_ok(),
            "time": SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs()),
            // By the keys of this instance, which came at random.
            "hash": RandomState::new().hash_one("probe"),
        });
        *PREPARED.lock().map_err(|error| error.to_string())? = (prepared, 0);
        Ok(())
    }
}

/// What was prepared; null, if nothing was.
pub fn answer(call: Call) {
    let Ok(mut prepared) = PREPARED.lock() else { return call.text(500, "poisoned\n") };
    prepared.1 += 1;
    call.json(&json!({
        "prepared": prepared.0,
        "asked": prepared.1,
        "hash": RandomState::new().hash_one("probe"),
    }));
}
