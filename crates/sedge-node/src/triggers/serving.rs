//! Which revision of a function handles what comes next.

use crate::revision::DeployedFunction;
use sedge_flavors::wasi_http::WasiHttpFunction;
use sedge_services::streams::Topics;
use std::sync::{Arc, Mutex, PoisonError};

/// The function as it is now; a newer revision takes its place between two calls.
pub(super) struct Serving(Mutex<Now>);

#[derive(Clone)]
pub(super) struct Now {
    pub(super) function: WasiHttpFunction,
    pub(super) topics: Arc<Topics>,
}

impl Now {
    pub(super) fn of(deployed: &DeployedFunction) -> Self {
        let topics = Topics::of(&deployed.declared.capabilities.topics);
        Now { function: deployed.function.clone(), topics: Arc::new(topics) }
    }
}

impl Serving {
    pub(super) fn new(now: Now) -> Self {
        Serving(Mutex::new(now))
    }

    pub(super) fn set(&self, now: Now) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub(super) fn now(&self) -> Now {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
