//! `[cache]`: what the links of chains that are caches may store.

use crate::document::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What all caching links of the node together may store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Bytes in memory. One response may have an eighth of them; a quarter of them
    /// besides may be on its way.
    #[schemars(
        schema_with = "quantity::bytes",
        range(min = 1_048_576, max = 1_099_511_627_776u64)
    )]
    pub memory_bytes_max: u64,
    /// Bytes on the disk, in `cache` of the data folder, for what was asked for more
    /// than once and found no more room in memory; 0: none.
    #[schemars(schema_with = "quantity::bytes", range(min = 0, max = 1_125_899_906_842_624u64))]
    pub disk_bytes_max: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        CacheConfig { memory_bytes_max: 64 << 20, disk_bytes_max: 0 }
    }
}
