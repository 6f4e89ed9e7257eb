//! What wasmtime's errors mean, in the words of `sedge-model`.

use crate::guard::Guard;
use sedge_model::failure::{Failure, Kind};
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

/// The failure behind an error from instantiating or calling a guest.
///
/// The guard knows of refusals that the guest saw as a failed allocation and
/// answered with an abort: those are blamed on the limit, not on the abort.
pub fn classify(error: &wasmtime::Error, guard: &Guard) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Failure::new(Kind::Overloaded, "no free instance in the pool");
    }
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return Failure::new(Kind::ResourceLimit, "the table of host resources is full");
    }
    if guard.memory_refused() {
        return Failure::new(Kind::MemoryLimit, guard.memory_refusal());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            Failure::new(Kind::StackLimit, "call stack exhausted".to_owned() + &trace(error))
        }
        Some(Trap::AllocationTooLarge) => {
            Failure::new(Kind::MemoryLimit, "allocation too large".to_owned() + &trace(error))
        }
        Some(trap) => Failure::new(Kind::Trap, format!("{trap}{}", trace(error))),
        None => Failure::new(Kind::Trap, one_line(error) + &trace(error)),
    }
}

/// The chain of causes in one line, without the backtrace that wasmtime puts
/// into the first of them.
fn one_line(error: &wasmtime::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if text.starts_with("error while executing at wasm backtrace") {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(text.lines().next().unwrap_or_default());
    }
    line
}

/// The innermost functions of the guest, ` in a < b < c`, if it has names.
fn trace(error: &wasmtime::Error) -> String {
    const FRAMES_MAX: usize = 6;
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<String> = backtrace
        .frames()
        .iter()
        .take(FRAMES_MAX)
        .map(|frame| match frame.func_name() {
            Some(name) => name.chars().filter(|c| !c.is_control()).take(80).collect(),
            None => format!("func[{}]", frame.func_index()),
        })
        .collect();
    if names.is_empty() { String::new() } else { format!(" in {}", names.join(" < ")) }
}
