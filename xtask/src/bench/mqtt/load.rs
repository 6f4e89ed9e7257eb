//! Clients of MQTT 3.1.1 that do one thing: packets of one size, whose bytes are known before.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

const PUBLISHERS: usize = 16;
const WINDOW: usize = 64;
const PAYLOAD_BYTES: usize = 200;
/// `bench/00`.
const TOPIC_BYTES: usize = 8;
/// First byte, two of the length, topic and identifier before the payload.
const ID_AT: usize = 3 + 2 + TOPIC_BYTES;
const PUBLISH_BYTES: usize = ID_AT + 2 + PAYLOAD_BYTES;
const PUBACK_BYTES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(20);

/// Clients at work.
pub(super) struct Load {
    acknowledged: Arc<AtomicU64>,
    delivered: Arc<AtomicU64>,
    passed_on: bool,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Load {
    /// Connects all, and begins.
    pub(super) fn start(server: SocketAddr, passed_on: bool) -> Result<Self> {
        let mut load = Load {
            acknowledged: Arc::default(),
            delivered: Arc::default(),
            passed_on,
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for index in 0..PUBLISHERS {
            if passed_on {
                let stream = subscribe(server, index)?;
                let (count, stop) = (Arc::clone(&load.delivered), Arc::clone(&load.stop));
                load.threads.push(std::thread::spawn(move || receive(stream, &count, &stop)));
            }
            let stream = connect(server, &format!("p{index:02}"))?;
            let (count, stop) = (Arc::clone(&load.acknowledged), Arc::clone(&load.stop));
            load.threads.push(std::thread::spawn(move || publish(stream, index, &count, &stop)));
        }
        Ok(load)
    }

    /// Messages that were acknowledged and, if there are subscribers, have reached them.
    pub(super) fn count(&self) -> u64 {
        let acknowledged = self.acknowledged.load(Relaxed);
        if self.passed_on { acknowledged.min(self.delivered.load(Relaxed)) } else { acknowledged }
    }

    pub(super) fn stop(self) -> Result<()> {
        self.stop.store(true, Relaxed);
        for thread in self.threads {
            match thread.join() {
                Ok(result) => result?,
                Err(_) => bail!("a client panicked"),
            }
        }
        Ok(())
    }
}

fn publish(
    mut stream: TcpStream,
    index: usize,
    count: &AtomicU64,
    stop: &AtomicBool,
) -> Result<()> {
    let packet = publish_packet(index);
    let mut out = Vec::with_capacity(WINDOW * PUBLISH_BYTES);
    let (mut next, mut room, mut part) = (1u16, WINDOW, 0);
    let mut buffer = [0; 4_096];
    while !stop.load(Relaxed) {
        out.clear();
        for _ in 0..std::mem::take(&mut room) {
            let at = out.len();
            out.extend_from_slice(&packet);
            out[at + ID_AT..at + ID_AT + 2].copy_from_slice(&next.to_be_bytes());
            next = next.checked_add(1).unwrap_or(1);
        }
        stream.write_all(&out).context("publishing")?;
        let read = stream.read(&mut buffer).context("waiting for an acknowledgment")?;
        if read == 0 {
            bail!("the server has closed the connection of a publisher");
        }
        part += read;
        room = part / PUBACK_BYTES;
        part %= PUBACK_BYTES;
        count.fetch_add(room as u64, Relaxed);
    }
    Ok(())
}

fn receive(mut stream: TcpStream, count: &AtomicU64, stop: &AtomicBool) -> Result<()> {
    let mut buffer = vec![0; 64 * PUBLISH_BYTES];
    let (mut filled, mut out) = (0, Vec::new());
    // The end comes while nothing more does.
    stream.set_read_timeout(Some(Duration::from_millis(200))).context("setting a timeout")?;
    while !stop.load(Relaxed) {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => bail!("the server has closed the connection of a subscriber"),
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error).context("receiving"),
        }
        out.clear();
        let whole = filled / PUBLISH_BYTES;
        for packet in buffer[..filled].chunks_exact(PUBLISH_BYTES) {
            if packet[0] != 0x32 {
                bail!("something else than a PUBLISH of QoS 1 has come: {:#x}", packet[0]);
            }
            out.extend_from_slice(&[0x40, 2, packet[ID_AT], packet[ID_AT + 1]]);
        }
        buffer.copy_within(whole * PUBLISH_BYTES..filled, 0);
        filled -= whole * PUBLISH_BYTES;
        stream.write_all(&out).context("acknowledging")?;
        count.fetch_add(whole as u64, Relaxed);
    }
    Ok(())
}

fn publish_packet(index: usize) -> Vec<u8> {
    let length = PUBLISH_BYTES - 3;
    // A length of two bytes (MQTT 3.1.1 §2.2.3).
    let mut packet = vec![0x32, (length % 128) as u8 | 0x80, (length / 128) as u8];
    packet.extend_from_slice(&[0, TOPIC_BYTES as u8]);
    packet.extend_from_slice(format!("bench/{index:02}").as_bytes());
    packet.extend_from_slice(&[0, 0]);
    packet.resize(PUBLISH_BYTES, b'x');
    packet
}

fn subscribe(server: SocketAddr, index: usize) -> Result<TcpStream> {
    let mut stream = connect(server, &format!("s{index:02}"))?;
    let mut packet = vec![0x82, 2 + 2 + TOPIC_BYTES as u8 + 1, 0, 1, 0, TOPIC_BYTES as u8];
    packet.extend_from_slice(format!("bench/{index:02}").as_bytes());
    packet.push(1);
    stream.write_all(&packet).context("subscribing")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).context("waiting for SUBACK")?;
    if answer != [0x90, 3, 0, 1, 1] {
        bail!("the server has answered {answer:x?} to SUBSCRIBE");
    }
    Ok(stream)
}

/// A client that is let in.
pub(in crate::bench) fn connect(server: SocketAddr, id: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(server).context("connecting")?;
    stream.set_nodelay(true).context("setting TCP_NODELAY")?;
    stream.set_read_timeout(Some(PATIENCE)).context("setting a timeout")?;
    let mut packet = vec![0x10, 12 + id.len() as u8, 0, 4];
    packet.extend_from_slice(b"MQTT\x04\x02\x0e\x10\0");
    packet.push(id.len() as u8);
    packet.extend_from_slice(id.as_bytes());
    stream.write_all(&packet).context("sending CONNECT")?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).context("waiting for CONNACK")?;
    if answer != [0x20, 2, 0, 0] {
        bail!("the server has answered {answer:x?} to CONNECT");
    }
    Ok(stream)
}

/// So many clients that are let in, and then say nothing.
pub(super) fn connect_many(server: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    (0..count).map(|index| connect(server, &format!("idle-{index:05}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_as_long_as_it_says() {
        let packet = publish_packet(3);
        assert_eq!(packet.len(), PUBLISH_BYTES);
        let told = usize::from(packet[1] & 0x7f) + 128 * usize::from(packet[2]);
        assert_eq!(told, PUBLISH_BYTES - 3);
        assert_eq!(&packet[5..ID_AT], b"bench/03");
    }
}
