//! A message broker: a [`Broker`] as a state machine, a [`Deduplicator`] for its consumers, and a
//! [`Checker`] that stands outside of them. The machines refuse to know what a message says, what
//! its consumer does, and which network and disk lie between them: all of that is the host's.
//!
//! # The protocol
//!
//! A broker holds partitions of one queue: logs to which messages are appended in order. Every group
//! of consumers gets every message, at one of its members.
//!
//! ```text
//! producer          broker                      consumer
//!  │ publish          │                            │
//!  ├─────────────────▶│ Force                      │
//!  │                  │ … forced                   │
//!  │        Accepted  │ Deliver                    │
//!  │◀─────────────────┼───────────────────────────▶│
//!  │                  │      acknowledge / reject  │
//!  │                  │◀───────────────────────────┤
//!  │                  │ Acknowledged, or later: Deliver, DeadLetter
//! ```
//!
//! * **What is forced.** A message is appended, forwarded and acknowledged to its producer when the
//!   write of it is done; what comes meanwhile is written together afterwards. What groups have behind
//!   them, how often a message was delivered, and who has taken part is stable at once: nobody waits
//!   for it. A crash takes what is not written, what waits for room, and who has what: that is
//!   delivered again.
//! * **At least once.** A message leaves only when its present delivery is acknowledged, when it was
//!   delivered [`Config::max_deliveries`] times in vain, or when a full queue drops its oldest. A late
//!   acknowledgement, of a delivery that the broker has given up, counts for nothing.
//! * **Order.** [`Sharing::Exclusive`] has one message of a partition out at a time in each group, and
//!   goes on behind it when it is over. [`Sharing::Competing`] promises no order.
//! * **Producers that try again.** A message has a sequence number of its producer. With
//!   [`Config::idempotent`] the broker remembers the numbers that may still come again: each message
//!   says below which number none does.
//! * **Rollback.** A stopped broker takes messages and forwards none. [`Broker::replay`] puts the groups
//!   back to the first message that was appended at or after an instant, as far as the log still goes
//!   back ([`Config::retain`]).
//!
//! # What is asked of the host
//!
//! * It does every [`Action`] in the order given. One force is under way at a time; the host calls
//!   [`Broker::forced`] when it is done.
//! * It calls [`Broker::on_timer`] at [`Broker::due`], or later.
//! * Words between producer, broker and consumer may be lost, late and out of order.
//! * A crash is [`Broker::crash`], after which nothing is called before [`Broker::recover`].
//!
//! # Example
//! ```
//! use clock::{Duration, Instant};
//! use stormglass_protocol::broker::*;
//!
//! let mut broker = Broker::new(Config::default(), [0])?;
//! let mut out = Vec::new();
//! let now = Instant::ZERO;
//! broker.connect(now, Group(0), Consumer(7), &mut out);
//! broker.publish(now, Publish::new(Message(1), 0), &mut out);
//! assert_eq!(out.pop(), Some(Action::Force));
//! broker.forced(now, &mut out);
//! let Some(Action::Deliver { receipt, consumer, .. }) = out.pop() else { panic!() };
//! assert_eq!(consumer, Consumer(7));
//! broker.acknowledge(now, receipt, &mut out);
//! assert_eq!(broker.depth(), 0);
//! # Ok::<(), stormglass_protocol::broker::ConfigError>(())
//! ```

mod checker;
mod config;
mod deduplicator;
mod group;
mod log;
mod machine;
mod recovery;
mod violation;

pub use checker::{Checker, Counts};
pub use config::{Backoff, Config, ConfigError, Sharing, WhenFull};
pub use deduplicator::Deduplicator;
pub use machine::Broker;
pub use violation::Violation;

use clock::{Duration, Instant};

/// A message, as the host knows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Message(pub u64);

/// A group of consumers, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Group(pub u32);

/// A consumer of a group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Consumer(pub u32);

/// Whose message it is, and which of its messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Origin {
    /// The producer.
    pub producer: u32,
    /// The message's number; the same when it is tried again.
    pub sequence: u64,
    /// No message of the producer with a smaller number will come again; at most `sequence`.
    pub floor: u64,
}

/// A message that is to be taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publish {
    /// Which.
    pub message: Message,
    /// Into which partition, by its number in the queue.
    pub partition: u32,
    /// Who waits for the word; `None`: nobody.
    pub origin: Option<Origin>,
    /// How long it waits for room, where it does.
    pub patience: Duration,
    /// It is taken in however full the queue is: a dead letter has nowhere else to go.
    pub always: bool,
}

impl Publish {
    /// One that nobody waits for.
    pub const fn new(message: Message, partition: u32) -> Self {
        Self {
            message,
            partition,
            origin: None,
            patience: Duration::ZERO,
            always: false,
        }
    }
}

/// Where a message stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Place {
    /// Of the queue.
    pub partition: u32,
    /// In the log, from 0.
    pub offset: u64,
}

/// One delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Receipt {
    /// What.
    pub place: Place,
    /// For whom.
    pub group: Group,
    /// No other one of this broker has the same.
    pub delivery: u64,
}

/// What the host has to do, or should know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Force the log, and call [`Broker::forced`].
    Force,
    /// The broker holds on to the message.
    Taken(Message),
    /// It no longer does, for each [`Action::Taken`] once.
    Gone(Message),
    /// A message was appended, or had been before, and its producer is to be told.
    Accepted {
        /// Which.
        message: Message,
        /// Who waits for the word.
        origin: Option<Origin>,
        /// Where it is; `None`: it had been appended before.
        place: Option<Place>,
    },
    /// The queue is full; the producer is to be told.
    Refused {
        /// Which.
        message: Message,
        /// Who waits for the word.
        origin: Option<Origin>,
    },
    /// Bring a message to a consumer.
    Deliver {
        /// Which.
        message: Message,
        /// To whom.
        consumer: Consumer,
        /// What the consumer answers with.
        receipt: Receipt,
        /// How often the group has been given it, this time included.
        deliveries: u32,
        /// When it was appended.
        published: Instant,
    },
    /// A message is over for a group.
    Ended {
        /// Which.
        message: Message,
        /// Where it was.
        place: Place,
        /// For whom.
        group: Group,
        /// When it was appended.
        published: Instant,
        /// How.
        end: End,
    },
    /// A message that was delivered to a group is to be delivered as if for the first time.
    Replayed {
        /// Which.
        message: Message,
        /// Where it is.
        place: Place,
        /// For whom.
        group: Group,
        /// When it was appended.
        published: Instant,
        /// It was over; else it was out, or to be delivered again.
        was_over: bool,
    },
}

/// How a message ends for a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// A consumer has acknowledged it.
    Acknowledged,
    /// It was delivered in vain too often: it is a dead letter.
    Dead,
    /// It was the oldest in a full queue.
    Dropped,
}
