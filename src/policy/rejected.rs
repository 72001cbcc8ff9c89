//! The one word with which a policy refuses.

use clock::Instant;
use core::fmt;

/// A policy refused, before any work was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// The first time at which asking again can succeed; `None` where only the end of another
    /// call can change the answer. Not a promise: others may come first.
    pub retry_at: Option<Instant>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.retry_at {
            Some(at) => write!(f, "rejected until {at}"),
            None => f.write_str("rejected"),
        }
    }
}

impl core::error::Error for Rejected {}
