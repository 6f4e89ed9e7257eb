//! Environment, configuration, secrets, logging: the same for every version of
//! `wasi:http`.

use crate::call::Call;
use serde_json::Value;

/// Bindings to what a node offers besides `wasi:http`.
#[allow(missing_docs)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "sedge:host/services",
        generate_all,
    });
}

use bindings::sedge::secrets::store as secrets;
use bindings::wasi::config::store as config_store;
use bindings::wasi::logging::logging;

/// The environment that the guest sees.
pub fn environment(call: Call) {
    let all: serde_json::Map<String, Value> =
        std::env::vars().map(|(name, value)| (name, value.into())).collect();
    call.json(&Value::Object(all));
}

/// The command line that the guest sees.
pub fn arguments(call: Call) {
    call.json(&std::env::args().collect::<Vec<_>>().into());
}

/// One value of the configuration (`key`), or all of them.
pub fn config(call: Call) {
    let answer = match call.text_of("key") {
        "" => config_store::get_all()
            .map(|all| all.into_iter().map(|(key, value)| (key, Value::from(value))).collect()),
        key => config_store::get(key).map(Value::from),
    };
    match answer {
        Ok(value) => call.json(&value),
        Err(error) => call.text(500, &format!("{error:?}\n")),
    }
}

/// The secret `name`.
pub fn secret(call: Call) {
    match secrets::get(call.text_of("name")) {
        Ok(value) => call.json(&value.into()),
        Err(error) => call.text(500, &format!("{error:?}\n")),
    }
}

/// Writes `message` to `wasi:logging` at every level, to stdout and to stderr;
/// or, with `bytes`, that many bytes to each of the three.
pub fn log(call: Call) {
    use logging::Level;
    let message = match call.number_of("bytes", 0) {
        0 => call.text_of("message").to_string(),
        bytes => "x".repeat(bytes as usize),
    };
    println!("stdout {message}");
    eprintln!("stderr {message}");
    let levels =
        [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Critical];
    for level in levels {
        logging::log(level, "probe", &message);
    }
    call.text(200, "logged\n");
}
