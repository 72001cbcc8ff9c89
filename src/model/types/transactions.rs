//! Transactions: several services commit or abort as one.

use super::{Distribution, ServiceId, Target};
use clock::Duration;

/// A `transaction` step; the handler fails with `aborted` when it aborts.
#[derive(Clone, PartialEq, Debug)]
pub struct Transaction {
    /// How the parts agree.
    pub protocol: TransactionProtocol,
    /// At least one, each at an instance that its service's balancer picks.
    pub participants: Vec<Participant>,
    /// Whose instance coordinates, as its balancer picks; `None`: the handler's own.
    pub coordinator: Option<ServiceId>,
    /// How long all votes (a saga's step, all tries) may take before the transaction aborts; above 0.
    pub prepare_timeout: Duration,
    /// Between two asks of whoever waits for an outcome, an acknowledgement, a compensation; above 0.
    pub retry_interval: Duration,
    /// How long one forced log write takes.
    pub force: Distribution,
    /// The keys that each participant locks.
    pub keys: TransactionKeys,
    /// What a participant does when another transaction holds a key of its own.
    pub on_conflict: OnConflict,
}

/// How the parts of a transaction agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransactionProtocol {
    /// Prepare, then commit or abort; presumed abort.
    TwoPhaseCommit {
        /// Whether participants in doubt ask each other, too.
        cooperative: bool,
    },
    /// One participant after the other; what was done is compensated when a later one fails.
    Saga,
    /// All try, then all confirm or cancel.
    Tcc {
        /// How long a participant keeps what it has reserved when it hears nothing; above 0.
        reserved_for: Duration,
    },
}

/// One part of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Participant {
    /// The work: before the vote, as a saga's step, as a try. Its failure is a vote against.
    pub work: Target,
    /// What an abort of done work takes (a saga's compensation, a cancel), at the same service; `None`:
    /// a message, and no work.
    pub undo: Option<Target>,
    /// What a commit takes (a confirm), at the same service; `None`: a message, and no work.
    pub confirm: Option<Target>,
}

/// Which keys a participant locks. Keys of a service are one space, whichever instance works.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum TransactionKeys {
    /// The key of the request, where its workload has keys; else none.
    OfRequest,
    /// Drawn for each participant of each transaction.
    Drawn {
        /// How many keys there are, at least 1.
        count: u32,
        /// The share of the k-th key is proportional to `k^-zipf`; 0: all alike.
        zipf: f64,
        /// How many of them a participant locks, at least 1; a key drawn twice is locked once.
        each: u32,
    },
}

/// What a participant does when another transaction holds a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnConflict {
    /// Votes against at once.
    #[default]
    Abort,
    /// Waits for the key, first come, first served; the time-outs of the transaction end a deadlock.
    Wait,
}
