//! Settings of the engine, and what wasmtime makes of them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

/// How often a running guest is looked at. Also the longest time that a guest
/// holds a request thread before it is moved to the background (see
/// [`crate::call`]).
pub const TICK: Duration = Duration::from_millis(1);

/// Settings of an [`crate::Engine`].
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Folder of the compiled code and of the key that authenticates it.
    pub cache_dir: PathBuf,
    /// Program and arguments that run [`crate::compile_worker`].
    pub compiler: Vec<OsString>,
    /// Largest artifact that is looked at, bytes.
    pub source_bytes_max: u64,
    /// Address space of one compilation, bytes.
    pub compile_memory_bytes_max: u64,
    /// CPU time of one compilation, seconds; it may take four times as long by the clock.
    pub compile_s_max: u64,
    /// Compilations at the same time.
    pub compile_parallel: usize,
    /// Instances alive at the same time, over all functions.
    pub instances_max: u32,
    /// Threads for calls that use much CPU time.
    pub background_threads: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            cache_dir: PathBuf::from(".sedge/code"),
            compiler: Vec::new(),
            source_bytes_max: 64 << 20,
            compile_memory_bytes_max: 4 << 30,
            compile_s_max: 120,
            compile_parallel: 1,
            instances_max: 1_000,
            background_threads: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// What of the settings is baked into compiled code: the same for the worker
/// that compiles and for the engine that runs.
///
/// `concurrency`: whether the component-model async features (WASI 0.3) are
/// on. They cost every instance bookkeeping, so components that do not need
/// them run on an engine without (18,600 against 14,400 requests per second in
/// a prototype).
pub(crate) fn compiled_settings(concurrency: bool) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .wasm_component_model(true)
        .concurrency_support(concurrency)
        .relaxed_simd_deterministic(true)
        // Maps of native to wasm offsets and unwind tables for native
        // debuggers double an artifact, and every byte of it is read to check
        // its authenticity before the first request.
        .generate_address_map(false)
        .native_unwind_info(false);
    if concurrency {
        config.wasm_component_model_async(true);
    }
    config
}

/// The whole configuration of an engine that runs code.
///
/// `stack_bytes` is the stack that a guest may use; wasmtime fixes it for an
/// engine, so each distinct value has an engine of its own.
pub(crate) fn runtime_settings(
    concurrency: bool,
    stack_bytes: usize,
    instances_max: u32,
    pagemap_scan: bool,
) -> Config {
    /// The host's own frames on the same stack: bindings, hashing, formatting.
    const HOST_STACK_BYTES: usize = 512 << 10;

    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances_max)
        .total_core_instances(instances_max.saturating_mul(4))
        .total_memories(instances_max)
        .total_tables(instances_max.saturating_mul(2))
        .total_stacks(instances_max)
        .max_memories_per_module(4)
        .max_tables_per_module(16)
        .table_elements(1 << 17)
        .max_unused_warm_slots(100)
        .decommit_batch_size(if pagemap_scan { 1 } else { 32 });
    if pagemap_scan {
        // Only dirty pages are reset, and up to this much is cleared in place
        // instead of given back to the kernel. Not on machines that swap: a
        // dirty page that was swapped out would survive into the next tenant.
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(1 << 20)
            .table_keep_resident(64 << 10);
    }

    let mut config = compiled_settings(concurrency);
    config
        .max_wasm_stack(stack_bytes)
        .async_stack_size(stack_bytes + HOST_STACK_BYTES)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Whether dirty pages may be found by `PAGEMAP_SCAN`: the kernel has it (6.7
/// or later), and nothing can be swapped out.
pub(crate) fn pagemap_scan_is_safe() -> bool {
    !has_swap() && kernel_scans_pagemaps()
}

/// Whether this machine can swap; assumed when it cannot be told.
pub(crate) fn has_swap() -> bool {
    match std::fs::read_to_string("/proc/swaps") {
        Ok(text) => text.lines().skip(1).any(|line| !line.trim().is_empty()),
        Err(_) => true,
    }
}

/// Asks wasmtime, which tries the system call.
fn kernel_scans_pagemaps() -> bool {
    static SCANS: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_memories(1).total_tables(1).total_stacks(1).pagemap_scan(Enabled::Yes);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        wasmtime::Engine::new(&config).is_ok()
    });
    *SCANS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_accept_their_settings() {
        for concurrency in [false, true] {
            for scan in [false, pagemap_scan_is_safe()] {
                let config = runtime_settings(concurrency, 512 << 10, 10, scan);
                wasmtime::Engine::new(&config).expect("settings are valid");
            }
        }
    }
}
