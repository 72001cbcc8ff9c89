//! What a caller gets in place of an answer.

use policy::Outcome;

/// Why there is no answer.
///
/// An answer that the classifier calls a failure (an HTTP 503) is an answer: the caller gets it as
/// the service gave it, unless a policy had the last word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error<E> {
    /// A layer refused the call, or the last of its attempts: an open breaker, a full bulkhead, a
    /// limit.
    #[error("refused by a policy")]
    Rejected,
    /// A timeout layer gave up.
    #[error("timed out")]
    Timeout,
    /// The service's own error, of the attempt that had the last word.
    #[error(transparent)]
    Inner(E),
    /// A fallback layer answered, and the classifier has no substitute to give.
    #[error("failed, and there is no fallback")]
    NoFallback,
    /// A layer of somebody else ended the call with this outcome before any attempt had ended.
    #[error("ended by a policy as {0}")]
    Ended(Outcome),
}

impl<E> Error<E> {
    /// The service's own error, if it is one.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) => Some(error),
            _ => None,
        }
    }
}
