//! The AWS SDKs' retry quota (`RetryQuotaChecker` in botocore's `retries/standard.py`, smithy-kotlin's
//! `StandardRetryTokenBucket.kt`): a retry takes what the failure before it costs, and a success
//! gives back what the call's last retry took.

use super::Drawn;
use crate::outcome::Outcome;

/// What a success gives back when the call needed no retry.
const NO_RETRY_INCREMENT: f64 = 1.0;

#[derive(Clone, Debug)]
pub(super) struct Aws {
    capacity: f64,
    /// After a failure of no special kind, a timeout, a throttling.
    costs: [f64; 3],
    tokens: f64,
}

impl Aws {
    pub(super) fn new(capacity: f64, costs: [f64; 3]) -> Self {
        Self {
            capacity,
            costs,
            tokens: capacity,
        }
    }

    pub(super) fn withdraw(&mut self, failure: Option<Outcome>, drawn: &mut Drawn) -> bool {
        let kind = match failure {
            Some(Outcome::Timeout) => 1,
            Some(Outcome::Rejected) => 2,
            _ => 0,
        };
        let cost = self.costs[kind];
        let enough = self.tokens >= cost;
        if enough {
            self.tokens -= cost;
            drawn.0 = drawn.0 & !Drawn::PAID | (kind as u8 + 1);
        }
        enough
    }

    #[inline]
    pub(super) fn success(&mut self, drawn: Drawn) {
        let refund = match drawn.0 & Drawn::PAID {
            0 => NO_RETRY_INCREMENT,
            paid => self.costs[usize::from(paid - 1)],
        };
        self.tokens = (self.tokens + refund).min(self.capacity);
    }

    pub(super) fn balance(&self) -> f64 {
        self.tokens
    }

    #[cfg(test)]
    pub(super) fn is_sound(&self) -> bool {
        (0.0..=self.capacity).contains(&self.tokens)
    }
}
