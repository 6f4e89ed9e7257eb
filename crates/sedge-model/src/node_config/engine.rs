//! `[engine]`: bounds of what runs and compiles functions.

use crate::document::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds of the engine on this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Instances that exist at one time, all functions together.
    #[schemars(range(min = 1, max = 100_000))]
    pub instances_max: u32,
    /// Address space of the process that compiles one artifact.
    #[schemars(schema_with = "quantity::bytes", range(min = 67_108_864, max = 68_719_476_736u64))]
    pub compile_memory_bytes_max: u64,
    /// CPU time to compile one artifact; by the clock it may take four times as long.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 3_600))]
    pub compile_s_max: u32,
    /// Artifacts that are compiled at one time.
    #[schemars(range(min = 1, max = 256))]
    pub compile_parallel_max: u32,
    /// Size of an artifact.
    #[schemars(schema_with = "quantity::bytes", range(min = 1_024, max = 1_073_741_824))]
    pub artifact_bytes_max: u64,
    /// Idle time after which a function's compiled code leaves memory; it stays
    /// on disk.
    #[schemars(schema_with = "quantity::seconds", range(min = 1, max = 86_400))]
    pub code_idle_s: u32,
    /// Threads for requests that use much CPU time, so that they do not delay
    /// the short ones; one per core if absent.
    #[schemars(range(min = 1, max = 1_024))]
    pub background_threads: Option<u32>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            instances_max: 1_000,
            compile_memory_bytes_max: 4 << 30,
            compile_s_max: 120,
            compile_parallel_max: 1,
            artifact_bytes_max: 64 << 20,
            code_idle_s: 300,
            background_threads: None,
        }
    }
}
