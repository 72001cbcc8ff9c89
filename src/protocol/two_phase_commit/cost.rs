//! What a transaction costs: messages, forced writes, and how many of each come after one another.
//! Refuses to know time: a delay is a message that had to be waited for.

/// What a transaction has cost so far. Messages count when sent, lost or not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cost {
    /// *Prepare* messages.
    pub prepares: u64,
    /// Votes of any kind.
    pub votes: u64,
    /// Outcomes told, by the coordinator or by peers.
    pub decisions: u64,
    /// Acknowledgements.
    pub acks: u64,
    /// Inquiries, to the coordinator or to peers.
    pub inquiries: u64,
    /// Prepared records forced by participants.
    pub forced_prepared: u64,
    /// Commit records forced by the coordinator.
    pub forced_commit: u64,
    /// Commit records forced by participants, after they have learned the outcome.
    pub forced_committed: u64,
    /// Message delays until the last participant knew: the longest chain of messages, each sent
    /// because of the one before, that ends in a participant's decision.
    pub delays: u32,
    /// Forced writes in such a chain, the longest in writes.
    pub writes_in_a_row: u32,
}

/// The length of the longest causal chain that has reached a place; travels with a message from
/// [`Checker::sent`](super::Checker::sent) to [`Checker::received`](super::Checker::received).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stamp {
    pub(super) delays: u32,
    pub(super) writes: u32,
}

impl Cost {
    /// Messages of the protocol as Gray and Lamport 2006 count them: acknowledgements and inquiries
    /// are not of it.
    pub fn messages(&self) -> u64 {
        self.prepares + self.votes + self.decisions
    }

    /// Forced writes as Gray and Lamport 2006 count them: those that the decision waits for.
    pub fn forced_for_decision(&self) -> u64 {
        self.forced_prepared + self.forced_commit
    }

    /// Every message.
    pub fn all_messages(&self) -> u64 {
        self.messages() + self.acks + self.inquiries
    }

    /// Every forced write.
    pub fn all_forced(&self) -> u64 {
        self.forced_for_decision() + self.forced_committed
    }
}
