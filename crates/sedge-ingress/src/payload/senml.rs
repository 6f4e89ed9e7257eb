//! Sensor Measurement Lists (SenML, RFC 8428): packs of records, in JSON or CBOR.
//!
//! A pack is resolved on the way (§4.6): each reading has its full unit, time, value and
//! sum, and only its name is still in two parts.

use super::record::{Label as Name, Record, Scalar, Sink};
use super::{Number, PayloadError, PayloadLimits, Place, Problem, Reading};
use resolve::Base;

mod fields;
mod resolve;
mod write;

pub use write::senml_json;

use fields::{Fields, Label};

/// How an encoding calls the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Labels {
    /// By the texts of RFC 8428, table 1.
    Text,
    /// By the integers of table 4.
    Numbers,
}

/// The readings of all records that `source` delivers.
pub(super) fn readings(
    limits: &PayloadLimits,
    labels: Labels,
    source: impl FnOnce(Sink<'_>) -> Result<(), PayloadError>,
) -> Result<Vec<Reading>, PayloadError> {
    let mut base = Base::default();
    let mut readings = Vec::new();
    source(&mut |record| {
        let fields = Fields::sort(record, labels)?;
        base.take(&fields, limits)?;
        readings.push(base.resolve(&fields, labels, limits)?);
        Ok(())
    })?;
    Ok(readings)
}
