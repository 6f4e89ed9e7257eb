//! What a client is told once something is durable, or is not.

use super::Client;
use crate::mqtt::codec::Version;
use crate::mqtt::connection::Ending;
use crate::mqtt::connection::pending::Answer;
use crate::mqtt::journal::JournalError;
use crate::mqtt::metrics::End;
use mqtt5_protocol::ReasonCode;
use mqtt5_protocol::packet::suback::SubAckReasonCode;

impl Client {
    /// Writes the answers that are settled.
    pub(in crate::mqtt::connection) fn answer(&mut self) -> Result<bool, Ending> {
        let mut has_answered = false;
        while let Some((answer, result)) = self.pending.next() {
            has_answered = true;
            self.packets_out += 1;
            match result {
                Ok(()) => self.write(answer),
                Err(error) => self.apologize(answer, &error)?,
            }
        }
        Ok(has_answered)
    }

    fn write(&mut self, answer: Answer) {
        let writer = &mut self.writer;
        match answer {
            Answer::PubAck { packet_id, reason, text } => {
                self.unacknowledged = self.unacknowledged.saturating_sub(1);
                writer.puback(packet_id, reason, text);
            }
            Answer::PubRec { packet_id, reason, text, .. } => {
                if reason.is_error() {
                    self.incomplete.remove(&packet_id);
                }
                writer.pubrec(packet_id, reason, text);
            }
            Answer::PubRel { packet_id, reason } => writer.pubrel(packet_id, reason),
            Answer::PubComp { packet_id, reason } => {
                self.incomplete.remove(&packet_id);
                writer.pubcomp(packet_id, reason);
            }
            Answer::SubAck { packet_id, codes, text } => writer.suback(packet_id, codes, text),
            Answer::UnsubAck { packet_id, codes } => writer.unsuback(packet_id, codes),
        }
    }

    /// Says that something could not be kept, where that can be said. Where it cannot, the
    /// connection ends, so that the client does it again.
    fn apologize(&mut self, answer: Answer, error: &JournalError) -> Result<(), Ending> {
        let (reason, text) = match error {
            JournalError::Full => (ReasonCode::QuotaExceeded, "there is no room to keep it"),
            JournalError::Busy => (ReasonCode::QuotaExceeded, "too much waits for the disk"),
            JournalError::Failed(_) => {
                (ReasonCode::ImplementationSpecificError, "it cannot be kept")
            }
        };
        match answer {
            Answer::PubAck { packet_id, .. } if self.version == Version::V5 => {
                self.write(Answer::PubAck { packet_id, reason, text });
            }
            Answer::PubRec { packet_id, is_first: true, .. } => {
                self.session.forget(packet_id);
                if self.version == Version::V3 {
                    return Err(Ending::new(End::Journal));
                }
                self.write(Answer::PubRec { packet_id, reason, text, is_first: true });
            }
            Answer::SubAck { packet_id, mut codes, .. } => {
                codes.fill(SubAckReasonCode::ImplementationSpecificError);
                self.write(Answer::SubAck { packet_id, codes, text });
            }
            _ => return Err(Ending::told(End::Journal, reason, text)),
        }
        Ok(())
    }
}
