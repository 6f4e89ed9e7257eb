//! Sedge beside Envoy: the same Istio objects, the same traffic, and what differs.
//!
//! In reading order: a [`case`] is a `VirtualService` with traffic; [`pilot`]
//! makes Envoy's configuration of it as Istio's control plane would, Sedge reads
//! it as it is ([`yaml`]); [`upstream`] stands behind both; [`process`] is a
//! running Envoy; [`seen`] is what came of a request; [`compare`] finds what
//! differs, and [`differences`] knows what may. Cases are [`fixed`], written by
//! hand, or [`generate`]d from a seed.

pub mod case;
pub mod compare;
pub mod differences;
pub mod fixed;
pub mod generate;
pub mod pilot;
pub mod process;
pub mod seen;
pub mod upstream;
pub mod yaml;
