//! `wasi:logging`.

use super::bindings::wasi::logging::logging;
use crate::wasi_http::state::State;
use sedge_services::logging::Level;
use wasmtime::Result;

impl logging::Host for State {
    fn log(&mut self, level: logging::Level, context: String, message: String) -> Result<()> {
        let level = match level {
            logging::Level::Trace => Level::Trace,
            logging::Level::Debug => Level::Debug,
            logging::Level::Info => Level::Info,
            logging::Level::Warn => Level::Warn,
            logging::Level::Error => Level::Error,
            logging::Level::Critical => Level::Critical,
        };
        self.logs.log(level, &context, &message);
        Ok(())
    }
}
