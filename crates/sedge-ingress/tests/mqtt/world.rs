//! An MQTT front in this process, and a client that says exactly what it is told.

use bytes::BytesMut;
use mqtt5_protocol::packet::MqttPacket;
use mqtt5_protocol::packet::connack::ConnAckPacket;
use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::packet::puback::PubAckPacket;
use mqtt5_protocol::packet::publish::PublishPacket;
use mqtt5_protocol::packet::subscribe::{SubscribePacket, TopicFilter};
use mqtt5_protocol::{ConnectOptions, FixedHeader, Packet, PacketType, QoS, ReasonCode};
use sedge_ingress::mqtt::auth::{Acl, Anyone, Authenticate};
use sedge_ingress::mqtt::journal::{Journal, MemoryJournal};
use sedge_ingress::mqtt::metrics::MqttMetrics;
use sedge_ingress::mqtt::{Broker, MqttGateway, MqttListener, MqttOptions, Transport};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than anything here takes; no wait is without it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Dropped at the test's end.
pub(crate) struct World {
    pub(crate) gateway: MqttGateway,
    pub(crate) broker: Arc<Broker>,
}

pub(crate) struct Parts {
    pub(crate) options: MqttOptions,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) acl: Acl,
    pub(crate) listeners: Vec<MqttListener>,
}

pub(crate) fn listener(transport: Transport) -> MqttListener {
    MqttListener { listen: ([127, 0, 0, 1], 0).into(), transport, tls: None }
}

impl World {
    pub(crate) fn new(set: impl FnOnce(&mut MqttOptions)) -> World {
        World::with(|parts| set(&mut parts.options))
    }

    pub(crate) fn with(set: impl FnOnce(&mut Parts)) -> World {
        let mut parts = Parts {
            options: MqttOptions { threads: 2, ..MqttOptions::default() },
            journal: Arc::new(MemoryJournal::new()),
            authenticate: Arc::new(Anyone),
            acl: Acl::allow_all(),
            listeners: vec![listener(Transport::Tcp)],
        };
        set(&mut parts);
        let Parts { options, journal, authenticate, acl, listeners } = parts;
        let broker = Broker::new(options, journal, authenticate, acl).expect("a journal");
        let gateway = MqttGateway::bind(listeners, Arc::clone(&broker)).expect("a free port");
        World { gateway, broker }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.addresses()[0]
    }

    pub(crate) fn metrics(&self) -> MqttMetrics {
        self.gateway.metrics()
    }

    /// A client that has connected.
    pub(crate) fn client(&self, id: &str) -> Client {
        self.client_with(id, |_| {}).0
    }

    pub(crate) fn client_with(
        &self,
        id: &str,
        set: impl FnOnce(&mut ConnectPacket),
    ) -> (Client, ConnAckPacket) {
        let mut client = self.open();
        let connack = client.connect(id, set);
        assert_eq!(connack.reason_code, ReasonCode::Success, "{id}");
        (client, connack)
    }

    /// A socket on which nothing was said yet.
    pub(crate) fn open(&self) -> Client {
        Client::new(TcpStream::connect(self.address()).expect("it listens"))
    }
}

/// What a client is connected by.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

pub(crate) struct Client {
    stream: Box<dyn Stream>,
    version: u8,
    read: BytesMut,
    packet_id: u16,
}

/// A CONNECT of MQTT 5.0 with a clean start.
pub(crate) fn connect(id: &str) -> ConnectPacket {
    ConnectPacket::new(ConnectOptions {
        client_id: id.to_owned(),
        clean_start: true,
        ..ConnectOptions::default()
    })
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).expect("open");
        stream.set_write_timeout(Some(PATIENCE)).expect("open");
        stream.set_nodelay(true).expect("open");
        Client::over(stream)
    }

    pub(crate) fn over(stream: impl Stream + 'static) -> Client {
        Client { stream: Box::new(stream), version: 5, read: BytesMut::new(), packet_id: 0 }
    }

    pub(crate) fn connect(
        &mut self,
        id: &str,
        set: impl FnOnce(&mut ConnectPacket),
    ) -> ConnAckPacket {
        let mut packet = connect(id);
        set(&mut packet);
        self.version = packet.protocol_version;
        self.send(&packet);
        match self.next() {
            Packet::ConnAck(packet) => packet,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn send(&mut self, packet: &impl MqttPacket) {
        let mut bytes = BytesMut::new();
        packet.encode(&mut bytes).expect("a packet");
        self.write(&bytes);
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("it is read");
        self.stream.flush().expect("it is read");
    }

    /// The next packet; `None`: the connection has ended.
    pub(crate) fn maybe_next(&mut self) -> Option<Packet> {
        loop {
            let mut bytes = &self.read[..];
            let header = FixedHeader::decode(&mut bytes).ok();
            if let Some(header) =
                header.filter(|header| bytes.len() >= header.remaining_length as usize)
            {
                let head = self.read.len() - bytes.len();
                let packet = self.read.split_to(head + header.remaining_length as usize);
                let mut body = packet.freeze().slice(head..);
                let kind = header.packet_type;
                let packet =
                    Packet::decode_from_body_with_version(kind, &header, &mut body, self.version);
                return Some(packet.expect("a packet"));
            }
            let mut chunk = [0; 4_096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    pub(crate) fn next(&mut self) -> Packet {
        self.maybe_next().expect("one more packet")
    }

    pub(crate) fn message(&mut self) -> PublishPacket {
        match self.next() {
            Packet::Publish(packet) => packet,
            other => panic!("{other:?}"),
        }
    }

    /// Topic, payload, QoS, and whether it is told as retained.
    pub(crate) fn told(&mut self) -> (String, String, u8, bool) {
        let packet = self.message();
        let payload = String::from_utf8_lossy(&packet.payload).into_owned();
        (packet.topic_name, payload, packet.qos.into(), packet.retain)
    }

    /// The reason with which the server ends the connection.
    pub(crate) fn reason(&mut self) -> Option<ReasonCode> {
        let mut reason = None;
        while let Some(packet) = self.maybe_next() {
            if let Packet::Disconnect(packet) = packet {
                reason = Some(packet.reason_code);
            }
        }
        reason
    }

    /// Nothing else has come until now.
    pub(crate) fn silence(&mut self) {
        self.write(&[0xc0, 0]);
        match self.next() {
            Packet::PingResp => {}
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &str, qos: u8) {
        self.publish_with(topic, payload, qos, |_| {});
    }

    /// Gives its identifier.
    pub(crate) fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        qos: u8,
        set: impl FnOnce(&mut PublishPacket),
    ) -> u16 {
        self.packet_id += 1;
        let payload = payload.as_bytes().to_vec();
        let mut packet = PublishPacket::new(topic, payload, QoS::from(qos));
        packet.protocol_version = self.version;
        packet.packet_id = (qos > 0).then_some(self.packet_id);
        set(&mut packet);
        self.send(&packet);
        self.packet_id
    }

    /// Publishes with QoS 1, and waits until it is acknowledged.
    pub(crate) fn publish_kept(&mut self, topic: &str, payload: &str) -> ReasonCode {
        self.publish(topic, payload, 1);
        match self.next() {
            Packet::PubAck(packet) => packet.reason_code,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn retain(&mut self, topic: &str, payload: &str) -> ReasonCode {
        self.publish_with(topic, payload, 1, |packet| packet.retain = true);
        match self.next() {
            Packet::PubAck(packet) => packet.reason_code,
            other => panic!("{other:?}"),
        }
    }

    /// Gives the codes, as numbers.
    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8) -> u8 {
        self.subscribe_with(filter, qos, |_, _| {})
    }

    pub(crate) fn subscribe_with(
        &mut self,
        filter: &str,
        qos: u8,
        set: impl FnOnce(&mut SubscribePacket, &mut TopicFilter),
    ) -> u8 {
        self.packet_id += 1;
        let mut packet = SubscribePacket::new(self.packet_id);
        packet.protocol_version = self.version;
        let mut one = TopicFilter::new(filter, QoS::from(qos));
        set(&mut packet, &mut one);
        packet.filters.push(one);
        self.send(&packet);
        match self.next() {
            Packet::SubAck(packet) => packet.reason_codes[0] as u8,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn acknowledge(&mut self, packet: &PublishPacket) {
        self.send(&PubAckPacket::new(packet.packet_id.expect("an identifier")));
    }

    pub(crate) fn disconnect(mut self) {
        self.write(&[0xe0, 0]);
        assert!(self.maybe_next().is_none());
    }

    /// What kind of packet comes next.
    pub(crate) fn kind(&mut self) -> PacketType {
        match self.next() {
            Packet::PubAck(_) => PacketType::PubAck,
            Packet::PubRec(_) => PacketType::PubRec,
            Packet::PubRel(_) => PacketType::PubRel,
            Packet::PubComp(_) => PacketType::PubComp,
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until something holds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
