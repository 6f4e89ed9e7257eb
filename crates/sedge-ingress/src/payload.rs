//! The formats of what devices send: bytes and a media type in, readings out.
//!
//! Pure: no socket, no disk, no clock. A message is decoded as a whole or refused as a
//! whole; a [`PayloadError`] tells the first thing that is wrong, where, and what was
//! expected there. What a message may hold is bounded by [`PayloadLimits`], and no length
//! or count that a message claims is believed before its bytes are there.
//!
//! In reading order: what comes out ([`Reading`]), how much of it ([`PayloadLimits`]) and
//! what is said instead ([`PayloadError`]); objects of fields, in whichever encoding
//! (`record`, `json`, `cbor`), and what fields mean (`plain`, `senml`); tables (`csv`); objects as a whole ([`events`]); and
//! [`sparkplug`], whose messages mean something only after others of the same node.
//!
//! `docs/reference/payloads.md` describes the formats. Readings that come by HTTP
//! ([`crate::ingest`]) go on as [`senml_json`].

mod cbor;
mod csv;
mod decimal;
mod error;
mod event;
mod json;
mod limits;
mod media;
mod plain;
mod reading;
mod record;
mod senml;
pub mod sparkplug;
mod timestamp;

pub use error::{PayloadError, Place, Problem};
pub use event::{Event, EventTime, events, unix_ns};
pub use limits::PayloadLimits;
pub use media::Format;
pub use reading::{Number, Reading, Time, Value};
pub use senml::senml_json;

/// The readings of one message, in its order, and at least one.
///
/// # Errors
///
/// The first thing that is wrong with the message. Then none of its readings are taken.
pub fn decode(
    format: Format,
    body: &[u8],
    limits: &PayloadLimits,
) -> Result<Vec<Reading>, PayloadError> {
    if body.len() > limits.body_bytes_max {
        return Err(Problem::too_large("bytes of the message", limits.body_bytes_max)
            .at(Place::default())
            .hint("send it in parts"));
    }
    let readings = match format {
        Format::Json => plain::readings(limits, |sink| json::records(body, limits, sink)),
        Format::Cbor => plain::readings(limits, |sink| cbor::records(body, limits, sink)),
        Format::SenmlJson => senml::readings(limits, senml::Labels::Text, |sink| {
            json::records_of_array(body, limits, sink)
        }),
        Format::SenmlCbor => senml::readings(limits, senml::Labels::Numbers, |sink| {
            cbor::records_of_array(body, limits, sink)
        }),
        Format::Csv => csv::readings(body, limits),
    }?;
    if readings.is_empty() {
        return Err(Problem::Empty.at(Place::default()));
    }
    Ok(readings)
}

#[cfg(test)]
mod tests;
