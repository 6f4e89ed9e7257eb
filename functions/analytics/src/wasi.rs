//! The adapter: requests in by `wasi:http` 0.3, records in by `sedge:stream`. Whatever can be
//! decided without a host is decided elsewhere.

mod filter;
mod http;
mod messages;
mod node;
mod respond;

use crate::settings::Settings;
use std::sync::LazyLock;

/// Bindings to what the function exports and imports beside `wasi:http`.
#[allow(missing_docs)]
mod bindings {
    wasip3::wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package sedge:analytics;
            world analytics {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import sedge:keyvalue/expiry@0.1.0;
                import sedge:secrets/store@0.1.0;
                import sedge:client/connection@0.1.0;
                import sedge:%stream/output@0.1.0;
                import sedge:%stream/state@0.1.0;
                export sedge:%stream/handler@0.1.0;
                export sedge:%stream/schedule@0.1.0;
                export sedge:lifecycle/initialization@0.1.0;
                export sedge:link/filter@0.1.0;
            }
        ",
        world: "sedge:analytics/analytics",
        runtime_path: "wasip3::wit_bindgen::rt",
        generate_all,
    });
}

struct Analytics;

wasip3::http::service::export!(Analytics);

bindings::export!(Analytics with_types_in bindings);

/// Read once for each instance: they stay as they are for a revision of the app.
static SETTINGS: LazyLock<Result<Settings, String>> = LazyLock::new(|| {
    // Not `vars`, which panics on what is not UTF-8.
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    Settings::read(variables)
});

/// Settings are read once for a deployment, if the manifest says so.
impl bindings::exports::sedge::lifecycle::initialization::Guest for Analytics {
    fn initialize() -> Result<(), String> {
        SETTINGS.as_ref().map(drop).map_err(Clone::clone)
    }
}

fn settings() -> Result<&'static Settings, String> {
    SETTINGS.as_ref().map_err(|problems| format!("analytics: {problems}"))
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let now = wasip3::clocks::system_clock::now();
    now.seconds.saturating_mul(1_000).saturating_add(i64::from(now.nanoseconds / 1_000_000))
}
