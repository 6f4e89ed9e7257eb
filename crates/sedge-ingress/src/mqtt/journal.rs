//! What must survive a restart, and the line behind which somebody keeps it.
//!
//! The broker never hears of files: it tells a [`Journal`] what has changed, in order, and is
//! told when that is durable. What is left of all changes is a [`Kept`], which a journal gives
//! back when the broker begins; [`Kept::apply`] is the one place that says what a change
//! means, for every journal.

mod form;
mod kept;

pub use form::FormError;
pub use kept::{Kept, KeptSession, Waiting};

use super::message::Message;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is told when changes are durable, or why they are not.
pub type Reply = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

/// Why changes are not durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// There is no room. What was told before is safe.
    #[error("there is no room to keep it; hint: free space, or let readers of the log go on")]
    Full,
    /// More is waiting than may; it can be told again.
    #[error("too much waits for the disk")]
    Busy,
    /// The disk has failed, or what was told cannot be kept.
    #[error("it cannot be kept: {0}")]
    Failed(String),
}

/// Keeps what must survive.
pub trait Journal: Send + Sync + 'static {
    /// Keeps all of these changes or none, after those of all earlier calls, and then calls
    /// `reply`, once, from any thread, perhaps before this returns; of calls that go well, in
    /// their order. Without changes it is told when all earlier ones are durable. Does not
    /// block.
    fn commit(&self, changes: Vec<Change>, reply: Reply);

    /// A message that nobody waits for to be kept (QoS 0, not retained), for whoever else is
    /// interested. Does not block; may forget it.
    fn notice(&self, message: &Arc<Message>);

    /// Whether a message has a reader beside the sessions: then its publisher is not told that
    /// nobody has subscribed to it.
    fn is_read(&self, message: &Message) -> bool {
        let _ = message;
        false
    }

    /// What is left of the changes of earlier lives. Called once, before all else.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&self) -> Result<Kept, JournalError>;
}

/// How a message goes to one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Counts what a session is owed with QoS 1 and 2, from 1 on, without gaps that matter: the
    /// packet identifier follows from it, so that it is the same after a restart. 0 with QoS 0.
    pub sequence: u64,
    /// The lower one of what was published and what is subscribed.
    pub qos: u8,
    /// Whether it is told as retained.
    pub retain: bool,
    /// Identifiers of the subscriptions that it is for.
    pub subscriptions: Vec<u32>,
}

/// How topics are subscribed (MQTT 5.0 §3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The highest QoS with which messages are delivered.
    pub qos: u8,
    /// Not what the client itself has published.
    pub no_local: bool,
    /// Whether the flag is passed on as it was published.
    pub retain_as_published: bool,
    /// 0: retained messages are sent; 1: if the subscription is new; 2: not.
    pub retain_handling: u8,
    /// Told with each message that is for it.
    pub identifier: Option<u32>,
}

/// A message that a client leaves for the case of its death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// What is published then. Its time runs from then on.
    pub message: Arc<Message>,
    /// Its `Message Expiry Interval`, seconds.
    pub expiry_s: Option<u32>,
    /// How long to wait, seconds.
    pub delay_s: u32,
}

/// What has changed. Only sessions that outlive their connections are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A message was published; it is retained if it says so.
    Published {
        /// What.
        message: Arc<Message>,
        /// With QoS 2, from a session that outlives its connection: whose, and its packet
        /// identifier, by which it is recognized when it comes again.
        received: Option<(Arc<str>, u16)>,
        /// Who is owed it.
        to: Vec<(Arc<str>, Delivery)>,
    },
    /// A client has connected to a session that outlives the connection.
    Connected {
        /// Whose session.
        client: Arc<str>,
        /// Whether it begins anew.
        is_new: bool,
        /// How long it outlives a connection, seconds.
        expiry_s: u32,
        /// If it is new: the sequence of what it is owed first, which is above all that an
        /// earlier session of this client may still be told of.
        first_sequence: u64,
        /// What is published if the connection dies.
        will: Option<Will>,
    },
    /// Its connection is over; from now on the session's time runs.
    Left {
        /// Whose session.
        client: Arc<str>,
        /// When, milliseconds since 1970.
        at_ms: u64,
        /// How long it is kept, seconds.
        expiry_s: u32,
        /// Whether the will is still to be published, once its delay is over.
        has_will: bool,
    },
    /// The session is no more.
    Ended {
        /// Whose.
        client: Arc<str>,
    },
    /// A will was published, or is not to be.
    WillDone {
        /// Whose.
        client: Arc<str>,
    },
    /// Topics were subscribed, perhaps again with other options.
    Subscribed {
        /// Whose session.
        client: Arc<str>,
        /// As it was written.
        filter: Arc<str>,
        /// How.
        options: Subscription,
    },
    /// A subscription is no more.
    Unsubscribed {
        /// Whose session.
        client: Arc<str>,
        /// As it was written.
        filter: Arc<str>,
    },
    /// A session is owed a message that was published before.
    Owed {
        /// Whose session.
        client: Arc<str>,
        /// How.
        delivery: Delivery,
        /// What.
        message: Arc<Message>,
    },
    /// The client has a message of QoS 2 and has said so; only the release is left.
    Released {
        /// Whose session.
        client: Arc<str>,
        /// Which message.
        sequence: u64,
    },
    /// A session is not owed a message any more.
    Done {
        /// Whose session.
        client: Arc<str>,
        /// Which message.
        sequence: u64,
    },
    /// The client will not send a message of QoS 2 again.
    Forgotten {
        /// Whose session.
        client: Arc<str>,
        /// The packet identifier.
        packet_id: u16,
    },
}

/// A journal in memory: nothing survives the process, but what it has can be taken over by
/// another broker. For tests, and for nodes that keep nothing.
#[derive(Default)]
pub struct MemoryJournal {
    kept: Mutex<Kept>,
}

impl MemoryJournal {
    /// An empty one.
    pub fn new() -> Self {
        MemoryJournal::default()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for MemoryJournal {
    fn commit(&self, changes: Vec<Change>, reply: Reply) {
        if !changes.is_empty() {
            let mut kept = self.lock();
            changes.into_iter().for_each(|change| kept.apply(change));
        }
        reply(Ok(()));
    }

    fn notice(&self, _: &Arc<Message>) {}

    fn load(&self) -> Result<Kept, JournalError> {
        Ok(self.lock().clone())
    }
}
