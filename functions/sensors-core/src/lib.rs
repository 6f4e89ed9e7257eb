//! The sensor algorithms of `sedge-kit` as a core WebAssembly module without
//! imports: any JavaScript host can load it. The exports have C names and C
//! layouts.
//!
//! | export | in C |
//! |---|---|
//! | `allocate` | `void *allocate(size_t len)` |
//! | `deallocate` | `void deallocate(void *ptr, size_t len)` |
//! | `process_sensor_data` | `ProcessedData process_sensor_data(const SensorReading *readings, size_t count, const float *historical, size_t historical_count)` |
//! | `handle_emergency` | `uint8_t handle_emergency(uint8_t alert_level)` |
//! | `calculate_anomaly_score` | `double calculate_anomaly_score(uint32_t total_events, double duration_ms, uint32_t error_count)` |
//! | `memory` | the linear memory |
//!
//! In the WebAssembly C ABI a struct is returned through a pointer that the
//! caller passes *first*: `process_sensor_data(result, readings, count,
//! historical, historical_count)`.
//!
//! **Contract.** A caller passes pointers into memory that it got from
//! `allocate` (or null with a count of 0) and leaves it alone during the call.
//! Whatever it passes instead, nothing outside the module is touched: null,
//! misaligned and out-of-bounds arrays and absurd counts trap before they are
//! read. Every value in the arrays is allowed, NaN and infinities included.

pub mod layout;

mod buffers;

mod process;

pub use buffers::{allocate, deallocate};
pub use process::{calculate_anomaly_score, handle_emergency, process_sensor_data};
