//! How a call, or one attempt of it, ended. The words are those of the results: a caller, a
//! policy and a report mean the same thing by `timeout`.

use core::fmt;

/// The end of a call or of one attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Outcome {
    /// The answer arrived in time.
    Success = 0,
    /// A substitute was given for the answer (a fallback); a success, counted apart.
    Degraded = 1,
    /// The caller stopped waiting.
    Timeout = 2,
    /// Refused before any work was done: a full queue, a limiter, a breaker, a bulkhead.
    Rejected = 3,
    /// No instance could be reached: none known, connection refused, connection lost.
    Unavailable = 4,
    /// The handler failed.
    Error = 5,
    /// A transaction was aborted.
    Aborted = 6,
    /// A conditional write lost against another one.
    Conflict = 7,
}

impl Outcome {
    /// Every outcome, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Success,
        Self::Degraded,
        Self::Timeout,
        Self::Rejected,
        Self::Unavailable,
        Self::Error,
        Self::Aborted,
        Self::Conflict,
    ];

    /// The outcomes that are failures, in the order in which results list them.
    pub const FAILURES: [Self; 6] = [
        Self::Timeout,
        Self::Rejected,
        Self::Unavailable,
        Self::Error,
        Self::Aborted,
        Self::Conflict,
    ];

    /// Whether the caller got an answer, a degraded one included.
    #[inline]
    pub const fn is_success(self) -> bool {
        (self as u8) < 2
    }

    /// The name used in models and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Degraded => "degraded",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::Unavailable => "unavailable",
            Self::Error => "error",
            Self::Aborted => "aborted",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of outcomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutcomeSet(u8);

impl OutcomeSet {
    /// No outcome.
    pub const NONE: Self = Self(0);

    /// The set with `outcome` added.
    #[must_use]
    pub const fn with(self, outcome: Outcome) -> Self {
        Self(self.0 | 1 << outcome as u8)
    }

    /// The set without `outcome`.
    #[must_use]
    pub const fn without(self, outcome: Outcome) -> Self {
        Self(self.0 & !(1 << outcome as u8))
    }

    /// Whether `outcome` belongs to the set.
    #[inline]
    pub const fn contains(self, outcome: Outcome) -> bool {
        self.0 & (1 << outcome as u8) != 0
    }
}

impl FromIterator<Outcome> for OutcomeSet {
    fn from_iter<I: IntoIterator<Item = Outcome>>(outcomes: I) -> Self {
        outcomes.into_iter().fold(Self::NONE, Self::with)
    }
}
