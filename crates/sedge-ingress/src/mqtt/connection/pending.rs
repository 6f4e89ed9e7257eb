//! Answers that wait until something is durable, in the order of what they answer
//! (MQTT 5.0 §4.6).

use crate::mqtt::journal::JournalError;
use mqtt5_protocol::ReasonCode;
use mqtt5_protocol::packet::suback::SubAckReasonCode;
use mqtt5_protocol::packet::unsuback::UnsubAckReasonCode;
use std::collections::VecDeque;

/// What a client is told.
#[derive(Debug)]
pub(super) enum Answer {
    PubAck { packet_id: u16, reason: ReasonCode, text: &'static str },
    PubRec { packet_id: u16, reason: ReasonCode, text: &'static str, is_first: bool },
    PubRel { packet_id: u16, reason: ReasonCode },
    PubComp { packet_id: u16, reason: ReasonCode },
    SubAck { packet_id: u16, codes: Vec<SubAckReasonCode>, text: &'static str },
    UnsubAck { packet_id: u16, codes: Vec<UnsubAckReasonCode> },
}

struct Waiting {
    answer: Answer,
    settled: Option<Result<(), JournalError>>,
}

/// Answers in order.
#[derive(Default)]
pub(super) struct Pending {
    waiting: VecDeque<Waiting>,
    /// The ticket of the first one.
    first: u64,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// One that waits for its ticket to be settled.
    pub(super) fn wait(&mut self, answer: Answer) {
        self.waiting.push_back(Waiting { answer, settled: None });
    }

    /// The ticket of the next one.
    pub(super) fn next_ticket(&self) -> u64 {
        self.first + self.waiting.len() as u64
    }

    /// One that waits only for those before it.
    pub(super) fn ready(&mut self, answer: Answer) {
        self.waiting.push_back(Waiting { answer, settled: Some(Ok(())) });
    }

    pub(super) fn settle(&mut self, ticket: u64, result: Result<(), JournalError>) {
        let index = ticket.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(waiting) = index.and_then(|index| self.waiting.get_mut(index)) {
            waiting.settled = Some(result);
        }
    }

    /// The next answer, if it is settled.
    pub(super) fn next(&mut self) -> Option<(Answer, Result<(), JournalError>)> {
        self.waiting.front()?.settled.as_ref()?;
        let Waiting { answer, settled } = self.waiting.pop_front()?;
        self.first += 1;
        Some((answer, settled?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(packet_id: u16) -> Answer {
        Answer::PubAck { packet_id, reason: ReasonCode::Success, text: "" }
    }

    #[test]
    fn answers_keep_their_order_whatever_is_durable_first() {
        let mut pending = Pending::default();
        for (ticket, packet_id) in [(0, 1), (1, 2)] {
            assert_eq!(pending.next_ticket(), ticket);
            pending.wait(ack(packet_id));
        }
        pending.ready(ack(3));
        pending.settle(1, Ok(()));
        pending.settle(99, Ok(()));
        assert!(pending.next().is_none());
        pending.settle(0, Err(JournalError::Full));
        let order: Vec<_> = std::iter::from_fn(|| pending.next())
            .map(|(answer, result)| match answer {
                Answer::PubAck { packet_id, .. } => (packet_id, result.is_ok()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(order, [(1, false), (2, true), (3, true)]);
        assert_eq!((pending.len(), pending.next_ticket()), (0, 3));
    }
}
