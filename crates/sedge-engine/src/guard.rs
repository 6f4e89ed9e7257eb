//! What bounds one instance from outside: memory, and the call it works for.

use crate::call::Call;
use sedge_model::failure::{Failure, Kind};
use std::sync::Arc;
use wasmtime::{ResourceLimiter, Store, StoreContextMut, UpdateDeadline};

/// Bytes that one table element costs the host.
const TABLE_ELEMENT_BYTES: u64 = size_of::<usize>() as u64;

/// The state of a store that carries a guard beside what the host functions of
/// its flavor work on. A trait, because wasmtime's own traits must be
/// implemented on the flavor's type.
pub trait Guarded: Send + 'static {
    /// The guard of this instance.
    fn guard(&mut self) -> &mut Guard;
}

/// Bounds the memory of an instance, over its whole life.
pub struct Guard {
    /// The call that the instance works for now.
    pub call: Arc<Call>,
    memory_bytes: u64,
    memory_bytes_max: u64,
    memory_bytes_peak: u64,
    last_growth: u64,
    refused: Option<u64>,
}

impl Guard {
    /// A guard that allows `memory_bytes_max` for all linear memories and
    /// tables together.
    pub fn new(call: Arc<Call>, memory_bytes_max: u64) -> Self {
        Guard {
            call,
            memory_bytes: 0,
            memory_bytes_max,
            memory_bytes_peak: 0,
            last_growth: 0,
            refused: None,
        }
    }

    /// The most memory the instance has had, bytes.
    pub fn memory_bytes_peak(&self) -> u64 {
        self.memory_bytes_peak
    }

    /// Whether the instance asked for more memory than it may have.
    pub fn memory_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// What was asked for, for the log.
    pub(crate) fn memory_refusal(&self) -> String {
        let asked = self.refused.unwrap_or(0);
        format!("{asked} bytes of memory and tables asked for, {} allowed", self.memory_bytes_max)
    }

    fn grow(&mut self, current: u64, desired: u64) -> bool {
        let growth = desired.saturating_sub(current);
        let total = self.memory_bytes.saturating_add(growth);
        if total > self.memory_bytes_max {
            self.refused = Some(total);
            return false;
        }
        self.last_growth = growth;
        self.memory_bytes = total;
        self.memory_bytes_peak = self.memory_bytes_peak.max(total);
        true
    }

    /// The pool refused what the limit allowed: the guest has asked for more
    /// than it can have all the same.
    fn undo(&mut self) {
        self.refused = Some(self.memory_bytes);
        self.memory_bytes -= self.last_growth;
        self.last_growth = 0;
    }
}

impl ResourceLimiter for Guard {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current as u64, desired as u64))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = |elements: usize| elements as u64 * TABLE_ELEMENT_BYTES;
        Ok(self.grow(bytes(current), bytes(desired)))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.undo();
        Ok(())
    }

    fn instances(&self) -> usize {
        256
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        64
    }
}

/// What a guest may hand to the host in one call: the largest value of the key-value
/// store (25 MiB) and its key. The host copies it in one go, while whoever is on the
/// same thread waits.
const HOST_CALL_BYTES_MAX: usize = 26 << 20;

/// Makes a store whose guest is bounded and metered. The closures capture
/// nothing, so that they cost no allocation.
pub fn store<T: Guarded>(engine: &wasmtime::Engine, state: T) -> Store<T> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| state.guard());
    store.set_hostcall_fuel(HOST_CALL_BYTES_MAX);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut context: StoreContextMut<'_, T>| {
        let call = &context.data_mut().guard().call;
        match call.tick() {
            crate::call::Tick::Continue => Ok(UpdateDeadline::Continue(1)),
            crate::call::Tick::Yield => Ok(UpdateDeadline::Yield(1)),
            crate::call::Tick::OverCpuLimit => Err(wasmtime::Error::from(Failure::new(
                Kind::CpuLimit,
                format!("{} ms of CPU time used up", call.cpu_limit().as_millis()),
            ))),
        }
    });
    store
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn guard(max: u64) -> Guard {
        Guard::new(Call::new(Duration::from_secs(1)), max)
    }

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut guard = guard(1000);
        assert!(guard.memory_growing(0, 500, None).expect("no error"));
        assert!(guard.table_growing(0, 50, None).expect("no error"));
        assert!(!guard.memory_growing(500, 700, None).expect("no error"), "500 + 400 + 200");
        assert!(guard.memory_refused());
        assert!(guard.memory_growing(500, 600, None).expect("no error"), "exactly at the limit");
        assert_eq!(guard.memory_bytes_peak(), 1000);
    }

    #[test]
    fn growth_that_failed_is_given_back() {
        let mut guard = guard(1000);
        assert!(guard.memory_growing(0, 900, None).expect("no error"));
        guard.memory_grow_failed(wasmtime::Error::msg("no memory")).expect("no error");
        assert!(guard.memory_refused(), "a guest that aborts now ran out of memory");
        assert!(guard.memory_growing(0, 1000, None).expect("no error"));
        assert!(!guard.memory_growing(0, usize::MAX, None).expect("no error"));
    }
}
