//! What one message may hold.

/// Bounds of one message. What exceeds one is refused, never cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadLimits {
    /// Bytes of the message as it arrived.
    pub body_bytes_max: usize,
    /// Readings of the message.
    pub readings_max: usize,
    /// Fields of one object, columns of one table.
    pub fields_max: usize,
    /// Bytes of a name, of a base name, of both together, and of a unit.
    pub name_bytes_max: usize,
    /// Bytes of a value that is text or bytes.
    pub value_bytes_max: usize,
    /// Arrays, objects and tags within each other, the outermost included.
    pub depth_max: usize,
    /// Bytes of a compressed message after decompression.
    pub expanded_bytes_max: usize,
    /// Metrics that a Sparkplug edge node may have declared in its birth certificates,
    /// those of its devices included.
    pub metrics_max: usize,
    /// Bytes that all declarations of all Sparkplug edge nodes may take together.
    pub declared_bytes_max: usize,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        PayloadLimits {
            body_bytes_max: 1 << 20,
            readings_max: 10_000,
            fields_max: 1_024,
            name_bytes_max: 512,
            value_bytes_max: 64 << 10,
            depth_max: 16,
            expanded_bytes_max: 1 << 20,
            metrics_max: 10_000,
            declared_bytes_max: 32 << 20,
        }
    }
}
