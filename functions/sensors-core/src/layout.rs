//! The structs that cross the boundary, byte by byte.

/// One reading: 24 bytes, aligned to 8.
///
/// | offset | field | type |
/// |---|---|---|
/// | 0 | `timestamp` | `u64`, little-endian: seconds since 1970 |
/// | 8 | `temperature` | `f32`, °C |
/// | 12 | `humidity` | `f32` |
/// | 16 | `pressure` | `f32` |
/// | 20 | `light_level` | `u16` |
/// | 22 | `motion` | one byte: 0 is false, anything else true |
/// | 23 | – | padding |
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SensorReading {
    /// Seconds since 1970; 0 if unknown.
    pub timestamp: u64,
    /// Degrees Celsius; the value that is judged.
    pub temperature: f32,
    /// Relative humidity in percent.
    pub humidity: f32,
    /// Pressure in hPa.
    pub pressure: f32,
    /// Light in lux.
    pub light_level: u16,
    /// Whether something moved. Not a `bool`: a byte from a foreign host may
    /// hold any value.
    pub motion: u8,
}

/// The answer: 24 bytes, aligned to 4.
///
/// | offset | field | type |
/// |---|---|---|
/// | 0 | `alert_level` | `u8`: 0 normal, 1 warning, 2 critical |
/// | 1 | – | 3 bytes of padding |
/// | 4, 8, 12 | `predictions` | three `f32`: the next three temperatures |
/// | 16 | `anomaly_score` | `f32`, 0 to 1 |
/// | 20 | `action_required` | one byte: 0 or 1 |
/// | 21 | – | 3 bytes of padding |
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessedData {
    /// 0 normal, 1 warning, 2 critical.
    pub alert_level: u8,
    /// The next three temperatures; all 0 if there is no reading and no
    /// history to predict them from.
    pub predictions: [f32; 3],
    /// How surprising the latest temperature is, 0 to 1; never NaN.
    pub anomaly_score: f32,
    /// Whether to act now.
    pub action_required: bool,
}

// The tables above are a promise to hosts that compute offsets by hand.
const _: () = {
    use core::mem::{align_of, offset_of, size_of};
    assert!(size_of::<SensorReading>() == 24 && align_of::<SensorReading>() == 8);
    assert!(offset_of!(SensorReading, temperature) == 8);
    assert!(offset_of!(SensorReading, humidity) == 12);
    assert!(offset_of!(SensorReading, pressure) == 16);
    assert!(offset_of!(SensorReading, light_level) == 20);
    assert!(offset_of!(SensorReading, motion) == 22);
    assert!(size_of::<ProcessedData>() == 24 && align_of::<ProcessedData>() == 4);
    assert!(offset_of!(ProcessedData, predictions) == 4);
    assert!(offset_of!(ProcessedData, anomaly_score) == 16);
    assert!(offset_of!(ProcessedData, action_required) == 20);
};
