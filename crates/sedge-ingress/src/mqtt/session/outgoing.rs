//! What goes to the client, and what it says to that (MQTT 5.0 §4.3).

use super::state::State;
use super::{Shared, ids};
use crate::mqtt::journal::{Change, Delivery};
use crate::mqtt::message::Message;
use std::sync::Arc;

/// A message that a client is owed with QoS 1 or 2.
pub(super) enum Owed {
    /// It is not durable yet; so many bytes.
    Reserved(usize),
    /// It can be sent. `again`: it may have been sent before.
    Ready { delivery: Delivery, message: Arc<Message>, again: bool },
    /// It was sent.
    Sent(Delivery, Arc<Message>),
    /// The client has it (QoS 2) and is told to forget its identifier.
    Released,
}

/// A packet for the client.
pub(crate) enum Outgoing {
    /// A message. The identifier is 0 with QoS 0.
    Publish { packet_id: u16, again: bool, delivery: Delivery, message: Arc<Message> },
    /// The release of a message of QoS 2.
    Release { packet_id: u16 },
}

/// What is to be sent.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) packets: Vec<Outgoing>,
    /// Messages that were too old to be sent.
    pub(crate) expired: u64,
    /// What to tell the journal; nobody has to wait for it.
    pub(crate) changes: Vec<Change>,
    pub(super) done: Vec<u64>,
}

/// What became of what a client has said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// It fits, and has changed this.
    Fits(Option<Change>),
    /// It was said before; the answer is the same.
    Again,
    /// Nothing is known of this identifier.
    Unknown,
    /// It is not what this message is answered with.
    Misfits,
}

impl State {
    pub(super) fn take(
        &mut self,
        inflight_max: usize,
        count: usize,
        now_ms: u64,
        shared: &Shared,
    ) -> Taken {
        let mut taken = Taken::default();
        while taken.packets.len() < count {
            if let Some(sequence) = self.releases.pop_front() {
                let packet_id = ids::of(sequence);
                taken.packets.push(Outgoing::Release { packet_id });
                continue;
            }
            // The client's receive maximum is for QoS 1 and 2 only; the rest passes by.
            let owed = self.ready.front().filter(|_| self.inflight < inflight_max);
            let owed = owed.map_or(u64::MAX, |&(arrival, _)| arrival);
            let lossy = self.lossy.front().map_or(u64::MAX, |(arrival, ..)| *arrival);
            if owed == u64::MAX && lossy == u64::MAX {
                break;
            }
            if owed < lossy {
                self.take_owed(now_ms, shared, &mut taken);
            } else if let Some((_, delivery, message)) = self.lossy.pop_front() {
                self.release_bytes(message.bytes(), shared);
                if message.is_expired(now_ms) {
                    taken.expired += 1;
                    continue;
                }
                let again = false;
                taken.packets.push(Outgoing::Publish { packet_id: 0, again, delivery, message });
            }
        }
        taken
    }

    fn take_owed(&mut self, now_ms: u64, shared: &Shared, taken: &mut Taken) {
        let Some((_, sequence)) = self.ready.pop_front() else { return };
        let Some(owed) = self.owed.get_mut(&sequence) else { return };
        let Owed::Ready { delivery, message, again } = owed else { return };
        // What was sent before is owed until it is settled, whatever its time.
        if message.is_expired(now_ms) && !*again {
            taken.expired += 1;
            taken.done.push(sequence);
            return self.remove(sequence, shared);
        }
        let (delivery, message, again) = (delivery.clone(), Arc::clone(message), *again);
        *owed = Owed::Sent(delivery.clone(), Arc::clone(&message));
        self.inflight += 1;
        let packet_id = ids::of(sequence);
        taken.packets.push(Outgoing::Publish { packet_id, again, delivery, message });
    }

    fn find(&mut self, packet_id: u16) -> Option<(u64, &mut Owed)> {
        let oldest = *self.owed.first_key_value()?.0;
        let sequence = ids::sequence(packet_id, oldest)?;
        Some((sequence, self.owed.get_mut(&sequence)?))
    }

    /// The end of a message that was sent with this QoS.
    pub(super) fn acknowledged(
        &mut self,
        packet_id: u16,
        qos: u8,
        shared: &Shared,
    ) -> (Received, Option<u64>) {
        let sequence = match self.find(packet_id) {
            None => return (Received::Unknown, None),
            Some((sequence, Owed::Sent(delivery, _))) if delivery.qos == qos => sequence,
            Some((_, Owed::Sent(..) | Owed::Released)) => return (Received::Misfits, None),
            Some(_) => return (Received::Unknown, None),
        };
        self.settle(sequence, shared);
        (Received::Fits(None), Some(sequence))
    }

    pub(super) fn release(&mut self, packet_id: u16, shared: &Shared) -> Result<u64, Received> {
        let (sequence, bytes) = match self.find(packet_id) {
            Some((_, Owed::Released)) => return Err(Received::Again),
            Some((sequence, owed)) => match owed {
                Owed::Sent(delivery, message) if delivery.qos == 2 => {
                    let bytes = message.bytes();
                    *owed = Owed::Released;
                    (sequence, bytes)
                }
                Owed::Sent(..) => return Err(Received::Misfits),
                _ => return Err(Received::Unknown),
            },
            None => return Err(Received::Unknown),
        };
        self.release_bytes(bytes, shared);
        Ok(sequence)
    }

    pub(super) fn completed(&mut self, packet_id: u16, shared: &Shared) -> (Received, Option<u64>) {
        match self.find(packet_id) {
            Some((sequence, Owed::Released)) => {
                self.settle(sequence, shared);
                (Received::Fits(None), Some(sequence))
            }
            Some((_, Owed::Sent(..))) => (Received::Misfits, None),
            _ => (Received::Unknown, None),
        }
    }

    fn settle(&mut self, sequence: u64, shared: &Shared) {
        self.remove(sequence, shared);
        self.inflight = self.inflight.saturating_sub(1);
    }
}
