//! `wasi:config/store` and `sedge:secrets/store`.

use super::bindings::sedge::secrets::store as secrets;
use super::bindings::wasi::config::store as config;
use crate::wasi_http::state::State;
use wasmtime::Result;

impl config::Host for State {
    fn get(&mut self, key: String) -> Result<Result<Option<String>, config::Error>> {
        Ok(Ok(self.spec.services.config.get(&key).map(str::to_owned)))
    }

    fn get_all(&mut self) -> Result<Result<Vec<(String, String)>, config::Error>> {
        let all = self.spec.services.config.all();
        Ok(Ok(all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }
}

impl secrets::Host for State {
    fn get(&mut self, name: String) -> Result<Result<Option<String>, secrets::Error>> {
        Ok(Ok(self.spec.services.secrets.get(&name).map(|secret| secret.reveal().to_owned())))
    }
}
