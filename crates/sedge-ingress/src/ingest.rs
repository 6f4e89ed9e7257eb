//! Readings, as far as it is decided without a socket or a log.
//!
//! By HTTP: what a request for one device asks to be stored, or the answer that refuses it. By
//! MQTT: what messages of edge nodes of Sparkplug B come to ([`EdgeNodes`]).
//!
//! A device may number what it sends, by `Sedge-Epoch` (how often it has booted, or anything
//! else that grows) and `Sedge-Sequence` (the number of the first reading; the others count
//! on). Numbered readings take effect once, however often a request is repeated.
//!
//! Whoever has the socket and the log asks in this order: [`device`], [`basic`], [`ingest`],
//! and for each record its [`topic`] and its payload
//! ([`senml_json`](crate::payload::senml_json)).

use crate::payload::{self, Format, PayloadError, PayloadLimits, Reading};

mod address;
mod edge_nodes;
mod refusal;

pub use address::{basic, device, topic};
pub use edge_nodes::{EdgeNodes, EdgeOutcome, EdgeRecord, Rebirth, Understood};
pub use refusal::Refusal;

/// The field that has the epoch of a device's numbers.
pub const EPOCH: &str = "sedge-epoch";
/// The field that has the number of the first reading in its epoch.
pub const SEQUENCE: &str = "sedge-sequence";

/// The highest epoch that a device may say; the node has those above for itself.
pub const EPOCH_MAX: u64 = (1 << 63) - 1;

/// Bytes of a device's name, as the log takes it.
const DEVICE_BYTES_MAX: usize = 256;

/// A request, after its head was read and its body has arrived.
#[derive(Clone, Copy, Debug)]
pub struct IngestRequest<'r> {
    /// Whose readings they are, as the path says, percent-decoded.
    pub device: &'r str,
    /// The head's `Content-Type`.
    pub content_type: Option<&'r str>,
    /// The head's `Content-Encoding`.
    pub content_encoding: Option<&'r str>,
    /// The head's [`EPOCH`].
    pub epoch: Option<&'r str>,
    /// The head's [`SEQUENCE`].
    pub sequence: Option<&'r str>,
    /// The body.
    pub body: &'r [u8],
    /// When it arrived, in nanoseconds since 1970.
    pub received_unix_ns: i64,
}

/// What a device asks to be stored: all of it, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Ingest {
    /// Whose readings they are.
    pub device: Box<str>,
    /// In the order of the message; at least one.
    pub records: Vec<IngestRecord>,
}

/// A reading that is to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct IngestRecord {
    /// By what it is recognized when it comes again; `None` if the device does not number
    /// what it sends.
    pub number: Option<IngestNumber>,
    /// When it was measured, in nanoseconds since 1970: as the device says, or else when it
    /// arrived.
    pub time_unix_ns: i64,
    /// What was measured.
    pub reading: Reading,
}

/// What numbers a device's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestNumber {
    /// In which epoch of the device.
    pub epoch: u64,
    /// Its place in that.
    pub sequence: u64,
}

/// What the request asks to be stored.
///
/// # Errors
///
/// The answer that says why it is not.
pub fn ingest(request: &IngestRequest<'_>, limits: &PayloadLimits) -> Result<Ingest, Refusal> {
    let device = request.device;
    if device.is_empty()
        || device.len() > DEVICE_BYTES_MAX
        || device.contains(|c: char| c.is_control() || c == '/')
    {
        return Err(Refusal::bad(format!(
            "a device has a name of 1 to {DEVICE_BYTES_MAX} bytes without control characters and \
             slashes"
        )));
    }
    let first = number(request)?;
    let coding = request.content_encoding.map_or("identity", str::trim);
    if !coding.eq_ignore_ascii_case("identity") {
        return Err(Refusal::coding());
    }
    let format = request.content_type.and_then(Format::of_media_type);
    let format = format.ok_or_else(Refusal::media_type)?;
    let readings =
        payload::decode(format, request.body, limits).map_err(|error| Refusal::payload(&error))?;
    if let Some(first) = first
        && first.sequence.checked_add(readings.len() as u64 - 1).is_none()
    {
        return Err(Refusal::bad(format!("the numbers from {SEQUENCE} on do not fit in 64 bits")));
    }
    let records = readings.into_iter().enumerate().map(|(index, reading)| {
        let number = first.map(|first| IngestNumber {
            sequence: first.sequence.saturating_add(index as u64),
            ..first
        });
        let time = match reading.time {
            Some(time) => time.unix_ns(request.received_unix_ns),
            None => Some(request.received_unix_ns),
        };
        let time_unix_ns = time.ok_or_else(|| Refusal::time(index))?;
        Ok(IngestRecord { number, time_unix_ns, reading })
    });
    Ok(Ingest { device: device.into(), records: records.collect::<Result<_, _>>()? })
}

/// The number of the first reading, if the request has one.
fn number(request: &IngestRequest<'_>) -> Result<Option<IngestNumber>, Refusal> {
    let parse = |name: &str, value: &str| {
        let digits = Some(value.trim()).filter(|value| value.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
            Refusal::bad(format!("{name} is not a decimal number of 64 bits without a sign"))
        })
    };
    match (request.epoch, request.sequence) {
        (None, None) => Ok(None),
        (Some(epoch), Some(sequence)) => {
            let epoch = parse(EPOCH, epoch)?;
            let sequence = parse(SEQUENCE, sequence)?;
            if epoch > EPOCH_MAX {
                return Err(Refusal::bad(format!("{EPOCH} is not below 2^63")));
            }
            Ok(Some(IngestNumber { epoch, sequence }))
        }
        (Some(_), None) => Err(Refusal::bad(format!("{EPOCH} is there without {SEQUENCE}"))),
        (None, Some(_)) => Err(Refusal::bad(format!("{SEQUENCE} is there without {EPOCH}"))),
    }
}

#[cfg(test)]
mod tests;
