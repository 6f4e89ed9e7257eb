//! Reading, answering and sending, in turn, as far as both sides keep up.

use super::Ending;
use super::client::Client;
use crate::mqtt::codec::{self, Fault};
use crate::mqtt::journal::JournalError;
use crate::mqtt::metrics::{Drop, End, add};
use crate::mqtt::session::{Order, Outgoing};
use bytes::{Buf, BytesMut};
use mqtt5_protocol::ReasonCode;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What is written at one time, and read.
const CHUNK_BYTES: usize = 64 << 10;
/// A client that leaves so much unread is not read any more.
const UNREAD_BYTES_MAX: usize = 256 << 10;
/// Answers that may wait until something is durable.
const PENDING_MAX: usize = 4_096;
/// Packets of one connection, until others have their turn.
const PACKETS_IN_A_ROW: usize = 256;

thread_local! {
    /// Where sockets are read; nothing stays here between two calls.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_BYTES]);
}

/// What a connection waits for besides bytes.
struct Clock {
    sleep: Pin<Box<Sleep>>,
    at: Instant,
    /// When something was last read.
    heard: Instant,
    /// Since when nothing of what is ready was taken.
    stuck: Option<Instant>,
    /// Something was written that may wait on this side of the socket.
    unflushed: bool,
}

impl Clock {
    fn new(now: Instant) -> Self {
        let sleep = Box::pin(tokio::time::sleep_until(now.into()));
        Clock { sleep, at: now, heard: now, stuck: None, unflushed: false }
    }

    /// Wakes the task at this time, at the latest.
    fn wake_at(&mut self, at: Instant, cx: &mut Context<'_>) {
        if self.sleep.is_elapsed() || at < self.at {
            self.at = at;
            self.sleep.as_mut().reset(at.into());
        }
        // If it is over already, the task is polled again and looks.
        if self.sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

impl Client {
    /// Serves the client until its end.
    pub(super) async fn drive(&mut self) -> Ending {
        let mut clock = Clock::new(Instant::now());
        let mut settled = Vec::new();
        let ending = poll_fn(|cx| self.poll(cx, &mut clock, &mut settled)).await;
        // What is settled is told, whatever the end is.
        let _ = self.settle(Waker::noop(), &mut settled);
        let _ = self.answer();
        if ending.end == End::Stopped {
            self.send_last();
        }
        self.flush_changes();
        ending
    }

    /// Writes some of what waits in the session though the connection ends: a server that
    /// stops may have said a last word.
    fn send_last(&mut self) {
        let now_ms = self.broker.now_ms();
        let taken = self.session.take(&self.inbox, self.inflight_max, 64, now_ms);
        self.broker.counters.dropped(Drop::Expired, taken.expired);
        self.changes.extend(taken.changes);
        taken.packets.into_iter().for_each(|packet| self.send_one(packet, now_ms));
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        clock: &mut Clock,
        settled: &mut Vec<(u64, Result<(), JournalError>)>,
    ) -> Poll<Ending> {
        match self.advance(cx, clock, settled) {
            Ok(()) => Poll::Pending,
            Err(ending) => Poll::Ready(ending),
        }
    }

    fn advance(
        &mut self,
        cx: &mut Context<'_>,
        clock: &mut Clock,
        settled: &mut Vec<(u64, Result<(), JournalError>)>,
    ) -> Result<(), Ending> {
        let mut packets = 0;
        loop {
            self.settle(cx.waker(), settled)?;
            let mut has_moved = self.answer()?;
            let heard = self.decode()?;
            packets += heard;
            has_moved |= heard > 0;
            has_moved |= self.send(cx.waker(), settled)?;
            has_moved |= self.poll_write(cx, clock)?;
            has_moved |= self.poll_read(cx, clock)?;
            if !has_moved {
                break;
            }
            if packets > PACKETS_IN_A_ROW {
                cx.waker().wake_by_ref();
                break;
            }
        }
        self.flush_changes();
        self.look_at(clock, cx)
    }

    /// Takes in what others have told.
    fn settle(
        &mut self,
        waker: &Waker,
        settled: &mut Vec<(u64, Result<(), JournalError>)>,
    ) -> Result<(), Ending> {
        let order = self.inbox.listen(waker, settled);
        for (ticket, result) in settled.drain(..) {
            self.pending.settle(ticket, result);
        }
        order.map_or(Ok(()), |order| Err(ordered(order)))
    }

    /// Whether what was sent so far has to be dealt with first.
    fn is_stalled(&self) -> bool {
        self.pending.len() >= PENDING_MAX || self.writer.out.len() >= UNREAD_BYTES_MAX
    }

    /// Does what the packets say that were read; gives how many.
    fn decode(&mut self) -> Result<usize, Ending> {
        let mut packets = 0;
        while packets < PACKETS_IN_A_ROW && !self.is_stalled() {
            let options = &self.broker.options;
            let Some((header, body)) = codec::frame(&mut self.read, options.packet_bytes_max)?
            else {
                break;
            };
            let packet = codec::decode(&header, body, self.writer.version(), options)?;
            self.hear(packet)?;
            packets += 1;
        }
        if self.read.is_empty() {
            // It has been divided into packets, and is not held on to.
            self.read = BytesMut::new();
        }
        Ok(packets)
    }

    /// Writes what waits in the session, as far as the client keeps up.
    fn send(
        &mut self,
        waker: &Waker,
        settled: &mut Vec<(u64, Result<(), JournalError>)>,
    ) -> Result<bool, Ending> {
        let mut has_sent = false;
        while self.writer.out.len() < CHUNK_BYTES {
            let now_ms = self.broker.now_ms();
            let taken = self.session.take(&self.inbox, self.inflight_max, 64, now_ms);
            self.broker.counters.dropped(Drop::Expired, taken.expired);
            self.changes.extend(taken.changes);
            // What is durable is told before it is delivered, so the answer to a subscription
            // comes before what is sent because of it.
            self.settle(waker, settled)?;
            has_sent |= self.answer()?;
            if taken.packets.is_empty() {
                break;
            }
            has_sent = true;
            for packet in taken.packets {
                self.send_one(packet, now_ms);
            }
        }
        Ok(has_sent)
    }

    fn send_one(&mut self, packet: Outgoing, now_ms: u64) {
        self.packets_out += 1;
        let (packet_id, again, delivery, message) = match packet {
            Outgoing::Release { packet_id } => {
                return self.writer.pubrel(packet_id, ReasonCode::Success);
            }
            Outgoing::Publish { packet_id, again, delivery, message } => {
                (packet_id, again, delivery, message)
            }
        };
        if self.writer.publish(packet_id, again, &delivery, &message, now_ms).is_ok() {
            return add(&self.broker.counters.sent[usize::from(delivery.qos)], 1);
        }
        // As if it had been sent and acknowledged (MQTT 5.0 §3.1.2.11.4).
        self.broker.counters.dropped(Drop::TooLarge, 1);
        if packet_id != 0 {
            let done = self.session.acknowledged(packet_id, delivery.qos);
            if let crate::mqtt::session::Received::Fits(change) = done {
                self.changes.extend(change);
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, clock: &mut Clock) -> Result<bool, Ending> {
        let mut has_moved = false;
        while !self.writer.out.is_empty() {
            let written = match Pin::new(&mut self.line).poll_write(cx, &self.writer.out) {
                Poll::Ready(Ok(0) | Err(_)) => return Err(Ending::new(End::Closed)),
                Poll::Ready(Ok(written)) => written,
                Poll::Pending => {
                    clock.stuck.get_or_insert_with(Instant::now);
                    return Ok(has_moved);
                }
            };
            add(&self.broker.counters.bytes_out, written as u64);
            self.writer.out.advance(written);
            (has_moved, clock.stuck, clock.unflushed) = (true, None, true);
        }
        if has_moved {
            self.writer.out = BytesMut::new();
        }
        if clock.unflushed {
            match Pin::new(&mut self.line).poll_flush(cx) {
                Poll::Ready(Ok(())) => (clock.stuck, clock.unflushed) = (None, false),
                Poll::Ready(Err(_)) => return Err(Ending::new(End::Closed)),
                Poll::Pending => {
                    clock.stuck.get_or_insert_with(Instant::now);
                }
            }
        }
        Ok(has_moved)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, clock: &mut Clock) -> Result<bool, Ending> {
        // A packet that is larger than a chunk is read on; what waits behind one is not.
        if self.is_stalled() {
            return Ok(false);
        }
        let now = Instant::now();
        let most = match self.throttle.check(now) {
            Ok(most) => most.min(CHUNK_BYTES),
            Err(at) => {
                add(&self.broker.counters.throttled, 1);
                clock.wake_at(at, cx);
                return Ok(false);
            }
        };
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(&mut scratch[..most]);
            match Pin::new(&mut self.line).poll_read(cx, &mut buffer) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Err(_)) => return Err(Ending::new(End::Closed)),
                Poll::Ready(Ok(())) => {}
            }
            let read = buffer.filled();
            if read.is_empty() {
                return Err(Ending::new(End::Closed));
            }
            self.throttle.take(read.len(), now);
            add(&self.broker.counters.bytes_in, read.len() as u64);
            clock.heard = now;
            self.read.extend_from_slice(read);
            Ok(true)
        })
    }

    /// Looks at what must not last too long, and sees to it that it looks again.
    fn look_at(&mut self, clock: &mut Clock, cx: &mut Context<'_>) -> Result<(), Ending> {
        let now = Instant::now();
        let mut next = now + Duration::from_secs(3_600);
        if let Some(since) = clock.stuck {
            let until = since + self.broker.options.write_timeout;
            if until <= now {
                return Err(Ending::new(End::SlowReader));
            }
            next = next.min(until);
        }
        if let Some(silence) = self.silence {
            // A client is not silent that is not listened to.
            let is_read = !self.is_stalled() && self.throttle.check(now).is_ok();
            let until = clock.heard + silence;
            if until <= now && is_read {
                let text = "nothing came for one and a half times the keep alive";
                return Err(Ending::told(End::KeepAlive, ReasonCode::KeepAliveTimeout, text));
            }
            next = next.min(until.max(now + Duration::from_millis(10)));
        }
        clock.wake_at(next, cx);
        Ok(())
    }
}

fn ordered(order: Order) -> Ending {
    let (end, reason, text) = match order {
        Order::TakenOver => {
            let text = "another connection has this client identifier";
            (End::TakenOver, ReasonCode::SessionTakenOver, text)
        }
        Order::ShuttingDown => (End::Stopped, ReasonCode::ServerShuttingDown, "the server stops"),
        Order::Administrative => {
            let text = "an operator has ended the connection";
            (End::Stopped, ReasonCode::AdministrativeAction, text)
        }
    };
    Ending { end, fault: Some(Fault::new(reason, text)), keeps_will: true, expiry_s: None }
}
