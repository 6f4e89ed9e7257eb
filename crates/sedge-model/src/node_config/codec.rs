//! `[codec]`: what the encoders that functions are granted may take.

use crate::document::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds of the encoders of images on this node, all functions together. One function
/// has at most half of the places and of the memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CodecConfig {
    /// Threads of low priority that encode; one per core if absent.
    #[schemars(range(min = 1, max = 1_024))]
    pub threads: Option<u32>,
    /// Pictures that wait for a thread; the next one is refused.
    #[schemars(range(min = 1, max = 1_024))]
    pub queue_max: u32,
    /// Pixels that are held, of pictures that arrive, wait or are encoded. The encoders
    /// take several times as much besides, for the pictures on threads.
    #[schemars(
        schema_with = "quantity::bytes",
        range(min = 1_048_576, max = 1_099_511_627_776u64)
    )]
    pub memory_bytes_max: u64,
    /// Pixels of one picture.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub pixels_max: u64,
    /// Pixels of one picture that becomes AVIF, which takes the longest. One that is begun
    /// is finished, whatever the deadline.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub avif_pixels_max: u64,
    /// From when a picture is handed over to when it is encoded.
    #[schemars(schema_with = "quantity::ms", range(min = 100, max = 3_600_000))]
    pub deadline_ms: u64,
}

impl Default for CodecConfig {
    fn default() -> Self {
        CodecConfig {
            threads: None,
            queue_max: 64,
            memory_bytes_max: 256 << 20,
            pixels_max: 25_000_000,
            avif_pixels_max: 4_000_000,
            deadline_ms: 10_000,
        }
    }
}
