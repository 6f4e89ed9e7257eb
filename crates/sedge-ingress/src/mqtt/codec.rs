//! Packets: from bytes, checked as the standard wants it, and to bytes.
//!
//! The bytes of a packet are read and written by `mqtt5-protocol`
//! (`docs/adr/0022-mqtt-protocol.md`). What stands here is where a packet ends, and, in
//! `check`, what the standard forbids and the library lets pass.

mod check;
mod write;

pub(crate) use write::Writer;

use super::options::MqttOptions;
use bytes::{Buf, Bytes, BytesMut};
use mqtt5_protocol::packet::MqttPacket;
use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::{FixedHeader, MqttError, Packet, PacketType, ReasonCode};

/// Which of the two a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 3.1.1.
    V3,
    /// 5.0.
    V5,
}

impl Version {
    /// As it stands in a CONNECT.
    pub(crate) fn number(self) -> u8 {
        match self {
            Version::V3 => 4,
            Version::V5 => 5,
        }
    }
}

/// Why a connection has to end: the reason code, and a sentence for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: ReasonCode,
    pub(crate) text: &'static str,
}

impl Fault {
    pub(crate) fn new(reason: ReasonCode, text: &'static str) -> Self {
        Fault { reason, text }
    }

    pub(crate) fn malformed(text: &'static str) -> Self {
        Fault::new(ReasonCode::MalformedPacket, text)
    }

    pub(crate) fn protocol(text: &'static str) -> Self {
        Fault::new(ReasonCode::ProtocolError, text)
    }
}

impl From<MqttError> for Fault {
    fn from(error: MqttError) -> Self {
        match error {
            MqttError::DuplicatePropertyId(_) => {
                Fault::protocol("a property stands there more than once")
            }
            MqttError::ProtocolError(_) => Fault::protocol("the packet breaks the protocol"),
            MqttError::InvalidPropertyId(_) => Fault::malformed("there is no such property"),
            MqttError::InvalidQoS(_) => Fault::malformed("there is no QoS 3"),
            MqttError::InvalidPacketType(_) => Fault::malformed("there is no such packet"),
            _ => Fault::malformed("the packet is not whole, or not MQTT"),
        }
    }
}

/// Takes the next packet from what was read; `None`: it is not all there.
pub(crate) fn frame(
    read: &mut BytesMut,
    bytes_max: usize,
) -> Result<Option<(FixedHeader, Bytes)>, Fault> {
    let length = read.iter().skip(1).take(4);
    let Some(last) = length.clone().position(|byte| byte & 0x80 == 0) else {
        return match length.count() {
            4 => Err(Fault::malformed("a length has four bytes at most")),
            _ => Ok(None),
        };
    };
    let header_bytes = 2 + last;
    let header = FixedHeader::decode(&mut &read[..header_bytes])?;
    let packet_bytes = header_bytes + header.remaining_length as usize;
    if packet_bytes > bytes_max {
        let text = "the packet is larger than this server takes; hint: see Maximum Packet Size";
        return Err(Fault::new(ReasonCode::PacketTooLarge, text));
    }
    if read.len() < packet_bytes {
        read.reserve(packet_bytes - read.len());
        return Ok(None);
    }
    let mut packet = read.split_to(packet_bytes).freeze();
    packet.advance(header_bytes);
    Ok(Some((header, packet)))
}

/// Reads any packet but the first one.
pub(crate) fn decode(
    header: &FixedHeader,
    mut body: Bytes,
    version: Version,
    options: &MqttOptions,
) -> Result<Packet, Fault> {
    if matches!(header.packet_type, PacketType::PingReq) && !body.is_empty() {
        return Err(Fault::malformed("a PINGREQ has nothing in it"));
    }
    if version == Version::V3 {
        check::v3_form(header, &body)?;
    }
    let packet = Packet::decode_from_body_with_version(
        header.packet_type,
        header,
        &mut body,
        version.number(),
    )?;
    if !body.is_empty() {
        return Err(Fault::malformed("something is left behind the packet's end"));
    }
    check::packet(&packet, options)?;
    Ok(packet)
}

/// Reads a CONNECT. The version is told as far as it is known, for the answer.
pub(crate) fn decode_connect(
    header: &FixedHeader,
    body: Bytes,
    options: &MqttOptions,
) -> Result<(Version, ConnectPacket), (Version, Fault)> {
    let version = check::protocol(&body)?;
    let connect = connect_packet(header, body, version, options);
    connect.map(|connect| (version, connect)).map_err(|fault| (version, fault))
}

/// The flags of a CONNECT stand behind its protocol's name and version.
const FLAGS_AT: usize = 7;
const USERNAME: u8 = 0x80;
const PASSWORD: u8 = 0x40;

fn connect_packet(
    header: &FixedHeader,
    body: Bytes,
    version: Version,
    options: &MqttOptions,
) -> Result<ConnectPacket, Fault> {
    if !header.validate_flags() {
        return Err(Fault::malformed("a CONNECT has no flags in its first byte"));
    }
    let flags = body.get(FLAGS_AT).copied().unwrap_or_default();
    let has_lone_password =
        version == Version::V5 && flags & PASSWORD != 0 && flags & USERNAME == 0;
    if !has_lone_password {
        let mut body = body;
        let connect = ConnectPacket::decode_body(&mut body, header)?;
        return check::connect(connect, &body, options);
    }
    // MQTT 5.0 allows a password without a name (§3.1.2.9), the library does not: it reads the
    // rest, and leaves the password, which is the last field.
    let mut rest = BytesMut::from(&body[..]);
    rest[FLAGS_AT] = flags & !PASSWORD;
    let mut rest = rest.freeze();
    let mut connect = ConnectPacket::decode_body(&mut rest, header)?;
    if rest.len() < 2 {
        return Err(Fault::malformed("the password is not there"));
    }
    let length = usize::from(rest.get_u16());
    if length > rest.len() {
        return Err(Fault::malformed("the password is not whole"));
    }
    connect.password = Some(rest.split_to(length).to_vec());
    check::connect(connect, &rest, options)
}

/// Reads what a client sends as a connection does, from its CONNECT on: how many packets it is,
/// and the reason code of the first that is refused. For whoever wants to know what a capture
/// is worth, and for fuzzing.
pub fn read_packets(bytes: &[u8], options: &MqttOptions) -> (usize, Option<u8>) {
    let mut read = BytesMut::from(bytes);
    let (mut count, mut version) = (0, None);
    loop {
        let next = frame(&mut read, options.packet_bytes_max);
        let result = match (next, version) {
            (Ok(None), _) => return (count, None),
            (Err(fault), _) => Err(fault),
            (Ok(Some((header, body))), Some(version)) => {
                decode(&header, body, version, options).map(drop)
            }
            (Ok(Some((header, body))), None) if header.packet_type == PacketType::Connect => {
                let connect = decode_connect(&header, body, options);
                connect.map(|(told, _)| version = Some(told)).map_err(|(_, fault)| fault)
            }
            (Ok(Some(_)), None) => Err(Fault::protocol("the first packet is a CONNECT")),
        };
        if let Err(fault) = result {
            return (count, Some(u8::from(fault.reason)));
        }
        count += 1;
    }
}

#[cfg(test)]
mod tests;
