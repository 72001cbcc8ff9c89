//! In which order a server's queue is served, and what is dropped from it.

use clock::Duration;

/// In which order a server's queue is served.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Discipline {
    /// First come, first served.
    #[default]
    Fifo,
    /// Last come, first served.
    Lifo,
    /// The smallest priority number first, then first come; non-preemptive.
    Priority,
    /// First come first served while the queue keeps emptying, last come first served while it does
    /// not, which is told by controlled delay's judgement on the oldest ("Fail at Scale"; HHVM goes
    /// by the queue's length). Nothing is dropped.
    AdaptiveLifo(Codel),
    /// Drops what has waited too long while the queue does not empty (folly's server CoDel).
    Codel(Codel),
}

/// Controlled delay, as folly's servers use it: overloaded when the least wait of an `interval`
/// was above `target`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Codel {
    /// The wait that is fine; 5 ms.
    pub target: Duration,
    /// Over which the least wait is taken; 100 ms.
    pub interval: Duration,
}

impl Default for Codel {
    fn default() -> Self {
        Self {
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
        }
    }
}
