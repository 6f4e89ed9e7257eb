//! Pure algorithms: no IO, clock, thread or global state

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod image;

pub mod content;

pub mod device;

// Loops that are run over many bytes or numbers.
pub mod primitives;

// Many values in little room.
pub mod sketch;

// What is kept of persons.
pub mod privacy;

// What is kept over a restart, as bytes.
pub mod state;

// Sensors, from the statistics up to the decision.
pub mod robust;

pub mod baseline;

pub mod anomaly;

pub mod forecast;

pub mod timeline;

pub mod alert;

pub mod online;

pub mod sensors;

pub mod behavior;

// Series of any kind: cycles, models, intervals.
pub mod timeseries;

// What came within a time.
pub mod windows;

// Visitors, from the session up to the alert.
pub mod sessions;

pub mod analytics;

// Feature flags and experiments, and what their results say.
pub mod experiments;

pub mod trial;

// Whether somebody may come in.
pub mod guard;
